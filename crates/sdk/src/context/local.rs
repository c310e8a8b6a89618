//! Calls of local activities: short ones, that the worker runs itself within the workflow task.

use std::{
    future::{Future, IntoFuture},
    marker::PhantomData,
    pin::Pin,
    rc::Rc,
    time::Duration,
};

use weft_client::{ActivityDefinition, IntoArgs, NamesActivity, RetryPolicy};
use weft_protocol::api::common::Payloads;
use weft_replay::{Context, LocalActivity, Source};

use super::{Ctx, Scope, here, input, value};
use crate::Result;

/// A call of a local activity that has not begun: await it.
#[must_use = "a local activity begins when its call is awaited"]
pub struct LocalActivityCall<A> {
    core: Context,
    scope: Rc<Scope>,
    at: Source,
    input: Result<Option<Payloads>>,
    local: LocalActivity,
    activity: PhantomData<fn() -> A>,
}

impl<S: 'static> Ctx<S> {
    /// Calls an activity in the worker itself: no task queue, no event until it has ended. For what takes
    /// a few seconds: it holds a workflow task of the server's.
    /// When the worker dies meanwhile it is done again, so it must be idempotent.
    ///
    /// # Errors
    /// When awaited: what the activity failed with, or that this context was cancelled.
    #[track_caller]
    pub fn local_activity<N: NamesActivity>(
        &self,
        _activity: N,
        args: impl IntoArgs<<N::Activity as ActivityDefinition>::Args>,
    ) -> LocalActivityCall<N::Activity> {
        LocalActivityCall {
            core: self.core.clone(),
            scope: Rc::clone(&self.scope),
            at: here(),
            input: input(args.into_args()),
            local: LocalActivity {
                kind: N::Activity::NAME.to_owned(),
                start_to_close: Some(self.options.start_to_close),
                retry: self.options.retry.clone().map(Into::into),
                ..LocalActivity::default()
            },
            activity: PhantomData,
        }
    }
}

impl<A: ActivityDefinition> LocalActivityCall<A> {
    /// How long one attempt may take.
    pub fn start_to_close(mut self, longest: Duration) -> Self {
        self.local.start_to_close = Some(longest);
        self
    }

    /// How long all attempts together may take, with the waits between them.
    pub fn schedule_to_close(mut self, longest: Duration) -> Self {
        self.local.schedule_to_close = Some(longest);
        self
    }

    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.local.retry = Some(policy.into());
        self
    }

    /// Begins now, to be awaited later. Dropping it cancels the activity.
    pub fn start(self) -> impl Future<Output = Result<A::Output>> + use<A> {
        let wait = self
            .input
            .map(|input| self.core.local_activity(self.scope.id, LocalActivity { input, ..self.local }, self.at));
        async move { value(wait?).await }
    }
}

impl<A: ActivityDefinition> IntoFuture for LocalActivityCall<A> {
    type Output = Result<A::Output>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<A::Output>>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}
