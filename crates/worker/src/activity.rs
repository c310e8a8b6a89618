//! The activities: what touches the world. Each is idempotent under retry, because what it makes is found again by its
//! [`Site`]; it says that it lives, and ends when nobody wants it any more.

mod agents;
mod bench;
mod checking;
mod coding;
mod diagnosing;
mod journal;
mod migrating;
mod planning;
mod publishing;
mod reviewing;

pub use bench::Bench;
pub use checking::{ChangeSeen, CheckRequest, Checking, FixRequest, Fixed, GateReport, LookRequest};
pub use coding::{Coding, MergeRequest, Merged, PatchRequest};
pub use diagnosing::{ContextRequest, DiagnoseRequest, Diagnosing};
pub use migrating::{
    AdvanceRequest, AnalyseRequest, Analysis, Applied, ApplyRequest, ConflictsRequest, Migrating, RetreatRequest,
};
pub use planning::{Design, DesignRequest, PlanRequest, Planning};
pub use publishing::{
    BranchRef, BranchRequest, DocumentRequest, PublishRequest, Published, Publishing, PullRequestRef,
};
pub use reviewing::{ReviewRequest, Reviewing};

use serde::{Deserialize, Serialize};

/// Where a step works: its artefacts are found again by this, whichever attempt made them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// A path on the workers' machine, or an address that git understands.
    pub repository: String,
    /// The workflow and its first run: two runs never share a worktree.
    pub run: String,
    /// `check/lint/2`
    pub step: String,
}
