//! What one workflow asks of another one is in the other's history exactly once, or not at all if the sender was told so.

use std::collections::{BTreeMap, BTreeSet};

use weft_protocol::api::history::{HistoryEvent, history_event::Attributes as Event};

/// Who asked for something elsewhere: a run, and the event that initiated it.
type Asked = (String, i64);

/// What the histories of all runs say of messages between them.
#[derive(Default)]
pub struct Messages {
    /// How often each was taken, by whoever it was for.
    taken: BTreeMap<Asked, u64>,
    /// Those of which the sender was told that they arrived.
    arrived: BTreeSet<Asked>,
    /// Those of which the sender was told that they did not.
    failed: BTreeSet<Asked>,
}

impl Messages {
    /// Of one run, whose history is whole.
    pub fn add(&mut self, run: &str, events: &[HistoryEvent]) {
        let asked = |initiated: i64| (run.to_owned(), initiated);
        for event in events {
            match &event.attributes {
                Some(Event::ExternalWorkflowExecutionSignaledEventAttributes(it)) => {
                    self.arrived.insert(asked(it.initiated_event_id));
                }
                Some(Event::SignalExternalWorkflowExecutionFailedEventAttributes(it)) => {
                    self.failed.insert(asked(it.initiated_event_id));
                }
                Some(Event::ChildWorkflowExecutionStartedEventAttributes(it)) => {
                    self.arrived.insert(asked(it.initiated_event_id));
                }
                Some(Event::WorkflowExecutionSignaledEventAttributes(it)) => {
                    // The request id of a message names the event that asked for it.
                    if let [from, number, _] = it.request_id.split(':').collect::<Vec<_>>()[..]
                        && let Ok(number) = number.parse()
                    {
                        *self.taken.entry((from.to_owned(), number)).or_default() += 1;
                    }
                }
                Some(Event::WorkflowExecutionStartedEventAttributes(it)) => {
                    if let Some(parent) = &it.parent_workflow_execution {
                        let asked = (parent.run_id.clone(), it.parent_initiated_event_id);
                        *self.taken.entry(asked).or_default() += 1;
                    }
                }
                _ => {}
            }
        }
    }

    /// How many were taken.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.taken.len() as u64
    }

    /// # Errors
    /// What was done twice, or not at all, or against what its sender was told.
    pub fn judge(&self) -> Result<(), String> {
        if let Some((asked, times)) = self.taken.iter().find(|(_, times)| **times > 1) {
            return Err(format!("what {asked:?} asked for was done {times} times"));
        }
        if let Some(asked) = self.arrived.iter().find(|asked| !self.taken.contains_key(asked)) {
            return Err(format!("what {asked:?} asked for was acknowledged and is not there"));
        }
        if let Some(asked) = self.failed.iter().find(|asked| self.taken.contains_key(asked)) {
            return Err(format!("what {asked:?} asked for is there, and its sender was told that it is not"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use weft_protocol::api::history::{
        ExternalWorkflowExecutionSignaledEventAttributes as Arrived, WorkflowExecutionSignaledEventAttributes as Taken,
    };

    use super::*;

    fn event(attributes: Event) -> HistoryEvent {
        HistoryEvent { attributes: Some(attributes), ..HistoryEvent::default() }
    }

    #[test]
    fn what_arrived_was_taken_once_in_whichever_runs_of_the_other_workflow() {
        let taken = || {
            let signal = Taken { request_id: "sender:5:0".to_owned(), ..Taken::default() };
            event(Event::WorkflowExecutionSignaledEventAttributes(signal))
        };
        let arrived = Arrived { initiated_event_id: 5, ..Arrived::default() };
        let mut messages = Messages::default();
        messages.add("sender", &[event(Event::ExternalWorkflowExecutionSignaledEventAttributes(arrived))]);
        assert!(messages.judge().is_err(), "it is nowhere");
        messages.add("one", &[taken()]);
        assert_eq!(messages.judge(), Ok(()));
        messages.add("next", &[taken()]);
        assert!(messages.judge().is_err(), "it is there twice");
    }
}
