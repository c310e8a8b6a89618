//! Markers: what a workflow noted in its own history, and finds there again at replay.
//!
//! Three kinds: `Version` (a changed piece of code was entered), `SideEffect` (a value that is not drawn twice) and
//! `LocalActivity` (what an activity within the worker gave). Each is a marker event whose details name it.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};

use weft_protocol::{
    api::{
        command::{
            RecordMarkerCommandAttributes, UpsertWorkflowSearchAttributesCommandAttributes, command::Attributes,
        },
        common::{Payload, Payloads, SearchAttributes},
        failure::Failure,
        history::{HistoryEvent, MarkerRecordedEventAttributes, history_event},
    },
    payload,
};

use crate::{
    command::Source,
    divergence::{Divergence, Parting},
    state::State,
};

pub(crate) const VERSION: &str = "Version";
pub(crate) const SIDE_EFFECT: &str = "SideEffect";
pub(crate) const LOCAL_ACTIVITY: &str = "LocalActivity";

const ID: &str = "id";
const DATA: &str = "data";
const KIND: &str = "type";
const ATTEMPT: &str = "attempt";
const DEPRECATED: &str = "deprecated";

/// The search attribute by which people find the workflows that entered a change.
pub const CHANGES: &str = "TemporalChangeVersion";
/// More names than this are not put into the search attribute: it would outgrow its limit.
const CHANGES_MAX: usize = 64;

/// What the markers of one answer, and of those before it, hold for the program.
#[derive(Debug, Default)]
pub(crate) struct Markers {
    /// Changes that history has entered, and whether they were past by then.
    entered: BTreeMap<String, bool>,
    /// What was answered for each change: an answer is never taken back within a run.
    answered: BTreeMap<String, bool>,
    effects: BTreeMap<String, Vec<Payload>>,
    effects_count: u64,
}

/// What a local activity gave, as history has it.
pub(crate) struct LocalEnd {
    pub(crate) id: String,
    pub(crate) result: Result<Option<Payloads>, alloc::boxed::Box<Failure>>,
    pub(crate) attempt: u32,
}

impl Markers {
    /// Reads the markers of a turn's answer before the turn is run again.
    pub(crate) fn learn(&mut self, closing: &[HistoryEvent]) {
        self.effects.clear();
        for marker in closing.iter().filter_map(recorded) {
            let id = text(&marker.details, ID);
            match marker.marker_name.as_str() {
                VERSION => {
                    self.entered.insert(id, marker.details.contains_key(DEPRECATED));
                }
                SIDE_EFFECT => {
                    let value = marker.details.get(DATA).map(|data| data.payloads.clone());
                    self.effects.insert(id, value.unwrap_or_default());
                }
                _ => {}
            }
        }
    }
}

/// The ends of local activities in an answer, in their order.
pub(crate) fn local_ends(closing: &[HistoryEvent]) -> Vec<LocalEnd> {
    let ends = closing.iter().filter_map(recorded).filter(|marker| marker.marker_name == LOCAL_ACTIVITY);
    ends.map(|marker| LocalEnd {
        id: text(&marker.details, ID),
        result: match &marker.failure {
            Some(failure) => Err(failure.clone().into()),
            None => Ok(marker.details.get(DATA).cloned()),
        },
        attempt: text(&marker.details, ATTEMPT).parse().unwrap_or(1),
    })
    .collect()
}

/// The marker of a local activity that has ended.
pub(crate) fn local_end(kind: &str, end: LocalEnd) -> Attributes {
    let (data, failure) = match end.result {
        Ok(result) => (result, None),
        Err(failure) => (None, Some(*failure)),
    };
    let named = [(ID, string(&end.id)), (KIND, string(kind)), (ATTEMPT, string(&end.attempt.to_string()))];
    let mut marker = marker(LOCAL_ACTIVITY, named.into_iter().chain(data.map(|data| (DATA, data))));
    marker.failure = failure;
    Attributes::RecordMarkerCommandAttributes(marker)
}

impl State {
    /// Whether this run takes the new way at a change.
    pub(crate) fn patched(&mut self, change: &str, deprecated: bool, at: Source) -> bool {
        if let Some(answer) = self.markers.answered.get(change) {
            return *answer;
        }
        // What history has is done again, even where the code calls the change past that was new then, or the reverse.
        let recorded = self.markers.entered.get(&escaped(change)).copied().filter(|_| self.is_replaying());
        let entered = !self.is_replaying() || recorded.is_some();
        self.markers.answered.insert(change.to_string(), entered);
        if entered && !self.is_closed() {
            let is_past = recorded.unwrap_or(deprecated);
            let past = is_past.then(|| (DEPRECATED, string("true")));
            let marker = marker(VERSION, [(ID, string(change))].into_iter().chain(past));
            self.issue(Attributes::RecordMarkerCommandAttributes(marker), at);
            if !is_past {
                self.note_changes(at);
            }
        }
        entered
    }

    fn note_changes(&mut self, at: Source) {
        let entered = self.markers.answered.iter().filter(|(_, entered)| **entered).map(|(change, _)| change);
        let quoted: Vec<Vec<u8>> = entered.take(CHANGES_MAX).map(|change| payload::json_string(change).data).collect();
        let list = [b"[".as_slice(), &quoted.join(b",".as_slice()), b"]"].concat();
        let mut value = payload::json_plain(list);
        value.metadata.insert(payload::TYPE.to_string(), b"KeywordList".to_vec());
        let search_attributes =
            Some(SearchAttributes { indexed_fields: [(CHANGES.to_string(), value)].into_iter().collect() });
        let upsert = UpsertWorkflowSearchAttributesCommandAttributes { search_attributes };
        self.upsert(upsert, at);
    }

    /// A value that is made once and found in history ever after.
    ///
    /// Nothing where history should have one and has not: there the code has left it, and the run says so.
    pub(crate) fn side_effect(&mut self, make: impl FnOnce() -> Vec<Payload>, at: Source) -> Option<Vec<Payload>> {
        self.markers.effects_count += 1;
        let id = self.markers.effects_count.to_string();
        let value = match self.markers.effects.remove(&id) {
            Some(value) => value,
            None if self.is_replaying() => {
                self.parted = Some(Divergence {
                    parting: Parting::NoSideEffect { event_id: self.moment.event_id, number: id, at: Some(at) },
                });
                return None;
            }
            None => make(),
        };
        let marker = marker(SIDE_EFFECT, [(ID, string(&id)), (DATA, Payloads { payloads: value.clone() })]);
        self.issue(Attributes::RecordMarkerCommandAttributes(marker), at);
        Some(value)
    }
}

/// Whether a marker's event may stand in history without the code knowing of it: a change that was marked as past.
pub(crate) fn may_be_forgotten(event: &HistoryEvent) -> bool {
    recorded(event).is_some_and(|marker| marker.marker_name == VERSION && marker.details.contains_key(DEPRECATED))
}

/// Whether a command only says again that a change is past, which history need not have.
pub(crate) fn is_reminder(attributes: &Attributes) -> bool {
    matches!(attributes, Attributes::RecordMarkerCommandAttributes(it)
        if it.marker_name == VERSION && it.details.contains_key(DEPRECATED))
}

/// What of a marker is held against its event.
pub(crate) fn name_only(command: &RecordMarkerCommandAttributes) -> Attributes {
    let details = command.details.iter().filter(|(key, _)| matches!(key.as_str(), ID | DEPRECATED));
    let details = details.map(|(key, value)| (key.as_str(), value.clone()));
    Attributes::RecordMarkerCommandAttributes(marker(&command.marker_name, details))
}

/// Whether a command and an event speak of the same marker.
pub(crate) fn is_same(command: &RecordMarkerCommandAttributes, event: &MarkerRecordedEventAttributes) -> bool {
    command.marker_name == event.marker_name && text(&command.details, ID) == text(&event.details, ID)
}

pub(crate) fn describe<'a>(name: &str, details: impl IntoIterator<Item = (&'a String, &'a Payloads)>) -> String {
    let id = details.into_iter().find(|(key, _)| *key == ID).map(|(_, value)| first(value)).unwrap_or_default();
    format!("{name} `{id}`")
}

fn recorded(event: &HistoryEvent) -> Option<&MarkerRecordedEventAttributes> {
    match &event.attributes {
        Some(history_event::Attributes::MarkerRecordedEventAttributes(it)) => Some(it),
        _ => None,
    }
}

fn marker<'a>(name: &str, details: impl IntoIterator<Item = (&'a str, Payloads)>) -> RecordMarkerCommandAttributes {
    RecordMarkerCommandAttributes {
        marker_name: name.to_string(),
        details: details.into_iter().map(|(key, value)| (key.to_string(), value)).collect(),
        ..RecordMarkerCommandAttributes::default()
    }
}

fn string(text: &str) -> Payloads {
    payload::list(payload::json_string(text))
}

/// A detail that is a string of ours; empty where it is not there.
fn text<'a>(details: impl IntoIterator<Item = (&'a String, &'a Payloads)>, key: &str) -> String {
    details.into_iter().find(|(name, _)| *name == key).map(|(_, value)| first(value)).unwrap_or_default()
}

/// The string in the first payload, as it stands between its quotes: names are compared, never shown to a program.
fn first(value: &Payloads) -> String {
    let json = value.payloads.first().and_then(payload::as_json).unwrap_or_default();
    let inner = json.strip_prefix(b"\"").and_then(|json| json.strip_suffix(b"\"")).unwrap_or(json);
    String::from_utf8_lossy(inner).into_owned()
}

/// A name as [`first`] reads it back.
fn escaped(text: &str) -> String {
    first(&string(text))
}
