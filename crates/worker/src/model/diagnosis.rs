//! What is known of an incident, and what an agent makes of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Confidence;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertSeverity {
    Low,
    Medium,
    High,
    Critical,
}

/// What a monitor says, and the context that was gathered for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    pub id: String,
    pub severity: AlertSeverity,
    pub service: String,
    pub message: String,
    /// RFC 3339.
    pub timestamp: String,
    /// Values at the time of the alert.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
    #[serde(default)]
    pub logs: Vec<String>,
    /// How metrics went up to the alert.
    #[serde(default)]
    pub series: BTreeMap<String, Series>,
}

/// One metric over time, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Series(pub Vec<Sample>);

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Seconds from the first sample of the series on.
    pub at_seconds: f64,
    pub value: f64,
}

/// Something that speaks for or against a cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    pub statement: String,
    /// Where it can be seen: a metric, a line of the log, a file.
    #[serde(default)]
    pub source: String,
}

/// What one agent thinks the cause is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    pub agent: String,
    /// A short name of the kind of cause, equal where agents mean the same: `connection_pool_too_small`.
    pub cause: String,
    /// As people read it.
    pub root_cause: String,
    pub confidence: Confidence,
    #[serde(default)]
    pub evidence_for: Vec<Evidence>,
    #[serde(default)]
    pub evidence_against: Vec<Evidence>,
    /// What could be done about it.
    #[serde(default)]
    pub suggested_fix: Option<String>,
}
