//! The visibility index behind the shards' feed, and lists that read their own writes.
//!
//! From the inside out: `here` answers from this node's index, of all shards or of some; `choice` says, without IO, which
//! node answers for which shards, which is this one wherever it has a copy; `gather` asks them all, and others in the place of
//! those that do not answer; `parts` brings the question to another node and `wire` says how it is written.
//!
//! Invariants: a list has of every shard what was committed when the call came, whoever answers for it, or there is no list:
//! never a part of one. It is refused while a group's part of the index has a hole ([`super::mend`] closes it). An entry that the index has already is not fed again after
//! a restart, so the index never shows an older state than it did.

mod around;
mod choice;
mod gather;
mod here;
mod parts;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::FutureExt;
use parking_lot::RwLock;
use weft_engine::{VisibilityChange, WorkflowKey};
use weft_env::Clock;
use weft_protocol::api::{common::WorkflowExecution, enums::IndexedValueType, workflow::WorkflowExecutionInfo};
use weft_protocol::prost::Message;
use weft_shard::Feed;
use weft_visibility::{Change, Count, Page, PageRequest, Query, Record, RunRef, Status, Step, Visibility};

pub(crate) use around::Around;
pub(in crate::node) use gather::Lost;
use parts::Selected;

/// Feeds the index with what replicas apply.
pub(crate) struct ToIndex {
    visibility: Visibility,
    /// What the index had of each group when its copy here started.
    had: RwLock<BTreeMap<u32, u64>>,
}

impl ToIndex {
    pub(crate) fn new(visibility: Visibility, groups: impl Iterator<Item = u32>) -> Self {
        let had = RwLock::new(groups.map(|group| (group, visibility.indexed(group))).collect());
        Self { visibility, had }
    }

    /// A copy of a group starts from what the index has of it now.
    pub(crate) fn begin(&self, group: u32) {
        self.had.write().insert(group, self.visibility.indexed(group));
    }
}

impl Feed for ToIndex {
    fn feed(&self, group: u32, index: u64, changes: Vec<Vec<u8>>) {
        if self.had.read().get(&group).is_some_and(|had| index <= *had) {
            return;
        }
        let read = |bytes: &Vec<u8>| weft_rows::visibility::decode(bytes).map(|(key, change)| indexed(&key, change));
        let fed = match changes.iter().map(read).collect::<Result<_, _>>() {
            Ok(changes) => self.visibility.feed(group, index, changes).map_err(|error| error.to_string()),
            Err(corrupt) => {
                self.visibility.tear(group);
                Err(corrupt.to_string())
            }
        };
        if let Err(error) = fed {
            tracing::error!(group, index, %error, "lists lack what this entry changed: they will be built again");
        }
    }

    fn replaced(&self, group: u32, index: u64) {
        tracing::info!(group, index, "the group's rows were replaced by another node's: its lists will be built again");
        self.visibility.tear(group);
    }
}

fn indexed(key: &WorkflowKey, change: VisibilityChange) -> Change {
    let namespace = key.namespace.as_str().to_owned();
    match change {
        VisibilityChange::Upsert(info) => Change::Upsert(Box::new(record(namespace, *info))),
        VisibilityChange::Remove(run) => Change::Remove { namespace, run_id: run.as_str().to_owned() },
    }
}

/// The search attributes that every namespace has, as the engine and the metadata speak of them.
pub(crate) fn predefined() -> BTreeMap<String, i32> {
    weft_visibility::PREDEFINED.iter().map(|(name, kind)| ((*name).to_owned(), wire_type(*kind).into())).collect()
}

/// A search attribute's type as it stands on the wire.
pub(crate) fn wire_type(kind: weft_visibility::attribute::Type) -> IndexedValueType {
    use weft_visibility::attribute::Type;
    match kind {
        Type::Text => IndexedValueType::Text,
        Type::Keyword => IndexedValueType::Keyword,
        Type::Int => IndexedValueType::Int,
        Type::Double => IndexedValueType::Double,
        Type::Bool => IndexedValueType::Bool,
        Type::Datetime => IndexedValueType::Datetime,
        Type::KeywordList => IndexedValueType::KeywordList,
    }
}

/// What the index keeps of a run.
pub(crate) fn record(namespace: String, info: WorkflowExecutionInfo) -> Record {
    let execution = info.execution.unwrap_or_default();
    let nanos = |time: Option<weft_protocol::Timestamp>| time.map(|time| weft_engine::Timestamp::from_wire(&time).0);
    Record {
        namespace,
        workflow_id: execution.workflow_id,
        run_id: execution.run_id,
        workflow_type: info.r#type.map(|kind| kind.name).unwrap_or_default(),
        status: Status::from_number(i64::from(info.status)).unwrap_or(Status::Running),
        task_queue: info.task_queue,
        start_time: nanos(info.start_time).unwrap_or(0),
        execution_time: nanos(info.execution_time).unwrap_or(0),
        close_time: nanos(info.close_time),
        history_length: info.history_length,
        history_size_bytes: info.history_size_bytes,
        state_transition_count: info.state_transition_count,
        parent: info.parent_execution.and_then(run_ref),
        root: info.root_execution.and_then(run_ref),
        memo: info.memo.map(|memo| memo.encode_to_vec()).unwrap_or_default(),
        search_attributes: info.search_attributes.map(|map| map.encode_to_vec()).unwrap_or_default(),
    }
}

fn run_ref(execution: WorkflowExecution) -> Option<RunRef> {
    let WorkflowExecution { workflow_id, run_id } = execution;
    (!workflow_id.is_empty()).then_some(RunRef { workflow_id, run_id })
}

/// A search attribute's type as it stands on the wire, if it is one.
pub(crate) fn type_of(kind: i32) -> Option<weft_visibility::attribute::Type> {
    use weft_visibility::attribute::Type;
    Some(match IndexedValueType::try_from(kind).ok()? {
        IndexedValueType::Unspecified => return None,
        IndexedValueType::Text => Type::Text,
        IndexedValueType::Keyword => Type::Keyword,
        IndexedValueType::Int => Type::Int,
        IndexedValueType::Double => Type::Double,
        IndexedValueType::Bool => Type::Bool,
        IndexedValueType::Datetime => Type::Datetime,
        IndexedValueType::KeywordList => Type::KeywordList,
    })
}

/// Lists that read their own writes, of all shards, whoever has copies of them.
#[derive(Clone)]
pub struct Lists {
    pub(crate) visibility: Visibility,
    pub(crate) raft: weft_raft::Node,
    pub(crate) pool: weft_env::Pool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) around: Around,
}

/// Why a list cannot be given now.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    #[error("a shard has no leader here: try again")]
    NoLeader,
    #[error("the visibility index is being built again: try again")]
    Rebuilding,
    #[error("this node has no copy of shard {0}")]
    NotHere(u32),
    #[error("the visibility index is far behind: try again")]
    Behind,
    #[error("nobody who has a copy of shards {} answers: try again{}", listed(shards), because(why.as_deref()))]
    Nobody {
        shards: BTreeSet<u32>,
        /// What the last one said that was asked.
        why: Option<String>,
    },
    #[error(transparent)]
    Index(#[from] weft_visibility::Error),
    #[error("the visibility index: {0}")]
    Writer(Arc<weft_visibility::Error>),
    #[error("reading the visibility index panicked")]
    Panicked,
}

/// Others may have what this node has lost since it was asked, or builds again.
fn others_may<T>(read: &Result<T, ListError>) -> bool {
    matches!(read, Err(ListError::NotHere(_) | ListError::Rebuilding | ListError::Behind))
}

fn listed(shards: &BTreeSet<u32>) -> String {
    shards.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

fn because(why: Option<&str>) -> String {
    why.map(|why| format!(" ({why})")).unwrap_or_default()
}

impl Lists {
    /// One page.
    ///
    /// # Errors
    /// See [`ListError`]; a bad page token is an `Index` error.
    pub async fn list(&self, namespace: String, query: Query, page: PageRequest) -> Result<Page, ListError> {
        if self.has_all() {
            let (namespace, query, page) = (namespace.clone(), query.clone(), page.clone());
            let read = self.read(None, move |visibility| visibility.list(&namespace, &query, &page)).await;
            if !others_may(&read) {
                return read;
            }
        }
        page.check(&query)?;
        let ask = |node, shards| self.list_part(node, Selected::of(&namespace, &query, shards), &page).boxed();
        Ok(Page::merged(&query, self.gathered(ask).await?, page.size))
    }

    /// A count, in groups if the query asks for them.
    ///
    /// # Errors
    /// See [`ListError`].
    pub async fn count(&self, namespace: String, query: Query) -> Result<Count, ListError> {
        if self.has_all() {
            let (namespace, query) = (namespace.clone(), query.clone());
            let read = self.read(None, move |visibility| visibility.count(&namespace, &query)).await;
            if !others_may(&read) {
                return read;
            }
        }
        let ask = |node, shards| self.count_part(node, Selected::of(&namespace, &query, shards)).boxed();
        Ok(Count::merged(&query, self.gathered(ask).await?))
    }

    /// The first matches after a run id, in the order of run ids.
    ///
    /// # Errors
    /// See [`ListError`].
    pub async fn walk(&self, namespace: String, query: Query, step: Step) -> Result<Vec<Record>, ListError> {
        if self.has_all() {
            let (namespace, query, step) = (namespace.clone(), query.clone(), step.clone());
            let read = self.read(None, move |visibility| visibility.walk(&namespace, &query, &step)).await;
            if !others_may(&read) {
                return read;
            }
        }
        let ask = |node, shards| self.walk_part(node, Selected::of(&namespace, &query, shards), &step).boxed();
        Ok(Page::walked(self.gathered(ask).await?, step.limit))
    }
}
