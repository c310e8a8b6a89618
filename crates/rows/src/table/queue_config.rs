//! Task queue configuration: what an operator set for a queue. Rows of the metadata group, like namespaces.
//!
//! ```text
//! key    01 | namespace id | kind u8 | queue text
//! value  01 | temporal.api.taskqueue.v1.TaskQueueConfig
//! ```
//!
//! The kind is 1 for workflow tasks and 2 for activity tasks.

use alloc::vec::Vec;

use weft_engine::{NamespaceId, TaskRowKind};
use weft_protocol::api::taskqueue::TaskQueueConfig;

use super::{QUEUE_CONFIG, task::Queue};
use crate::{
    Corrupt,
    key::{Reader, put_id, put_text},
    value,
};

const BY_QUEUE: u8 = 1;

/// What an operator set for a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueConfigRow {
    pub queue: Queue,
    pub config: TaskQueueConfig,
}

#[must_use]
pub fn key(queue: &Queue) -> Vec<u8> {
    let mut key = Vec::from([BY_QUEUE]);
    put_id(&mut key, queue.namespace.as_str());
    key.push(match queue.kind {
        TaskRowKind::Workflow => 1,
        TaskRowKind::Activity => 2,
    });
    put_text(&mut key, queue.name.as_str());
    key
}

/// The configurations of all queues: from the first key up to but without the second.
#[must_use]
pub fn range() -> (Vec<u8>, Vec<u8>) {
    (Vec::from([BY_QUEUE]), Vec::from([BY_QUEUE + 1]))
}

#[must_use]
pub fn encode(config: &TaskQueueConfig) -> Vec<u8> {
    value::encode_foreign(config)
}

/// # Errors
/// When nobody wrote such a key.
pub fn decode_key(key: &[u8]) -> Result<Queue, Corrupt> {
    let mut reader = Reader::after(QUEUE_CONFIG, &[BY_QUEUE], key)?;
    let namespace: NamespaceId = reader.namespace()?;
    let [kind] = reader.array()?;
    let kind = match kind {
        1 => TaskRowKind::Workflow,
        2 => TaskRowKind::Activity,
        other => return Err(value::unknown(QUEUE_CONFIG, "kind of queue", u32::from(other))),
    };
    let name = reader.text()?.into();
    reader.end()?;
    Ok(Queue { namespace, kind, name })
}

/// # Errors
/// When nobody wrote such a row.
pub fn decode_value(bytes: &[u8]) -> Result<TaskQueueConfig, Corrupt> {
    value::message(QUEUE_CONFIG, value::body(QUEUE_CONFIG, bytes)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use weft_protocol::api::taskqueue::{ConfigMetadata, RateLimit, RateLimitConfig};

    use super::*;
    use crate::testing::{generate, golden, sample};

    fn config() -> TaskQueueConfig {
        let limit = |requests_per_second, reason: &str| RateLimitConfig {
            rate_limit: Some(RateLimit { requests_per_second }),
            metadata: Some(ConfigMetadata {
                reason: reason.into(),
                update_identity: "operator".into(),
                update_time: Some(weft_protocol::time::timestamp(1_700_000_000_000_000_000)),
            }),
        };
        TaskQueueConfig {
            queue_rate_limit: Some(limit(2.5, "a slow service")),
            fairness_keys_rate_limit_default: Some(limit(0.0, "stop")),
            fairness_weight_overrides: [("b".into(), 2.0), ("a".into(), 0.5)].into(),
        }
    }

    #[test]
    fn rows_keep_their_bytes() {
        let queue = Queue { namespace: sample::key().namespace, kind: TaskRowKind::Activity, name: "orders".into() };
        golden::check("task queue configuration key", &key(&queue));
        golden::check("task queue configuration value", &encode(&config()));
        assert_eq!(decode_value(&encode(&config())), Ok(config()));
    }

    proptest! {
        #[test]
        fn keys_come_back(workflow in generate::key(), row in generate::task()) {
            let queue = Queue { namespace: workflow.namespace, kind: row.kind, name: row.queue };
            let ((from, end), key) = (range(), key(&queue));
            prop_assert!(from <= key && key < end);
            prop_assert_eq!(decode_key(&key), Ok(queue));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = (decode_key(&bytes), decode_value(&bytes));
        }
    }
}
