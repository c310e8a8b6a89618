//! When to kill: the moment at which some checks are recorded and the others are under way, however fast they are.
//!
//! Only half of the checks may give their answers before the server is killed; the rest keep theirs until it is dead,
//! as if their commands had ended a moment later. Invariant: between [`Fence::reached`] and [`Fence::open`] no answer
//! of a check is on its way, so that what the server has recorded at the kill is known.

use std::{collections::BTreeSet, sync::Arc};

use tokio::sync::{Semaphore, watch};

use super::checks::Check;

/// So many checks are recorded when the server is killed.
const BEFORE: usize = Check::ALL.len() / 2;

#[derive(Clone)]
pub(super) struct Fence(Arc<Inner>);

struct Inner {
    answers: Semaphore,
    progress: watch::Sender<Progress>,
}

#[derive(Default)]
struct Progress {
    started: BTreeSet<String>,
    /// As a workflow task that was answered showed it: nothing of these is under way any more.
    recorded: usize,
}

impl Fence {
    /// One that holds nothing back.
    pub(super) fn none() -> Self {
        Self::with(Semaphore::MAX_PERMITS)
    }

    pub(super) fn at_half() -> Self {
        Self::with(BEFORE)
    }

    fn with(answers: usize) -> Self {
        let progress = watch::Sender::new(Progress::default());
        Self(Arc::new(Inner { answers: Semaphore::new(answers), progress }))
    }

    pub(super) fn started(&self, check: &str) {
        self.0.progress.send_modify(|progress| {
            progress.started.insert(check.to_owned());
        });
    }

    pub(super) fn recorded(&self, number: usize) {
        self.0.progress.send_modify(|progress| progress.recorded = number);
    }

    /// Waits until one more check may end.
    pub(super) async fn pass(&self) {
        // The semaphore is never closed; if it were there would be nothing to wait for.
        if let Ok(permit) = self.0.answers.acquire().await {
            permit.forget();
        }
    }

    /// Waits until half of the checks are recorded and all others are under way.
    pub(super) async fn reached(&self) {
        let reached = |progress: &Progress| progress.recorded >= BEFORE && progress.started.len() == Check::ALL.len();
        // The sender lives in `self`, so the wait ends by what it waits for.
        let _ = self.0.progress.subscribe().wait_for(reached).await;
    }

    /// How many checks are recorded when it is reached.
    pub(super) fn before(&self) -> usize {
        self.0.progress.borrow().recorded
    }

    pub(super) fn open(&self) {
        self.0.answers.add_permits(Check::ALL.len());
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    /// Whether a wait is over at its first look.
    fn is_over(wait: impl Future<Output = ()>) -> bool {
        pin!(wait).poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    #[tokio::test]
    async fn it_is_reached_when_half_are_recorded_and_all_have_started() {
        let fence = Fence::at_half();
        Check::ALL.iter().for_each(|check| fence.started(check.name()));
        fence.recorded(BEFORE - 1);
        assert!(!is_over(fence.reached()));
        fence.recorded(BEFORE);
        assert!(is_over(fence.reached()));
    }

    #[tokio::test]
    async fn the_other_half_passes_once_it_is_open() {
        let fence = Fence::at_half();
        for _ in 0..BEFORE {
            fence.pass().await;
        }
        assert!(!is_over(fence.pass()));
        fence.open();
        assert!(is_over(fence.pass()));
    }
}
