//! An activity that watches a job elsewhere and says by heartbeats that it lives and how far the job is. Where an attempt
//! fails, the next one goes on from there.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use weft::{ActivityCtx, Client, Ctx, Error, Result, RetryPolicy, Worker, activities, workflow};

pub(crate) const QUEUE: &str = "exports";

/// How often the job is looked at.
const PAUSE: Duration = Duration::from_millis(5);

#[workflow]
pub(crate) async fn export_table(ctx: Ctx, table: String) -> Result<String> {
    let job = ctx.activity(Exporter::begin, table).await?;
    ctx.activity(Exporter::watch, job)
        .start_to_close(Duration::from_secs(3600))
        .heartbeat(Duration::from_secs(10))
        .retry(RetryPolicy::default().initial_interval(Duration::from_millis(10)))
        .await
}

/// The service that exports tables. It loses its connection once.
#[derive(Default)]
pub(crate) struct Exporter {
    percent: AtomicU32,
}

#[activities]
impl Exporter {
    #[activity]
    async fn begin(&self, table: String) -> String {
        format!("export of {table}")
    }

    #[activity]
    async fn watch(&self, ctx: ActivityCtx, job: String) -> Result<String> {
        let resumed_at = ctx.heartbeat_details::<u32>()?;
        let mut every = tokio::time::interval(PAUSE);
        loop {
            tokio::select! {
                _ = every.tick() => {}
                () = ctx.cancelled() => return Err(ctx.cancellation()),
            }
            let percent = self.percent.fetch_add(10, Ordering::Relaxed) + 10;
            ctx.heartbeat(&percent)?;
            match percent {
                50 if ctx.info().attempt == 1 => return Err(Error::new("the connection was lost")),
                100.. => return Ok(format!("{job}: done, resumed at {resumed_at:?}")),
                _ => {}
            }
        }
    }
}

pub(crate) fn worker(client: &Client) -> Worker {
    Worker::new(client, QUEUE).workflow(export_table).activities(Exporter::default())
}
