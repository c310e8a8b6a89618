//! Update: one row for each update that stands in a run's history.
//!
//! ```text
//! key    slot | namespace id | workflow text | run id | update text
//! value  01 | Row
//! ```
//!
//! What was asked and what came of it stand in the history, at the events that the row names.

use alloc::vec::Vec;

use prost::Message;
use weft_engine::{EventId, RunId, UpdateId, state::Update};

use super::UPDATE;
use crate::{
    Corrupt,
    key::{Reader, Scope, put_text},
    value,
};

#[derive(Clone, PartialEq, Message)]
struct Row {
    #[prost(int64, tag = "1")]
    accepted_event_id: i64,
    #[prost(int64, optional, tag = "2")]
    completed_event_id: Option<i64>,
    #[prost(int64, optional, tag = "3")]
    admitted_event_id: Option<i64>,
}

pub(crate) fn key(scope: &Scope, run: &RunId, update: &UpdateId) -> Vec<u8> {
    let mut key = scope.run(run);
    put_text(&mut key, update.as_str());
    key
}

/// Which update a row found under the prefix of its run is about.
pub(crate) fn decode_key(prefix: &[u8], key: &[u8]) -> Result<UpdateId, Corrupt> {
    let mut reader = Reader::after(UPDATE, prefix, key)?;
    let update = reader.text()?;
    reader.end()?;
    Ok(update.into())
}

pub(crate) fn encode(update: &Update) -> Vec<u8> {
    let Update { admitted_event_id, accepted_event_id, completed_event_id } = update;
    value::encode(&Row {
        accepted_event_id: accepted_event_id.0,
        completed_event_id: completed_event_id.map(|event| event.0),
        admitted_event_id: admitted_event_id.map(|event| event.0),
    })
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Update, Corrupt> {
    let Row { accepted_event_id, completed_event_id, admitted_event_id } = value::decode(UPDATE, bytes)?;
    Ok(Update {
        admitted_event_id: admitted_event_id.map(EventId),
        accepted_event_id: EventId(accepted_event_id),
        completed_event_id: completed_event_id.map(EventId),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{generate, golden, sample};

    #[test]
    fn rows_keep_their_bytes() {
        golden::check("update key", &key(&Scope::of(&sample::key()), &sample::run(), &"update-1".into()));
        let accepted = Update { admitted_event_id: None, accepted_event_id: EventId(5), completed_event_id: None };
        golden::check("update value, accepted", &encode(&accepted));
        let completed = Update { completed_event_id: Some(EventId(9)), ..accepted };
        golden::check("update value, completed", &encode(&completed));
        let admitted = Update { admitted_event_id: Some(EventId(7)), accepted_event_id: EventId::NONE, ..accepted };
        golden::check("update value, admitted", &encode(&admitted));
    }

    proptest! {
        #[test]
        fn rows_come_back(
            workflow in generate::key(), run in generate::run(), id in generate::text(), update in generate::update()
        ) {
            let (scope, id) = (Scope::of(&workflow), UpdateId::from(id));
            prop_assert_eq!(decode_key(&scope.run(&run), &key(&scope, &run, &id)), Ok(id));
            prop_assert_eq!(decode(&encode(&update)), Ok(update));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = (decode_key(&[], &bytes), decode(&bytes));
        }
    }
}
