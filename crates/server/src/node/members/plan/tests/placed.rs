//! Copies on some nodes only.

use weft_rows::{
    Level,
    member::{CopiesRow, CopyState},
};

use super::*;

/// What must hold of a row whenever it changes: whoever votes has a copy; one that goes does not vote, and nobody comes back
/// before nothing is left of what it had.
pub(super) fn check_change(picture: &Picture, row: &CopiesRow) {
    let group = picture.groups.iter().find(|group| group.group == row.group).expect("there is such a group");
    let known = picture.members.copies.get(&row.group);
    for voter in group.voters().into_iter().filter(|voter| picture.members.state(*voter).is_some_and(is_present)) {
        assert!(row.wants(voter), "{voter} votes in {row:?}");
    }
    let Some(known) = known else { return };
    for (node, state) in &row.nodes {
        match (known.nodes.get(node), state) {
            (None, CopyState::Coming) => assert!(!has(picture, *node, row.group), "{node} has something of {row:?}"),
            (Some(CopyState::Going), now) => assert_eq!(*now, CopyState::Going, "{node} comes back in {row:?}"),
            (_, CopyState::Going) => assert!(!group.voters().contains(node), "{node} votes in {row:?}"),
            (_, CopyState::Coming | CopyState::Held) => {}
        }
    }
}

fn has(picture: &Picture, node: u32, group: u32) -> bool {
    picture.has.get(&node).is_some_and(|groups| groups.contains(&group))
}

/// The living nodes start what the rows say, and say what they have.
fn start_copies(picture: &mut Picture) {
    let placed: Vec<u32> = picture.groups.iter().map(|group| group.group).filter(|group| *group != 0).collect();
    let gone: Vec<u32> = picture.has.keys().copied().filter(|node| !picture.live.contains(node)).collect();
    for node in gone {
        picture.has.remove(&node);
    }
    for node in picture.live.clone() {
        let has = picture.has.entry(node).or_default();
        has.insert(0);
        for group in &placed {
            if picture.members.copies.get(group).is_some_and(|row| row.wants(node)) {
                has.insert(*group);
            }
        }
    }
}

/// Level 3, and everybody has said what it has.
fn placed(founders: u32, groups: u32) -> Picture {
    let mut picture = founded(founders, groups);
    picture.members.level = Level::PLACED;
    for node in 1..=founders {
        picture.has.insert(node, (0..groups).collect());
    }
    picture
}

fn round(picture: &mut Picture) -> Option<Vec<String>> {
    start_copies(picture);
    let plan = picture.plan();
    play_out(picture, plan)
}

/// A round in which some have not answered: of others nobody knows what they have, and of some groups nobody has spoken,
/// or only those that do not lead, and that have not heard of the last change yet.
fn unheard_round(picture: &mut Picture, before: &Picture, chance: &SeededIds) {
    start_copies(picture);
    let mut seen = picture.clone();
    seen.has.retain(|_, _| chance.below(3) > 0);
    for group in &mut seen.groups {
        let earlier = before.groups.iter().find(|earlier| earlier.group == group.group);
        match chance.below(4) {
            0 if group.group != 0 => {
                let row = seen.members.copies.get(&group.group);
                let (leader, leads, members) = (None, false, row.map(|row| row.nodes.keys().copied().collect()));
                *group = GroupPicture { leader, leads, members: members.unwrap_or_default(), ..group.clone() };
            }
            1 if group.group != 0 => {
                *group = GroupPicture { leads: false, ..earlier.unwrap_or(group).clone() };
            }
            _ => {}
        }
    }
    let mut plan = seen.plan();
    // Whoever leads refuses what does not fit.
    plan.steps.retain(|(group, step)| {
        let now = picture.groups.iter().find(|now| now.group == *group).expect("there is such a group");
        fits(now, step)
    });
    play_out(picture, plan);
}

/// What the leader of a group lets be done with it.
fn fits(group: &GroupPicture, step: &Step) -> bool {
    match step {
        Step::Add(node) => !group.members.contains(node),
        Step::Forget(node) => group.members.contains(node) && !group.voters().contains(node),
        Step::GiveUp(_) => true,
        Step::Lead(node) => group.voters().contains(node),
        Step::Voters { from, to } => {
            group.voters() == *from
                && to.is_subset(&group.members)
                && group.leader.is_some_and(|leader| to.contains(&leader))
        }
    }
}

fn play_out(picture: &mut Picture, Plan { steps, changes, waits }: Plan) -> Option<Vec<String>> {
    if steps.is_empty() && changes.is_empty() {
        return Some(waits);
    }
    let groups: Nodes = steps.iter().map(|(group, _)| *group).collect();
    assert_eq!(groups.len(), steps.len(), "one step a group at a time");
    steps.iter().for_each(|(group, step)| make(picture, *group, step));
    changes.into_iter().for_each(|change| write(picture, change));
    None
}

fn play_copies(picture: &mut Picture) -> Vec<String> {
    for _ in 0..STEPS_MAX {
        if let Some(waits) = round(picture) {
            return waits;
        }
    }
    panic!("it does not end: {:?}", picture.plan());
}

/// How many copies each node has, fewest first.
fn copies(picture: &Picture) -> Vec<usize> {
    let present = picture.members.present().map(|row| row.node);
    let count = |node: u32| picture.members.copies.values().filter(|row| row.nodes.contains_key(&node)).count();
    let mut copies: Vec<usize> = present.map(count).collect();
    copies.sort_unstable();
    copies
}

/// Everything has come to rest: who votes has a whole copy, nobody else has anything, and all have the metadata.
fn check_rest(picture: &Picture, copies_each: usize) {
    for group in picture.groups.iter().filter(|group| group.group != 0) {
        let row = &picture.members.copies[&group.group];
        let held: Nodes = row.in_state(CopyState::Held).collect();
        assert!(row.nodes.values().all(|state| *state == CopyState::Held), "{row:?}");
        assert_eq!((held.len(), &held), (copies_each, &group.members), "{group:?}");
        assert!(group.voters().is_subset(&held), "{group:?}");
        // Whoever is out has stopped, whatever it had.
        let present = picture.members.present().map(|row| row.node).filter(|node| picture.live.contains(node));
        for node in present {
            assert_eq!(has(picture, node, group.group), held.contains(&node), "node {node}, {row:?}");
        }
    }
    let present: Nodes = picture.members.present().map(|row| row.node).collect();
    assert_eq!(picture.groups[0].members, present);
}

fn is_even(counts: &[usize]) -> bool {
    counts.last().zip(counts.first()).is_some_and(|(most, least)| most - least <= 1)
}

fn lose(picture: &mut Picture, node: u32) {
    picture.live.remove(&node);
    let live = picture.live.clone();
    for group in picture.groups.iter_mut().filter(|group| group.leader == Some(node)) {
        group.leader = group.voters().into_iter().find(|voter| live.contains(voter));
    }
}

#[test]
fn three_nodes_that_have_everything_keep_it() {
    let mut picture = placed(3, 5);
    assert_eq!(play_copies(&mut picture), Vec::<String>::new());
    check_rest(&picture, 3);
    assert_eq!(picture.plan(), Plan::default());
}

#[test]
fn with_the_level_the_others_give_up_what_they_do_not_vote_in() {
    let mut picture = founded(3, 11);
    for node in 4..=5 {
        join(&mut picture, node);
        play(&mut picture);
    }
    assert!(picture.groups.iter().all(|group| group.members.len() == 5), "everybody has everything");
    picture.members.level = Level::PLACED;
    for node in 1..=5 {
        picture.has.insert(node, (0..11).collect());
    }
    assert_eq!(play_copies(&mut picture), Vec::<String>::new());
    check_rest(&picture, 3);
    assert_eq!(copies(&picture), [6, 6, 6, 6, 6]);
}

#[test]
fn a_node_that_joins_takes_its_share_of_the_copies() {
    let mut picture = placed(3, 17);
    play_copies(&mut picture);
    for (node, expected) in [(4, vec![12, 12, 12, 12]), (5, vec![9, 9, 10, 10, 10])] {
        join(&mut picture, node);
        assert_eq!(play_copies(&mut picture), Vec::<String>::new());
        assert_eq!(picture.members.state(node), Some(MemberState::Member));
        check_rest(&picture, 3);
        assert_eq!(copies(&picture), expected);
    }
}

#[test]
fn a_node_that_joins_is_not_ready_while_a_copy_is_filled_and_takes_its_share_all_the_same() {
    for before in 1..=4 {
        let mut picture = placed(before.min(3), 17);
        if before == 4 {
            join(&mut picture, 4);
        }
        play_copies(&mut picture);
        let node = before + 1;
        join(&mut picture, node);
        let mut turns = 0..STEPS_MAX;
        while turns.next().is_some() {
            let fills = picture.members.copies.values().any(|row| row.nodes.get(&node) == Some(&CopyState::Coming));
            picture.ready = if fills && turns.start % 3 != 0 { Nodes::new() } else { nodes([node]) };
            if round(&mut picture).is_some() && !fills {
                break;
            }
        }
        assert_eq!(picture.members.state(node), Some(MemberState::Member), "{node} joins: {:?}", picture.plan());
        check_rest(&picture, VOTERS.min(node as usize));
        assert!(is_even(&copies(&picture)), "{node} joins: {:?}", copies(&picture));
    }
}

#[test]
fn whoever_is_not_ready_in_the_round_after_it_gets_the_log_takes_no_copy_from_others() {
    let mut picture = placed(1, 5);
    for node in 2..=3 {
        join(&mut picture, node);
        picture.ready.insert(node);
        let is_added = |picture: &Picture| picture.groups.iter().all(|group| group.members.contains(&node));
        while !is_added(&picture) {
            assert_eq!(round(&mut picture), None, "{node} gets the log");
        }
        picture.ready.remove(&node);
        round(&mut picture);
        let goes = |row: &CopiesRow| row.nodes.values().any(|state| *state == CopyState::Going);
        assert!(!picture.members.copies.values().any(goes), "{:?}", picture.members.copies);
        picture.ready.insert(node);
        assert_eq!(play_copies(&mut picture), Vec::<String>::new(), "{node} joins");
        check_rest(&picture, node as usize);
    }
}

/// Three nodes that a fourth has joined, and a shard of which one of them has no copy.
fn four_and_a_shard_without(node: u32) -> (Picture, u32) {
    let mut picture = placed(3, 9);
    join(&mut picture, 4);
    play_copies(&mut picture);
    let group = picture.groups.iter().find(|group| group.group != 0 && !group.members.contains(&node));
    let group = group.expect("some shard is not there").group;
    (picture, group)
}

#[test]
fn who_is_to_vote_again_and_has_a_copy_that_goes_gives_that_up_first() {
    let (mut picture, group) = four_and_a_shard_without(1);
    picture.members.moves.insert(group, MoveRow { group, from: 4, to: 1 });
    while picture.members.copies[&group].nodes.get(&4) != Some(&CopyState::Going) {
        assert_eq!(round(&mut picture), None);
    }
    put(&mut picture, 1, MemberState::Removing);
    assert_eq!(play_copies(&mut picture), Vec::<String>::new());
    assert_eq!(picture.members.state(1), Some(MemberState::Removed));
    check_rest(&picture, 3);
}

#[test]
fn a_second_node_has_copies_before_it_votes() {
    let mut picture = placed(1, 4);
    play_copies(&mut picture);
    check_rest(&picture, 1);
    join(&mut picture, 2);
    assert_eq!(play_copies(&mut picture), Vec::<String>::new());
    check_rest(&picture, 2);
    assert!(picture.groups.iter().all(|group| group.voters == [nodes([1])]));
    join(&mut picture, 3);
    assert_eq!(play_copies(&mut picture), Vec::<String>::new());
    check_rest(&picture, 3);
    assert!(picture.groups.iter().all(|group| group.voters == [nodes([1, 2, 3])]));
}

#[test]
fn a_vote_is_moved_to_a_node_without_a_copy_and_takes_the_copy_along() {
    let (mut picture, group) = four_and_a_shard_without(4);
    picture.members.moves.insert(group, MoveRow { group, from: 2, to: 4 });
    assert_eq!(play_copies(&mut picture), Vec::<String>::new());
    check_rest(&picture, 3);
    assert!(picture.groups[group as usize].members == nodes([1, 3, 4]) && picture.members.moves.is_empty());
    picture.members.moves.insert(group, MoveRow { group, from: 4, to: 2 });
    assert_eq!(play_copies(&mut picture), Vec::<String>::new());
    check_rest(&picture, 3);
    assert_eq!(picture.groups[group as usize].members, nodes([1, 2, 3]), "a node that lost a copy gets it again");
}

#[test]
fn a_copy_that_is_on_its_way_out_goes_before_it_comes_again() {
    let (mut picture, group) = four_and_a_shard_without(4);
    picture.members.moves.insert(group, MoveRow { group, from: 2, to: 4 });
    while picture.members.copies[&group].nodes.get(&2) != Some(&CopyState::Going) {
        assert_eq!(round(&mut picture), None);
    }
    assert!(picture.groups[group as usize].members.contains(&2), "it still gets the log");
    picture.members.moves.insert(group, MoveRow { group, from: 3, to: 2 });
    assert_eq!(play_copies(&mut picture), Vec::<String>::new());
    check_rest(&picture, 3);
    assert_eq!(picture.groups[group as usize].members, nodes([1, 2, 4]));
}

#[test]
fn a_dead_node_that_is_removed_is_replaced_on_all_others() {
    let mut picture = placed(3, 9);
    for node in 4..=5 {
        join(&mut picture, node);
        play_copies(&mut picture);
    }
    lose(&mut picture, 2);
    put(&mut picture, 2, MemberState::Removing);
    assert_eq!(play_copies(&mut picture), Vec::<String>::new());
    assert_eq!(picture.members.state(2), Some(MemberState::Removed));
    check_rest(&picture, 3);
    assert!(is_even(&copies(&picture)), "{:?}", copies(&picture));
}

#[test]
fn what_a_dead_node_has_to_give_up_holds_nobody_up() {
    let mut picture = placed(3, 3);
    join(&mut picture, 4);
    play_copies(&mut picture);
    let group = picture.groups.iter().find(|group| group.group != 0 && group.members.contains(&3)).expect("it has one");
    let (group, to) =
        (group.group, (1..=4).find(|node| !group.members.contains(node)).expect("four are more than three"));
    picture.members.moves.insert(group, MoveRow { group, from: 3, to });
    lose(&mut picture, 3);
    play_copies(&mut picture);
    assert_eq!(picture.members.copies[&group].nodes.get(&3), Some(&CopyState::Going));
    join(&mut picture, 5);
    assert_eq!(play_copies(&mut picture), Vec::<String>::new());
    assert_eq!(picture.members.state(5), Some(MemberState::Member));
    picture.live.insert(3);
    picture.has.insert(3, (0..3).collect());
    assert_eq!(play_copies(&mut picture), Vec::<String>::new());
    check_rest(&picture, 3);
}

#[test]
fn what_a_node_has_without_a_place_it_gives_up_before_it_gets_another_copy() {
    let mut picture = placed(3, 2);
    join(&mut picture, 4);
    play_copies(&mut picture);
    let stray = (1..=4).find(|node| !picture.groups[1].members.contains(node)).expect("four are more than three");
    picture.has.entry(stray).or_default().insert(1);
    assert_eq!(picture.plan().steps, [(1, Step::GiveUp(stray))]);
    assert_eq!(play_copies(&mut picture), Vec::<String>::new());
    check_rest(&picture, 3);
}

#[test]
fn whatever_comes_and_goes_copies_are_even_and_nothing_is_left_behind() {
    for seed in 0..100 {
        let chance = SeededIds::new(seed);
        let pick = |from: &[u32]| from[usize::try_from(chance.below(from.len() as u64)).expect("few")];
        let founders = 1 + u32::try_from(chance.below(3)).expect("few");
        let mut picture = placed(founders, 2 + u32::try_from(chance.below(12)).expect("few"));
        let mut next = founders + 1;
        for _ in 0..14 {
            let present: Vec<u32> = picture.members.present().map(|row| row.node).collect();
            let one = pick(&present);
            let (state, alive) = (picture.members.state(one), picture.live.len());
            match chance.below(8) {
                0..=2 => {
                    join(&mut picture, next);
                    next += 1;
                }
                3 if present.len() > 3 && state == Some(MemberState::Member) => {
                    put(&mut picture, one, MemberState::Removing);
                }
                4 if present.len() > 4 && alive == present.len() && state == Some(MemberState::Member) => {
                    lose(&mut picture, one);
                    put(&mut picture, one, MemberState::Removing);
                }
                5 if state == Some(MemberState::Member) => put(&mut picture, one, MemberState::Drained),
                6 => {
                    let group =
                        &picture.groups[usize::try_from(chance.below(picture.groups.len() as u64)).expect("few")];
                    let voters: Vec<u32> = group.voters().into_iter().collect();
                    let wanted = MoveRow { group: group.group, from: pick(&voters), to: one };
                    picture.members.moves.insert(wanted.group, wanted);
                }
                _ => {}
            }
            // In the middle of what was begun before.
            for _ in 0..chance.below(9) {
                let before = picture.clone();
                round(&mut picture);
                if chance.below(2) == 0 {
                    unheard_round(&mut picture, &before, &chance);
                }
            }
        }
        assert_eq!(play_copies(&mut picture), Vec::<String>::new(), "seed {seed}");
        let present = picture.members.present().count();
        check_rest(&picture, present.min(VOTERS));
        // A last one comes, so that what operators moved is evened out as far as it can be with its share.
        if present >= VOTERS {
            let (before, node) = (copies(&picture), next);
            join(&mut picture, node);
            assert_eq!(play_copies(&mut picture), Vec::<String>::new(), "seed {seed}");
            check_rest(&picture, VOTERS);
            let after = copies(&picture);
            let spread = |counts: &[usize]| counts.last().copied().unwrap_or(0) - counts.first().copied().unwrap_or(0);
            assert!(is_even(&after) || spread(&after) <= spread(&before), "seed {seed}: {before:?}, {after:?}");
        }
    }
}
