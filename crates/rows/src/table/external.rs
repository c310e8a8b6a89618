//! External request: one row for each signal or request to cancel that is on its way to another execution.
//!
//! ```text
//! key    slot | namespace id | workflow text | run id | initiated event signed
//! value  01 | Row
//! ```

use alloc::{string::String, vec::Vec};

use prost::Message;
use weft_engine::{
    EventId, RunId, WorkflowKey,
    state::{ExternalKind, ExternalRequest},
};

use super::EXTERNAL;
use crate::{
    Corrupt,
    key::{Reader, Scope, put_signed},
    value,
};

#[derive(Clone, PartialEq, Message)]
struct Row {
    #[prost(string, tag = "1")]
    target_namespace: String,
    #[prost(string, tag = "2")]
    target_workflow: String,
    #[prost(string, optional, tag = "3")]
    run: Option<String>,
    #[prost(string, tag = "4")]
    namespace: String,
    /// Of a signal, and only of one.
    #[prost(string, optional, tag = "5")]
    control: Option<String>,
}

pub(crate) fn key(scope: &Scope, run: &RunId, initiated: EventId) -> Vec<u8> {
    let mut key = scope.run(run);
    put_signed(&mut key, initiated.0);
    key
}

/// Which request a row found under the prefix of its run is about.
pub(crate) fn decode_key(prefix: &[u8], key: &[u8]) -> Result<EventId, Corrupt> {
    let mut reader = Reader::after(EXTERNAL, prefix, key)?;
    let initiated = reader.event()?;
    reader.end()?;
    Ok(initiated)
}

pub(crate) fn encode(external: &ExternalRequest) -> Vec<u8> {
    let ExternalRequest { target, run, namespace, kind } = external;
    value::encode(&Row {
        target_namespace: target.namespace.as_str().into(),
        target_workflow: target.workflow.as_str().into(),
        run: run.as_ref().map(|run| run.as_str().into()),
        namespace: String::from(&**namespace),
        control: match kind {
            ExternalKind::Signal { control } => Some(String::from(&**control)),
            ExternalKind::Cancel => None,
        },
    })
}

pub(crate) fn decode(bytes: &[u8]) -> Result<ExternalRequest, Corrupt> {
    let Row { target_namespace, target_workflow, run, namespace, control } = value::decode(EXTERNAL, bytes)?;
    Ok(ExternalRequest {
        target: WorkflowKey { namespace: target_namespace.into(), workflow: target_workflow.into() },
        run: run.map(RunId::from),
        namespace: namespace.into(),
        kind: match control {
            Some(control) => ExternalKind::Signal { control: control.into() },
            None => ExternalKind::Cancel,
        },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{family, generate, golden, sample};

    #[test]
    fn rows_keep_their_bytes() {
        golden::check("external request key", &key(&Scope::of(&sample::key()), &sample::run(), EventId(5)));
        let signal = family::external();
        golden::check("external request value, signal", &encode(&signal));
        let cancel = ExternalRequest { kind: ExternalKind::Cancel, run: None, ..signal };
        golden::check("external request value, cancel", &encode(&cancel));
    }

    proptest! {
        #[test]
        fn rows_come_back(
            workflow in generate::key(), run in generate::run(), id in generate::event_id(),
            external in family::any_external()
        ) {
            let scope = Scope::of(&workflow);
            prop_assert_eq!(decode_key(&scope.run(&run), &key(&scope, &run, id)), Ok(id));
            prop_assert_eq!(decode(&encode(&external)), Ok(external));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = (decode_key(&[], &bytes), decode(&bytes));
        }
    }
}
