//! Timer: one row for each timer that the workflow waits for.
//!
//! ```text
//! key    slot | namespace id | workflow text | run id | timer text
//! value  01 | Row
//! ```
//!
//! When a run is due is not read here: that is the table of wakes.

use alloc::vec::Vec;

use prost::Message;
use weft_engine::{EventId, RunId, TimerId, Timestamp, state::Timer};

use super::TIMER;
use crate::{
    Corrupt,
    key::{Reader, Scope, put_text},
    value,
};

#[derive(Clone, PartialEq, Message)]
struct Row {
    #[prost(int64, tag = "1")]
    started_event_id: i64,
    #[prost(sfixed64, tag = "2")]
    fires_at: i64,
}

pub(crate) fn key(scope: &Scope, run: &RunId, timer: &TimerId) -> Vec<u8> {
    let mut key = scope.run(run);
    put_text(&mut key, timer.as_str());
    key
}

/// Which timer a row found under the prefix of its run is about.
pub(crate) fn decode_key(prefix: &[u8], key: &[u8]) -> Result<TimerId, Corrupt> {
    let mut reader = Reader::after(TIMER, prefix, key)?;
    let timer = reader.text()?;
    reader.end()?;
    Ok(timer.into())
}

pub(crate) fn encode(timer: &Timer) -> Vec<u8> {
    let Timer { started_event_id, fires_at } = timer;
    value::encode(&Row { started_event_id: started_event_id.0, fires_at: fires_at.0 })
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Timer, Corrupt> {
    let Row { started_event_id, fires_at } = value::decode(TIMER, bytes)?;
    Ok(Timer { started_event_id: EventId(started_event_id), fires_at: Timestamp(fires_at) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{generate, golden, sample};

    #[test]
    fn rows_keep_their_bytes() {
        golden::check("timer key", &key(&Scope::of(&sample::key()), &sample::run(), &"5".into()));
        golden::check("timer value", &encode(&Timer { started_event_id: EventId(5), fires_at: Timestamp(10) }));
    }

    proptest! {
        #[test]
        fn rows_come_back(
            workflow in generate::key(), run in generate::run(), id in generate::text(), timer in generate::timer()
        ) {
            let (scope, id) = (Scope::of(&workflow), TimerId::from(id));
            prop_assert_eq!(decode_key(&scope.run(&run), &key(&scope, &run, &id)), Ok(id));
            prop_assert_eq!(decode(&encode(&timer)), Ok(timer));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = (decode_key(&[], &bytes), decode(&bytes));
        }
    }
}
