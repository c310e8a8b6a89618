//! The report: a Markdown file for people, written by the workflow's last activity.
//!
//! Invariant: writing it again leaves the same file, whole or not at all, because an activity may run more than once.

use std::{fs, path::Path};

use super::{
    checks::Check,
    command::{CouldNotRun, Repo},
    gate::Judged,
    score::{Outcome, REQUIRED, percent},
};

/// Writes the file and gives its size.
pub(super) async fn write(judged: &Judged) -> Result<usize, CouldNotRun> {
    let commit = Repo::new(&judged.input.repo).git(&["log", "-1", "--format=%h %s"]).await?;
    let commit = if commit.code == 0 { commit.text().trim().to_owned() } else { "nothing is committed".to_owned() };
    let text = markdown(judged, &commit);
    let path = Path::new(&judged.input.report);
    let unfinished = path.with_extension("unfinished");
    let put = fs::write(&unfinished, &text).and_then(|()| fs::rename(&unfinished, path));
    put.map_err(|error| CouldNotRun::for_good(format!("cannot write {}: {error}", path.display())))?;
    Ok(text.len())
}

fn markdown(judged: &Judged, commit: &str) -> String {
    let score = &judged.score;
    let mut text = format!("# Quality gate: {}\n\n", score.decision.word());
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    line(format!("- Score: **{}** of 100, {} is required", score.shown(), percent(REQUIRED)));
    line(format!("- Repository: `{}`", judged.input.repo));
    line(format!("- Commit: {commit}"));
    if !score.blocking.is_empty() {
        line(format!("- Blocking: {}", score.blocking.join(", ")));
    }
    line("\n| Check | Weight | Result | What was found |\n| --- | ---: | --- | --- |".to_owned());
    let outcomes = || Check::ALL.into_iter().filter_map(|check| Some((check, judged.outcomes.get(check.name())?)));
    for (check, outcome) in outcomes() {
        let (word, summary) = outcome.says();
        line(format!("| {} | {} | {word} | {} |", check.name(), check.weight(), summary.replace('|', "\\|")));
    }
    for (check, outcome) in outcomes() {
        if let Outcome::Found(finding) = outcome
            && !finding.details.is_empty()
        {
            line(format!("\n## {}\n\n    $ {}", check.name(), finding.command));
            finding.details.iter().for_each(|detail| line(format!("    {detail}")));
        }
    }
    line("\nA check that could not run is no verdict and does not count in the score.".to_owned());
    text
}
