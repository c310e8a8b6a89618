//! Who waits for which update.
//!
//! Invariant: a caller is noted before anything can become of its update, so no news is missed. What is noted here dies
//! with leadership: the caller sees that, and asks again by the update's id.

use std::collections::HashMap;

use tokio::sync::watch;
use weft_engine::{RunId, UpdateId, UpdateNews};

/// Between two looks for callers that have gone, at least so many updates come.
const SWEEP_AT_LEAST: usize = 64;

/// The updates of this shard that somebody waits for.
#[derive(Default)]
pub(crate) struct Updates {
    waiting: HashMap<(RunId, UpdateId), watch::Sender<Option<UpdateNews>>>,
    sweep_at: usize,
}

/// One caller's end: how the update goes on.
#[derive(Debug)]
pub struct Following {
    news: watch::Receiver<Option<UpdateNews>>,
}

impl Updates {
    /// Follows an update from now on.
    pub(crate) fn follow(&mut self, run: &RunId, update: &UpdateId) -> Following {
        self.sweep();
        let sender = self.waiting.entry((run.clone(), update.clone())).or_insert_with(|| watch::channel(None).0);
        Following { news: sender.subscribe() }
    }

    /// Tells who waits. Acceptance is not the end of it; everything else is.
    pub(crate) fn tell(&mut self, run: RunId, update: UpdateId, news: UpdateNews) {
        let key = (run, update);
        let Some(sender) = self.waiting.get(&key) else { return };
        let goes_on = matches!(news, UpdateNews::Accepted);
        sender.send_replace(Some(news));
        if !goes_on {
            self.waiting.remove(&key);
        }
    }

    /// Forgets updates whose callers have gone, when there are twice as many as were left the last time.
    fn sweep(&mut self) {
        if self.waiting.len() < self.sweep_at.max(SWEEP_AT_LEAST) {
            return;
        }
        self.waiting.retain(|_, sender| sender.receiver_count() > 0);
        self.sweep_at = self.waiting.len() * 2;
    }
}

impl Following {
    /// Waits for the next news; `None` when no more will come: the update's end was told, or leadership was lost.
    pub async fn next(&mut self) -> Option<UpdateNews> {
        self.news.changed().await.ok()?;
        self.news.borrow_and_update().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_who_wait_hear_the_last_news_and_then_nothing() {
        let mut updates = Updates::default();
        let (run, id) = (RunId::from("r"), UpdateId::from("u"));
        let (mut first, mut second) = (updates.follow(&run, &id), updates.follow(&run, &id));
        updates.tell(run.clone(), "another".into(), UpdateNews::TaskFailed);
        updates.tell(run.clone(), id.clone(), UpdateNews::Accepted);
        assert!(matches!(first.next().await, Some(UpdateNews::Accepted)));
        updates.tell(run.clone(), id.clone(), UpdateNews::CutShort);
        assert!(matches!(first.next().await, Some(UpdateNews::CutShort)));
        assert!(matches!(second.next().await, Some(UpdateNews::CutShort)));
        assert!(first.next().await.is_none() && second.next().await.is_none());
    }

    #[tokio::test]
    async fn whoever_waits_sees_that_leadership_is_lost() {
        let mut updates = Updates::default();
        let mut following = updates.follow(&"r".into(), &"u".into());
        drop(updates);
        assert!(following.next().await.is_none());
    }

    #[test]
    fn callers_that_have_gone_are_forgotten() {
        let mut updates = Updates::default();
        for number in 0..1000 {
            drop(updates.follow(&"r".into(), &format!("u{number}").into()));
        }
        assert!(updates.waiting.len() <= SWEEP_AT_LEAST, "{}", updates.waiting.len());
    }
}
