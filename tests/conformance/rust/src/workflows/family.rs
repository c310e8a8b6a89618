//! Workflows that have to do with each other: parents, children, one that signals another.

use anyhow::anyhow;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{
    ApplicationFailure, ChildWorkflowExecutionError, ChildWorkflowOptions, SyncWorkflowContext, WorkflowContext,
    WorkflowResult,
};

use super::Collector;

/// Does as it is told.
#[workflow]
#[derive(Default)]
pub(crate) struct Patient {
    told: String,
}

#[workflow_methods]
impl Patient {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, name: String) -> WorkflowResult<String> {
        ctx.wait_condition(|state| !state.told.is_empty()).await?;
        let told = ctx.state(|state| state.told.clone());
        if told == "fail" {
            let failure = ApplicationFailure::builder(anyhow!("as told")).type_name("Told".to_owned());
            return Err(failure.non_retryable(true).build().into());
        }
        Ok(format!("{name} {told}"))
    }

    #[signal]
    pub(crate) fn go(&mut self, _ctx: &mut SyncWorkflowContext<Self>, how: String) {
        self.told = how;
    }
}

/// Has one child, and tells how it ended.
#[workflow]
#[derive(Default)]
pub(crate) struct Parent;

#[workflow_methods]
impl Parent {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, kid: String) -> WorkflowResult<String> {
        let options = ChildWorkflowOptions::workflow_id(kid);
        let child = ctx.start_child_workflow(Patient::run, "kid".to_owned(), options).await?;
        match child.result().await {
            Err(ChildWorkflowExecutionError::Failed(error)) => {
                let cause = error.failure().cause.as_ref().map_or("", |cause| cause.message.as_str());
                Ok(format!("failed: {cause}"))
            }
            ended => Ok(ended?),
        }
    }
}

/// Starts a child on another queue, and ends.
#[workflow]
#[derive(Default)]
pub(crate) struct Leaver;

#[workflow_methods]
impl Leaver {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, input: (String, String)) -> WorkflowResult<String> {
        let (kid, queue) = input;
        let options = ChildWorkflowOptions::builder().workflow_id(kid).task_queue(queue).build();
        ctx.start_child_workflow(Patient::run, "kid".to_owned(), options).await?;
        Ok("left".to_owned())
    }
}

/// Gives words to a collector.
#[workflow]
#[derive(Default)]
pub(crate) struct Teller;

#[workflow_methods]
impl Teller {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, input: (String, Vec<String>)) -> WorkflowResult<String> {
        let (whom, words) = input;
        let to = ctx.external_workflow(whom, None);
        for word in words {
            to.signal(Collector::give, word, Default::default()).await?;
        }
        Ok("told".to_owned())
    }
}
