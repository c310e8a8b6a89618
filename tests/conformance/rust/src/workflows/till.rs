//! A workflow that is updated.

use std::error::Error;

use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{SyncWorkflowContext, WorkflowContext, WorkflowContextView, WorkflowResult};

/// Takes money through a slot that takes no debts; slow payments wait for a nod.
#[workflow]
#[derive(Default)]
pub(crate) struct Till {
    sum: i64,
    nods: u32,
    closing: bool,
}

#[workflow_methods]
impl Till {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, _input: ()) -> WorkflowResult<i64> {
        ctx.wait_condition(|state| state.closing).await?;
        Ok(ctx.state(|state| state.sum))
    }

    #[update]
    pub(crate) fn pay(&mut self, _ctx: &mut SyncWorkflowContext<Self>, amount: i64) -> i64 {
        self.sum += amount;
        self.sum
    }

    #[update_validator(pay)]
    fn no_debts(&self, _ctx: &WorkflowContextView, amount: &i64) -> Result<(), Box<dyn Error + Send + Sync>> {
        if *amount < 0 { Err("no debts".into()) } else { Ok(()) }
    }

    #[update]
    pub(crate) async fn pay_slowly(
        ctx: &mut WorkflowContext<Self>,
        amount: i64,
    ) -> Result<i64, Box<dyn Error + Send + Sync>> {
        ctx.wait_condition(|state| state.nods > 0).await?;
        Ok(ctx.state_mut(|state| {
            state.sum += amount;
            state.sum
        }))
    }

    #[signal]
    pub(crate) fn nod(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.nods += 1;
    }

    #[signal]
    pub(crate) fn close(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.closing = true;
    }
}
