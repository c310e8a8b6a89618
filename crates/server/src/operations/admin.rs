//! What `wfctl` asks of one node, as JSON.

use http::StatusCode;
use serde_json::{Value, json};
use weft_engine::{WorkflowId, WorkflowKey};
use weft_matching::{QueueKey, QueueKind};

use super::Answer;
use crate::node::{Node, Place};

/// The node at a glance.
pub(super) fn status(node: &Node) -> Answer {
    let shards: Vec<Value> = node
        .shards()
        .iter()
        .map(|shard| {
            json!({
                "shard": shard.id().0,
                "first_slot": shard.slots().first.0,
                "last_slot": shard.slots().last.0,
                "ready": shard.is_ready(),
            })
        })
        .collect();
    let data = match &node.options().place {
        Place::Directory(path) => Value::from(path.display().to_string()),
        Place::Memory => Value::Null,
    };
    let body = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "node": node.options().node,
        "data_dir": data,
        "disk_has_room": node.wal().room(),
        "shards": shards,
    });
    Answer::json(StatusCode::OK, &body)
}

/// The executions that broke an invariant, and why.
pub(super) fn quarantine(node: &Node) -> Answer {
    let entries: Vec<Value> = node
        .shards()
        .iter()
        .flat_map(|shard| {
            let entries = shard.quarantine().map(weft_shard::Quarantine::list).unwrap_or_default();
            entries.into_iter().map(|entry| (shard.id(), entry)).collect::<Vec<_>>()
        })
        .map(|(shard, (key, entry))| {
            json!({
                "shard": shard.0,
                "namespace": namespace_name(node, &key),
                "workflow_id": key.workflow.as_str(),
                "run_id": entry.run.as_ref().map(weft_engine::RunId::as_str),
                "why": &*entry.why,
            })
        })
        .collect();
    Answer::json(StatusCode::OK, &Value::from(entries))
}

fn namespace_name(node: &Node, key: &WorkflowKey) -> String {
    let view = node.metadata().view();
    view.by_id(&key.namespace).map_or_else(|| key.namespace.to_string(), |row| row.name.clone())
}

/// The task queues that are known in a namespace, to any node, for hints: `namespace` as a URL's query.
pub(super) async fn queues(node: &Node, query: &str) -> Answer {
    let Some(namespace) = value(query, "namespace") else { return wrong("namespace is wanted as ?namespace=…") };
    let Some(facts) = node.metadata().facts(&namespace) else {
        return wrong(&format!("namespace {namespace} is not known"));
    };
    let queues = node.queues(facts.id.as_str()).await;
    let entry = |(queue, polled): (QueueKey, bool)| {
        let kind = match queue.kind {
            QueueKind::Workflow => "workflow",
            QueueKind::Activity => "activity",
        };
        json!({ "name": &*queue.name, "kind": kind, "polled": polled })
    };
    Answer::json(StatusCode::OK, &queues.into_iter().filter(|(queue, _)| !queue.sticky).map(entry).collect())
}

/// A value of a URL's query.
pub(super) fn value(query: &str, name: &str) -> Option<String> {
    let pair = query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name));
    pair.map(|(_, value)| percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned())
}

pub(super) fn wrong(why: &str) -> Answer {
    Answer::json(StatusCode::BAD_REQUEST, &json!({ "error": why }))
}

/// Lifts a quarantine: `namespace` and `workflow_id` as a URL's query.
pub(super) async fn clear(node: &Node, query: &str) -> Answer {
    let (Some(namespace), Some(workflow)) = (value(query, "namespace"), value(query, "workflow_id")) else {
        return wrong("namespace and workflow_id are wanted as ?namespace=…&workflow_id=…");
    };
    let Some(facts) = node.metadata().facts(&namespace) else {
        return wrong(&format!("namespace {namespace} is not known"));
    };
    let key = WorkflowKey { namespace: facts.id.clone(), workflow: WorkflowId::from(workflow.as_str()) };
    let cleared = node.shard(&key).clear_quarantine(key.clone()).await;
    Answer::json(StatusCode::OK, &json!({ "cleared": cleared }))
}
