//! The workflows on this SDK.

use std::time::Duration;

use weft::{Client, Ctx, Result, Running, Worker, WorkerError, activity, client::api::history::HistoryEvent, workflow};

/// One activity after the other.
#[derive(Default)]
pub(crate) struct Chain;

#[workflow]
impl Chain {
    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>, activities: u64) -> Result<u64> {
        let mut sum = 0;
        for number in 0..activities {
            sum += ctx.activity(echo, number).start_to_close(Duration::from_secs(60)).await?;
        }
        Ok(sum)
    }
}

/// Waits for what never comes.
#[derive(Default)]
pub(crate) struct Idle;

#[workflow]
impl Idle {
    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>) -> Result<()> {
        ctx.sleep(Duration::from_secs(86_400)).await
    }
}

#[activity]
async fn echo(number: u64) -> u64 {
    number
}

pub(crate) fn worker(client: &Client, queue: &str, cached: usize) -> std::result::Result<Running, WorkerError> {
    let worker = Worker::new(client, queue).workflow(Chain::run).workflow(Idle::run).activity(echo);
    worker.cached_workflows_max(cached).start()
}

pub(crate) fn replay(events: Vec<HistoryEvent>) -> anyhow::Result<()> {
    weft::Replayer::new().workflow(Chain::run).replay(events)?;
    Ok(())
}
