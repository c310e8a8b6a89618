//! The change is reviewed before anybody is asked to look at it: what the reviewer wants mended goes back to a coder,
//! a few times; then a person decides.

use std::collections::BTreeSet;

use weft::{Ctx, Result};

use super::{PlanPatchPrRequest, PlanPatchPrWorkflow as Own, deliver::patched};
use crate::{
    activity::{ReviewRequest, Reviewing},
    approval::Question,
    model::{ContentHash, Issue, IssueId, Plan, Review, ReviewVerdict, Spend},
    progress::StepState,
    routing::AgentType,
    workflow::{
        desk::{self, Work, agreed},
        step::{self, site},
    },
};

/// What was made, and on what.
pub(super) struct Change<'a> {
    pub(super) plan: &'a Plan,
    pub(super) base: &'a str,
    pub(super) commit: String,
}

/// The commit that the reviewer or a person agrees to, and what the reviewer said last.
pub(super) async fn review(
    ctx: &Ctx<Own>,
    request: &PlanPatchPrRequest,
    mut change: Change<'_>,
    rounds: u32,
) -> Result<(String, Review)> {
    let mut round = 0;
    loop {
        round += 1;
        desk::phase(ctx, &format!("review, round {round}"));
        let review = look(ctx, request, &change, round).await?;
        match review.verdict {
            ReviewVerdict::Approve => return Ok((change.commit, review)),
            ReviewVerdict::RequestChanges => {}
        }
        let mended = if round > rounds { None } else { mend(ctx, request, &change, &review, round).await? };
        match mended {
            Some(commit) => change.commit = commit,
            None => {
                let what = format!("Is this good enough all the same? {}", review.text());
                let subject = Some(ContentHash::of(change.commit.as_bytes()));
                let question = Question { id: "review".to_owned(), what, subject };
                let decision = desk::ask(ctx, question).await?;
                agreed(&decision, "the change after its review")?;
                return Ok((change.commit, review));
            }
        }
    }
}

async fn look(ctx: &Ctx<Own>, request: &PlanPatchPrRequest, change: &Change<'_>, round: u32) -> Result<Review> {
    let id = format!("review/{round}");
    let asked = ReviewRequest {
        site: site(ctx, &request.repository, &id),
        requirement: request.requirement.clone(),
        base: change.base.to_owned(),
        commit: change.commit.clone(),
        notes: desk::notes(ctx),
    };
    let work = Work::of(&id, "Review", AgentType::Reviewer, Spend::AGENT);
    let call = ctx.activity(Reviewing::review, asked);
    let review = desk::spend(ctx, work, |queue| step::long(call, queue).into_future()).await?;
    desk::step(ctx, &id, "Review", StepState::Done, review.text().trim());
    Ok(review)
}

/// The commit that mends what the review found; none where nobody can.
async fn mend(
    ctx: &Ctx<Own>,
    request: &PlanPatchPrRequest,
    change: &Change<'_>,
    review: &Review,
    round: u32,
) -> Result<Option<String>> {
    let files: BTreeSet<String> = review.findings.iter().filter_map(|finding| finding.file.clone()).collect();
    let skills = change.plan.issues.iter().flat_map(|issue| issue.skills.iter().cloned()).collect();
    let issue = Issue {
        id: IssueId(format!("review-{round}")),
        title: "Mend what the review found".to_owned(),
        description: format!("The change is for: {}\n\n{}", request.requirement, review.text()),
        files,
        depends_on: BTreeSet::new(),
        skills,
    };
    let mended = patched(ctx, request, change.plan, &issue, &change.commit, round).await?;
    Ok(mended.ok().map(|patch| patch.commit))
}
