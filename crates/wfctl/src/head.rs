//! Heads of histories, as people and programs read them: the number of events, and the hash in hex.

use serde_json::{Value, json};
use weft_client::{
    Code, Run,
    own::{ForkOrigin, GetHistoryHeadResponse, HistoryHead},
};

use crate::session::Connected;

/// What Weft tells of a run's history; nothing where the server is Temporal's.
pub(crate) async fn of(session: &Connected, run: &Run) -> anyhow::Result<Option<GetHistoryHeadResponse>> {
    match session.client.history_head(run).await {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.code() == Some(Code::Unimplemented) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// `order-17 (run …) at event 12`
pub(crate) fn origin(origin: &ForkOrigin) -> String {
    let execution = origin.execution.clone().unwrap_or_default();
    format!("{} (run {}) at event {}", execution.workflow_id, execution.run_id, origin.event_id)
}

pub(crate) fn json_origin(origin: &ForkOrigin) -> Value {
    let execution = origin.execution.clone().unwrap_or_default();
    json!({ "workflowId": execution.workflow_id, "runId": execution.run_id, "eventId": origin.event_id })
}

/// `4f…e2 after event 12`
pub(crate) fn line(head: &HistoryHead) -> String {
    format!("{} after event {}", hex(&head.hash), head.event_count)
}

pub(crate) fn json(head: &HistoryHead) -> Value {
    json!({ "eventCount": head.event_count, "hash": hex(&head.hash) })
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_shown_with_the_event_that_it_follows() {
        let head = HistoryHead { event_count: 12, hash: vec![0x0f, 0xa0] };
        assert_eq!(line(&head), "0fa0 after event 12");
        assert_eq!(json(&head), json!({ "eventCount": 12, "hash": "0fa0" }));
    }
}
