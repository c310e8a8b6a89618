//! Request id: the signals of a run that must not be recorded twice.
//!
//! ```text
//! key    slot | namespace id | workflow text | run id | request text
//! value  01
//! ```

use alloc::vec::Vec;

use weft_engine::{RequestId, RunId};

use super::REQUEST_ID;
use crate::{
    Corrupt,
    key::{Reader, Scope, put_text},
};

pub(crate) fn key(scope: &Scope, run: &RunId, request: &RequestId) -> Vec<u8> {
    let mut key = scope.run(run);
    put_text(&mut key, request.as_str());
    key
}

/// Which request a row found under the prefix of its run is about.
pub(crate) fn decode_key(prefix: &[u8], key: &[u8]) -> Result<RequestId, Corrupt> {
    let mut reader = Reader::after(REQUEST_ID, prefix, key)?;
    let request = reader.text()?;
    reader.end()?;
    Ok(request.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{generate, golden, sample};

    #[test]
    fn rows_keep_their_bytes() {
        golden::check("request id key", &key(&Scope::of(&sample::key()), &sample::run(), &"signal-1".into()));
        golden::check("value of a row whose key says it all", &crate::value::MARK);
    }

    proptest! {
        #[test]
        fn keys_come_back(workflow in generate::key(), run in generate::run(), request in generate::text()) {
            let (scope, request) = (Scope::of(&workflow), RequestId::from(request));
            prop_assert_eq!(decode_key(&scope.run(&run), &key(&scope, &run, &request)), Ok(request));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = decode_key(&[], &bytes);
        }
    }
}
