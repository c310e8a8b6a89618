//! What a swarm of diagnoses comes to.

use serde::{Deserialize, Serialize};

use super::{Confidence, Diagnosis};

/// What most agents think, and what the others think.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Consensus {
    pub root_cause: String,
    pub confidence: Confidence,
    pub supporting_diagnoses: Vec<Diagnosis>,
    pub conflicting_diagnoses: Vec<Diagnosis>,
}

/// What is written down when it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Postmortem {
    pub alert_id: String,
    pub url: String,
    /// In Markdown.
    pub text: String,
}

/// What came of an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentResult {
    pub alert_id: String,
    pub consensus: Consensus,
    pub fix_applied: bool,
    #[serde(default)]
    pub hotfix_pr_url: Option<String>,
    /// The issue for people, where no fix was applied.
    #[serde(default)]
    pub manual_issue_url: Option<String>,
    pub postmortem_url: String,
    pub resolution_time_minutes: f64,
    pub rollback_performed: bool,
}
