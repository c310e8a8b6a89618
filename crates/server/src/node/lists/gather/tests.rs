//! Nodes that answer, that do not, and that come back.

use std::{collections::BTreeMap, pin::pin, sync::Arc};

use futures::{FutureExt, poll};
use parking_lot::Mutex;
use weft_env::{UnixNanos, VirtualClock};

use super::{super::choice::choose, *};

type Part = (u32, BTreeSet<u32>);

/// Copies of four shards on two of three nodes each; node 1 asks.
struct World {
    clock: VirtualClock,
    holders: BTreeMap<u32, BTreeSet<u32>>,
    /// Nodes that fail when they are asked, and how often.
    failing: Arc<Mutex<BTreeMap<u32, u32>>>,
    asked: Arc<Mutex<Vec<u32>>>,
}

impl World {
    fn new(failing: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let copies = [(1, [1, 2]), (2, [2, 3]), (3, [2, 3]), (4, [1, 3])];
        Self {
            clock: VirtualClock::starting_at(UnixNanos(0)),
            holders: copies.into_iter().map(|(shard, nodes)| (shard, BTreeSet::from(nodes))).collect(),
            failing: Arc::new(Mutex::new(failing.into_iter().collect())),
            asked: Arc::default(),
        }
    }

    fn choose(&self, missing: &BTreeSet<u32>, failed: &Failed) -> Result<Choice, BTreeSet<u32>> {
        let mut holders: BTreeMap<u32, BTreeSet<u32>> =
            missing.iter().map(|shard| (*shard, self.holders[shard].clone())).collect();
        for (node, shard) in failed {
            holders.entry(*shard).or_default().remove(node);
        }
        choose(1, &holders, &BTreeSet::from([1, 2, 3]))
    }

    fn ask(&self, node: u32, shards: BTreeSet<u32>) -> Result<Part, Lost> {
        self.asked.lock().push(node);
        match self.failing.lock().get_mut(&node) {
            Some(times) if *times > 0 => {
                *times -= 1;
                Err(Lost::Elsewhere(format!("node {node} is gone")))
            }
            Some(_) | None => Ok((node, shards)),
        }
    }

    async fn gather(&self) -> Result<Vec<Part>, ListError> {
        self.gather_by(|node, shards| std::future::ready(self.ask(node, shards)).boxed()).await
    }

    /// Gathers, and lets time pass whenever that waits.
    async fn gather_by<'a>(
        &self,
        ask: impl Fn(u32, BTreeSet<u32>) -> BoxFuture<'a, Result<Part, Lost>>,
    ) -> Result<Vec<Part>, ListError> {
        let choose = |missing: &BTreeSet<u32>, failed: &Failed| self.choose(missing, failed);
        let mut gathering = pin!(gather(&self.clock, self.holders.keys().copied().collect(), choose, ask));
        loop {
            match poll!(gathering.as_mut()) {
                std::task::Poll::Ready(parts) => return parts,
                std::task::Poll::Pending => self.clock.advance(RETRY),
            }
        }
    }
}

fn parts<const N: usize>(parts: [(u32, &[u32]); N]) -> Vec<Part> {
    parts.into_iter().map(|(node, shards)| (node, shards.iter().copied().collect())).collect()
}

#[tokio::test]
async fn each_shard_comes_once_and_few_are_asked() {
    let world = World::new([]);
    assert_eq!(world.gather().await.expect("all live"), parts([(1, &[1, 4]), (2, &[2, 3])]));
    assert_eq!(*world.asked.lock(), [1, 2]);
}

#[tokio::test]
async fn another_answers_for_one_that_does_not_and_nobody_answers_twice() {
    let world = World::new([(2, u32::MAX)]);
    assert_eq!(world.gather().await.expect("node 3 has them"), parts([(1, &[1, 4]), (3, &[2, 3])]));
    assert_eq!(*world.asked.lock(), [1, 2, 3]);
    let world = World::new([(1, u32::MAX)]);
    assert_eq!(world.gather().await.expect("others have them"), parts([(2, &[2, 3]), (2, &[1]), (3, &[4])]));
}

#[tokio::test]
async fn whoever_comes_back_in_time_is_asked_again() {
    let world = World::new([(2, 7), (3, 7)]);
    let shards: BTreeSet<u32> =
        world.gather().await.expect("they are back").into_iter().flat_map(|(_, shards)| shards).collect();
    assert_eq!(shards, BTreeSet::from([1, 2, 3, 4]));
    assert!(world.clock.monotonic() < FAILING_MAX);
}

#[tokio::test]
async fn whoever_failed_for_some_shards_is_asked_for_others() {
    let world = World::new([(1, 1), (2, 1)]);
    assert_eq!(world.gather().await.expect("each shard has somebody"), parts([(2, &[1]), (3, &[2, 3, 4])]));
    assert_eq!(world.clock.monotonic(), Duration::ZERO, "nothing was waited for");
}

#[tokio::test]
async fn a_list_ends_in_time_though_somebody_is_asked_again_who_says_nothing() {
    let world = World::new([(2, 1), (3, 1)]);
    let asking = world.gather_by(|node, shards| {
        let had_failed = world.failing.lock().get(&node) == Some(&0);
        let answer = world.ask(node, shards);
        if had_failed { std::future::pending().boxed() } else { std::future::ready(answer).boxed() }
    });
    let error = asking.await.expect_err("two shards have nobody else");
    assert!(matches!(&error, ListError::Nobody { shards, .. } if *shards == BTreeSet::from([2, 3])), "{error}");
    assert_eq!(world.clock.monotonic(), FAILING_MAX);
}

#[tokio::test]
async fn a_list_of_some_shards_is_none_and_the_error_names_the_others() {
    let world = World::new([(2, u32::MAX), (3, u32::MAX)]);
    let error = world.gather().await.expect_err("nobody has two of them");
    assert!(matches!(&error, ListError::Nobody { shards, .. } if *shards == BTreeSet::from([2, 3])), "{error}");
    let said = "nobody who has a copy of shards 2, 3 answers: try again (node 3 is gone)";
    assert_eq!(error.to_string(), said);
}

#[tokio::test]
async fn what_all_would_say_is_said_at_once() {
    let world = World::new([]);
    let choose = |missing: &BTreeSet<u32>, failed: &Failed| world.choose(missing, failed);
    let refuse = || Lost::Final(ListError::Index(weft_visibility::Error::TooManyGroups));
    let ask = |node, _| {
        world.asked.lock().push(node);
        std::future::ready(Err::<Part, _>(refuse())).boxed()
    };
    let error = gather(&world.clock, BTreeSet::from([1, 2]), choose, ask).await.expect_err("it is refused");
    assert!(matches!(error, ListError::Index(weft_visibility::Error::TooManyGroups)), "{error}");
    assert_eq!(*world.asked.lock(), [1, 2]);
}
