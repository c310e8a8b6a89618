//! One activity task: runs it, says that it lives, and answers.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tonic::{Code, Request, Status};
use tracing::{debug, warn};
use weft_client::{Failure, WorkflowService};
use weft_protocol::{
    api::{
        common::{Payload, Payloads},
        workflowservice::{
            PollActivityTaskQueueResponse, RecordActivityTaskHeartbeatRequest, RespondActivityTaskCanceledRequest,
            RespondActivityTaskCompletedRequest, RespondActivityTaskFailedRequest,
        },
    },
    payload,
    time::duration,
};

use super::{Shared, report, slots::Slot};
use crate::{
    ActivityCtx, ActivityInfo, Error, Result, activity::Unwanted, error::panic_text, interceptor::NextActivity,
};

/// Heartbeats are not sent more often than the shorter of this and most of their timeout.
const BEAT_LONGEST: Duration = Duration::from_secs(30);

/// Runs a task that was polled.
pub(crate) async fn polled(shared: Arc<Shared>, task: PollActivityTaskQueueResponse, slot: Slot) {
    let token = task.task_token.clone();
    match report::decoded(&shared, task).await {
        Ok(task) => run(shared, task, slot).await,
        Err(status) => {
            let info = ActivityInfo { task_token: token, ..ActivityInfo::default() };
            let message = format!("the activity's input cannot be decoded: {}", status.message());
            let failure = Failure::application(message).kind("Codec");
            report::told("activity", failed(&shared, &info, None, failure.into()).await);
        }
    }
}

/// Runs a task whose payloads are decoded.
pub(crate) async fn run(shared: Arc<Shared>, mut task: PollActivityTaskQueueResponse, _slot: Slot) {
    let began = shared.clock.monotonic();
    let ctx = context(&shared, &mut task);
    let input = task.input.unwrap_or_default().payloads;
    let result = match shared.registry.find_activity(&ctx.info().activity_type) {
        Ok(run) => {
            let (next, own) = (NextActivity::new(&shared.interceptors, run), ctx.clone());
            let running = caught(async move { next.run(own, input).await });
            tokio::select! {
                done = running => done,
                never = beat(&shared, &ctx) => match never {},
            }
        }
        Err(message) => Err(Failure::application(message).kind("UnknownActivity").into()),
    };
    let is_left = result.as_ref().is_err_and(Error::is_completed_elsewhere);
    let failed = result.is_err() && !is_left;
    // Whoever ends it answers the server, and heartbeats until then.
    if !is_left {
        answer(&shared, &ctx, result).await;
    }
    shared.counts.activities.count(shared.clock.monotonic() - began, failed);
}

fn context(shared: &Shared, task: &mut PollActivityTaskQueueResponse) -> ActivityCtx {
    let span = |it: Option<weft_protocol::Duration>| it.and_then(|it| duration(&it).ok()).filter(|it| !it.is_zero());
    let info = ActivityInfo {
        activity_id: std::mem::take(&mut task.activity_id),
        activity_type: task.activity_type.take().unwrap_or_default().name,
        attempt: task.attempt.unsigned_abs(),
        workflow: task.workflow_execution.take().unwrap_or_default(),
        workflow_type: task.workflow_type.take().unwrap_or_default().name,
        namespace: std::mem::take(&mut task.workflow_namespace),
        task_queue: shared.queue.clone(),
        is_local: false,
        start_to_close: span(task.start_to_close_timeout),
        heartbeat_timeout: span(task.heartbeat_timeout),
        task_token: std::mem::take(&mut task.task_token),
        headers: task.header.take().unwrap_or_default().fields,
    };
    let before = task.heartbeat_details.take().unwrap_or_default().payloads;
    ActivityCtx::new(info, shared.client.clone(), shared.cancelling.child_token(), before)
}

/// A panic is a failure of the activity, not the end of the worker; also one before it awaits anything.
pub(crate) async fn caught(running: impl Future<Output = Result<Option<Payloads>>>) -> Result<Option<Payloads>> {
    match AssertUnwindSafe(running).catch_unwind().await {
        Ok(done) => done,
        Err(panic) => {
            let message = format!("the activity panicked: {}", panic_text(panic.as_ref()));
            Err(Failure::application(message).kind("Panic").into())
        }
    }
}

/// Sends heartbeats as they come, but not too often; learns from the answers whether anybody still wants the result.
async fn beat(shared: &Shared, ctx: &ActivityCtx) -> std::convert::Infallible {
    let timeout = ctx.info().heartbeat_timeout.unwrap_or(BEAT_LONGEST);
    let pause = timeout.mul_f64(0.8).min(BEAT_LONGEST);
    loop {
        ctx.beats().beaten.notified().await;
        let Some(mut details) = ctx.beats().latest.lock().take() else { continue };
        shared.interceptors.iter().for_each(|interceptor| interceptor.heartbeat(ctx.info(), &mut details));
        let request = RecordActivityTaskHeartbeatRequest {
            namespace: shared.client.namespace().to_owned(),
            identity: shared.client.identity().to_owned(),
            task_token: ctx.info().task_token.clone(),
            details: Some(Payloads { payloads: details }),
            ..RecordActivityTaskHeartbeatRequest::default()
        };
        let request = match shared.client.options().codec.encode(request).await {
            Ok(request) => request,
            Err(error) => {
                warn!(%error, activity = ctx.info().activity_type, "a heartbeat cannot be encoded, and is not sent");
                continue;
            }
        };
        let mut message = Request::new(request);
        message.set_timeout(pause);
        match shared.client.workflow_service().record_activity_task_heartbeat(message).await {
            Ok(answer) => {
                let answer = answer.into_inner();
                if answer.cancel_requested {
                    ctx.cancel(Unwanted::Cancelled);
                } else if answer.activity_paused {
                    ctx.cancel(Unwanted::Paused);
                } else if answer.activity_reset {
                    ctx.cancel(Unwanted::Reset);
                }
            }
            Err(status) if status.code() == Code::NotFound => {
                ctx.cancel(Unwanted::Unknown);
            }
            Err(status) => debug!(%status, "a heartbeat was lost"),
        }
        shared.clock.sleep_until(shared.clock.monotonic().saturating_add(pause)).await;
    }
}

async fn answer(shared: &Shared, ctx: &ActivityCtx, result: Result<Option<Payloads>>) {
    let info = ctx.info();
    let namespace = shared.client.namespace().to_owned();
    let identity = shared.client.identity().to_owned();
    let task_token = info.task_token.clone();
    let beat = ctx.beats().latest.lock().take();
    let told: std::result::Result<(), Status> = match result {
        Ok(result) => {
            let request =
                RespondActivityTaskCompletedRequest { task_token, result, identity, namespace, ..Default::default() };
            let send = |mut stub: WorkflowService, request: Request<_>| async move {
                stub.respond_activity_task_completed(request).await
            };
            report::insist(shared, request, send).await.map(drop)
        }
        // One that ends because it is paused, or because this worker stops, has failed: it is tried again.
        Err(error) if error.is_canceled() && ctx.unwanted() == Some(Unwanted::Cancelled) => {
            let details = payload::list_of(error.detail_payloads().to_vec());
            let request =
                RespondActivityTaskCanceledRequest { task_token, details, identity, namespace, ..Default::default() };
            let send = |mut stub: WorkflowService, request: Request<_>| async move {
                stub.respond_activity_task_canceled(request).await
            };
            report::insist(shared, request, send).await.map(drop)
        }
        Err(error) if error.is_canceled() => {
            let failure =
                Failure::application("the attempt was given up").kind("GivenUp").caused_by(error.into_failure());
            failed(shared, info, beat, failure.into()).await
        }
        Err(error) => failed(shared, info, beat, error).await,
    };
    let told = match told {
        Err(status) if report::is_codecs(&status) => {
            let message = format!("the activity's result cannot be encoded: {}", status.message());
            failed(shared, info, None, Failure::application(message).kind("Codec").into()).await
        }
        told => told,
    };
    report::told("activity", told);
}

/// Says that an activity failed, with the heartbeat that waited to be sent: the next attempt wants to know it.
async fn failed(
    shared: &Shared,
    info: &ActivityInfo,
    beat: Option<Vec<Payload>>,
    error: Error,
) -> std::result::Result<(), Status> {
    warn!(activity = info.activity_type, id = info.activity_id, attempt = info.attempt, why = ?error, "activity failed");
    let request = RespondActivityTaskFailedRequest {
        namespace: shared.client.namespace().to_owned(),
        identity: shared.client.identity().to_owned(),
        task_token: info.task_token.clone(),
        failure: Some(*error.into_wire()),
        last_heartbeat_details: beat.map(|payloads| Payloads { payloads }),
        ..RespondActivityTaskFailedRequest::default()
    };
    let send = |mut stub: WorkflowService, request: Request<_>| async move {
        stub.respond_activity_task_failed(request).await
    };
    report::insist(shared, request, send).await.map(drop)
}
