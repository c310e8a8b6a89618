//! The worker: polls a task queue, runs workflows and activities, and answers.
//!
//! Invariants: a worker holds nothing that matters, so it may die at any moment; an answer is sent until the server has
//! taken it or says that it no longer wants it; a server that is away is waited for, and the user sees no error.

mod activity_task;
mod heartbeat;
mod history;
mod local;
mod metrics;
mod poll;
pub(crate) mod registry;
mod report;
mod scale;
mod settings;
mod slots;
pub(crate) mod thread;
mod verb;
mod workflow_task;

use std::{sync::Arc, time::Duration};

use tokio::task::{JoinHandle, JoinSet};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use weft_client::{ActivityDefinition, Client, NamesActivity, NamesWorkflow};
use weft_env::{Clock, RealClock, RealResources, Resources};

use crate::{
    Activity, ActivitySet, Workflow,
    interceptor::{Interceptor, Interceptors},
};
use metrics::Counts;
use registry::Registry;
use scale::Scale;
use settings::Settings;
use slots::{Rate, Room};
use thread::Threads;

pub(crate) use registry::RunActivity;

pub use metrics::{TaskMetrics, WorkerMetrics};
pub use scale::Polls;
pub use slots::{Slots, SlotsByLoad};
pub use verb::CommandError;

/// As histories and lists of workers show it.
const SDK_NAME: &str = "weft-rust";

/// A worker that is being put together.
#[must_use = "a worker does nothing until it runs"]
pub struct Worker {
    client: Client,
    queue: String,
    registry: Registry,
    settings: Settings,
    interceptors: Vec<Arc<dyn Interceptor>>,
}

/// Why a worker cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// It has nothing to do.
    #[error("the worker for task queue {queue:?} has neither workflows nor activities: register some before it runs")]
    Empty { queue: String },
    /// The server refuses to give it tasks, and will go on refusing.
    #[error("the server refuses polls of task queue {queue:?}: {status}")]
    Refused {
        queue: String,
        #[source]
        status: Box<tonic::Status>,
    },
    /// A thread could not be started.
    #[error("cannot start a thread for workflows: {0}")]
    Thread(#[from] std::io::Error),
}

/// How long a server may take to end the polls of a worker that stops. Not all of them do.
const POLLS_END: Duration = Duration::from_secs(1);

/// What all parts of a running worker share.
pub(crate) struct Shared {
    client: Client,
    queue: String,
    sticky_queue: String,
    /// By which the server knows this worker among those of the same identity.
    instance_key: String,
    registry: Registry,
    settings: Settings,
    clock: Arc<dyn Clock>,
    threads: Threads,
    interceptors: Interceptors,
    workflow_slots: Arc<Room>,
    activity_slots: Arc<Room>,
    local_slots: Arc<Room>,
    scales: Scales,
    /// Of activities, where they are limited here.
    rate: Option<Rate>,
    counts: Counts,
    resources: Arc<dyn Resources>,
    /// Wall time, in nanoseconds.
    started_at: i64,
    last_heartbeat: heartbeat::Last,
    /// No more tasks are asked for.
    stopping: CancellationToken,
    /// Polls are given up, whatever they would have brought.
    leaving: CancellationToken,
    /// Activities are told to stop.
    cancelling: CancellationToken,
    tasks: TaskTracker,
}

/// How many polls there are.
pub(crate) struct Scales {
    workflow: Scale,
    sticky: Scale,
    activity: Scale,
}

/// A worker that runs. Dropping it stops it at once; see [`Running::shutdown`].
#[must_use = "the worker stops when this is dropped"]
pub struct Running {
    shared: Arc<Shared>,
    polls: JoinSet<Result<(), WorkerError>>,
    heartbeats: Option<JoinHandle<()>>,
}

impl Worker {
    /// A worker for a task queue of the client's namespace.
    pub fn new(client: &Client, queue: impl Into<String>) -> Self {
        Self {
            client: client.clone(),
            queue: queue.into(),
            registry: Registry::default(),
            settings: Settings::default(),
            interceptors: Vec::new(),
        }
    }

    /// Runs a workflow: give its run method or the function itself.
    pub fn workflow<N>(mut self, _workflow: N) -> Self
    where
        N: NamesWorkflow,
        N::Workflow: Workflow,
    {
        self.registry.workflow::<N::Workflow>();
        self
    }

    /// Runs an activity: give the function itself.
    pub fn activity<N>(self, _activity: N) -> Self
    where
        N: NamesActivity,
        N::Activity: Activity<State = ()>,
    {
        self.activity_with::<N::Activity>(Arc::new(()))
    }

    /// Runs all activities of an impl, with the state that they share.
    pub fn activities<T: ActivitySet>(self, state: T) -> Self {
        Arc::new(state).register(self)
    }

    pub(crate) fn activity_with<A: Activity>(mut self, state: Arc<A::State>) -> Self {
        self.registry.activity::<A>(state);
        self
    }

    /// Runs a function in the place of an activity of this type: for tests.
    pub fn replace<N, F, T>(mut self, _activity: N, run: F) -> Self
    where
        N: NamesActivity,
        F: Fn(<N::Activity as ActivityDefinition>::Args) -> T + Send + Sync + 'static,
        T: Future<Output = crate::Result<<N::Activity as ActivityDefinition>::Output>> + Send + 'static,
    {
        self.registry.replace::<N::Activity, F, T>(run);
        self
    }

    /// Shows an interceptor what this worker does; the first of several is the outermost.
    pub fn interceptor(mut self, interceptor: impl Interceptor) -> Self {
        self.interceptors.push(Arc::new(interceptor));
        self
    }

    /// Runs until the future is ready, then shuts down gracefully.
    ///
    /// # Errors
    /// See [`WorkerError`].
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> Result<(), WorkerError> {
        let mut running = self.start()?;
        tokio::select! {
            () = stop => running.shutdown().await,
            failed = running.failed() => Err(failed),
        }
    }

    /// Runs until the server refuses it for good.
    ///
    /// # Errors
    /// See [`WorkerError`].
    pub async fn run(self) -> Result<(), WorkerError> {
        self.run_until(std::future::pending()).await
    }

    /// Starts it in the background.
    ///
    /// # Errors
    /// When nothing is registered, or a thread cannot be started.
    pub fn start(self) -> Result<Running, WorkerError> {
        if self.registry.is_empty() {
            return Err(WorkerError::Empty { queue: self.queue });
        }
        let settings = self.settings.reconciled();
        let threads = Threads::start(settings.workflow_threads, settings.cached_workflows_max)?;
        let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
        let resources: Arc<dyn Resources> = Arc::new(RealResources::new(RealClock::new()));
        let room = |slots: &Slots| Room::new(slots.clone(), Arc::clone(&clock), Arc::clone(&resources));
        let shared = Arc::new(Shared {
            sticky_queue: format!("{}:{}", self.queue, self.client.new_id()),
            instance_key: self.client.new_id(),
            client: self.client,
            queue: self.queue,
            threads,
            interceptors: self.interceptors.into(),
            workflow_slots: room(&settings.workflow_slots),
            activity_slots: room(&settings.activity_slots),
            local_slots: room(&settings.local_slots),
            scales: settings.scales(),
            rate: Rate::of(settings.activities_per_second),
            counts: Counts::default(),
            resources: Arc::clone(&resources),
            started_at: clock.now().0,
            last_heartbeat: heartbeat::Last::default(),
            clock: Arc::clone(&clock),
            registry: self.registry,
            settings,
            stopping: CancellationToken::new(),
            leaving: CancellationToken::new(),
            cancelling: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let polls = poll::start(&shared);
        let heartbeats = shared.settings.heartbeat.map(|every| {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move { heartbeat::run(&shared, every).await })
        });
        Ok(Running { shared, polls, heartbeats })
    }
}

impl Running {
    /// What it does now, and has done.
    #[must_use]
    pub fn metrics(&self) -> WorkerMetrics {
        metrics::snapshot(&self.shared)
    }

    /// The same for whoever looks later: `None` once the worker is gone.
    #[cfg(feature = "otel")]
    pub(crate) fn reader(&self) -> impl Fn() -> Option<WorkerMetrics> + Send + Sync + use<> {
        let shared = Arc::downgrade(&self.shared);
        move || shared.upgrade().map(|shared| metrics::snapshot(&shared))
    }

    /// Waits until the server refuses the worker for good.
    pub async fn failed(&mut self) -> WorkerError {
        loop {
            match self.polls.join_next().await {
                Some(Ok(Err(error))) => return error,
                Some(_) => {}
                // All polls have ended without an error: only a shutdown does that, and it has its own answer.
                None => std::future::pending().await,
            }
        }
    }

    /// Takes no more tasks, ends those it has, and stops. Activities get some time before they are cancelled.
    ///
    /// # Errors
    /// What a poll ended with before.
    pub async fn shutdown(mut self) -> Result<(), WorkerError> {
        let shared = Arc::clone(&self.shared);
        shared.stopping.cancel();
        if let Some(heartbeats) = self.heartbeats.take() {
            // What it says comes before the last word. A panic has been reported.
            let _ = heartbeats.await;
        }
        // A server that was told ends the polls itself, and no task is on its way to a poll that nobody hears.
        let grace = if report::goodbye(&shared).await { POLLS_END } else { Duration::ZERO };
        let leave = {
            let shared = Arc::clone(&shared);
            let over = shared.clock.sleep_until(shared.clock.monotonic().saturating_add(grace));
            tokio::spawn(async move {
                over.await;
                shared.leaving.cancel();
            })
        };
        let mut result = Ok(());
        while let Some(ended) = self.polls.join_next().await {
            if let Ok(Err(error)) = ended {
                result = Err(error);
            }
        }
        leave.abort();
        shared.tasks.close();
        let over = shared.clock.monotonic().saturating_add(shared.settings.drain);
        tokio::select! {
            () = shared.tasks.wait() => {}
            () = shared.clock.sleep_until(over) => {
                shared.cancelling.cancel();
                shared.tasks.wait().await;
            }
        }
        result
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.stopping.cancel();
        self.shared.leaving.cancel();
        self.shared.cancelling.cancel();
    }
}
