//! Child: one row for each child workflow that is to start or has not ended.
//!
//! ```text
//! key    slot | namespace id | workflow text | run id | initiated event signed
//! value  01 | Row
//! ```

use alloc::{string::String, sync::Arc, vec::Vec};

use prost::Message;
use weft_engine::{
    EventId, RunId, WorkflowKey,
    state::{Child, ChildStage, ParentClosePolicy},
};

use super::CHILD;
use crate::{
    Corrupt,
    key::{Reader, Scope, put_signed},
    value,
};

const TERMINATE: u32 = 1;
const ABANDON: u32 = 2;
const REQUEST_CANCEL: u32 = 3;

#[derive(Clone, PartialEq, Message)]
struct Row {
    #[prost(string, tag = "1")]
    target_namespace: String,
    #[prost(string, tag = "2")]
    target_workflow: String,
    #[prost(string, tag = "3")]
    namespace: String,
    #[prost(string, tag = "4")]
    workflow_type: String,
    #[prost(uint32, tag = "5")]
    policy: u32,
    /// Only until it is known to have started.
    #[prost(bytes = "vec", optional, tag = "6")]
    header: Option<Vec<u8>>,
    #[prost(message, optional, tag = "7")]
    started: Option<StartedRow>,
}

#[derive(Clone, PartialEq, Message)]
struct StartedRow {
    #[prost(string, tag = "1")]
    run: String,
    #[prost(int64, tag = "2")]
    event_id: i64,
}

pub(crate) fn key(scope: &Scope, run: &RunId, initiated: EventId) -> Vec<u8> {
    let mut key = scope.run(run);
    put_signed(&mut key, initiated.0);
    key
}

/// Which child a row found under the prefix of its run is about.
pub(crate) fn decode_key(prefix: &[u8], key: &[u8]) -> Result<EventId, Corrupt> {
    let mut reader = Reader::after(CHILD, prefix, key)?;
    let initiated = reader.event()?;
    reader.end()?;
    Ok(initiated)
}

pub(crate) fn encode(child: &Child) -> Vec<u8> {
    let Child { target, namespace, workflow_type, policy, stage } = child;
    let (header, started) = match stage {
        ChildStage::Initiated { header } => (value::foreign(header.as_deref()), None),
        ChildStage::Started { run, event_id } => {
            (None, Some(StartedRow { run: run.as_str().into(), event_id: event_id.0 }))
        }
    };
    value::encode(&Row {
        target_namespace: target.namespace.as_str().into(),
        target_workflow: target.workflow.as_str().into(),
        namespace: String::from(&**namespace),
        workflow_type: String::from(&**workflow_type),
        policy: match policy {
            ParentClosePolicy::Terminate => TERMINATE,
            ParentClosePolicy::Abandon => ABANDON,
            ParentClosePolicy::RequestCancel => REQUEST_CANCEL,
        },
        header,
        started,
    })
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Child, Corrupt> {
    let row: Row = value::decode(CHILD, bytes)?;
    let stage = match (row.started, row.header) {
        (None, header) => ChildStage::Initiated { header: value::read_foreign(CHILD, header)?.map(Arc::new) },
        (Some(StartedRow { run, event_id }), None) => {
            ChildStage::Started { run: run.into(), event_id: EventId(event_id) }
        }
        (Some(_), Some(_)) => return Err(Corrupt::row(CHILD, "a started child with a header")),
    };
    Ok(Child {
        target: WorkflowKey { namespace: row.target_namespace.into(), workflow: row.target_workflow.into() },
        namespace: row.namespace.into(),
        workflow_type: row.workflow_type.into(),
        policy: match row.policy {
            TERMINATE => ParentClosePolicy::Terminate,
            ABANDON => ParentClosePolicy::Abandon,
            REQUEST_CANCEL => ParentClosePolicy::RequestCancel,
            other => return Err(value::unknown(CHILD, "parent close policy", other)),
        },
        stage,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{family, generate, golden, sample};

    #[test]
    fn rows_keep_their_bytes() {
        golden::check("child key", &key(&Scope::of(&sample::key()), &sample::run(), EventId(5)));
        let child = family::child();
        golden::check("child value, initiated", &encode(&child));
        let stage = ChildStage::Started { run: "first".into(), event_id: EventId(6) };
        let policy = ParentClosePolicy::RequestCancel;
        golden::check("child value, started", &encode(&Child { stage, policy, ..child }));
    }

    proptest! {
        #[test]
        fn rows_come_back(
            workflow in generate::key(), run in generate::run(), id in generate::event_id(), child in family::any_child()
        ) {
            let scope = Scope::of(&workflow);
            prop_assert_eq!(decode_key(&scope.run(&run), &key(&scope, &run, id)), Ok(id));
            prop_assert_eq!(decode(&encode(&child)), Ok(child));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = (decode_key(&[], &bytes), decode(&bytes));
        }
    }
}
