//! What is committed is told to followers with the next entries, or a little later.
//!
//! openraft sends an append without entries for each commit that no entries follow at once: under load a second message,
//! and a second wake of the follower, for nearly every entry. Nobody's answer waits for a follower to apply, but for
//! readers there, and they ask the leader first: what they wait for is then told at once.
//!
//! Invariants: an append with entries waits for nothing; an append that is left out says nothing that the one sent instead
//! does not say; nothing is kept for longer than [`LATE_MAX`].

use std::pin::{Pin, pin};
use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use openraft::raft::AppendEntriesRequest;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::types::Types;

/// How long followers may learn later what is committed.
const LATE_MAX: Duration = Duration::from_millis(20);

type Append = AppendEntriesRequest<Types>;

/// The appends of a session to one follower, without those that the next one makes needless. Whatever is kept goes when
/// `wanted` changes.
pub(crate) fn with_entries(
    appends: impl Stream<Item = Append> + Send + Unpin + 'static,
    wanted: watch::Receiver<()>,
) -> Pin<Box<dyn Stream<Item = Append> + Send>> {
    let next = |(mut appends, mut wanted): (_, watch::Receiver<()>)| async move {
        let append = next(&mut appends, &mut wanted).await?;
        Some((append, (appends, wanted)))
    };
    // A session that has ended is looked at once more.
    stream::unfold((appends.fuse(), wanted), next).boxed()
}

async fn next(appends: &mut (impl Stream<Item = Append> + Unpin), wanted: &mut watch::Receiver<()>) -> Option<Append> {
    let mut append = appends.next().await?;
    let mut late = pin!(sleep(LATE_MAX));
    while append.entries.is_empty() {
        append = tokio::select! {
            biased;
            newer = appends.next() => match newer {
                Some(newer) => newer,
                None => return Some(append),
            },
            // A group that stops wants nothing kept either.
            _ = wanted.changed() => return Some(append),
            () = &mut late => return Some(append),
        };
    }
    Some(append)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::channel::mpsc;
    use openraft::type_config::TypeConfigExt;

    use super::*;
    use crate::types::{Batch, Entry, EntryPayload, NodeId, Vote, log_id};

    fn append(entries: usize, committed: u64) -> Append {
        let entry = |at| Entry { log_id: log_id(1, at), payload: EntryPayload::Normal(Batch(bytes::Bytes::new())) };
        AppendEntriesRequest {
            vote: Vote::new_committed(1, NodeId(1)),
            prev_log_id: None,
            entries: (0..entries as u64).map(entry).collect(),
            leader_commit: Some(log_id(1, committed)),
        }
    }

    fn shown(append: Option<Append>) -> Option<(usize, u64)> {
        append.map(|append| (append.entries.len(), append.leader_commit.map_or(0, |id| id.index)))
    }

    struct World {
        leader: mpsc::UnboundedSender<Append>,
        wanted: watch::Sender<()>,
        sent: Pin<Box<dyn Stream<Item = Append> + Send>>,
    }

    impl World {
        fn new() -> Self {
            let (leader, appends) = mpsc::unbounded();
            let wanted = watch::Sender::new(());
            Self { leader, sent: with_entries(appends, wanted.subscribe()), wanted }
        }

        fn append(&self, entries: usize, committed: u64) {
            self.leader.unbounded_send(append(entries, committed)).expect("the session stands");
        }

        fn sent_now(&mut self) -> Option<(usize, u64)> {
            self.sent.next().now_or_never().and_then(shown)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_committed_goes_with_the_next_entries() {
        let mut world = World::new();
        world.append(1, 1);
        assert_eq!(world.sent_now(), Some((1, 1)), "entries wait for nothing");
        world.append(0, 2);
        assert_eq!(world.sent_now(), None);
        world.append(0, 3);
        assert_eq!(world.sent_now(), None);
        world.append(2, 3);
        assert_eq!(world.sent_now(), Some((2, 3)), "and nothing went before");
    }

    #[tokio::test(start_paused = true)]
    async fn without_entries_it_goes_a_little_later_or_when_it_is_wanted() {
        let mut world = World::new();
        let began = Types::now();
        world.append(0, 1);
        assert_eq!(shown(world.sent.next().await), Some((0, 1)));
        // Timers tick once a millisecond.
        let took = Types::now() - began;
        assert!((LATE_MAX..=LATE_MAX + Duration::from_millis(1)).contains(&took), "{took:?}");
        world.append(0, 2);
        assert_eq!(world.sent_now(), None);
        world.wanted.send_replace(());
        assert_eq!(world.sent_now(), Some((0, 2)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_of_a_session_is_sent() {
        // As openraft's own, this stream panics if it is asked again after its end.
        let appends = stream::unfold(Some(append(0, 1)), |left| async move { Some((left?, None)) });
        let mut sent = with_entries(Box::pin(appends), watch::Sender::new(()).subscribe());
        assert_eq!(shown(sent.next().await), Some((0, 1)));
        assert_eq!(shown(sent.next().await), None);
    }
}
