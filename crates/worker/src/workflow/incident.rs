//! `IncidentSwarmWorkflow`: from an alert to a hotfix, or to an issue for people.
//!
//! ```text
//! context ─► diagnoses, at once ─► consensus ─┬─ sure and agreed ───────────► fix ─► gate ─┬─ passed ─► hotfix, a pull request
//!                 ▲                           ├─ sure but contested ─► a person ─┘   │     └─ failed ─► rolled back ─┐
//!                 └── late evidence ──────────┴─ not sure ───────────────────────────┴──────────────────────────────► issue
//!                                                                              and always: a postmortem
//! ```
//!
//! Diagnoses that come while a fix is made can turn the consensus; the fix is dropped then, and another one is made.

mod resolve;
mod write;

use serde::{Deserialize, Serialize};
use weft::{Ctx, Result, workflow};

use super::desk::{self, AtDesk, Desk, House};
use crate::{
    model::{Alert, Confidence, Consensus, Diagnosis, IncidentResult},
    quality::Bar,
};

/// What has happened, and what may be done about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentRequest {
    pub repository: String,
    /// What the hotfix is to be merged into.
    pub base: String,
    pub alert: Alert,
    #[serde(default = "three")]
    pub num_diagnostic_agents: u32,
    #[serde(default)]
    pub auto_fix: bool,
    /// How sure one must be to act.
    #[serde(default = "seventy_percent")]
    pub threshold: Confidence,
    #[serde(default)]
    pub bar: Bar,
    #[serde(default)]
    pub house: House,
}

fn three() -> u32 {
    3
}

/// The threshold where nothing else is said.
#[must_use]
pub fn seventy_percent() -> Confidence {
    Confidence::clamped(0.70)
}

/// See the module.
#[derive(Debug, Default)]
pub struct IncidentSwarmWorkflow {
    desk: Desk,
    /// Diagnoses that came from elsewhere, and were not weighed yet.
    late: Vec<Diagnosis>,
    consensus: Option<Consensus>,
}

impl AtDesk for IncidentSwarmWorkflow {
    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn desk_mut(&mut self) -> &mut Desk {
        &mut self.desk
    }
}

/// Diagnoses that wait to be taken in.
const LATE_MAX: usize = 100;

#[workflow(with = desk::handlers)]
impl IncidentSwarmWorkflow {
    #[run]
    pub async fn run(ctx: Ctx<Self>, request: IncidentRequest) -> Result<IncidentResult> {
        desk::open(&ctx, request.house.clone());
        desk::abortable(&ctx, |ctx| resolve::resolve(ctx, request)).await
    }

    /// Late evidence: what somebody else thinks.
    #[signal]
    pub async fn add_diagnosis(ctx: Ctx<Self>, diagnosis: Diagnosis) {
        if ctx.with(|state| state.late.len()) >= LATE_MAX {
            return desk::tell(&ctx, format!("late evidence of {} is too much: it is left out", diagnosis.agent));
        }
        desk::tell(&ctx, format!("late evidence of {}: {}", diagnosis.agent, diagnosis.root_cause));
        ctx.with_mut(|state| state.late.push(diagnosis));
    }

    /// What is believed so far.
    #[query]
    pub fn consensus(&self) -> Option<Consensus> {
        self.consensus.clone()
    }
}
