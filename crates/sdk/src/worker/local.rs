//! Local activities: attempts within the worker, with their waits between.
//!
//! Invariant: one that nobody waits for is stopped, so that it holds no workflow task up.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::{
    StreamExt,
    future::{AbortHandle, Abortable, abortable},
    stream::FuturesUnordered,
};
use weft_client::RetryPolicy;
use weft_protocol::api::{common::Payloads, failure::Failure};
use weft_replay::{LocalActivity, Progress};

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

/// Those that run for a workflow.
#[derive(Default)]
pub(crate) struct Locals {
    running: FuturesUnordered<Abortable<BoxFuture<Ended>>>,
    by_id: HashMap<String, AbortHandle>,
}

impl Locals {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Begins those that do not run yet, and stops those that nobody waits for any more.
    pub(crate) fn follow(&mut self, shared: &Arc<Shared>, caller: &Caller, progress: Progress) {
        for local in progress.local {
            if !self.by_id.contains_key(&local.id) {
                let id = local.id.clone();
                let (running, handle) = abortable(run(shared, caller, local));
                self.running.push(running);
                self.by_id.insert(id, handle);
            }
        }
        self.by_id.retain(|id, handle| {
            let is_wanted = progress.wanted.contains(id);
            if !is_wanted {
                handle.abort();
            }
            is_wanted
        });
        if self.by_id.is_empty() {
            // One that is stopped is let go of when it is polled, and nobody polls any more.
            self.running.clear();
        }
    }

    /// The next that ends.
    pub(crate) async fn next(&mut self) -> Option<Ended> {
        loop {
            if let Ok(ended) = self.running.next().await? {
                self.by_id.remove(&ended.id);
                return Some(ended);
            }
        }
    }
}

/// Runs one to its end.
fn run(shared: &Arc<Shared>, caller: &Caller, mut local: LocalActivity) -> BoxFuture<Ended> {
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
    let over = local.schedule_to_close.map(|longest| shared.clock.monotonic().saturating_add(longest));
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
        let wait = application.and_then(|it| it.next_retry_delay).unwrap_or_else(|| policy.wait_after(attempt));
        let wakes = shared.clock.monotonic().saturating_add(wait);
        let last = policy.maximum_attempts > 0 && attempt >= policy.maximum_attempts;
        if final_kind || last || error.is_canceled() || over.is_some_and(|over| wakes >= over) {
            return Ended { id: local.id, attempt, result: Err(error.into_wire()) };
        }
        shared.clock.sleep_until(wakes).await;
        attempt += 1;
    }
}

async fn once(shared: &Shared, info: ActivityInfo, local: &LocalActivity) -> Result<Option<Payloads>, Error> {
    let run = shared.registry.find_activity(&local.kind).map_err(Error::new)?;
    let longest = local.start_to_close.unwrap_or(Duration::from_secs(10));
    let cancelled = shared.cancelling.child_token();
    // Where it blocks a thread it goes on when this is dropped, and can see that nobody waits for it.
    let _stopped = cancelled.clone().drop_guard();
    let ctx = ActivityCtx::new(info, shared.client.clone(), cancelled, Vec::new());
    let input = local.input.clone().unwrap_or_default().payloads;
    let over = shared.clock.sleep_until(shared.clock.monotonic().saturating_add(longest));
    let running = NextActivity::new(&shared.interceptors, run);
    let own = ctx.clone();
    tokio::select! {
        done = super::activity_task::caught(async move { running.run(own, input).await }) => done,
        () = over => {
            ctx.cancel(Unwanted::Unknown);
            let timeout = weft_client::failure::TimeoutType::StartToClose;
            Err(weft_client::Failure::timeout("local activity timed out", timeout).into())
        }
    }
}
