//! A history only grows: what anybody was shown of it is there as it was, whoever shows it, and in its place. So no answer
//! came from a state that was lost later.

use weft_protocol::api::history::HistoryEvent;

use crate::cluster::history::{Shown, is_end};

/// Of a whole history, against what somebody was shown before.
///
/// # Errors
/// What is not as it was.
pub(crate) fn judge(seen: &[u64], shown: &Shown) -> Result<(), String> {
    if shown.events.len() < seen.len() {
        return Err(format!("{} events were seen and {} are there", seen.len(), shown.events.len()));
    }
    match differs(seen, &shown.hashes) {
        Some(place) => Err(format!("event {place} was another one before: {:?}", shown.events[place - 1])),
        None => in_their_places(&shown.events),
    }
}

/// The first event that is not in both as the same one.
pub(crate) fn differs(seen: &[u64], shown: &[u64]) -> Option<usize> {
    seen.iter().zip(shown).position(|(one, other)| one != other).map(|place| place + 1)
}

/// Ids are dense, and nothing follows the end.
fn in_their_places(events: &[HistoryEvent]) -> Result<(), String> {
    for (place, event) in (1..).zip(events) {
        if event.event_id != place {
            return Err(format!("event {} stands at place {place}", event.event_id));
        }
        let Some(attributes) = &event.attributes else { return Err(format!("event {place} is of no kind")) };
        if is_end(attributes) && usize::try_from(place).is_ok_and(|place| place < events.len()) {
            return Err(format!("something follows the end at event {place}"));
        }
    }
    Ok(())
}
