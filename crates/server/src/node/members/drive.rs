//! Whoever leads the metadata looks what is to be done next, has it done, and looks again.
//!
//! Invariant: what a node gives up it gives up in its own time, and nobody waits for it but what comes after that in the same
//! group: the row says that it goes until it has.

use std::{
    collections::BTreeSet,
    sync::{Arc, Weak},
    time::Duration,
};

use futures::future::join_all;
use tokio::task::JoinSet;
use tonic::{Request, Status};
use weft_protocol::internal::CaughtUpRequest;
use weft_rows::member::{CopyState, MemberState};
use weft_shard::Members;

use super::{
    super::NodeInner,
    copies::{Answers, gathered},
    failing::Failing,
    plan::{GroupPicture, Nodes, Picture, Plan, Step, is_on_its_way},
};

/// Between two looks while something is under way, and while nothing is.
const BUSY: Duration = Duration::from_millis(100);
const IDLE: Duration = Duration::from_secs(2);
/// How long a node that joins may take to say that it has everything.
const CAUGHT_UP_MAX: Duration = Duration::from_secs(2);

/// How long the members of a new cluster are not written because one of them does not say which levels it supports: it was
/// there when they met.
const FOUNDING_MAX: Duration = Duration::from_secs(30);

/// What a driver knows from round to round.
#[derive(Default)]
struct Rounds {
    /// Monotonic: until when the founders of a new cluster are waited for.
    founding_until: Option<Duration>,
    failing: Failing,
    /// Copies that are being given up, group and step.
    giving_up: BTreeSet<(u32, Step)>,
    given_up: JoinSet<(u32, Step, Result<(), Status>)>,
}

/// Ends with the node.
pub(crate) async fn drive(node: Weak<NodeInner>) {
    let Some((mut viewed, mut leadership)) =
        node.upgrade().map(|inner| (inner.metadata.viewed(), inner.metadata.leadership()))
    else {
        return;
    };
    let mut rounds = Rounds::default();
    loop {
        let Some(inner) = node.upgrade() else { return };
        if *inner.stopping.borrow() {
            return;
        }
        viewed.mark_unchanged();
        let leads = leadership.borrow_and_update().mine;
        let mut stopping = inner.stopping.clone();
        if !leads {
            // Whoever leads now says what it waits for.
            rounds = Rounds::default();
            inner.say(Vec::new());
        }
        let busy = leads
            && tokio::select! {
                busy = inner.advance(&mut rounds) => busy,
                // A step at another node takes long, and holds the store meanwhile.
                _ = stopping.wait_for(|stopping| *stopping) => return,
            };
        let clock = Arc::clone(&inner.clock);
        drop(inner);
        let wait = if busy { BUSY } else { IDLE };
        // Busy with what does not go on, the news of what this has written must not make it turn faster.
        tokio::select! {
            changed = viewed.changed(), if !busy => if changed.is_err() { return },
            changed = leadership.changed() => if changed.is_err() { return },
            () = clock.sleep_until(clock.monotonic() + wait) => {}
        }
    }
}

impl NodeInner {
    /// Does what is next; false if there is nothing to do.
    async fn advance(self: &Arc<Self>, rounds: &mut Rounds) -> bool {
        let members = self.metadata.members();
        if members.nodes.is_empty() {
            let until = *rounds.founding_until.get_or_insert_with(|| self.clock.monotonic() + FOUNDING_MAX);
            self.write_founders(until).await;
            return true;
        }
        let (ready, answers) = tokio::join!(self.ready(&members), self.answers(&members));
        let Plan { steps, changes, waits } = self.picture(Members::clone(&members), ready, &answers).plan();
        let idle = steps.is_empty() && changes.is_empty();
        let busy = !idle || !waits.is_empty() || members.nodes.values().any(|row| is_on_its_way(row.state));
        rounds.failing.keep(&steps);
        self.make(steps, rounds).await;
        let failing = rounds.failing.said(self.clock.monotonic());
        self.say(waits.into_iter().chain(failing).collect());
        if !changes.is_empty() {
            // What the plan stands on may have been changed by an operator meanwhile.
            let decide = |now: &Members| if *now == *members { Ok((changes, ())) } else { Err("it has changed") };
            if let Err(error) = self.metadata.change_members(decide).await {
                tracing::debug!(%error, "the members were not changed");
            }
        }
        busy
    }

    /// Makes these steps, but for what is to be given up: that is begun.
    async fn make(self: &Arc<Self>, steps: Vec<(u32, Step)>, rounds: &mut Rounds) {
        let (giving_up, others): (Vec<_>, Vec<_>) =
            steps.into_iter().partition(|(_, step)| matches!(step, Step::GiveUp(_)));
        for (group, step) in giving_up {
            if rounds.giving_up.insert((group, step.clone())) {
                let (node, mut stopping) = (Arc::clone(self), self.stopping.clone());
                rounds.given_up.spawn(async move {
                    let made = tokio::select! {
                        made = node.step(group, &step) => made,
                        _ = stopping.wait_for(|stopping| *stopping) => Err(Status::unavailable("this node stops")),
                    };
                    (group, step, made)
                });
            }
        }
        let made = others.into_iter().map(|(group, step)| async move {
            let made = self.step(group, &step).await;
            (group, step, made)
        });
        let mut made = join_all(made).await;
        while let Some(given_up) = rounds.given_up.try_join_next() {
            match given_up {
                Ok((group, step, given_up)) => {
                    rounds.giving_up.remove(&(group, step.clone()));
                    made.push((group, step, given_up));
                }
                // Which one it was is not known: all of them are asked for again.
                Err(error) => {
                    tracing::error!(%error, "a copy was not given up");
                    rounds.giving_up.clear();
                }
            }
        }
        let now = self.clock.monotonic();
        for (group, step, made) in made {
            let made = match &made {
                Ok(()) => {
                    tracing::info!(group, ?step, "a group was changed");
                    Ok(())
                }
                Err(status) => {
                    let why = status.message();
                    tracing::debug!(group, ?step, why, "a group was not changed yet");
                    Err(why)
                }
            };
            rounds.failing.note(group, &step, made, now);
        }
    }

    /// Says once what is waited for.
    fn say(&self, waits: Vec<String>) {
        let mut said = self.waits.lock();
        if *said != waits {
            for why in waits.iter().filter(|why| !said.contains(why)) {
                tracing::info!(why, "a change of the cluster waits");
            }
            *said = waits;
        }
    }

    /// The nodes that join and have what is committed now.
    async fn ready(&self, members: &Members) -> Nodes {
        let joining = members.nodes.values().filter(|row| row.state == MemberState::Joining);
        let asked = join_all(joining.map(|row| async { (row.node, self.has_caught_up(row.node).await) })).await;
        asked.into_iter().filter(|(_, ready)| *ready).map(|(node, _)| node).collect()
    }

    /// Whether it has. This node may be the one that joins: as soon as it votes it may be elected.
    async fn has_caught_up(&self, node: u32) -> bool {
        if node == self.peers.node {
            let end = self.clock.monotonic() + CAUGHT_UP_MAX;
            return tokio::select! {
                caught_up = self.has_committed() => caught_up.is_ok(),
                () = self.clock.sleep_until(end) => false,
            };
        }
        let Some(mut peer) = self.peers.members_service(node) else { return false };
        let mut request = Request::new(CaughtUpRequest {});
        request.set_timeout(CAUGHT_UP_MAX);
        peer.caught_up(request).await.is_ok()
    }

    /// The cluster as this node sees it, and as those say it that were asked.
    pub(crate) fn picture(&self, members: Members, ready: Nodes, answers: &Answers) -> Picture {
        let live = self.live().into_iter().chain([self.peers.node]).collect();
        let has =
            answers.iter().map(|(node, copies)| (*node, copies.iter().map(|copy| copy.group).collect())).collect();
        let groups = with_unheard(gathered(answers), &members);
        Picture { members, groups, live, ready, has }
    }
}

/// With the groups of which nobody has spoken: they are there, and nothing is known of them but what the rows say.
fn with_unheard(mut groups: Vec<GroupPicture>, members: &Members) -> Vec<GroupPicture> {
    let heard: Nodes = groups.iter().map(|group| group.group).collect();
    let unheard = members.copies.values().filter(|row| !heard.contains(&row.group)).map(|row| GroupPicture {
        group: row.group,
        leader: None,
        voters: vec![row.in_state(CopyState::Held).collect()],
        members: row.nodes.keys().copied().collect(),
        leads: false,
    });
    groups.extend(unheard);
    groups.sort_by_key(|group| group.group);
    groups
}

#[cfg(test)]
mod tests {
    use weft_rows::member::CopiesRow;

    use super::*;
    use crate::{
        Server,
        node::{Options, Place},
    };

    #[test]
    fn a_group_of_which_nobody_spoke_has_its_copies_and_no_leader() {
        let nodes = [(1, CopyState::Held), (2, CopyState::Held), (3, CopyState::Held), (4, CopyState::Coming)].into();
        let row = CopiesRow { group: 2, nodes };
        let members = Members { copies: [(2, row)].into(), ..Members::default() };
        let heard =
            GroupPicture { group: 3, leader: Some(1), voters: vec![[1].into()], members: [1].into(), leads: true };
        let all = with_unheard(vec![heard.clone()], &members);
        let (voters, members) = (vec![[1, 2, 3].into()], [1, 2, 3, 4].into());
        assert_eq!(all, [GroupPicture { group: 2, leader: None, voters, members, leads: false }, heard]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_given_up_slowly_is_not_waited_for_and_why_it_is_not_is_known() {
        let mut options = Options::new(Place::Memory);
        options.shards = 2;
        let opened = crate::node::Node::open(options, crate::node::World::real()).await.expect("it opens");
        let (node, mut rounds) = (opened.inner(), Rounds::default());
        let step = (1, Step::GiveUp(node.peers.node));
        let others_change = node.copies.turn().await;
        for _ in 0..2 {
            node.make(vec![step.clone()], &mut rounds).await;
            assert_eq!((rounds.given_up.len(), &rounds.giving_up), (1, &[step.clone()].into()), "it is asked for once");
        }
        drop(others_change);
        while !rounds.giving_up.is_empty() {
            tokio::task::yield_now().await;
            node.make(Vec::new(), &mut rounds).await;
        }
        let said = rounds.failing.said(node.clock.monotonic() + Duration::from_secs(60));
        assert!(said.iter().any(|why| why.contains("is to have a copy of shard 1")), "{said:?}");
        opened.shutdown().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_joins_and_leads_the_metadata_asks_itself_whether_it_has_caught_up() {
        let any = "127.0.0.1:0".parse().expect("an address");
        let mut options = Options::new(Place::Memory);
        options.shards = 2;
        let server = Server::builder(Place::Memory).options(options).listen(any).start().await.expect("it starts");
        let node = server.node().inner();
        assert!(node.has_caught_up(node.peers.node).await);
        assert!(!node.has_caught_up(node.peers.node + 1).await, "nobody is there");
        server.shutdown().await;
    }
}
