//! Who of the cluster lives, whose clock is right, and which leaderships should be elsewhere.
//!
//! Invariants: a node gives away only what it leads itself, to one that answered lately; a node whose clock is far from
//! those of the others leads nothing, if there is anybody else (rule 17); a node that stops gives away what it leads before
//! it goes, so that nobody waits for an election.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Weak},
    time::Duration,
};

use futures::future::join_all;
use parking_lot::Mutex;
use tonic::Request;
use weft_protocol::internal::{Led, PingRequest, PingResponse};
use weft_raft::{
    GroupId, Leadership, NodeId,
    balance::{Move, Placement, moves},
};
use weft_rows::{
    Supported,
    member::{MemberRow, MemberState},
};

use weft_shard::ShardId;

use super::{NodeInner, copies::Known};

/// Between two pings of every other node.
const PING: Duration = Duration::from_millis(500);
const PING_TIMEOUT: Duration = Duration::from_millis(400);
/// A node that has not answered for so long is not given anything.
const GONE: Duration = Duration::from_secs(2);
/// Between two looks at who leads what; long enough that what the last one moved has arrived.
const BALANCE: Duration = Duration::from_secs(5);
/// How long it may take to give away what is to be given away.
const GIVEN_MAX: Duration = Duration::from_secs(3);
/// How far from the median a clock may be.
const SKEW_MAX_NANOS: i64 = 500_000_000;

/// What this node heard from the others.
#[derive(Default)]
pub(crate) struct Heard(Mutex<BTreeMap<u32, Answered>>);

#[derive(Clone, Copy, Debug)]
struct Answered {
    /// Monotonic.
    at: Duration,
    /// How far its clock is ahead of ours.
    ahead_nanos: i64,
    /// The format levels that it supports.
    supported: Supported,
}

impl Answered {
    fn is_recent(&self, now: Duration) -> bool {
        now.saturating_sub(self.at) < GONE
    }
}

impl Heard {
    /// Who answered lately.
    pub(crate) fn lately(&self, now: Duration) -> BTreeSet<u32> {
        self.0.lock().iter().filter(|(_, answered)| answered.is_recent(now)).map(|(node, _)| *node).collect()
    }

    #[cfg(test)]
    pub(crate) fn note_for_tests(&self, node: u32, at: Duration) {
        self.0.lock().insert(node, Answered { at, ahead_nanos: 0, supported: Supported::HERE });
    }

    /// What a node supports that answered lately.
    pub(crate) fn supported_by(&self, node: u32, now: Duration) -> Option<Supported> {
        self.0.lock().get(&node).filter(|answered| answered.is_recent(now)).map(|answered| answered.supported)
    }

    /// Who may lead, this node among them if its own clock is right: those that answered lately, but for those whose clock
    /// is far from the median of all.
    fn fit(&self, own: u32, now: Duration) -> BTreeSet<NodeId> {
        let heard = self.0.lock();
        let lately = heard.iter().filter(|(_, answered)| answered.is_recent(now));
        let clocks: BTreeMap<u32, i64> =
            lately.map(|(node, answered)| (*node, answered.ahead_nanos)).chain([(own, 0)]).collect();
        right(&clocks).into_iter().map(|node| NodeId(u64::from(node))).collect()
    }
}

/// How far the clock of a node that answered is ahead of ours, wrong by half of what that took at most. Where it took longer
/// than it may it says nothing: this process stood still, and it is not its clock that is wrong.
fn ahead(theirs: i64, asked: i64, took: Duration) -> Option<i64> {
    let half = i64::try_from((took / 2).as_nanos()).ok().filter(|_| took <= PING_TIMEOUT)?;
    Some(theirs.saturating_sub(asked.saturating_add(half)))
}

/// The nodes whose clocks are near the median; all of them where there is no majority to tell.
fn right(clocks: &BTreeMap<u32, i64>) -> BTreeSet<u32> {
    let mut sorted: Vec<i64> = clocks.values().copied().collect();
    sorted.sort_unstable();
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0);
    let near = |ahead: i64| clocks.len() < 3 || ahead.abs_diff(median) <= SKEW_MAX_NANOS.unsigned_abs();
    clocks.iter().filter(|(_, ahead)| near(**ahead)).map(|(node, _)| *node).collect()
}

/// Asks the others again and again whether they live. Nothing else is waited for: whoever has not been asked for a while
/// looks gone from here. Ends with the node.
pub(crate) async fn watch(node: Weak<NodeInner>) {
    loop {
        let Some(inner) = node.upgrade() else { return };
        if *inner.stopping.borrow() {
            return;
        }
        inner.hear().await;
        let clock = Arc::clone(&inner.clock);
        drop(inner);
        clock.sleep_until(clock.monotonic() + PING).await;
    }
}

/// Evens out again and again who leads what. Ends with the node.
pub(crate) async fn even_out(node: Weak<NodeInner>) {
    loop {
        let Some(inner) = node.upgrade() else { return };
        if *inner.stopping.borrow() {
            return;
        }
        let clock = Arc::clone(&inner.clock);
        let began = clock.monotonic();
        inner.balance().await;
        drop(inner);
        clock.sleep_until(began + BALANCE).await;
    }
}

impl NodeInner {
    async fn hear(&self) {
        let answers = join_all(self.peers.others().map(|node| async move { (node, self.ping(node).await) })).await;
        let mut heard = self.heard.0.lock();
        heard.extend(answers.into_iter().filter_map(|(node, answered)| Some((node, answered?))));
    }

    async fn ping(&self, node: u32) -> Option<Answered> {
        let mut peer = self.peers.cluster_service(node)?;
        let mut request = Request::new(PingRequest {});
        request.set_timeout(PING_TIMEOUT);
        let (asked, began) = (self.clock.now().0, self.clock.monotonic());
        let answer = peer.ping(request).await.inspect_err(|status| self.peers.expulsion.heed(status));
        let PingResponse { unix_nanos: theirs, oldest_level, newest_level, led } = answer.ok()?.into_inner();
        self.hear_of(node, led);
        let supported = Supported::from_numbers(oldest_level, newest_level);
        let at = self.clock.monotonic();
        let ahead_nanos = ahead(theirs, asked, at.saturating_sub(began))?;
        Some(Answered { at, ahead_nanos, supported })
    }

    /// What another node says that it leads, for the shards of which there is no copy here.
    fn hear_of(&self, node: u32, led: Vec<Led>) {
        for Led { group, term, voters } in led {
            let leader = Some(NodeId(u64::from(node)));
            let voters = voters.into_iter().map(|voter| NodeId(u64::from(voter))).collect();
            self.copies.told(ShardId(group), Leadership { term, leader, mine: false }, voters);
        }
    }

    /// What this node leads, for others to know.
    pub(crate) fn led_groups(&self) -> Vec<Led> {
        let led = self.raft.groups().filter_map(|(id, group)| {
            let known = *group.leadership().borrow();
            let voters = || group.voters().into_iter().filter_map(|voter| u32::try_from(voter.0).ok()).collect();
            known.mine.then(|| Led { group: id.0, term: known.term, voters: voters() })
        });
        led.collect()
    }

    /// Who answered lately.
    pub(crate) fn live(&self) -> BTreeSet<u32> {
        self.heard.lately(self.clock.monotonic())
    }

    /// Who may lead: whoever is fit for it and is not to be without.
    fn may_lead(&self) -> BTreeSet<NodeId> {
        let mut fit = self.heard.fit(self.peers.node, self.clock.monotonic());
        let members = self.metadata.members();
        let may = |row: &&MemberRow| matches!(row.state, MemberState::Joining | MemberState::Member);
        for row in members.nodes.values().filter(|row| !may(row)) {
            fit.remove(&NodeId(u64::from(row.node)));
        }
        fit
    }

    /// Gives away what others should lead.
    async fn balance(&self) {
        let fit = self.heard.fit(self.peers.node, self.clock.monotonic());
        let own = NodeId(u64::from(self.peers.node));
        let may_lead = self.may_lead();
        if fit.contains(&own) && !may_lead.contains(&own) {
            return self.give_all_away(&may_lead).await;
        }
        if !fit.contains(&own) {
            tracing::warn!("this node's clock is far from those of the others: it leads nothing until it is set right");
            return self.give_all_away(&may_lead).await;
        }
        let wanted = moves(&self.placements(), &may_lead);
        self.give_away(wanted.into_iter().filter(|wanted| wanted.from == own)).await;
    }

    fn placements(&self) -> Vec<Placement> {
        let placement = |(group, known): (_, Known)| Placement {
            group: GroupId(group),
            leader: known.leadership.borrow().leader,
            voters: known.voters,
        };
        self.known_groups().map(placement).collect()
    }

    /// Before this node stops: nobody is to wait for an election.
    pub(crate) async fn hand_over(&self) {
        if !self.peers.is_alone() {
            let mut fit = self.may_lead();
            fit.remove(&NodeId(u64::from(self.peers.node)));
            self.give_all_away(&fit).await;
        }
    }

    async fn give_all_away(&self, to: &BTreeSet<NodeId>) {
        let own = NodeId(u64::from(self.peers.node));
        let led = self.placements().into_iter().filter(|placement| placement.leader == Some(own));
        self.give_away(spread(led, own, to)).await;
    }

    async fn give_away(&self, moves: impl IntoIterator<Item = Move>) {
        let given = moves.into_iter().map(|Move { group, to, .. }| async move {
            self.lead_elsewhere(group.0, to).await;
        });
        // Without a majority a shard neither leads nor lets go, and nothing may wait for that: least of all a node that stops.
        tokio::select! {
            _ = join_all(given) => {}
            () = self.clock.sleep_until(self.clock.monotonic() + GIVEN_MAX) => {}
        }
    }
}

/// Gives what a node leads to those of `to` that vote there, as many to each as can be.
fn spread(led: impl Iterator<Item = Placement>, own: NodeId, to: &BTreeSet<NodeId>) -> Vec<Move> {
    let mut given: BTreeMap<NodeId, usize> = BTreeMap::new();
    let mut give = |Placement { group, voters, .. }: Placement| {
        let able = voters.into_iter().filter(|node| *node != own && to.contains(node));
        let to = able.min_by_key(|node| given.get(node).copied().unwrap_or(0))?;
        *given.entry(to).or_default() += 1;
        Some(Move { group, from: own, to })
    };
    led.filter_map(&mut give).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clocks(ahead_ms: &[i64]) -> BTreeMap<u32, i64> {
        (1..).zip(ahead_ms.iter().map(|ms| ms * 1_000_000)).collect()
    }

    #[test]
    fn a_clock_that_is_far_from_the_others_is_wrong() {
        assert_eq!(right(&clocks(&[0, 20, -30])), [1, 2, 3].into());
        assert_eq!(right(&clocks(&[0, 2_000, 2_010])), [2, 3].into(), "its own, too");
        assert_eq!(right(&clocks(&[0, -501, 0])), [1, 3].into());
    }

    #[test]
    fn two_clocks_do_not_tell_which_of_them_is_wrong() {
        assert_eq!(right(&clocks(&[0, 60_000])), [1, 2].into());
    }

    #[test]
    fn an_answer_that_took_too_long_says_nothing_of_a_clock() {
        let nanos = |ms: i64| ms * 1_000_000;
        let ahead_after = |ms| ahead(nanos(1_500), nanos(1_000), Duration::from_millis(ms));
        assert_eq!([ahead_after(0), ahead_after(400)], [Some(nanos(500)), Some(nanos(300))]);
        assert_eq!(ahead_after(2_000), None, "a node that stood still for two seconds is not to doubt the others");
    }

    #[test]
    fn what_a_node_gives_away_goes_to_those_who_vote_there() {
        let nodes = |ids: &[u64]| ids.iter().copied().map(NodeId).collect::<BTreeSet<_>>();
        let led = [[1, 2, 3], [1, 2, 4], [1, 2, 3], [1, 5, 6]].into_iter().zip(1..).map(|(voters, group)| Placement {
            group: GroupId(group),
            leader: Some(NodeId(1)),
            voters: nodes(&voters),
        });
        let given: Vec<_> =
            spread(led, NodeId(1), &nodes(&[1, 2, 3, 4])).iter().map(|given| (given.group.0, given.to.0)).collect();
        assert_eq!(given, [(1, 2), (2, 4), (3, 3)], "nobody who may lead votes in the last one");
    }

    #[test]
    fn who_has_not_answered_lately_is_given_nothing() {
        let heard = Heard::default();
        heard.note_for_tests(2, Duration::from_secs(10));
        heard.note_for_tests(3, Duration::from_secs(7));
        assert_eq!(heard.fit(1, Duration::from_secs(11)), [NodeId(1), NodeId(2)].into());
        let supports = [2, 3].map(|node| heard.supported_by(node, Duration::from_secs(11)));
        assert_eq!(supports, [Some(Supported::HERE), None], "it may have another build by now");
    }
}
