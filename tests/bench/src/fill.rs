//! Closed workflows by the hundred thousand, made by the server itself, through its API.
//!
//! Each is started eagerly, so that its first workflow task comes with the answer, and completed by that task: the two
//! calls that a workflow without activities costs.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use anyhow::Context;
use weft_bench::wire::{self, Service};

use crate::{load, server::Server};

const CALLERS: usize = 256;
/// Progress is told this often.
const TOLD_EVERY: u64 = 100_000;

/// Adds so many completed workflows.
pub(crate) async fn fill(server: &Server, count: u64) -> anyhow::Result<()> {
    let services = load::connect(std::slice::from_ref(server)).await?;
    let numbers = Arc::new(AtomicU64::new(0));
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let service = services[caller % services.len()].clone();
            tokio::spawn(run(service, Arc::clone(&numbers), count))
        })
        .collect();
    for caller in callers {
        caller.await.context("a caller panicked")??;
    }
    Ok(())
}

async fn run(mut service: Service, numbers: Arc<AtomicU64>, count: u64) -> anyhow::Result<()> {
    loop {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            return Ok(());
        }
        if number > 0 && number.is_multiple_of(TOLD_EVERY) {
            println!("  {number} of {count} closed");
        }
        let mut start = wire::start("filled", format!("filled-{number}"));
        start.request_eager_execution = true;
        let started = service.start_workflow_execution(start).await.context("a start was refused")?.into_inner();
        let task = started.eager_workflow_task.context("the server gave no workflow task with the start")?;
        let answer = wire::completed(task.task_token, vec![wire::complete_workflow()]);
        service.respond_workflow_task_completed(answer).await.context("a workflow task's answer was refused")?;
    }
}
