//! Fans: timers that one workflow task has started together, as histories show them.

use std::collections::BTreeMap;

use weft_protocol::api::history::{HistoryEvent, history_event::Attributes as Event};

/// How many there are in a history.
pub(crate) fn count<'e>(events: impl Iterator<Item = &'e HistoryEvent>) -> u64 {
    let mut started = BTreeMap::<i64, u64>::new();
    for event in events {
        if let Some(Event::TimerStartedEventAttributes(it)) = &event.attributes {
            *started.entry(it.workflow_task_completed_event_id).or_default() += 1;
        }
    }
    started.values().filter(|timers| **timers > 1).count() as u64
}

#[cfg(test)]
mod tests {
    use weft_protocol::api::history::TimerStartedEventAttributes as Started;

    use super::*;

    #[test]
    fn a_fan_is_several_timers_of_one_task() {
        let timer = |workflow_task_completed_event_id| {
            let started = Started { workflow_task_completed_event_id, ..Started::default() };
            HistoryEvent { attributes: Some(Event::TimerStartedEventAttributes(started)), ..HistoryEvent::default() }
        };
        assert_eq!(count([timer(4), timer(9), timer(9), timer(9), timer(20)].iter()), 1);
        assert_eq!(count([timer(4), timer(9)].iter()), 0);
    }
}
