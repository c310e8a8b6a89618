//! Activities that somebody else than their worker completes: by task token, by id.

use anyhow::{Context, Result};
use weft::{Failure, client::ActivityHandle};

use super::{
    activities::{activity_failure, one_activity, started},
    scenarios,
};
use crate::{
    harness::{
        history::TASK,
        pool::Entry,
        scenario::{Scenario, failure_of, result_of, run},
        worker::Running,
    },
    workflows::{Deed, Errand, Runner},
};

pub(super) fn all() -> Vec<Entry> {
    scenarios![SharedServer:
        an_activity_is_completed_elsewhere_by_its_token,
        an_activity_is_completed_elsewhere_by_its_id,
        an_activity_that_fails_elsewhere_is_retried,
    ]
}

/// The token of an attempt after the one with this token.
async fn token(s: &Scenario<'_>, worker: &Running, after: Option<&[u8]>) -> Result<Vec<u8>> {
    s.until("the token of the attempt", async || worker.signs().token().filter(|token| Some(token.as_slice()) != after))
        .await
}

fn text(text: &str) -> String {
    text.to_owned()
}

async fn an_activity_is_completed_elsewhere_by_its_token(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Runner::run, Errand::new(Deed::Elsewhere, "")).await?;
    let activity = s.client.activity_by_token(token(s, &worker, None).await?);
    activity.heartbeat(&text("alive")).await?;
    let pending = s.describe(&s.id("")).await?.pending_activities;
    let details = pending.first().and_then(|it| it.heartbeat_details.clone()).context("heartbeat details")?;
    assert_eq!(details.payloads[0].data, b"\"alive\"");
    activity.complete(&text("done elsewhere")).await?;
    assert_eq!(result_of(&handle).await?, "done elsewhere");
    // Not a second completion: Weft answers the last one as the first time when it is repeated.
    s.refused(activity.heartbeat(&text("late")).await, "NotFound")?;
    let garbage = s.client.activity_by_token(b"garbage".to_vec());
    s.refused(garbage.complete(&text("x")).await, "InvalidArgument")?;
    s.assert_history(&handle, &one_activity()).await?;
    worker.stop().await
}

async fn an_activity_is_completed_elsewhere_by_its_id(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Runner::run, Errand::new(Deed::Elsewhere, "")).await?;
    token(s, &worker, None).await?;
    let activity_id = s.describe(&s.id("")).await?.pending_activities[0].activity_id.clone();
    let by_id = |id: &str| -> ActivityHandle { s.client.activity_by_id(&run(&s.id(""), ""), id) };
    s.refused(by_id("no such").complete(&text("x")).await, "NotFound")?;
    by_id(&activity_id).complete(&text("done by id")).await?;
    assert_eq!(result_of(&handle).await?, "done by id");
    s.refused(by_id(&activity_id).complete(&text("x")).await, "NotFound")?;
    s.assert_history(&handle, &one_activity()).await?;
    worker.stop().await
}

async fn an_activity_that_fails_elsewhere_is_retried(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Runner::run, Errand { attempts_max: 2, ..Errand::new(Deed::Elsewhere, "") }).await?;
    let first = token(s, &worker, None).await?;
    let fail = async |token: &[u8]| {
        let failure = Failure::application("failed elsewhere");
        s.client.activity_by_token(token.to_vec()).fail(failure).await
    };
    fail(&first).await?;
    let second = token(s, &worker, Some(&first)).await?;
    s.refused(s.client.activity_by_token(first).heartbeat(&text("late")).await, "NotFound")?;
    fail(&second).await?;
    let failure = failure_of(&handle).await?;
    let (state, cause) = activity_failure(&failure)?;
    assert_eq!(cause.message, "failed elsewhere");
    s.same("retry state", state.as_str_name());
    let events = s
        .assert_history(
            &handle,
            &format!(
                "WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, ActivityTaskStarted, ActivityTaskFailed,
                 {TASK}, WorkflowExecutionFailed"
            ),
        )
        .await?;
    assert_eq!(started(&events)?.attempt, 2);
    worker.stop().await
}
