//! How activities are called: how long they may take, how often they are tried, and where.

use std::time::Duration;

use weft::{ActivityCall, Cancellation, Ctx, RetryPolicy, client::ActivityDefinition};

use super::desk::AtDesk;
use crate::activity::Site;

/// One attempt of an agent or a command, with all that it starts.
const LONG_MAX: Duration = Duration::from_secs(60 * 60);
/// One attempt at anything else.
const QUICK_MAX: Duration = Duration::from_secs(5 * 60);
/// Well above the interval at which activities say that they live.
const HEARTBEAT_MAX: Duration = Duration::from_secs(20);
const ATTEMPTS_MAX: u32 = 3;

/// Where a step works.
pub(super) fn site<S: AtDesk>(ctx: &Ctx<S>, repository: &str, step: &str) -> Site {
    let info = ctx.info();
    let run = format!("{}/{}", info.workflow_id, info.first_run_id);
    Site { repository: repository.to_owned(), run, step: step.to_owned() }
}

/// Of an agent or a command.
pub(super) fn long<A: ActivityDefinition>(call: ActivityCall<A>, queue: Option<String>) -> ActivityCall<A> {
    routed(call.start_to_close(LONG_MAX), queue)
}

/// Of git and forges.
pub(super) fn quick<A: ActivityDefinition>(call: ActivityCall<A>, queue: Option<String>) -> ActivityCall<A> {
    routed(call.start_to_close(QUICK_MAX), queue)
}

/// A cancelled call is waited for: what it has begun is cleared away by then.
fn routed<A: ActivityDefinition>(call: ActivityCall<A>, queue: Option<String>) -> ActivityCall<A> {
    let retry = RetryPolicy { maximum_attempts: ATTEMPTS_MAX, ..RetryPolicy::default() };
    let call = call.heartbeat(HEARTBEAT_MAX).retry(retry).cancellation(Cancellation::Wait);
    match queue {
        Some(queue) => call.task_queue(queue),
        None => call,
    }
}
