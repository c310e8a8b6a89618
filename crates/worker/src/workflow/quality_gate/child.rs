//! A gate as a part of another workflow: a child, with a budget out of its parent's.

use weft::{Ctx, Result};

use super::{GateRequest, QualityGateWorkflow};
use crate::{
    model::{Billed, QualityGateResult, Spend},
    progress::StepState,
    workflow::desk::{self, AtDesk, Work},
};

/// Eight checks, fixes, and eight checks again.
pub(in crate::workflow) const COST: Spend = Spend { tokens: 0, cost_microdollars: 0, tool_calls: 0, attempts: 17 };

/// What the gate says, whatever it is.
pub(in crate::workflow) async fn gate<S: AtDesk>(
    ctx: &Ctx<S>,
    request: GateRequest,
    id: &str,
) -> Result<QualityGateResult> {
    let title = "Quality gate";
    let work = Work { step: id.to_owned(), title: title.to_owned(), want: COST, need: None };
    let call = ctx.child(QualityGateWorkflow::run, request).id(format!("{}/{id}", ctx.info().workflow_id));
    let gate = desk::spend(ctx, work, |_| async {
        let gate = call.await?;
        Ok(Billed { spent: gate.spent, fruitful: gate.can_merge, value: gate })
    });
    let gate = gate.await?;
    let score = format!("score {}", gate.overall_score.get());
    let (state, detail) =
        if gate.can_merge { (StepState::Done, score) } else { (StepState::Failed, gate.blocking_issues.join("; ")) };
    desk::step(ctx, id, title, state, &detail);
    Ok(gate)
}
