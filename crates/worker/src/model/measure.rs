//! Numbers with bounds.

use serde::{Deserialize, Serialize};

/// A number that is not within its bounds.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{value} is not {wanted}")]
pub struct OutOfRange {
    value: f64,
    wanted: &'static str,
}

/// From 0 to 100: coverage, scores.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Percent(f64);

/// How sure a diagnosis is, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Confidence(f64);

impl Percent {
    pub const FULL: Self = Self(100.0);
    pub const ZERO: Self = Self(0.0);

    /// `None` for what lies outside or is no number.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=100.0).contains(&value).then_some(Self(value))
    }

    /// How much `part` is of `whole`; all of nothing is 100.
    #[must_use]
    pub fn of(part: u64, whole: u64) -> Self {
        if whole == 0 {
            return Self::FULL;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of tests and lines are far below 2^52")]
        Self((part.min(whole) as f64) * 100.0 / (whole as f64))
    }

    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Confidence {
    pub const ZERO: Self = Self(0.0);

    /// `None` for what lies outside or is no number.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Self(value))
    }

    /// The nearest that is within bounds; no number is no confidence.
    #[must_use]
    pub fn clamped(value: f64) -> Self {
        Self(if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) })
    }

    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Percent {
    type Error = OutOfRange;

    fn try_from(value: f64) -> Result<Self, OutOfRange> {
        Self::new(value).ok_or(OutOfRange { value, wanted: "a percentage from 0 to 100" })
    }
}

impl From<Percent> for f64 {
    fn from(it: Percent) -> Self {
        it.0
    }
}

impl TryFrom<f64> for Confidence {
    type Error = OutOfRange;

    fn try_from(value: f64) -> Result<Self, OutOfRange> {
        Self::new(value).ok_or(OutOfRange { value, wanted: "a confidence from 0 to 1" })
    }
}

impl From<Confidence> for f64 {
    fn from(it: Confidence) -> Self {
        it.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_bounds_is_not_read() {
        let read = serde_json::from_str::<Percent>("101").expect_err("too much");
        assert_eq!(read.to_string(), "101 is not a percentage from 0 to 100");
        assert!(serde_json::from_str::<Confidence>("-0.1").is_err());
        assert_eq!(serde_json::from_str::<Percent>("87.5").expect("within bounds").get(), 87.5);
    }

    #[test]
    fn all_of_nothing_is_everything() {
        assert_eq!(Percent::of(0, 0), Percent::FULL);
        assert_eq!(Percent::of(45, 50).get(), 90.0);
    }
}
