//! From independent diagnoses to what is believed. Pure.
//!
//! The cause that most diagnoses name is believed; among causes with as many, the one that is named with more
//! confidence. If more than half agree, the consensus is as sure as they are on average. If not, the case is contested,
//! and no surer than all diagnoses are on average. Who thinks otherwise is kept: late evidence may prove them right.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Confidence, Consensus, Diagnosis};

/// What to do about a consensus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    /// Sure enough to act on.
    Fix,
    /// Sure enough, but not agreed: a person decides.
    Contested,
    /// Not sure enough.
    Manual,
}

/// What diagnoses come to; `None` where there is none.
#[must_use]
pub fn build(diagnoses: &[Diagnosis]) -> Option<Consensus> {
    let mut causes: BTreeMap<&str, Vec<&Diagnosis>> = BTreeMap::new();
    for diagnosis in diagnoses {
        causes.entry(&diagnosis.cause).or_default().push(diagnosis);
    }
    let surest = |group: &[&Diagnosis]| group.iter().map(|it| it.confidence.get()).fold(0.0, f64::max);
    let weight = |group: &Vec<&Diagnosis>| (group.len(), surest(group));
    // Of equals the first by name stays, so that all replicas of a thought are one thought.
    let (cause, supporters) = causes.iter().reduce(|best, other| {
        if weight(other.1).partial_cmp(&weight(best.1)) == Some(std::cmp::Ordering::Greater) { other } else { best }
    })?;
    let spokesman = supporters.iter().find(|it| it.confidence.get() >= surest(supporters))?;
    let (supporting, conflicting): (Vec<Diagnosis>, Vec<Diagnosis>) =
        diagnoses.iter().cloned().partition(|it| it.cause == *cause);
    let believed = if is_majority(supporting.len(), diagnoses.len()) { &supporting[..] } else { diagnoses };
    Some(Consensus {
        root_cause: spokesman.root_cause.clone(),
        confidence: mean(believed),
        supporting_diagnoses: supporting,
        conflicting_diagnoses: conflicting,
    })
}

/// What is believed, by the name that diagnoses have for it: words differ where thoughts do not.
#[must_use]
pub fn cause(consensus: &Consensus) -> Option<&str> {
    consensus.supporting_diagnoses.first().map(|diagnosis| diagnosis.cause.as_str())
}

/// What to do about it: `threshold` is how sure one must be to act.
#[must_use]
pub fn course(consensus: &Consensus, threshold: Confidence) -> Course {
    let (agree, disagree) = (consensus.supporting_diagnoses.len(), consensus.conflicting_diagnoses.len());
    match (consensus.confidence >= threshold, is_majority(agree, agree + disagree)) {
        (false, _) => Course::Manual,
        (true, false) => Course::Contested,
        (true, true) => Course::Fix,
    }
}

fn is_majority(part: usize, all: usize) -> bool {
    part * 2 > all
}

/// To the nearest hundredth.
fn mean(diagnoses: &[Diagnosis]) -> Confidence {
    let sum: f64 = diagnoses.iter().map(|it| it.confidence.get()).sum();
    #[expect(clippy::cast_precision_loss, reason = "a handful of diagnoses")]
    let mean = sum / diagnoses.len().max(1) as f64;
    // Halves go up although binary fractions may lie a little below them.
    Confidence::clamped((mean * 100.0 + 1e-9).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(diagnoses: &[(&str, f64)], expected: Option<(&str, f64, usize, Course)>) {
        let diagnoses: Vec<Diagnosis> = diagnoses
            .iter()
            .enumerate()
            .map(|(number, (cause, confidence))| Diagnosis {
                agent: format!("agent-{number}"),
                cause: (*cause).to_owned(),
                root_cause: (*cause).to_owned(),
                confidence: Confidence::clamped(*confidence),
                evidence_for: Vec::new(),
                evidence_against: Vec::new(),
                suggested_fix: None,
            })
            .collect();
        let threshold = Confidence::clamped(0.7);
        let built = build(&diagnoses);
        let found = built.as_ref().map(|it| {
            let dissent = it.conflicting_diagnoses.len();
            (it.root_cause.as_str(), it.confidence.get(), dissent, course(it, threshold))
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn two_of_three_are_believed_and_the_third_is_kept() {
        check(&[("pool", 0.85), ("pool", 0.90), ("leak", 0.70)], Some(("pool", 0.88, 1, Course::Fix)));
    }

    #[test]
    fn nobody_agrees_and_nobody_is_sure() {
        let diagnoses = [("database", 0.60), ("model", 0.55), ("cache", 0.65)];
        check(&diagnoses, Some(("cache", 0.60, 2, Course::Manual)));
    }

    #[test]
    fn nobody_agrees_though_all_are_sure() {
        check(&[("database", 0.9), ("model", 0.8), ("cache", 0.85)], Some(("database", 0.85, 2, Course::Contested)));
        check(&[("a", 0.9), ("b", 0.9)], Some(("a", 0.9, 1, Course::Contested)));
    }

    #[test]
    fn all_agree_and_nobody_is_sure() {
        check(&[("pool", 0.6), ("pool", 0.7), ("pool", 0.5)], Some(("pool", 0.6, 0, Course::Manual)));
    }

    #[test]
    fn at_the_threshold_one_acts() {
        check(&[("pool", 0.7)], Some(("pool", 0.7, 0, Course::Fix)));
        check(&[], None);
    }

    #[test]
    fn late_evidence_turns_a_consensus() {
        check(&[("pool", 0.9), ("leak", 0.95), ("leak", 0.9)], Some(("leak", 0.93, 1, Course::Fix)));
    }
}
