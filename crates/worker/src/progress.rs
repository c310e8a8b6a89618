//! Progress: how far a run is, as people and programs ask for it.
//!
//! Pure. Invariant: the timeline is bounded; when it is full the oldest entries go and are counted.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// How a run stands, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    #[default]
    Running,
    /// A person is asked: see the open request.
    WaitingForApproval,
    /// The budget is used up, or nothing comes of what is spent: it goes on when a person says so.
    Stopped,
    /// What was done is being undone.
    Undoing,
    Done,
    Failed,
}

/// How a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Waiting,
    Running,
    Done,
    Failed,
    Undone,
}

/// One step of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// `patch/issue-1`
    pub id: String,
    pub title: String,
    pub state: StepState,
    /// What came of it, in a few words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Since the Unix epoch.
    pub at_ms: u64,
    pub what: String,
}

/// All of it: the answer of the query `progress`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub status: Status,
    /// `quality gates`
    pub phase: String,
    /// In the order in which they became known.
    pub steps: Vec<Step>,
}

/// The answer of the query `timeline`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// Entries that are no longer kept.
    pub forgotten: u64,
    pub entries: VecDeque<Entry>,
}

const ENTRIES_MAX: usize = 500;
const DETAIL_CHARS_MAX: usize = 400;

impl Progress {
    /// Says how a step stands; a step that is not known yet is added.
    pub fn step(&mut self, id: &str, title: &str, state: StepState, detail: &str) {
        let detail = detail.chars().take(DETAIL_CHARS_MAX).collect();
        if let Some(step) = self.steps.iter_mut().find(|step| step.id == id) {
            (step.state, step.detail) = (state, detail);
        } else {
            self.steps.push(Step { id: id.to_owned(), title: title.to_owned(), state, detail });
        }
    }

    /// Steps that have come to an end, and all that are known.
    #[must_use]
    pub fn done_of_all(&self) -> (usize, usize) {
        let has_ended = |step: &&Step| match step.state {
            StepState::Done | StepState::Failed | StepState::Undone => true,
            StepState::Waiting | StepState::Running => false,
        };
        (self.steps.iter().filter(has_ended).count(), self.steps.len())
    }
}

impl Timeline {
    /// Adds a line. One that says more of what the last one said in the same moment (`plan done: …` after `plan done`)
    /// takes its place.
    pub fn add(&mut self, at_ms: u64, what: impl Into<String>) {
        let what: String = what.into().chars().take(DETAIL_CHARS_MAX).collect();
        let says_more = |last: &Entry| {
            last.at_ms == at_ms && what.strip_prefix(&*last.what).is_some_and(|more| more.starts_with(": "))
        };
        if self.entries.back().is_some_and(says_more) {
            self.entries.pop_back();
        } else if self.entries.len() == ENTRIES_MAX {
            self.entries.pop_front();
            self.forgotten += 1;
        }
        self.entries.push_back(Entry { at_ms, what });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_known_once_and_keeps_its_place() {
        let mut progress = Progress::default();
        progress.step("plan", "make a plan", StepState::Running, "");
        progress.step("patch/a", "mend a", StepState::Waiting, "");
        progress.step("plan", "make a plan", StepState::Done, "2 issues");
        assert_eq!(progress.steps.iter().map(|step| step.id.as_str()).collect::<Vec<_>>(), ["plan", "patch/a"]);
        assert_eq!((progress.done_of_all(), progress.steps[0].detail.as_str()), ((1, 2), "2 issues"));
    }

    #[test]
    fn who_says_more_in_the_same_moment_is_heard_once() {
        let mut timeline = Timeline::default();
        for (at, what) in [(1, "plan done"), (1, "plan done: 2 issues"), (1, "patch done"), (2, "patch done: mended")] {
            timeline.add(at, what);
        }
        let said: Vec<_> = timeline.entries.iter().map(|entry| entry.what.as_str()).collect();
        assert_eq!(said, ["plan done: 2 issues", "patch done", "patch done: mended"]);
    }

    #[test]
    fn a_long_timeline_forgets_its_beginning_and_says_so() {
        let mut timeline = Timeline::default();
        (0..ENTRIES_MAX as u64 + 3).for_each(|at| timeline.add(at, "something"));
        assert_eq!((timeline.forgotten, timeline.entries.len(), timeline.entries[0].at_ms), (3, ENTRIES_MAX, 3));
    }
}
