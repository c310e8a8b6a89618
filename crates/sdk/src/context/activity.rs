//! Calls of activities.

use std::{
    future::{Future, IntoFuture},
    marker::PhantomData,
    pin::Pin,
    rc::Rc,
    time::Duration,
};

use weft_client::{ActivityDefinition, IntoArgs, NamesActivity, RetryPolicy};
use weft_protocol::{
    api::{
        command::ScheduleActivityTaskCommandAttributes,
        common::{ActivityType, Header, Payload, Payloads, Priority},
    },
    time::proto_duration,
};
use weft_replay::{Cancellation, Context, Source};

use super::{Ctx, Scope, here, input, metadata, proto, task_queue, value};
use crate::Result;

/// A call of an activity that has not begun: await it.
#[must_use = "an activity is scheduled when its call is awaited"]
pub struct ActivityCall<A> {
    core: Context,
    scope: Rc<Scope>,
    at: Source,
    input: Result<Option<Payloads>>,
    schedule: ScheduleActivityTaskCommandAttributes,
    cancellation: Cancellation,
    summary: Option<String>,
    activity: PhantomData<fn() -> A>,
}

impl<S: 'static> Ctx<S> {
    /// Calls an activity: give the function itself and its arguments, a tuple where there are several.
    ///
    /// # Errors
    /// When awaited: what the activity failed with, as the cause of an activity failure; its timeout; or that this
    /// context was cancelled.
    #[track_caller]
    pub fn activity<N: NamesActivity>(
        &self,
        _activity: N,
        args: impl IntoArgs<<N::Activity as ActivityDefinition>::Args>,
    ) -> ActivityCall<N::Activity> {
        let options = &self.options;
        let queue = options.task_queue.clone().unwrap_or_else(|| self.core.info().task_queue.clone());
        ActivityCall {
            core: self.core.clone(),
            scope: Rc::clone(&self.scope),
            at: here(),
            input: input(args.into_args()),
            schedule: ScheduleActivityTaskCommandAttributes {
                activity_type: Some(ActivityType { name: N::Activity::NAME.to_owned() }),
                task_queue: Some(task_queue(queue)),
                start_to_close_timeout: Some(proto_duration(options.start_to_close)),
                retry_policy: options.retry.clone().map(Into::into),
                request_eager_execution: options.task_queue.is_none(),
                ..ScheduleActivityTaskCommandAttributes::default()
            },
            cancellation: Cancellation::default(),
            summary: options.summary.clone(),
            activity: PhantomData,
        }
    }
}

impl<A: ActivityDefinition> ActivityCall<A> {
    /// How long one attempt may take; a minute where nothing is said.
    pub fn start_to_close(mut self, longest: Duration) -> Self {
        self.schedule.start_to_close_timeout = proto(Some(longest));
        self
    }

    /// How long all attempts together may take, with the waits between them.
    pub fn schedule_to_close(mut self, longest: Duration) -> Self {
        self.schedule.schedule_to_close_timeout = proto(Some(longest));
        self
    }

    /// How long it may wait for a worker.
    pub fn schedule_to_start(mut self, longest: Duration) -> Self {
        self.schedule.schedule_to_start_timeout = proto(Some(longest));
        self
    }

    /// How long it may go without a heartbeat.
    pub fn heartbeat(mut self, longest: Duration) -> Self {
        self.schedule.heartbeat_timeout = proto(Some(longest));
        self
    }

    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.schedule.retry_policy = Some(policy.into());
        self
    }

    /// Another queue than the workflow's own.
    pub fn task_queue(mut self, queue: impl Into<String>) -> Self {
        self.schedule.task_queue = Some(task_queue(queue.into()));
        self.schedule.request_eager_execution = false;
        self
    }

    /// Another id than a number.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.schedule.activity_id = id.into();
        self
    }

    /// What becomes of it when it is cancelled.
    pub fn cancellation(mut self, cancellation: Cancellation) -> Self {
        self.cancellation = cancellation;
        self
    }

    /// What people read beside the activity in histories.
    pub fn summary(mut self, summary: impl Into<String>) -> Self {
        self.summary = Some(summary.into());
        self
    }

    /// 1 is the most urgent, 5 the least.
    pub fn priority(mut self, key: i32) -> Self {
        self.schedule.priority = Some(Priority { priority_key: key, ..Priority::default() });
        self
    }

    pub fn header(mut self, key: impl Into<String>, value: Payload) -> Self {
        self.schedule.header.get_or_insert_with(Header::default).fields.insert(key.into(), value);
        self
    }

    /// Schedules the activity now, to be awaited later. Dropping it cancels the activity.
    pub fn start(self) -> impl Future<Output = Result<A::Output>> + use<A> {
        let wait = self.input.map(|input| {
            let schedule = ScheduleActivityTaskCommandAttributes { input, ..self.schedule };
            self.core.activity(self.scope.id, schedule, self.cancellation, metadata(self.summary.as_deref()), self.at)
        });
        async move { value(wait?).await }
    }
}

impl<A: ActivityDefinition> IntoFuture for ActivityCall<A> {
    type Output = Result<A::Output>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<A::Output>>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}
