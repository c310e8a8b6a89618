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
