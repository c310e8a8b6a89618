//! An attempt of a task is handed to one poller at most.

use std::collections::BTreeMap;

/// Names an attempt: of which run, what, and which one of how many.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attempt {
    pub run: String,
    /// An activity by its id, a workflow task by the event that started it.
    pub what: String,
    pub number: i32,
}

/// Who has which attempt.
#[derive(Default)]
pub struct Handed(BTreeMap<Attempt, String>);

impl Handed {
    /// A poller has an attempt.
    ///
    /// # Errors
    /// Who had it before.
    pub fn to(&mut self, attempt: &Attempt, poller: &str) -> Result<(), String> {
        match self.0.insert(attempt.clone(), poller.to_owned()) {
            Some(before) => Err(format!("{attempt:?} was handed to {before}, and then to {poller}")),
            None => Ok(()),
        }
    }

    /// How many there were, and how many of them were not the first of their task.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        (self.0.len(), self.0.keys().filter(|attempt| attempt.number > 1).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_attempt_may_be_another_poller_s_and_the_same_one_may_not() {
        let attempt = |number| Attempt { run: "run".to_owned(), what: "activity a".to_owned(), number };
        let mut handed = Handed::default();
        assert_eq!(handed.to(&attempt(1), "one"), Ok(()));
        assert_eq!(handed.to(&attempt(2), "other"), Ok(()));
        assert_eq!(handed.count(), (2, 1));
        assert!(handed.to(&attempt(1), "other").is_err());
    }
}
