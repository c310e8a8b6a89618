//! Workflows that do one thing each: greet, fail, go on as new, label themselves, write a lot.

use std::{collections::BTreeSet, sync::Mutex, sync::PoisonError};

use anyhow::anyhow;
use temporalio_common::search_attributes::SearchAttributeKey;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{
    ApplicationFailure, ContinueAsNewOptions, MemoValue, SyncWorkflowContext, WorkflowContext, WorkflowResult,
};

use crate::deeds::hangs_in;

/// A search attribute that every server has.
pub(crate) const BATCHER_USER: SearchAttributeKey<String> = SearchAttributeKey::keyword("BatcherUser");

#[workflow]
#[derive(Default)]
pub(crate) struct Greeter;

#[workflow_methods]
impl Greeter {
    #[run]
    pub(crate) async fn run(_ctx: &mut WorkflowContext<Self>, name: String) -> WorkflowResult<String> {
        Ok(format!("Hello, {name}!"))
    }
}

/// In a worker process that is to be killed here: keeps its first task for ever.
#[workflow]
#[derive(Default)]
pub(crate) struct Thinker;

#[workflow_methods]
impl Thinker {
    #[run]
    pub(crate) async fn run(_ctx: &mut WorkflowContext<Self>, _input: ()) -> WorkflowResult<String> {
        while hangs_in("workflow") {
            std::thread::park();
        }
        Ok("thought".to_owned())
    }
}

/// Fails until the run's attempt with this number; type `Planned`.
#[workflow]
#[derive(Default)]
pub(crate) struct Flaky;

#[workflow_methods]
impl Flaky {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, attempt: u32) -> WorkflowResult<String> {
        let now = ctx.info().attempt();
        if now < attempt {
            let failure = ApplicationFailure::builder(anyhow!("run {now} fails")).type_name("Planned".to_owned());
            return Err(failure.build().into());
        }
        Ok(format!("run {now}"))
    }
}

/// Counts in runs: each goes on as new until the second number is reached.
#[workflow]
#[derive(Default)]
pub(crate) struct Relay;

#[workflow_methods]
impl Relay {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, input: (u32, u32)) -> WorkflowResult<u32> {
        let (now, last) = input;
        if now < last {
            ctx.continue_as_new((now + 1, last), ContinueAsNewOptions::default())?;
        }
        Ok(now)
    }
}

/// Fails the first task of each run, and none after it.
#[workflow]
#[derive(Default)]
pub(crate) struct Clumsy;

/// Runs that have failed a task: outside of what a workflow may know, as a fault in its code would be.
static FELL: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

#[workflow_methods]
impl Clumsy {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, _input: ()) -> WorkflowResult<String> {
        let first = FELL.lock().unwrap_or_else(PoisonError::into_inner).insert(ctx.workflow_id().to_owned());
        if first {
            ctx.force_task_fail(anyhow!("fell over"));
        }
        Ok("stood up".to_owned())
    }
}

/// Changes its memo and a search attribute.
#[workflow]
#[derive(Default)]
pub(crate) struct Labeller;

#[workflow_methods]
impl Labeller {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, _input: ()) -> WorkflowResult<(String, String)> {
        let before = ctx.search_attributes().get(&BATCHER_USER).unwrap_or_default();
        let colour = ctx.memo().get::<String>("colour")?.unwrap_or_default();
        ctx.upsert_memo([("colour", Some(MemoValue::new("red".to_owned()))), ("size", None)])?;
        ctx.upsert_search_attributes([BATCHER_USER.value_set("somebody else".to_owned())]);
        Ok((before, colour))
    }
}

#[workflow]
#[derive(Default)]
pub(crate) struct Patched;

#[workflow_methods]
impl Patched {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, _input: ()) -> WorkflowResult<String> {
        let way = if ctx.patched("better") { "the better way" } else { "the old way" };
        Ok(way.to_owned())
    }
}

/// Writes so many pages into its history, then waits for `end`.
#[workflow]
#[derive(Default)]
pub(crate) struct Scribe {
    ended: bool,
}

#[workflow_methods]
impl Scribe {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, pages: u32) -> WorkflowResult<u32> {
        for page in 0..pages {
            ctx.upsert_memo([("page", Some(MemoValue::new(page)))])?;
        }
        ctx.wait_condition(|state| state.ended).await?;
        Ok(pages)
    }

    #[signal]
    pub(crate) fn end(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.ended = true;
    }
}
