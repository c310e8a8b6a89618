//! Approvals: what a person is asked, and what they answer.
//!
//! ```text
//! ask ─► open ─┬─ approve ─► Approved        an answer counts only for what it was given for: it may name the request,
//!              ├─ reject  ─► Rejected        and the content that was looked at
//!              ├─ abort   ─► Aborted         at any time, also when nothing is asked; it stays
//!              └─ (late)  ─► NobodyAnswered
//! ```
//!
//! Pure: reminders and timeouts are waited for elsewhere. Invariant: one request is open at a time, and each gets one
//! answer, the first; what does not count is kept as a note, so that nobody wonders where it went.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::ContentHash;

/// How long people are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Patience {
    /// They are reminded each time so much has passed.
    pub remind_after_seconds: u64,
    /// Then it counts as a no.
    pub give_up_after_seconds: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self { remind_after_seconds: 4 * 3600, give_up_after_seconds: 3 * 24 * 3600 }
    }
}

impl Patience {
    /// How long to wait after so long a wait until somebody is reminded, or given up; `None` when that is due.
    #[must_use]
    pub fn next(&self, waited: Duration) -> Option<Duration> {
        let give_up = Duration::from_secs(self.give_up_after_seconds);
        let remind = Duration::from_secs(self.remind_after_seconds.max(1));
        give_up.checked_sub(waited).filter(|rest| !rest.is_zero()).map(|rest| rest.min(remind))
    }
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// `plan`, `merge`: names the request within the run.
    pub id: String,
    /// What a person reads.
    pub what: String,
    /// The content that they agree to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<ContentHash>,
}

/// What a person says: the argument of the signals `approve` and `reject`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Answer {
    pub by: String,
    pub note: String,
    /// Which request is meant; the open one where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Which content was looked at; whatever is asked about where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<ContentHash>,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    Approved { by: String, note: String },
    Rejected { by: String, note: String },
    Aborted { reason: String },
    NobodyAnswered,
}

/// Something that a person adds for the agents to know: the argument of the signal `add_context`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    #[serde(default)]
    pub by: String,
    pub text: String,
}

/// Requests of one run and their answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approvals {
    open: Option<Question>,
    answer: Option<Decision>,
    aborted: Option<String>,
    context: Vec<Note>,
}

/// What became of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    Counted {
        request: String,
    },
    /// It changes nothing, for this reason.
    Ignored {
        why: String,
    },
}

/// Notes that are kept; later ones are not taken.
const NOTES_MAX: usize = 50;
const NOTE_CHARS_MAX: usize = 8_000;

impl Approvals {
    /// Opens a request.
    pub fn ask(&mut self, question: Question) {
        self.open = Some(question);
        self.answer = None;
    }

    /// Closes the open request, with what came of it.
    pub fn close(&mut self) -> Decision {
        self.open = None;
        let answer = self.answer.take();
        self.aborted
            .clone()
            .map_or_else(|| answer.unwrap_or(Decision::NobodyAnswered), |reason| Decision::Aborted { reason })
    }

    #[must_use]
    pub fn open(&self) -> Option<&Question> {
        self.open.as_ref()
    }

    #[must_use]
    pub fn is_decided(&self) -> bool {
        self.answer.is_some() || self.aborted.is_some()
    }

    pub fn approve(&mut self, answer: Answer) -> Taken {
        self.answer(answer, |answer| Decision::Approved { by: answer.by, note: answer.note })
    }

    pub fn reject(&mut self, answer: Answer) -> Taken {
        self.answer(answer, |answer| Decision::Rejected { by: answer.by, note: answer.note })
    }

    /// The first reason stays.
    pub fn abort(&mut self, reason: String) {
        self.aborted.get_or_insert(reason);
    }

    #[must_use]
    pub fn aborted(&self) -> Option<&str> {
        self.aborted.as_deref()
    }

    /// `false` when there are too many already.
    pub fn add_context(&mut self, note: Note) -> bool {
        let fits = self.context.len() < NOTES_MAX;
        if fits {
            let text = note.text.chars().take(NOTE_CHARS_MAX).collect();
            self.context.push(Note { text, ..note });
        }
        fits
    }

    #[must_use]
    pub fn context(&self) -> &[Note] {
        &self.context
    }

    fn answer(&mut self, answer: Answer, decide: impl FnOnce(Answer) -> Decision) -> Taken {
        let ignored = |why: String| Taken::Ignored { why };
        let Some(open) = &self.open else {
            return ignored("nothing is asked".to_owned());
        };
        if let Some(meant) = answer.request.as_ref().filter(|meant| **meant != open.id) {
            return ignored(format!("it is for {meant:?}, and {:?} is asked", open.id));
        }
        if answer.subject.is_some() && answer.subject != open.subject {
            return ignored(format!("it is for another content than {:?} asks about", open.id));
        }
        if self.answer.is_some() {
            return ignored(format!("{:?} has been answered", open.id));
        }
        let request = open.id.clone();
        self.answer = Some(decide(answer));
        Taken::Counted { request }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Approvals {
        let mut approvals = Approvals::default();
        let subject = Some(ContentHash::of(b"the plan"));
        approvals.ask(Question { id: "plan".to_owned(), what: "Go?".to_owned(), subject });
        approvals
    }

    fn by(by: &str) -> Answer {
        Answer { by: by.to_owned(), ..Answer::default() }
    }

    fn ignored(taken: Taken) -> String {
        match taken {
            Taken::Counted { request } => panic!("it counted for {request}"),
            Taken::Ignored { why } => why,
        }
    }

    #[test]
    fn the_first_answer_counts() {
        let mut approvals = asked();
        assert_eq!(approvals.reject(by("Ada")), Taken::Counted { request: "plan".to_owned() });
        assert_eq!(ignored(approvals.approve(by("Bob"))), "\"plan\" has been answered");
        assert_eq!(approvals.close(), Decision::Rejected { by: "Ada".to_owned(), note: String::new() });
    }

    #[test]
    fn an_answer_for_something_else_does_not_count() {
        let mut approvals = asked();
        let other = Answer { subject: Some(ContentHash::of(b"an older plan")), ..by("Ada") };
        assert_eq!(ignored(approvals.approve(other)), "it is for another content than \"plan\" asks about");
        let other = Answer { request: Some("merge".to_owned()), ..by("Ada") };
        assert_eq!(ignored(approvals.approve(other)), "it is for \"merge\", and \"plan\" is asked");
        assert!(!approvals.is_decided());
        let same = Answer { subject: Some(ContentHash::of(b"the plan")), ..by("Ada") };
        assert!(matches!(approvals.approve(same), Taken::Counted { .. }));
    }

    #[test]
    fn an_answer_before_the_question_does_not_count() {
        let mut approvals = Approvals::default();
        assert_eq!(ignored(approvals.approve(by("Ada"))), "nothing is asked");
        approvals.ask(Question { id: "plan".to_owned(), what: String::new(), subject: None });
        assert_eq!(approvals.close(), Decision::NobodyAnswered);
    }

    #[test]
    fn an_abort_stays_and_goes_before_an_answer() {
        let mut approvals = asked();
        approvals.approve(by("Ada"));
        approvals.abort("wrong repository".to_owned());
        approvals.abort("again".to_owned());
        let aborted = Decision::Aborted { reason: "wrong repository".to_owned() };
        assert_eq!(approvals.close(), aborted);
        approvals.ask(Question { id: "merge".to_owned(), what: String::new(), subject: None });
        assert!(approvals.is_decided());
        assert_eq!(approvals.close(), aborted);
    }

    #[test]
    fn people_are_reminded_until_they_are_given_up() {
        let patience = Patience { remind_after_seconds: 10, give_up_after_seconds: 25 };
        let next = |waited| patience.next(Duration::from_secs(waited)).map(|span| span.as_secs());
        assert_eq!([next(0), next(10), next(20), next(25), next(99)], [Some(10), Some(10), Some(5), None, None]);
    }

    #[test]
    fn notes_are_bounded() {
        let mut approvals = Approvals::default();
        let note = |text: String| Note { by: String::new(), text };
        assert!((0..NOTES_MAX).all(|_| approvals.add_context(note("x".repeat(NOTE_CHARS_MAX + 1)))));
        assert!(!approvals.add_context(note("one too many".to_owned())));
        assert!(approvals.context().iter().all(|note| note.text.len() == NOTE_CHARS_MAX));
    }
}
