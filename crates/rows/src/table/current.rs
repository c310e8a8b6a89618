//! Current run: which run a workflow id has now, and what a start must know of it.
//!
//! ```text
//! key    slot | namespace id | workflow text
//! value  01 | Row
//! ```

use alloc::{string::String, vec::Vec};

use prost::Message;
use weft_engine::{RequestId, Timestamp, state::CurrentRun};

use super::CURRENT;
use crate::{Corrupt, key::Scope, table::execution::status, value};

#[derive(Clone, PartialEq, Message)]
struct Row {
    #[prost(string, tag = "1")]
    run: String,
    /// Empty if it is the run itself.
    #[prost(string, tag = "2")]
    first_run: String,
    #[prost(uint32, tag = "3")]
    status: u32,
    #[prost(string, tag = "4")]
    started_by: String,
    #[prost(string, repeated, tag = "5")]
    attached: Vec<String>,
    #[prost(sfixed64, tag = "6")]
    started_at: i64,
    #[prost(string, optional, tag = "7")]
    reset_by: Option<String>,
}

pub(crate) fn key(scope: &Scope) -> Vec<u8> {
    scope.workflow()
}

pub(crate) fn encode(current: &CurrentRun) -> Vec<u8> {
    let CurrentRun { run, first_run, status, started_by, attached, started_at, reset_by } = current;
    value::encode(&Row {
        run: run.as_str().into(),
        first_run: if first_run == run { String::new() } else { first_run.as_str().into() },
        status: status::number(*status),
        started_by: started_by.as_str().into(),
        attached: attached.iter().map(|request| request.as_str().into()).collect(),
        started_at: started_at.0,
        reset_by: reset_by.as_ref().map(|request| request.as_str().into()),
    })
}

pub(crate) fn decode(bytes: &[u8]) -> Result<CurrentRun, Corrupt> {
    let Row { run, first_run, status, started_by, attached, started_at, reset_by } = value::decode(CURRENT, bytes)?;
    Ok(CurrentRun {
        first_run: if first_run.is_empty() { run.as_str().into() } else { first_run.into() },
        run: run.into(),
        status: status::read(CURRENT, status)?,
        started_by: started_by.into(),
        attached: attached.into_iter().map(RequestId::from).collect(),
        started_at: Timestamp(started_at),
        reset_by: reset_by.map(RequestId::from),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{generate, golden, sample};

    #[test]
    fn rows_keep_their_bytes() {
        golden::check("current run key", &key(&Scope::of(&sample::key())));
        golden::check("current run value", &encode(&sample::current()));
        let reset = CurrentRun { reset_by: Some("reset-1".into()), ..sample::current() };
        golden::check("current run value, reset", &encode(&reset));
    }

    proptest! {
        #[test]
        fn rows_come_back(current in generate::current()) {
            prop_assert_eq!(decode(&encode(&current)), Ok(current));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
