//! Plans played out: each step is made on the picture, and what must hold of it is held against it.

mod placed;

use weft_env::SeededIds;
use weft_rows::member::{MemberRow, MemberState, MoveRow};

use super::*;

/// More steps than any of this takes.
const STEPS_MAX: usize = 2_000;

fn nodes(ids: impl IntoIterator<Item = u32>) -> Nodes {
    ids.into_iter().collect()
}

fn put(picture: &mut Picture, node: u32, state: MemberState) {
    let row = MemberRow { node, address: format!("n{node}:1"), state, incarnation: String::new() };
    picture.members.nodes.insert(node, row);
}

/// A cluster that these nodes have founded, all of which live.
fn founded(founders: u32, groups: u32) -> Picture {
    let mut picture = Picture::default();
    (1..=founders).for_each(|node| put(&mut picture, node, MemberState::Member));
    picture.live = nodes(1..=founders);
    let all = nodes(1..=founders);
    let group = |group| GroupPicture {
        group,
        leader: Some(1 + group % founders),
        voters: vec![all.clone()],
        members: all.clone(),
        leads: true,
    };
    picture.groups = (0..groups).map(group).collect();
    picture
}

fn join(picture: &mut Picture, node: u32) {
    put(picture, node, MemberState::Joining);
    picture.live.insert(node);
    picture.ready.insert(node);
}

fn make(picture: &mut Picture, group: u32, step: &Step) {
    let live = picture.live.clone();
    let group = picture.groups.iter_mut().find(|it| it.group == group).expect("there is such a group");
    match step {
        Step::Add(node) => assert!(group.members.insert(*node), "{node} is new"),
        Step::Forget(node) => {
            assert!(!group.voters().contains(node), "{node} votes");
            assert!(group.members.remove(node), "{node} was there");
        }
        Step::GiveUp(node) => {
            assert!(!group.members.contains(node), "{node} still gets the log");
            let has = picture.has.get_mut(node).is_some_and(|groups| groups.remove(&group.group));
            assert!(has && live.contains(node), "{node} has something to give up");
        }
        Step::Lead(node) => {
            assert!(group.voters().contains(node) && live.contains(node), "{node} can lead");
            group.leader = Some(*node);
        }
        Step::Voters { from, to } => {
            assert_eq!(group.voters(), *from, "it is known who votes");
            assert!(to.is_subset(&group.members), "who votes has the log");
            assert!(to.contains(&group.leader.expect("it has one")), "the leader stays");
            assert!(to.intersection(&live).count() * 2 > to.len(), "a majority of {to:?} lives");
            group.voters = vec![to.clone()];
        }
    }
}

fn write(picture: &mut Picture, change: MembersChange) {
    match change {
        MembersChange::Put(row) => drop(picture.members.nodes.insert(row.node, row)),
        MembersChange::Move(row) => drop(picture.members.moves.insert(row.group, row)),
        MembersChange::Moved(group) => drop(picture.members.moves.remove(&group)),
        MembersChange::Level(level) => picture.members.level = level,
        MembersChange::Copies(row) => {
            placed::check_change(picture, &row);
            drop(picture.members.copies.insert(row.group, row));
        }
    }
}

/// Makes all that is planned until nothing is, and answers what is waited for.
fn play(picture: &mut Picture) -> Vec<String> {
    for _ in 0..STEPS_MAX {
        let Plan { steps, changes, waits } = picture.plan();
        if steps.is_empty() && changes.is_empty() {
            return waits;
        }
        steps.iter().for_each(|(group, step)| make(picture, *group, step));
        changes.into_iter().for_each(|change| write(picture, change));
    }
    panic!("it does not end: {:?}", picture.plan());
}

/// In how many groups each node votes, fewest first.
fn votes(picture: &Picture) -> Vec<usize> {
    let mut votes: Vec<usize> = picture.loads(|_| true).into_values().collect();
    votes.sort_unstable();
    votes
}

#[test]
fn what_is_as_it_should_be_is_left_alone() {
    for founders in 1..=5 {
        assert_eq!(founded(founders, 4).plan(), Plan::default());
    }
}

#[test]
fn one_node_votes_alone_until_there_are_three() {
    let mut picture = founded(1, 3);
    join(&mut picture, 2);
    assert_eq!(play(&mut picture), Vec::<String>::new());
    assert_eq!(picture.members.state(2), Some(MemberState::Member));
    assert!(picture.groups.iter().all(|group| group.voters == [nodes([1])] && group.members == nodes([1, 2])));
    join(&mut picture, 3);
    assert_eq!(play(&mut picture), Vec::<String>::new());
    assert!(picture.groups.iter().all(|group| group.voters == [nodes([1, 2, 3])]));
}

#[test]
fn a_fourth_node_has_everything_and_its_share_of_the_votes() {
    let mut picture = founded(3, 17);
    join(&mut picture, 4);
    assert_eq!(play(&mut picture), Vec::<String>::new());
    assert_eq!(picture.members.state(4), Some(MemberState::Member));
    assert!(picture.groups.iter().all(|group| group.voters().len() == 3 && group.members.len() == 4));
    assert_eq!(votes(&picture), [12, 13, 13, 13]);
}

#[test]
fn a_node_that_has_not_caught_up_gets_no_vote_and_is_no_member() {
    let mut picture = founded(1, 2);
    join(&mut picture, 2);
    join(&mut picture, 3);
    picture.ready = nodes([2]);
    play(&mut picture);
    assert_eq!(
        (picture.members.state(2), picture.members.state(3)),
        (Some(MemberState::Member), Some(MemberState::Joining))
    );
    assert!(picture.groups.iter().all(|group| group.voters == [nodes([1])] && group.members == nodes([1, 2, 3])));
}

#[test]
fn a_node_that_is_removed_gives_its_leaderships_and_votes_to_the_others() {
    let mut picture = founded(3, 5);
    join(&mut picture, 4);
    play(&mut picture);
    put(&mut picture, 1, MemberState::Removing);
    assert_eq!(play(&mut picture), Vec::<String>::new());
    assert_eq!(picture.members.state(1), Some(MemberState::Removed));
    assert!(picture.groups.iter().all(|group| group.voters == [nodes([2, 3, 4])] && group.members == nodes([2, 3, 4])));
    assert!(picture.groups.iter().all(|group| group.leader != Some(1)));
}

#[test]
fn what_a_node_leaves_behind_is_evenly_shared() {
    let mut picture = founded(3, 24);
    for node in 4..=6 {
        join(&mut picture, node);
        play(&mut picture);
    }
    assert_eq!(votes(&picture), [12, 12, 12, 12, 12, 12]);
    put(&mut picture, 2, MemberState::Removing);
    assert_eq!(play(&mut picture), Vec::<String>::new());
    assert_eq!(picture.members.state(2), Some(MemberState::Removed));
    assert_eq!(votes(&picture), [14, 14, 14, 15, 15]);
}

#[test]
fn whoever_goes_or_takes_its_place_those_that_stay_vote_evenly() {
    for seed in 0..100 {
        let chance = SeededIds::new(seed);
        let mut picture = founded(3, 1 + u32::try_from(chance.below(24)).expect("few"));
        for next in 4..12 {
            join(&mut picture, next);
            assert_eq!(play(&mut picture), Vec::<String>::new(), "seed {seed}");
            let present: Vec<u32> = picture.members.present().map(|row| row.node).collect();
            if present.len() > 3 && chance.below(2) == 0 {
                let gone = present[usize::try_from(chance.below(present.len() as u64)).expect("few")];
                put(&mut picture, gone, MemberState::Removing);
                if chance.below(2) == 0 {
                    picture.live.remove(&gone);
                    picture.groups.iter_mut().filter(|group| group.leader == Some(gone)).for_each(|group| {
                        group.leader = group.voters().into_iter().find(|node| *node != gone);
                    });
                }
                assert_eq!(play(&mut picture), Vec::<String>::new(), "seed {seed}");
                assert_eq!(picture.members.state(gone), Some(MemberState::Removed), "seed {seed}");
                let votes = votes(&picture);
                assert!(
                    votes.last().zip(votes.first()).is_some_and(|(most, least)| most - least <= 1),
                    "{seed}: {votes:?}"
                );
            }
        }
    }
}

#[test]
fn what_an_operator_moved_stays_moved_though_it_is_uneven() {
    let mut picture = founded(3, 4);
    join(&mut picture, 4);
    play(&mut picture);
    for group in 0..4 {
        let voters = picture.groups[group as usize].voters();
        if let Some(from) = voters.iter().copied().find(|node| *node != 4 && !voters.contains(&4)) {
            picture.members.moves.insert(group, MoveRow { group, from, to: 4 });
        }
    }
    assert_eq!(play(&mut picture), Vec::<String>::new());
    assert!(picture.groups.iter().all(|group| group.voters().contains(&4)));
    assert_eq!(picture.plan(), Plan::default());
}

#[test]
fn a_cluster_shrinks_to_one_node() {
    let mut picture = founded(3, 3);
    for (gone, left) in [(3, nodes([1, 2])), (1, nodes([2]))] {
        put(&mut picture, gone, MemberState::Removing);
        assert_eq!(play(&mut picture), Vec::<String>::new());
        assert!(picture.groups.iter().all(|group| group.voters == [left.clone()] && group.members == left));
    }
}

#[test]
fn the_only_voter_hands_over_before_it_goes() {
    let mut picture = founded(1, 2);
    join(&mut picture, 2);
    play(&mut picture);
    put(&mut picture, 1, MemberState::Removing);
    assert_eq!(play(&mut picture), Vec::<String>::new());
    assert!(picture.groups.iter().all(|group| group.voters == [nodes([2])] && group.leader == Some(2)));
}

#[test]
fn a_dead_node_is_replaced_by_a_spare_one() {
    let mut picture = founded(3, 3);
    join(&mut picture, 4);
    play(&mut picture);
    picture.live.remove(&2);
    picture.groups.iter_mut().filter(|group| group.leader == Some(2)).for_each(|group| {
        group.leader = group.voters().into_iter().find(|node| *node != 2);
    });
    put(&mut picture, 2, MemberState::Removing);
    assert_eq!(play(&mut picture), Vec::<String>::new());
    assert!(picture.groups.iter().all(|group| group.voters == [nodes([1, 3, 4])]));
}

#[test]
fn without_a_living_majority_nothing_is_changed_and_it_is_said() {
    let mut picture = founded(3, 1);
    picture.live = nodes([1, 3]);
    put(&mut picture, 3, MemberState::Removing);
    let waits = play(&mut picture);
    assert_eq!(waits, ["group 0: of nodes {1, 2}, who would vote, only {1} answer, which is no majority"]);
    assert_eq!(picture.groups[0].voters, [nodes([1, 2, 3])]);
}

#[test]
fn a_change_that_stopped_half_way_is_finished() {
    let mut picture = founded(3, 1);
    picture.groups[0].members.insert(4);
    put(&mut picture, 4, MemberState::Member);
    picture.groups[0].voters = vec![nodes([1, 2, 3]), nodes([1, 2, 4])];
    let step = Step::Voters { from: nodes([1, 2, 3, 4]), to: nodes([1, 2, 4]) };
    assert_eq!(picture.plan().steps, [(0, step)]);
}

#[test]
fn a_vote_is_moved_once() {
    let mut picture = founded(3, 2);
    join(&mut picture, 4);
    play(&mut picture);
    let group = picture.groups.iter().find(|group| !group.voters().contains(&4)).map_or(0, |group| group.group);
    let from = picture.groups[group as usize].leader.expect("it has one");
    picture.members.moves.insert(group, MoveRow { group, from, to: 4 });
    assert_eq!(play(&mut picture), Vec::<String>::new());
    let voters = picture.groups[group as usize].voters();
    assert!(voters.contains(&4) && !voters.contains(&from) && voters.len() == 3, "{voters:?}");
    assert!(picture.members.moves.is_empty(), "it is done");
}

#[test]
fn a_vote_that_is_to_move_from_a_node_that_goes_makes_no_fourth() {
    let mut picture = founded(3, 1);
    for node in 4..=5 {
        join(&mut picture, node);
        play(&mut picture);
    }
    let voters = picture.groups[0].voters();
    let from = voters.iter().copied().next().expect("somebody votes");
    let to = (1..=5).rev().find(|node| !voters.contains(node)).expect("five are more than three");
    picture.members.moves.insert(0, MoveRow { group: 0, from, to });
    put(&mut picture, from, MemberState::Removing);
    assert_eq!(play(&mut picture), Vec::<String>::new());
    assert_eq!(picture.groups[0].voters().len(), 3, "{:?}", picture.groups[0]);
}

#[test]
fn a_move_to_a_node_that_goes_is_dropped() {
    let mut picture = founded(3, 1);
    join(&mut picture, 4);
    play(&mut picture);
    let to = (1..=4).find(|node| !picture.groups[0].voters().contains(node)).expect("four are more than three");
    let from = picture.groups[0].voters().into_iter().next().expect("somebody votes");
    picture.members.moves.insert(0, MoveRow { group: 0, from, to });
    put(&mut picture, to, MemberState::Removing);
    assert_eq!(play(&mut picture), Vec::<String>::new());
    assert!(picture.members.moves.is_empty() && picture.members.state(to) == Some(MemberState::Removed));
}

#[test]
fn whatever_comes_and_goes_the_groups_work_and_it_ends() {
    for seed in 0..200 {
        let chance = SeededIds::new(seed);
        let mut picture = founded(1 + u32::try_from(chance.below(5)).expect("few"), 4);
        let mut next = 6;
        for _ in 0..12 {
            let present: Vec<u32> = picture.members.present().map(|row| row.node).collect();
            let one = present[usize::try_from(chance.below(present.len() as u64)).expect("few")];
            let state = picture.members.state(one);
            match chance.below(4) {
                0 | 1 => {
                    join(&mut picture, next);
                    next += 1;
                }
                2 if present.len() > 1 && state == Some(MemberState::Member) => {
                    put(&mut picture, one, MemberState::Removing);
                }
                _ if state == Some(MemberState::Member) => put(&mut picture, one, MemberState::Drained),
                _ => {}
            }
            // In the middle of what was begun before.
            for _ in 0..chance.below(6) {
                let Plan { steps, changes, .. } = picture.plan();
                steps.iter().for_each(|(group, step)| make(&mut picture, *group, step));
                changes.into_iter().for_each(|change| write(&mut picture, change));
            }
        }
        assert_eq!(play(&mut picture), Vec::<String>::new(), "seed {seed}");
        let present: Nodes = picture.members.present().map(|row| row.node).collect();
        for group in &picture.groups {
            assert_eq!(group.members, present, "seed {seed}");
            let votes = group.voters().len();
            assert!(votes >= present.len().min(VOTERS) || (present.len(), votes) == (2, 1), "seed {seed}: {group:?}");
        }
    }
}

#[test]
fn a_lost_leader_is_waited_for_only_where_something_is_to_change() {
    let mut picture = founded(3, 2);
    picture.groups[1].leader = None;
    assert_eq!(picture.plan(), Plan::default());
    join(&mut picture, 4);
    assert_eq!(picture.plan().waits, ["group 1 has no leader"]);
}
