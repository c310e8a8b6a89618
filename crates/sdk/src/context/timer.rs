//! Timers.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    rc::Rc,
    time::Duration,
};

use weft_replay::{Context, Source};

use super::{Scope, done, metadata};
use crate::Result;

/// A timer that has not begun: await it.
#[must_use = "a timer begins when it is awaited"]
pub struct TimerCall {
    core: Context,
    scope: Rc<Scope>,
    span: Duration,
    summary: Option<String>,
    at: Source,
}

impl TimerCall {
    pub(super) fn new(core: &Context, scope: Rc<Scope>, span: Duration, at: Source) -> Self {
        Self { core: core.clone(), scope, span, summary: None, at }
    }

    /// What people read beside the timer in histories.
    pub fn summary(mut self, summary: impl Into<String>) -> Self {
        self.summary = Some(summary.into());
        self
    }

    /// Starts the timer now, to be awaited later. Dropping it cancels the timer.
    pub fn start(self) -> impl Future<Output = Result<()>> + use<> {
        let wait = self.core.timer(self.scope.id, self.span, metadata(self.summary.as_deref()), self.at);
        done(wait)
    }
}

impl IntoFuture for TimerCall {
    type Output = Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<()>>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}
