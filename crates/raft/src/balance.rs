//! Which leaderships to move so that the live nodes lead as many groups each as their votes allow. Pure.
//!
//! Invariants: only live voters are given anything; no move is made that does not even things out, so that doing what
//! is said here, and asking again, ends; the same picture gives the same moves on every node.
//!
//! It deliberately leaves alone what has no leader, or one that is not alive: an election decides there first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use weft_store::wal::GroupId;

use crate::types::NodeId;

/// A group as somebody sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    pub group: GroupId,
    pub leader: Option<NodeId>,
    pub voters: BTreeSet<NodeId>,
}

/// A leadership that should be elsewhere; see [`crate::Group::transfer_leader`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    pub group: GroupId,
    pub from: NodeId,
    pub to: NodeId,
}

/// The fewest moves after which no other ones would even things out further.
#[must_use]
pub fn moves(groups: &[Placement], live: &BTreeSet<NodeId>) -> Vec<Move> {
    let mut table = Table::new(groups, live);
    // Each step brings two nodes closer together, so this ends long before the bound; the bound is for bugs.
    for _ in 0..groups.len() * live.len() {
        let Some(path) = table.loaded_first().into_iter().find_map(|from| table.path(from)) else { break };
        path.into_iter().for_each(|(group, to)| table.give(group, to));
    }
    table.moves(groups)
}

struct Table<'a> {
    live: &'a BTreeSet<NodeId>,
    voters: BTreeMap<GroupId, &'a BTreeSet<NodeId>>,
    leads: BTreeMap<NodeId, BTreeSet<GroupId>>,
}

impl<'a> Table<'a> {
    fn new(groups: &'a [Placement], live: &'a BTreeSet<NodeId>) -> Self {
        let mut leads: BTreeMap<NodeId, BTreeSet<GroupId>> = live.iter().map(|node| (*node, BTreeSet::new())).collect();
        let mut voters = BTreeMap::new();
        for placement in groups {
            let led = placement.leader.and_then(|leader| leads.get_mut(&leader));
            if let Some(led) = led {
                led.insert(placement.group);
                voters.insert(placement.group, &placement.voters);
            }
        }
        Self { live, voters, leads }
    }

    fn load(&self, node: NodeId) -> usize {
        self.leads.get(&node).map_or(0, BTreeSet::len)
    }

    fn loaded_first(&self) -> Vec<NodeId> {
        let mut nodes: Vec<NodeId> = self.live.iter().copied().collect();
        nodes.sort_by_key(|node| std::cmp::Reverse(self.load(*node)));
        nodes
    }

    /// The shortest chain of moves that takes a group from this node and in the end gives one to a node that leads at
    /// least two fewer; those in between give one for the one that they get.
    fn path(&self, from: NodeId) -> Option<Vec<(GroupId, NodeId)>> {
        let mut came: BTreeMap<NodeId, (NodeId, GroupId)> = BTreeMap::new();
        let mut waiting = VecDeque::from([from]);
        while let Some(node) = waiting.pop_front() {
            let mut next: Vec<(NodeId, GroupId)> = Vec::new();
            for group in self.leads.get(&node).into_iter().flatten() {
                let voters = self.voters.get(group).into_iter().copied().flatten();
                let fresh = voters.filter(|to| **to != from && self.live.contains(to) && !came.contains_key(to));
                next.extend(fresh.map(|to| (*to, *group)));
            }
            next.sort_by_key(|(to, group)| (self.load(*to), *to, *group));
            for (to, group) in next {
                if came.contains_key(&to) {
                    continue;
                }
                came.insert(to, (node, group));
                if self.load(to) + 2 <= self.load(from) {
                    return Some(chain(&came, from, to));
                }
                waiting.push_back(to);
            }
        }
        None
    }

    fn give(&mut self, group: GroupId, to: NodeId) {
        self.leads.values_mut().for_each(|led| {
            led.remove(&group);
        });
        self.leads.entry(to).or_default().insert(group);
    }

    fn moves(&self, groups: &[Placement]) -> Vec<Move> {
        let leader = |group| self.leads.iter().find(|(_, led)| led.contains(&group)).map(|(node, _)| *node);
        let moved = |placement: &Placement| {
            let (from, to) = (placement.leader?, leader(placement.group)?);
            (from != to).then_some(Move { group: placement.group, from, to })
        };
        groups.iter().filter_map(moved).collect()
    }
}

fn chain(came: &BTreeMap<NodeId, (NodeId, GroupId)>, from: NodeId, to: NodeId) -> Vec<(GroupId, NodeId)> {
    let mut chain = Vec::new();
    let mut at = to;
    while at != from {
        let Some(&(before, group)) = came.get(&at) else { break };
        chain.push((group, at));
        at = before;
    }
    chain
}

#[cfg(test)]
mod tests {
    use weft_env::SeededIds;

    use super::*;

    fn nodes(ids: impl IntoIterator<Item = u64>) -> BTreeSet<NodeId> {
        ids.into_iter().map(NodeId).collect()
    }

    fn placed(leaders: &[u64], voters: &BTreeSet<NodeId>) -> Vec<Placement> {
        let place = |(group, leader): (u32, &u64)| Placement {
            group: GroupId(group),
            leader: Some(NodeId(*leader)).filter(|leader| leader.0 != 0),
            voters: voters.clone(),
        };
        (0..).zip(leaders).map(place).collect()
    }

    /// How many each live node leads when the moves are done, fewest first.
    fn after(groups: &[Placement], live: &BTreeSet<NodeId>) -> Vec<usize> {
        let mut leads: BTreeMap<NodeId, usize> = live.iter().map(|node| (*node, 0)).collect();
        let moves = moves(groups, live);
        for placement in groups {
            let moved = moves.iter().find(|moved| moved.group == placement.group);
            if let Some(moved) = moved {
                assert_eq!(Some(moved.from), placement.leader);
                assert!(placement.voters.contains(&moved.to) && live.contains(&moved.to) && moved.from != moved.to);
            }
            let leader = moved.map(|moved| moved.to).or(placement.leader);
            if let Some(count) = leader.and_then(|leader| leads.get_mut(&leader)) {
                *count += 1;
            }
        }
        let mut counts: Vec<usize> = leads.into_values().collect();
        counts.sort_unstable();
        counts
    }

    #[test]
    fn one_node_that_leads_everything_shares_with_the_others() {
        let all = nodes(1..=3);
        assert_eq!(after(&placed(&[1; 17], &all), &all), [5, 6, 6]);
        assert_eq!(moves(&placed(&[1; 17], &all), &all).len(), 11, "no leadership is moved without need");
    }

    #[test]
    fn what_is_even_is_left_alone() {
        let all = nodes(1..=3);
        assert_eq!(moves(&placed(&[1, 2, 3, 1, 2, 3, 3], &all), &all), []);
        assert_eq!(moves(&[], &all), []);
        assert_eq!(moves(&placed(&[1, 1], &all), &nodes([])), []);
    }

    #[test]
    fn the_dead_get_nothing_and_what_they_led_is_left_to_elections() {
        let all = nodes(1..=3);
        let groups = placed(&[3, 3, 1, 1, 1, 1, 0], &all);
        let moves = moves(&groups, &nodes([1, 2]));
        assert_eq!(moves.iter().map(|moved| (moved.group.0, moved.to.0)).collect::<Vec<_>>(), [(2, 2), (3, 2)]);
    }

    #[test]
    fn a_node_that_has_no_vote_gets_its_share_through_one_that_has() {
        // Node 3 votes only where node 2 does, and node 2 is not overloaded by itself.
        let mut groups = placed(&[1, 1, 1, 1], &nodes([1, 2]));
        groups.push(Placement { group: GroupId(4), leader: Some(NodeId(2)), voters: nodes([2, 3]) });
        groups.push(Placement { group: GroupId(5), leader: Some(NodeId(2)), voters: nodes([2, 3]) });
        assert_eq!(after(&groups, &nodes(1..=3)), [2, 2, 2]);
    }

    #[test]
    fn whatever_the_picture_the_moves_end_and_a_second_look_finds_none() {
        for seed in 0..300 {
            let chance = SeededIds::new(seed);
            let size = 1 + chance.below(6);
            let live = nodes((1..=size).filter(|_| chance.below(4) > 0));
            let mut groups: Vec<Placement> = (0..u32::try_from(chance.below(40)).expect("few"))
                .map(|group| {
                    let mut voters = nodes((1..=size).filter(|_| chance.below(2) > 0));
                    voters.insert(NodeId(1 + chance.below(size)));
                    let at = usize::try_from(chance.below(voters.len() as u64)).expect("few");
                    Placement { group: GroupId(group), leader: voters.iter().nth(at).copied(), voters }
                })
                .collect();
            after(&groups, &live);
            for moved in moves(&groups, &live) {
                let placement = groups.iter_mut().find(|placement| placement.group == moved.group);
                placement.expect("it was given").leader = Some(moved.to);
            }
            assert_eq!(moves(&groups, &live), [], "seed {seed}");
        }
    }
}
