//! Buffered event: what waits for the running workflow task to end, in order.
//!
//! ```text
//! key    slot | namespace id | workflow text | run id | order u32
//! value  01 | HistoryEvent, canonical, without a number yet
//! ```

use alloc::vec::Vec;

use weft_engine::RunId;
use weft_protocol::api::history::HistoryEvent;

use super::BUFFERED;
use crate::{
    Corrupt,
    key::{Reader, Scope},
    value,
};

pub(crate) fn key(scope: &Scope, run: &RunId, order: u32) -> Vec<u8> {
    let mut key = scope.run(run);
    key.extend_from_slice(&order.to_be_bytes());
    key
}

/// Where in the order a row found under the prefix of its run stands.
pub(crate) fn decode_key(prefix: &[u8], key: &[u8]) -> Result<u32, Corrupt> {
    let mut reader = Reader::after(BUFFERED, prefix, key)?;
    let order = reader.array().map(u32::from_be_bytes)?;
    reader.end()?;
    Ok(order)
}

pub(crate) fn encode(event: &HistoryEvent) -> Vec<u8> {
    value::encode_foreign(event)
}

pub(crate) fn decode(bytes: &[u8]) -> Result<HistoryEvent, Corrupt> {
    value::message(BUFFERED, value::body(BUFFERED, bytes)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{generate, golden, sample};

    #[test]
    fn rows_keep_their_bytes() {
        golden::check("buffered event key", &key(&Scope::of(&sample::key()), &sample::run(), 258));
        golden::check("buffered event value", &encode(&sample::start_event()));
    }

    proptest! {
        #[test]
        fn rows_come_back(
            workflow in generate::key(), run in generate::run(), order: u32, event in generate::event()
        ) {
            let scope = Scope::of(&workflow);
            prop_assert_eq!(decode_key(&scope.run(&run), &key(&scope, &run, order)), Ok(order));
            prop_assert_eq!(decode(&encode(&event)), Ok(event));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = (decode_key(&[], &bytes), decode(&bytes));
        }
    }
}
