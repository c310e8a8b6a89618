//! Heads of histories, as people and programs read them: the number of events, and the hash in hex.

use serde_json::{Value, json};
use weft_client::{Code, Run, own::HistoryHead};

use crate::session::Connected;

/// The head of a run's history; `None` where the server is Temporal's, which keeps none.
pub(crate) async fn of(session: &Connected, run: &Run) -> anyhow::Result<Option<HistoryHead>> {
    match session.client.history_head(run).await {
        Ok(answer) => Ok(answer.head),
        Err(error) if error.code() == Some(Code::Unimplemented) => Ok(None),
        Err(error) => Err(error.into()),
    }
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
