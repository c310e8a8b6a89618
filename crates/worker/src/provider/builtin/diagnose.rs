//! *Diagnose* without a model: what saturation, trends and log lines say for and against known causes.
//!
//! Pure: an alert and a [`View`] in, a diagnosis out. Every view sees all clues and trusts those of its own kind most,
//! so that several diagnoses of one alert are independent enough to disagree. A cause that nothing speaks for is not
//! named: then the diagnosis says `unknown`, with little confidence.

mod causes;
mod logs;
mod message;
mod saturation;
mod series;

pub use causes::Cause;
pub use logs::{Template, templates};
pub use series::{Shape, shape};

use crate::model::{Alert, Confidence, Diagnosis, Evidence};

/// How much a view trusts clues of other kinds than its own.
const OTHERS_SHARE: f64 = 0.4;
/// How much a clue against a cause takes away at most.
const AGAINST_SHARE: f64 = 0.6;
/// Nothing that is read off numbers and words is certain.
const CONFIDENCE_MAX: f64 = 0.95;
/// How sure one is that nothing known explains an alert.
const UNKNOWN: f64 = 0.2;

/// What an agent looks at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum View {
    /// What is used up.
    Saturation,
    /// What is logged.
    Logs,
    /// What has changed, when, and how.
    Trend,
    /// All alike.
    Whole,
}

impl View {
    pub const ALL: [Self; 4] = [Self::Saturation, Self::Logs, Self::Trend, Self::Whole];

    /// The view of the agent with this number, counted from 0: neighbours look at different things.
    #[must_use]
    pub fn of_agent(number: usize) -> Self {
        Self::ALL[number % Self::ALL.len()]
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Saturation => "saturation",
            Self::Logs => "logs",
            Self::Trend => "trend",
            Self::Whole => "whole",
        }
    }

    fn trust(self, kind: Kind) -> f64 {
        let own = match self {
            Self::Saturation => Kind::Saturation,
            Self::Logs => Kind::Logs,
            Self::Trend => Kind::Trend,
            Self::Whole => return 0.75,
        };
        match kind {
            Kind::Message => 1.0,
            kind if kind == own => 1.0,
            Kind::Saturation | Kind::Logs | Kind::Trend => OTHERS_SHARE,
        }
    }
}

/// Where a clue comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Saturation,
    Logs,
    Trend,
    /// The words of the alert: everybody reads them.
    Message,
}

/// Something that speaks for or against a cause.
#[derive(Clone, Debug, PartialEq)]
struct Clue {
    cause: Cause,
    kind: Kind,
    /// From 0 to 1; below 0 where it speaks against the cause.
    weight: f64,
    evidence: Evidence,
}

impl Clue {
    fn new(cause: Cause, kind: Kind, weight: f64, statement: impl Into<String>, source: impl Into<String>) -> Self {
        Self { cause, kind, weight, evidence: Evidence { statement: statement.into(), source: source.into() } }
    }
}

/// What an agent with this view thinks.
#[must_use]
pub fn diagnose(alert: &Alert, view: View) -> Diagnosis {
    let clues = clues(alert);
    let weighed = Cause::ALL.into_iter().map(|cause| (cause, weigh(&clues, cause, view)));
    let best = weighed.fold(None, |best: Option<(Cause, f64)>, (cause, confidence)| match best {
        Some((_, most)) if most >= confidence => best,
        _ => (confidence > UNKNOWN).then_some((cause, confidence)).or(best),
    });
    let agent = format!("builtin-{}", view.name());
    let Some((cause, confidence)) = best else {
        return Diagnosis {
            agent,
            cause: "unknown".to_owned(),
            root_cause: format!("Nothing that is known explains: {}", alert.message),
            confidence: Confidence::clamped(UNKNOWN),
            evidence_for: Vec::new(),
            evidence_against: clues.into_iter().map(|clue| clue.evidence).collect(),
            suggested_fix: None,
        };
    };
    let (for_it, against): (Vec<Clue>, Vec<Clue>) =
        clues.into_iter().filter(|clue| clue.cause == cause).partition(|clue| clue.weight > 0.0);
    let evidence = |clues: Vec<Clue>| clues.into_iter().map(|clue| clue.evidence).collect();
    Diagnosis {
        agent,
        cause: cause.name().to_owned(),
        root_cause: cause.title().to_owned(),
        confidence: Confidence::clamped(confidence),
        evidence_for: evidence(for_it),
        evidence_against: evidence(against),
        suggested_fix: Some(cause.fix().to_owned()),
    }
}

fn clues(alert: &Alert) -> Vec<Clue> {
    let mut found = saturation::clues(alert);
    found.extend(logs::clues(alert));
    found.extend(series::clues(alert));
    found.extend(message::clues(alert));
    found
}

/// Clues for a cause are independent chances to be right; clues against it take from what they come to.
fn weigh(clues: &[Clue], cause: Cause, view: View) -> f64 {
    let (mut doubt, mut left) = (1.0, 1.0);
    for clue in clues.iter().filter(|clue| clue.cause == cause) {
        let weight = (clue.weight.abs() * view.trust(clue.kind)).min(1.0);
        if clue.weight > 0.0 { doubt *= 1.0 - weight } else { left *= 1.0 - AGAINST_SHARE * weight }
    }
    ((1.0 - doubt) * left).min(CONFIDENCE_MAX)
}

#[cfg(test)]
mod tests;
