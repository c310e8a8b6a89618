//! What the words of the alert itself point to.

use super::{Cause, Clue, Kind};
use crate::model::Alert;

/// Words of an alert are an opinion of whoever wrote the rule, not an observation.
const WEIGHT: f64 = 0.3;

pub(super) fn clues(alert: &Alert) -> Vec<Clue> {
    let found = Cause::ALL.into_iter().filter_map(|cause| {
        let words = cause.named_in(&alert.message)?;
        Some(Clue::new(cause, Kind::Message, WEIGHT, format!("the alert speaks of \"{words}\""), "alert message"))
    });
    found.collect()
}
