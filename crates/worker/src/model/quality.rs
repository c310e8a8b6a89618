//! What a quality gate asks for and what it says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CheckKind, CheckOutcome, ContentHash, Percent, Spend};

/// What a change must reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QualityThresholds {
    pub required_coverage: Percent,
    pub required_score: Percent,
}

impl Default for QualityThresholds {
    fn default() -> Self {
        let percent = |value| Percent::new(value).expect("a constant within bounds");
        Self { required_coverage: percent(80.0), required_score: percent(85.0) }
    }
}

/// What a quality gate found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QualityGateResult {
    #[serde(default)]
    pub pr_number: Option<u64>,
    pub all_checks_passed: bool,
    pub required_checks_passed: bool,
    pub can_merge: bool,
    pub checks: BTreeMap<CheckKind, CheckOutcome>,
    pub overall_score: Percent,
    pub auto_fixes_applied: bool,
    /// `[Unit Tests] 5 test failures`
    pub blocking_issues: Vec<String>,
    /// Commit that was looked at last, and the hash of its diff from its base.
    pub commit: String,
    pub diff: ContentHash,
    pub spent: Spend,
}
