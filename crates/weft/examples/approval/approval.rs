//! A request waits for a person, reminds them, and is given up after a while.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use weft::{Client, Ctx, Result, Worker, activity, workflow};

pub(crate) const QUEUE: &str = "approvals";

#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Request {
    pub(crate) what: String,
    pub(crate) approver: String,
    pub(crate) remind_after: Duration,
    pub(crate) give_up_after: Duration,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) enum Outcome {
    Approved,
    Refused { why: String },
    NobodyAnswered,
}

#[derive(Default)]
pub(crate) struct Approval {
    reminders: u32,
    decision: Option<Outcome>,
}

#[workflow]
impl Approval {
    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>, request: Request) -> Result<Outcome> {
        let is_decided = |approval: &Self| approval.decision.is_some();
        if !ctx.wait_until_for(request.remind_after, is_decided).await? {
            ctx.activity(remind, (request.approver, request.what)).await?;
            ctx.with_mut(|approval| approval.reminders += 1);
            let rest = request.give_up_after.saturating_sub(request.remind_after);
            ctx.wait_until_for(rest, is_decided).await?;
        }
        Ok(ctx.with(|approval| approval.decision.clone()).unwrap_or(Outcome::NobodyAnswered))
    }

    #[signal]
    pub(crate) fn approve(&mut self) {
        self.decision.get_or_insert(Outcome::Approved);
    }

    #[signal]
    pub(crate) fn refuse(&mut self, why: String) {
        self.decision.get_or_insert(Outcome::Refused { why });
    }

    #[query]
    pub(crate) fn reminders(&self) -> u32 {
        self.reminders
    }
}

#[activity]
async fn remind(approver: String, what: String) {
    println!("To {approver}: {what} is waiting for you.");
}

pub(crate) fn worker(client: &Client) -> Worker {
    Worker::new(client, QUEUE).workflow(Approval::run).activity(remind)
}
