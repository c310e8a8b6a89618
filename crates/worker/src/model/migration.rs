//! A migration in steps, each of which can be applied, verified and undone.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::ContentHash;

/// What is to be migrated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationRequest {
    /// The rule pack: `python3-migration`.
    pub migration_type: String,
    pub source_version: String,
    pub target_version: String,
    /// Each step is tested before the next one; otherwise all at the end.
    pub incremental: bool,
    /// What was done is undone where a step fails.
    pub auto_rollback: bool,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationStep {
    /// `step-1`
    pub id: String,
    pub title: String,
    /// Rules of the pack that the step applies.
    pub rules: Vec<String>,
    /// Files that it is expected to change.
    #[serde(default)]
    pub files: BTreeSet<String>,
}

/// All steps, in the order in which they are applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationPlan {
    /// `Migration to 3.11`
    pub name: String,
    pub steps: Vec<MigrationStep>,
    /// Files that were looked at, and those of them that the migration touches.
    pub files_scanned: u64,
    pub files_affected: u64,
    /// Old interfaces that were found: `componentWillMount`.
    #[serde(default)]
    pub deprecated: BTreeSet<String>,
}

impl MigrationPlan {
    /// Names the plan by all that it says.
    #[must_use]
    pub fn hash(&self) -> ContentHash {
        ContentHash::of_json(self)
    }
}

/// What came of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepResult {
    pub step_id: String,
    pub success: bool,
    /// What was done, or why it failed.
    pub summary: String,
    pub files_changed: BTreeSet<String>,
    /// The step's commit, where it has one.
    #[serde(default)]
    pub commit: Option<String>,
    pub undone: bool,
}

/// What came of a migration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MigrationResult {
    pub plan_name: String,
    pub total_steps: u32,
    pub completed_steps: u32,
    pub failed_steps: u32,
    pub step_results: Vec<StepResult>,
    #[serde(default)]
    pub final_pr_url: Option<String>,
    pub rollback_performed: bool,
    pub duration_minutes: f64,
    /// Too many steps have failed: those after them were not tried.
    #[serde(default)]
    pub line_stopped: bool,
    /// Where the steps are that were done and not undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch_name: Option<String>,
}
