//! The name of one queue.
//!
//! Invariant: equal keys are one queue. A sticky queue is named by itself alone, because a worker that shuts down names
//! only its sticky queue; which normal queue stands behind it is known to the shard.

use std::sync::Arc;

/// What kind of tasks a queue carries. The same name may be used for both, and these are two queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueueKind {
    Workflow,
    Activity,
}

/// Names one queue of one namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueKey {
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    pub kind: QueueKind,
    /// A queue of one worker process, which has the workflow's state in its cache.
    pub sticky: bool,
}

impl QueueKey {
    /// A queue that any worker may poll.
    pub fn normal(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>, kind: QueueKind) -> Self {
        Self { namespace: namespace.into(), name: name.into(), kind, sticky: false }
    }

    /// A worker's own queue of workflow tasks.
    pub fn sticky(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { namespace: namespace.into(), name: name.into(), kind: QueueKind::Workflow, sticky: true }
    }

    /// Spreads keys over locks. The same in every run, so that a simulation repeats itself.
    pub(crate) fn spread(&self) -> usize {
        let bytes =
            self.namespace.bytes().chain([0, u8::from(self.kind == QueueKind::Activity)]).chain(self.name.bytes());
        let hash = bytes
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        usize::try_from(hash >> 40).expect("24 bits fit in a usize")
    }
}
