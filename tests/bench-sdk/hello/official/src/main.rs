//! The smallest worker of the official SDK, to see what it takes to build it.

use std::time::Duration;

use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions};
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::{
    ActivityOptions, Runtime, Worker, WorkerOptions, WorkflowContext, WorkflowResult,
    activities::{ActivityContext, ActivityError},
    runtime::RuntimeOptions,
};

#[workflow]
#[derive(Default)]
struct Hello;

#[workflow_methods]
impl Hello {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, name: String) -> WorkflowResult<String> {
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(60)).build();
        Ok(ctx.execute_activity(Greeter::greet, name, options).await?)
    }
}

struct Greeter;

#[activities]
impl Greeter {
    #[activity]
    async fn greet(_ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
        Ok(format!("Hello, {name}!"))
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let connection = Connection::connect(ConnectionOptions::new("http://127.0.0.1:7233".parse()?).build()).await?;
    let client = Client::new(connection, ClientOptions::new("default").build())?;
    let runtime = Runtime::from_current_tokio(RuntimeOptions::default())?;
    let mut options = WorkerOptions::new("greetings").build();
    options.register_workflow::<Hello>()?;
    options.register_activities(Greeter);
    Worker::new(&runtime, client, options)?.run().await?;
    Ok(())
}
