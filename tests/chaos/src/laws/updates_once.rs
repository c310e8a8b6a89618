//! An update is accepted once and completed once, and what callers were told of its outcome is in the history.

use std::collections::{BTreeMap, BTreeSet};

use weft_protocol::api::{
    history::{HistoryEvent, history_event::Attributes as Event},
    update::{Outcome, outcome::Value},
};

/// Of a run of whose updates this was told.
///
/// # Errors
/// What does not hold.
pub(crate) fn judge(told: &BTreeMap<String, Value>, events: &[HistoryEvent]) -> Result<(), String> {
    let (mut accepted, mut completed) = (BTreeSet::new(), BTreeSet::new());
    for event in events {
        match &event.attributes {
            Some(Event::WorkflowExecutionUpdateAcceptedEventAttributes(it))
                if !accepted.insert(it.protocol_instance_id.as_str()) =>
            {
                return Err(format!("update {} was accepted twice", it.protocol_instance_id));
            }
            Some(Event::WorkflowExecutionUpdateCompletedEventAttributes(it)) => {
                let id = it.meta.as_ref().map_or("", |meta| meta.update_id.as_str());
                if !accepted.contains(id) || !completed.insert(id) {
                    return Err(format!("update {id} was completed twice, or never accepted"));
                }
                let Some(Outcome { value: Some(came_to) }) = &it.outcome else {
                    return Err(format!("update {id} was completed without an outcome"));
                };
                if told.get(id).is_some_and(|told| told != came_to) {
                    return Err(format!("update {id} came to something else than its caller was told"));
                }
            }
            _ => {}
        }
    }
    match told.keys().find(|id| !completed.contains(id.as_str())) {
        Some(lost) => Err(format!("the outcome of update {lost} was told and is not there")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use weft_protocol::{
        api::{
            history::{
                WorkflowExecutionUpdateAcceptedEventAttributes as Accepted,
                WorkflowExecutionUpdateCompletedEventAttributes as Completed,
            },
            update::Meta,
        },
        payload,
    };

    use super::*;
    use crate::laws::made_up::history;

    fn success(text: &str) -> Value {
        Value::Success(payload::list(payload::json_string(text)))
    }

    fn accepted() -> Event {
        let update = Accepted { protocol_instance_id: "u".to_owned(), ..Accepted::default() };
        Event::WorkflowExecutionUpdateAcceptedEventAttributes(update)
    }

    fn completed(text: &str) -> Event {
        let meta = Some(Meta { update_id: "u".to_owned(), identity: String::new() });
        let outcome = Some(Outcome { value: Some(success(text)) });
        Event::WorkflowExecutionUpdateCompletedEventAttributes(Completed { meta, outcome, ..Completed::default() })
    }

    #[test]
    fn an_update_is_there_once_as_its_caller_was_told() {
        let told = BTreeMap::from([("u".to_owned(), success("one"))]);
        assert_eq!(judge(&told, &history([accepted(), completed("one")])), Ok(()));
        assert_eq!(judge(&BTreeMap::new(), &history([accepted(), completed("one")])), Ok(()));
        assert!(judge(&told, &history([accepted(), completed("other")])).is_err());
        assert!(judge(&told, &history([accepted()])).is_err());
        assert!(judge(&BTreeMap::new(), &history([accepted(), accepted()])).is_err());
        assert!(judge(&BTreeMap::new(), &history([completed("one")])).is_err());
        assert!(judge(&told, &history([accepted(), completed("one"), completed("one")])).is_err());
    }
}
