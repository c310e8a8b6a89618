//! Workflows by the hundred thousand, made by the server itself, through its API.
//!
//! Each is started eagerly, so that its first workflow task comes with the answer. What is closed or waits for a timer answers
//! that task, so it is two calls and two transitions; what is only started is one of each.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use tonic::{Code, Response, Status};
use weft_bench::wire::{self, Service};
use weft_protocol::api::{
    command::Command,
    common::{Payload, Payloads},
};

use crate::{load, server::Server};

/// How often one call is made, and how long is waited in between, while a shard has no leader.
const ASKED_MAX: u32 = 100;
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// Progress is told this often.
const TOLD_EVERY: u64 = 100_000;

/// What kind of workflows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Filled {
    Closed,
    /// They wait for a timer that fires after the measurement.
    Open,
    /// They wait for their first task to be answered, and hold an input of so many bytes.
    Started(usize),
}

/// How they are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fill {
    pub(crate) name: &'static str,
    pub(crate) count: u64,
    pub(crate) filled: Filled,
    pub(crate) callers: usize,
}

impl Fill {
    pub(crate) fn closed(count: u64) -> Self {
        Self { name: "filled", count, filled: Filled::Closed, callers: 256 }
    }
}

/// Adds so many workflows.
pub(crate) async fn fill(servers: impl IntoIterator<Item = &Server>, fill: Fill) -> anyhow::Result<()> {
    let services = load::connect(servers).await?;
    let numbers = Arc::new(AtomicU64::new(0));
    let callers: Vec<_> = (0..fill.callers)
        .map(|caller| {
            let service = services[caller % services.len()].clone();
            tokio::spawn(run(service, Arc::clone(&numbers), fill))
        })
        .collect();
    for caller in callers {
        caller.await.context("a caller panicked")??;
    }
    Ok(())
}

async fn run(service: Service, numbers: Arc<AtomicU64>, fill: Fill) -> anyhow::Result<()> {
    let Fill { name, count, filled, .. } = fill;
    loop {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            return Ok(());
        }
        if number > 0 && number.is_multiple_of(TOLD_EVERY) {
            println!("  {number} of {count} {filled:?}");
        }
        let mut start = wire::start(name, format!("{name}-{number}"));
        if let Filled::Started(bytes) = filled {
            let payload = Payload { data: vec![b'x'; bytes], ..Payload::default() };
            start.input = Some(Payloads { payloads: vec![payload] });
        }
        start.request_eager_execution = true;
        let mut asked = 0;
        let started = again(&mut asked, || {
            let (mut service, start) = (service.clone(), start.clone());
            async move { service.start_workflow_execution(start).await }
        })
        .await;
        let started = started.context("a start was refused")?;
        let Some(commands) = commands(filled) else { continue };
        let Some(task) = started.eager_workflow_task else {
            // One that was begun by a call whose answer was lost: its task waits for a worker.
            anyhow::ensure!(asked > 1, "the server gave no workflow task with the start");
            continue;
        };
        let answer = wire::completed(task.task_token, commands);
        let mut asked = 0;
        let told = again(&mut asked, || {
            let (mut service, answer) = (service.clone(), answer.clone());
            async move { service.respond_workflow_task_completed(answer).await }
        })
        .await;
        match told {
            Err(status) if asked > 1 && status.code() == Code::NotFound => {}
            told => drop(told.context("a workflow task's answer was refused")?),
        }
    }
}

/// Asks again while a shard has no leader, as every SDK does.
async fn again<T, F>(asked: &mut u32, ask: impl Fn() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    loop {
        *asked += 1;
        match ask().await {
            Err(status) if status.code() == Code::Unavailable && *asked < ASKED_MAX => {
                tokio::time::sleep(ASK_AGAIN).await;
            }
            answer => return answer.map(Response::into_inner),
        }
    }
}

fn commands(filled: Filled) -> Option<Vec<Command>> {
    match filled {
        Filled::Closed => Some(vec![wire::complete_workflow()]),
        Filled::Open => Some(vec![wire::start_timer(Duration::from_secs(24 * 3600))]),
        Filled::Started(_) => None,
    }
}
