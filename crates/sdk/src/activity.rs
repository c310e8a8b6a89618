//! What an activity is to the worker that runs it, and what it may ask: [`ActivityCtx`].

use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use weft_client::{ActivityDefinition, Client, Failure, Value, result_from_payloads};
use weft_protocol::api::common::{Payload, WorkflowExecution};

use crate::{Error, Result};

/// A future of an activity.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// An activity that can be run here. The macros `#[activity]` and `#[activities]` implement it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no activity that can be run here",
    note = "mark the function with `#[activity]`"
)]
pub trait Activity: ActivityDefinition {
    /// What it shares with other activities of the same impl; `()` for a plain function.
    type State: Send + Sync + 'static;

    fn execute(state: Arc<Self::State>, ctx: ActivityCtx, args: Self::Args) -> BoxFuture<Result<Self::Output>>;
}

/// The activities of one impl, with the state that they share.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no activities",
    note = "mark its impl block with `#[activities]`"
)]
pub trait ActivitySet: Send + Sync + Sized + 'static {
    /// Registers each of them.
    fn register(self: Arc<Self>, worker: crate::Worker) -> crate::Worker;
}

/// What an activity knows of itself and of the workflow that called it.
#[derive(Clone, Debug, Default)]
pub struct ActivityInfo {
    pub activity_id: String,
    pub activity_type: String,
    /// From 1.
    pub attempt: u32,
    pub workflow: WorkflowExecution,
    pub workflow_type: String,
    pub namespace: String,
    pub task_queue: String,
    /// It runs within a workflow task.
    pub is_local: bool,
    pub start_to_close: Option<Duration>,
    /// Without heartbeats for longer than this the server takes it for dead.
    pub heartbeat_timeout: Option<Duration>,
    /// With it somebody else may answer in this activity's place.
    pub task_token: Vec<u8>,
    pub headers: HashMap<String, Payload>,
}

/// An activity's context. Clones are the same.
#[derive(Clone)]
pub struct ActivityCtx(Arc<Inner>);

struct Inner {
    info: ActivityInfo,
    client: Client,
    cancelled: CancellationToken,
    why: Mutex<Option<Unwanted>>,
    beats: Beats,
    before: Vec<Payload>,
}

/// Why nobody waits for an activity's result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Unwanted {
    /// The workflow cancelled it.
    Cancelled,
    /// Operators paused it.
    Paused,
    /// Operators have it begin anew.
    Reset,
    /// The server knows it no more.
    Unknown,
}

impl Unwanted {
    fn reason(self) -> &'static str {
        match self {
            Self::Cancelled => "the workflow cancelled the activity",
            Self::Paused => "the activity was paused",
            Self::Reset => "the activity was reset",
            Self::Unknown => {
                "the server no longer wants the result: the activity's time is over, or its workflow has ended"
            }
        }
    }
}

/// The last heartbeat that was not sent yet.
#[derive(Default)]
pub(crate) struct Beats {
    pub(crate) latest: Mutex<Option<Vec<Payload>>>,
    pub(crate) beaten: Notify,
}

impl ActivityCtx {
    pub(crate) fn new(info: ActivityInfo, client: Client, cancelled: CancellationToken, before: Vec<Payload>) -> Self {
        let inner = Inner { info, client, cancelled, why: Mutex::new(None), beats: Beats::default(), before };
        Self(Arc::new(inner))
    }

    #[must_use]
    pub fn info(&self) -> &ActivityInfo {
        &self.0.info
    }

    /// The worker's own connection.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// Says that the activity lives, and how far it has come. As often as wanted: only some are sent.
    ///
    /// # Errors
    /// When the details cannot be written.
    pub fn heartbeat<T: Value>(&self, details: &T) -> Result<()> {
        *self.0.beats.latest.lock() = Some(vec![details.to_payload()?]);
        self.0.beats.beaten.notify_one();
        Ok(())
    }

    /// What the attempt before this one said last.
    ///
    /// # Errors
    /// When it is not a `T`.
    pub fn heartbeat_details<T: Value>(&self) -> Result<Option<T>> {
        if self.0.before.is_empty() {
            return Ok(None);
        }
        Ok(Some(result_from_payloads(&self.0.before)?))
    }

    /// Nobody wants the result any more: the workflow cancelled it, its time is over, or the worker stops. Known by
    /// heartbeats.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.is_cancelled()
    }

    /// Ready once nobody wants the result any more.
    pub async fn cancelled(&self) {
        self.0.cancelled.cancelled().await;
    }

    /// What to end with when it was cancelled.
    #[must_use]
    pub fn cancellation(&self) -> Error {
        let reason = self.unwanted().map_or("the worker stops", Unwanted::reason);
        Failure::canceled(reason).into()
    }

    pub(crate) fn cancel(&self, why: Unwanted) {
        self.0.why.lock().get_or_insert(why);
        self.0.cancelled.cancel();
    }

    /// `None` while somebody wants the result, also where the worker that runs it stops.
    pub(crate) fn unwanted(&self) -> Option<Unwanted> {
        *self.0.why.lock()
    }

    pub(crate) fn beats(&self) -> &Beats {
        &self.0.beats
    }
}
