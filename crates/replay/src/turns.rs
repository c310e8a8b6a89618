//! A history as turns: what a worker learnt before each workflow task, and what came of its answer.
//!
//! Invariants: every event belongs to exactly one turn or is left over for the next; a workflow task that failed, timed
//! out or was never answered is no turn of its own, because nothing of it was recorded: what it learnt is learnt again
//! with the next.

use alloc::vec::Vec;

use weft_protocol::api::{
    enums::EventType,
    history::{HistoryEvent, history_event::Attributes},
};

use crate::{event, state::Moment};

/// One workflow task: what it was given, and what history has of its answer.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// What the worker learns with this task, in order.
    pub(crate) inputs: Vec<HistoryEvent>,
    pub(crate) moment: Moment,
    /// The events of the answer's commands; `None` while it is not in history.
    pub(crate) closing: Option<Vec<HistoryEvent>>,
}

/// Cuts histories into turns, however they come in parts.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    /// Learnt, and not yet part of a turn.
    inputs: Vec<HistoryEvent>,
    /// The last event that was seen.
    last: i64,
    /// The last workflow task that was scheduled.
    scheduled: i64,
    /// A turn was handed out whose answer was not in history.
    open: bool,
    /// The next part begins with events that were seen.
    repeats: bool,
}

/// What one part of a history was cut into.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    /// What history has of the answer to the turn that was open.
    pub(crate) closing: Option<Vec<HistoryEvent>>,
    pub(crate) turns: Vec<Turn>,
}

/// Why a part of a history is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// It does not begin where the last part ended.
    Gap { expected: i64, found: i64 },
    /// What this run answered last was not recorded: the run must be built anew.
    Unrecorded,
    /// An event that follows from no completed workflow task, or has no attributes.
    Senseless { event_id: i64 },
}

impl Splitter {
    /// The open turn left no trace. The next part begins after this event, and so with some that stayed.
    pub(crate) fn forget_after(&mut self, event_id: i64) {
        if self.open {
            self.last = self.scheduled - 1;
            self.open = false;
            self.repeats = event_id < self.last;
        }
    }

    pub(crate) fn last_event_id(&self) -> i64 {
        self.last
    }

    /// Whether a part begins where the last one ended, with the answer to the open turn if there is one.
    pub(crate) fn continues_with(&self, events: &[HistoryEvent]) -> bool {
        let is_next = |event: &HistoryEvent| event.event_id == self.last + 1;
        let is_known = |event: &HistoryEvent| self.repeats && event.event_id <= self.last;
        let is_answer = |event: &HistoryEvent| event.event_type() == EventType::WorkflowTaskCompleted;
        events.first().is_none_or(|first| is_known(first) || (is_next(first) && (!self.open || is_answer(first))))
    }

    /// Cuts the next part.
    pub(crate) fn cut(&mut self, events: Vec<HistoryEvent>) -> Result<Cut, Misfit> {
        let mut cut = Cut::default();
        let mut started: Option<Moment> = None;
        let repeats = core::mem::take(&mut self.repeats);
        for event in events {
            let id = event.event_id;
            if repeats && id <= self.last {
                continue;
            }
            if id != self.last + 1 {
                return Err(Misfit::Gap { expected: self.last + 1, found: id });
            }
            self.last = id;
            match event.event_type() {
                EventType::WorkflowTaskScheduled => self.scheduled = id,
                EventType::WorkflowTaskStarted => started = Some(moment(&event)),
                EventType::WorkflowTaskCompleted => match started.take() {
                    Some(moment) => {
                        let inputs = core::mem::take(&mut self.inputs);
                        cut.turns.push(Turn { inputs, moment, closing: Some(Vec::new()) });
                    }
                    None if self.open => {
                        self.open = false;
                        cut.closing = Some(Vec::new());
                    }
                    None => return Err(Misfit::Senseless { event_id: id }),
                },
                EventType::WorkflowTaskFailed | EventType::WorkflowTaskTimedOut => {
                    if started.take().is_none() && self.open {
                        return Err(Misfit::Unrecorded);
                    }
                    self.inputs.push(event);
                }
                _ if event::is_of_command(&event) => {
                    let closing = match cut.turns.last_mut() {
                        Some(turn) => turn.closing.as_mut(),
                        None => cut.closing.as_mut(),
                    };
                    closing.ok_or(Misfit::Senseless { event_id: id })?.push(event);
                }
                _ => self.inputs.push(event),
            }
        }
        if let Some(moment) = started {
            if self.open {
                return Err(Misfit::Unrecorded);
            }
            self.open = true;
            cut.turns.push(Turn { inputs: core::mem::take(&mut self.inputs), moment, closing: None });
        }
        Ok(cut)
    }
}

fn moment(event: &HistoryEvent) -> Moment {
    let (history_bytes, suggests) = match &event.attributes {
        Some(Attributes::WorkflowTaskStartedEventAttributes(it)) => {
            (it.history_size_bytes.unsigned_abs(), it.suggest_continue_as_new)
        }
        _ => (0, false),
    };
    Moment {
        event_id: event.event_id,
        now: event::unix_nanos(event),
        history_bytes,
        suggests_continue_as_new: suggests,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn events(first: i64, kinds: &[EventType]) -> Vec<HistoryEvent> {
        let ids = first..;
        kinds
            .iter()
            .zip(ids)
            .map(|(kind, event_id)| HistoryEvent { event_id, event_type: (*kind).into(), ..HistoryEvent::default() })
            .collect()
    }

    fn ids(events: &[HistoryEvent]) -> Vec<i64> {
        events.iter().map(|event| event.event_id).collect()
    }

    use EventType::{
        ActivityTaskCanceled, TimerFired, TimerStarted, WorkflowExecutionSignaled as Signaled,
        WorkflowExecutionStarted as Began, WorkflowTaskCompleted as Completed, WorkflowTaskFailed as Failed,
        WorkflowTaskScheduled as Scheduled, WorkflowTaskStarted as Started,
    };

    #[test]
    fn an_answer_belongs_to_its_task_and_what_follows_to_the_next() {
        let history = [
            Began,
            Scheduled,
            Started,
            Completed,
            TimerStarted,
            ActivityTaskCanceled,
            TimerStarted,
            TimerFired,
            Scheduled,
            Started,
        ];
        let cut = Splitter::default().cut(events(1, &history)).expect("a history");
        assert_eq!(cut.turns.len(), 2);
        assert_eq!(ids(&cut.turns[0].inputs), [1]);
        assert_eq!(cut.turns[0].closing.as_deref().map(ids), Some(vec![5, 7]));
        assert_eq!(ids(&cut.turns[1].inputs), [6, 8]);
        assert!(cut.turns[1].closing.is_none());
    }

    #[test]
    fn a_failed_task_is_no_turn() {
        let history = [Began, Scheduled, Started, Failed, Signaled, Scheduled, Started, Completed];
        let cut = Splitter::default().cut(events(1, &history)).expect("a history");
        assert_eq!(cut.turns.len(), 1);
        assert_eq!(ids(&cut.turns[0].inputs), [1, 4, 5]);
        assert_eq!(cut.turns[0].moment.event_id, 7);
    }

    #[test]
    fn a_history_in_parts_is_cut_as_a_whole_one() {
        let mut splitter = Splitter::default();
        let first = splitter.cut(events(1, &[Began, Scheduled, Started])).expect("a first part");
        assert!(first.turns[0].closing.is_none());
        let second =
            splitter.cut(events(4, &[Completed, TimerStarted, TimerFired, Scheduled, Started])).expect("a second part");
        assert_eq!(second.closing.as_deref().map(ids), Some(vec![5]));
        assert_eq!(ids(&second.turns[0].inputs), [6]);
    }

    #[test]
    fn what_does_not_follow_is_refused() {
        let mut splitter = Splitter::default();
        splitter.cut(events(1, &[Began, Scheduled, Started])).expect("a first part");
        for (part, continues) in
            [(events(4, &[Completed]), true), (events(4, &[Failed]), false), (events(5, &[Completed]), false)]
        {
            assert_eq!(splitter.continues_with(&part), continues, "{part:?}");
        }
        assert_eq!(splitter.cut(events(4, &[Failed])).expect_err("not recorded"), Misfit::Unrecorded);
        let gap = Splitter::default().cut(events(4, &[Completed])).expect_err("a gap");
        assert_eq!(gap, Misfit::Gap { expected: 1, found: 4 });
        let senseless = Splitter::default().cut(events(1, &[TimerStarted])).expect_err("no task completed");
        assert_eq!(senseless, Misfit::Senseless { event_id: 1 });
    }

    #[test]
    fn a_task_that_left_no_trace_is_forgotten() {
        let mut splitter = Splitter::default();
        splitter.cut(events(1, &[Began, Scheduled, Started, Completed])).expect("a first part");
        splitter.cut(events(5, &[Scheduled, Started])).expect("a speculative task");
        splitter.forget_after(3);
        // What the last answer left stays, and is told again.
        assert!(splitter.continues_with(&events(4, &[Completed])));
        let cut = splitter.cut(events(4, &[Completed, Signaled, Scheduled, Started])).expect("the same ids once more");
        assert_eq!(ids(&cut.turns[0].inputs), [5]);
    }
}
