//! Local activities: attempts within the worker, with their waits between.

use std::{sync::Arc, time::Duration};

use weft_client::RetryPolicy;
use weft_protocol::api::{common::Payloads, failure::Failure};
use weft_replay::LocalActivity;

use super::Shared;
use crate::{
    ActivityCtx, ActivityInfo, Error,
    activity::{BoxFuture, Unwanted},
    interceptor::{self, Caller, NextActivity},
};

/// How a local activity ended.
pub(crate) struct Ended {
    pub(crate) id: String,
    pub(crate) attempt: u32,
    pub(crate) result: Result<Option<Payloads>, Box<Failure>>,
}

/// Runs one to its end.
pub(crate) fn run(shared: &Arc<Shared>, caller: &Caller, mut local: LocalActivity) -> BoxFuture<Ended> {
    interceptor::local(&shared.interceptors, caller, &mut local);
    let shared = Arc::clone(shared);
    let info = ActivityInfo {
        activity_id: local.id.clone(),
        activity_type: local.kind.clone(),
        workflow: caller.workflow.clone(),
        workflow_type: caller.workflow_type.clone(),
        namespace: shared.client.namespace().to_owned(),
        task_queue: shared.queue.clone(),
        is_local: true,
        start_to_close: local.start_to_close,
        headers: local.header.clone().unwrap_or_default().fields,
        ..ActivityInfo::default()
    };
    Box::pin(attempts(shared, info, local))
}

async fn attempts(shared: Arc<Shared>, info: ActivityInfo, local: LocalActivity) -> Ended {
    let policy = local.retry.clone().map(RetryPolicy::from).unwrap_or_default();
    let over = local.schedule_to_close.map(|longest| shared.clock.monotonic() + longest);
    let mut pause = policy.initial_interval;
    let mut attempt = 1;
    loop {
        let info = ActivityInfo { attempt, ..info.clone() };
        let slot = shared.local_slots.take().await;
        let began = shared.clock.monotonic();
        let done = once(&shared, info, &local).await;
        shared.counts.local_activities.count(shared.clock.monotonic() - began, done.is_err());
        drop(slot);
        let error = match done {
            Ok(result) => return Ended { id: local.id, attempt, result: Ok(result) },
            Err(error) => error,
        };
        let application = error.as_application();
        let final_kind =
            application.is_some_and(|it| it.non_retryable || policy.non_retryable_kinds.contains(&it.kind));
        let wait = application.and_then(|it| it.next_retry_delay).unwrap_or(pause);
        let wakes = shared.clock.monotonic() + wait;
        let last = policy.maximum_attempts > 0 && attempt >= policy.maximum_attempts;
        if final_kind || last || error.is_canceled() || over.is_some_and(|over| wakes >= over) {
            return Ended { id: local.id, attempt, result: Err(error.into_wire()) };
        }
        shared.clock.sleep_until(wakes).await;
        let longest = policy.maximum_interval.unwrap_or(policy.initial_interval * 100);
        pause = pause.mul_f64(policy.backoff_coefficient).min(longest);
        attempt += 1;
    }
}

async fn once(shared: &Shared, info: ActivityInfo, local: &LocalActivity) -> Result<Option<Payloads>, Error> {
    let run = shared.registry.find_activity(&local.kind).map_err(Error::new)?;
    let longest = local.start_to_close.unwrap_or(Duration::from_secs(10));
    let ctx = ActivityCtx::new(info, shared.client.clone(), shared.cancelling.child_token(), Vec::new());
    let input = local.input.clone().unwrap_or_default().payloads;
    let over = shared.clock.sleep_until(shared.clock.monotonic() + longest);
    tokio::select! {
        done = super::activity_task::caught(NextActivity::new(&shared.interceptors, run).run(ctx.clone(), input)) => done,
        () = over => {
            ctx.cancel(Unwanted::Unknown);
            let timeout = weft_client::failure::TimeoutType::StartToClose;
            Err(weft_client::Failure::timeout("local activity timed out", timeout).into())
        }
    }
}
