//! From what the checks found to a score and a decision. Pure: the same findings give the same score on every replay.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::checks::{Check, Finding, Verdict};

/// What is needed to pass, in tenths of a percent.
pub(super) const REQUIRED: u32 = 850;

/// What came of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Found(Finding),
    /// Not a verdict: the environment was at fault, and no attempt helped.
    CouldNotRun(String),
}

pub(super) type Outcomes = BTreeMap<String, Outcome>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Decision {
    Pass,
    Fail,
    /// A required check could not run, or none gave a verdict.
    Undecided,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Score {
    /// Tenths of a percent of the weight of all verdicts; none where there was no verdict.
    pub(super) tenths: Option<u32>,
    pub(super) decision: Decision,
    /// Required checks that failed or could not run.
    pub(super) blocking: Vec<String>,
}

impl Score {
    pub(super) fn of(outcomes: &Outcomes) -> Self {
        let (mut passed, mut total) = (0, 0);
        let (mut failed, mut unknown) = (Vec::new(), Vec::new());
        for check in Check::ALL {
            let required = check.is_required().then(|| check.name().to_owned());
            match outcomes.get(check.name()) {
                Some(Outcome::Found(Finding { verdict: Verdict::Passed, .. })) => {
                    passed += check.weight();
                    total += check.weight();
                }
                Some(Outcome::Found(Finding { verdict: Verdict::Failed, .. })) => {
                    total += check.weight();
                    failed.extend(required);
                }
                Some(Outcome::Found(Finding { verdict: Verdict::NotApplicable, .. })) => {}
                Some(Outcome::CouldNotRun(_)) | None => unknown.extend(required),
            }
        }
        // Rounded down: 85.0 is shown only where it was reached.
        let tenths = (passed * 1000).checked_div(total);
        let decision = match tenths {
            Some(tenths) if !failed.is_empty() || (tenths < REQUIRED && unknown.is_empty()) => Decision::Fail,
            Some(_) if unknown.is_empty() => Decision::Pass,
            _ => Decision::Undecided,
        };
        Self { tenths, decision, blocking: failed.into_iter().chain(unknown).collect() }
    }

    /// `93.5`
    pub(super) fn shown(&self) -> String {
        self.tenths.map_or_else(|| "none".to_owned(), percent)
    }
}

impl Decision {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Pass => "passed",
            Self::Fail => "failed",
            Self::Undecided => "undecided",
        }
    }
}

impl Outcome {
    /// The word and the line of one check.
    pub(super) fn says(&self) -> (&'static str, &str) {
        match self {
            Self::CouldNotRun(why) => ("could not run", why),
            Self::Found(finding) => (finding.verdict.word(), &finding.summary),
        }
    }
}

impl Verdict {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotApplicable => "not applicable",
        }
    }
}

pub(super) fn percent(tenths: u32) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(verdict: Verdict) -> Outcome {
        Outcome::Found(Finding { verdict, summary: String::new(), command: String::new(), details: Vec::new() })
    }

    fn score(special: &[(&str, Outcome)]) -> (Option<u32>, Decision, Vec<String>) {
        let mut outcomes: Outcomes =
            Check::ALL.into_iter().map(|check| (check.name().to_owned(), of(Verdict::Passed))).collect();
        outcomes.extend(special.iter().map(|(name, outcome)| ((*name).to_owned(), outcome.clone())));
        let score = Score::of(&outcomes);
        (score.tenths, score.decision, score.blocking)
    }

    #[test]
    fn what_failed_costs_its_weight_of_the_verdicts() {
        assert_eq!(score(&[]), (Some(1000), Decision::Pass, vec![]));
        assert_eq!(score(&[("todos", of(Verdict::Failed))]), (Some(950), Decision::Pass, vec![]));
        let other = [("todos", of(Verdict::Failed)), ("python", of(Verdict::NotApplicable))];
        assert_eq!(score(&other).0, Some(17 * 1000 / 18));
        let low = [("python", of(Verdict::Failed)), ("shell", of(Verdict::Failed))];
        assert_eq!(score(&low), (Some(800), Decision::Fail, vec![]));
    }

    #[test]
    fn a_required_check_that_fails_blocks_whatever_the_score() {
        let failed = [("secrets", of(Verdict::Failed))];
        assert_eq!(score(&failed), (Some(850), Decision::Fail, vec!["secrets".to_owned()]));
    }

    #[test]
    fn a_check_that_could_not_run_is_no_verdict() {
        let gone = || Outcome::CouldNotRun("python3 is not installed".to_owned());
        assert_eq!(score(&[("python", gone())]), (Some(1000), Decision::Pass, vec![]));
        assert_eq!(score(&[("secrets", gone())]), (Some(1000), Decision::Undecided, vec!["secrets".to_owned()]));
        let all: Vec<_> = Check::ALL.into_iter().map(|check| (check.name(), gone())).collect();
        assert_eq!((score(&all).0, score(&all).1), (None, Decision::Undecided));
    }
}
