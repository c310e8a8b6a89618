//! The same workflows on the official SDK.

use std::time::Duration;

use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions, Url, WorkflowHistory};
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_protos::temporal::api::history::v1::{History, HistoryEvent};
use temporalio_sdk::{
    ActivityOptions, Runtime, Worker, WorkerOptions, WorkflowContext, WorkflowResult,
    activities::{ActivityContext, ActivityError},
    runtime::RuntimeOptions,
    workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions},
};
use tokio::task::JoinHandle;

#[workflow]
#[derive(Default)]
struct Chain;

#[workflow_methods]
impl Chain {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, activities: u64) -> WorkflowResult<u64> {
        let mut sum = 0;
        for number in 0..activities {
            let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(60)).build();
            sum += ctx.execute_activity(Echo::echo, number, options).await?;
        }
        Ok(sum)
    }
}

#[workflow]
#[derive(Default)]
struct Idle;

#[workflow_methods]
impl Idle {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        ctx.timer(Duration::from_secs(86_400)).await;
        Ok(())
    }
}

struct Echo;

#[activities]
impl Echo {
    #[activity]
    async fn echo(_ctx: ActivityContext, number: u64) -> Result<u64, ActivityError> {
        Ok(number)
    }
}

pub(crate) struct Running {
    shut_down: Box<dyn Fn() + Send + Sync>,
    ended: JoinHandle<anyhow::Result<()>>,
    _runtime: Runtime,
}

pub(crate) async fn worker(address: &str, queue: &str, cached: usize) -> anyhow::Result<Running> {
    let target: Url = format!("http://{address}").parse()?;
    let connection = Connection::connect(ConnectionOptions::new(target).build()).await?;
    let client = Client::new(connection, ClientOptions::new("default").build())?;
    let runtime = Runtime::from_current_tokio(RuntimeOptions::default())?;
    let mut options = WorkerOptions::new(queue).max_cached_workflows(cached).build();
    options.register_workflow::<Chain>()?.register_workflow::<Idle>()?;
    options.register_activities(Echo);
    let mut worker = Worker::new(&runtime, client, options)?;
    let shut_down = Box::new(worker.shutdown_handle());
    let handle = tokio::runtime::Handle::current();
    // A worker holds workflows, which may not move between threads.
    let ended = tokio::task::spawn_blocking(move || Ok(handle.block_on(worker.run())?));
    Ok(Running { shut_down, ended, _runtime: runtime })
}

impl Running {
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        (self.shut_down)();
        self.ended.await?
    }
}

pub(crate) async fn replay(events: Vec<HistoryEvent>) -> anyhow::Result<()> {
    let mut options = WorkflowReplayerOptions::new().build();
    options.register_workflow::<Chain>()?;
    let history = WorkflowHistory::from(History { events });
    let handle = tokio::runtime::Handle::current();
    let replayed = tokio::task::spawn_blocking(move || {
        handle.block_on(async { WorkflowReplayer::new(options)?.replay_workflow(history).await })
    });
    replayed.await??;
    Ok(())
}
