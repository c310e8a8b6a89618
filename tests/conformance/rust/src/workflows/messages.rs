//! A workflow that is spoken to.

use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{SyncWorkflowContext, WorkflowContext, WorkflowContextView, WorkflowResult};

/// Collects words until the word `end`, which it keeps too.
#[workflow]
#[derive(Default)]
pub(crate) struct Collector {
    words: Vec<String>,
}

#[workflow_methods]
impl Collector {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, _input: ()) -> WorkflowResult<Vec<String>> {
        ctx.wait_condition(|state| state.words.iter().any(|word| word == "end")).await?;
        Ok(ctx.state(|state| state.words.clone()))
    }

    #[signal]
    pub(crate) fn give(&mut self, _ctx: &mut SyncWorkflowContext<Self>, word: String) {
        self.words.push(word);
    }

    #[query]
    pub(crate) fn words(&self, _ctx: &WorkflowContextView) -> Vec<String> {
        self.words.clone()
    }
}
