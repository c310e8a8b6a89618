//! The workflows, and what all of them share: [`desk`] is where people, budgets and agents meet a run.

mod clear;
mod code_migration;
pub mod desk;
mod incident;
mod plan_patch_pr;
mod quality_gate;
mod step;

pub use code_migration::{CodeMigrationRequest, CodeMigrationWorkflow, MigrationPlanShown, a_quarter, tests};
pub use incident::{IncidentRequest, IncidentSwarmWorkflow, seventy_percent};
pub use plan_patch_pr::{PlanPatchPrRequest, PlanPatchPrWorkflow, PlanShown};
pub use quality_gate::{GateRequest, QualityGateWorkflow};

/// Gives a worker all workflows.
pub fn register(worker: weft::Worker) -> weft::Worker {
    worker
        .workflow(QualityGateWorkflow::run)
        .workflow(PlanPatchPrWorkflow::run)
        .workflow(IncidentSwarmWorkflow::run)
        .workflow(CodeMigrationWorkflow::run)
}
