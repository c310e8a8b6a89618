//! What workflows, activities and providers say to each other: plain data that stands in histories as JSON.
//!
//! Invariants: a value that can be wrong alone is a type that checks itself when it is read ([`Percent`],
//! [`Confidence`], [`ContentHash`]); units stand in names; every map and list has an order, so that equal values have
//! equal bytes and [`ContentHash`] names them. Nothing here does anything.

mod branch;
mod check;
mod diagnosis;
mod hash;
mod incident;
mod measure;
mod migration;
mod patch;
mod plan;
mod pull_request;
mod quality;
mod review;
mod spend;

pub use branch::BranchKind;
pub use check::{CheckKind, CheckOutcome, CheckReport, Counts, Finding, Severity, Verdict};
pub use diagnosis::{Alert, AlertSeverity, Diagnosis, Evidence, Sample, Series};
pub use hash::{ContentHash, InvalidHash};
pub use incident::{Consensus, IncidentResult, Postmortem};
pub use measure::{Confidence, OutOfRange, Percent};
pub use migration::{MigrationPlan, MigrationRequest, MigrationResult, MigrationStep, StepResult};
pub use patch::{Patch, PatchOutcome};
pub use plan::{Issue, IssueId, Plan, PlanFault};
pub use pull_request::{PrResult, PullRequest, PullRequestState, TestResults};
pub use quality::{QualityGateResult, QualityThresholds};
pub use review::{Review, ReviewVerdict};
pub use spend::{Billed, Spend};
