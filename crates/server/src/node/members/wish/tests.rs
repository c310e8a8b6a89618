//! What is let in and what is refused, and in which words.

use std::collections::{BTreeMap, BTreeSet};

use weft_rows::Level;

use super::*;

fn row(node: u32, state: MemberState) -> MemberRow {
    MemberRow { node, address: format!("n{node}:1"), state, incarnation: String::new() }
}

fn picture(founders: u32) -> Picture {
    let row = |node: u32| (node, row(node, MemberState::Member));
    let all: BTreeSet<u32> = (1..=founders).collect();
    let group = |group: u32| GroupPicture {
        group,
        leader: Some(1),
        voters: vec![all.clone()],
        members: all.clone(),
        leads: true,
    };
    Picture {
        has: BTreeMap::new(),
        members: Members { nodes: (1..=founders).map(row).collect(), ..Members::default() },
        groups: (0..3).map(group).collect(),
        live: all.clone(),
        ready: BTreeSet::new(),
    }
}

fn in_the_state(picture: &mut Picture, node: u32, state: MemberState) {
    picture.members.nodes.get_mut(&node).expect("it is there").state = state;
}

fn newcomer(node: u32, is_new: bool) -> Newcomer {
    Newcomer { node, address: format!("n{node}:1"), is_new, incarnation: String::new(), supported: Supported::HERE }
}

#[test]
fn a_new_node_joins_under_a_number_that_nobody_had() {
    let members = picture(3).members;
    let changes = newcomer(4, true).decide(&members).expect("it is let in");
    assert_eq!(changes, [MembersChange::Put(row(4, MemberState::Joining))]);
    assert_eq!(newcomer(3, false).decide(&members), Ok(Vec::new()), "one that starts again changes nothing");
    let moved = Newcomer { address: "elsewhere:1".to_owned(), ..newcomer(3, false) };
    let row = MemberRow { address: "elsewhere:1".to_owned(), ..row(3, MemberState::Member) };
    assert_eq!(moved.decide(&members), Ok(vec![MembersChange::Put(row)]));
}

#[test]
fn a_build_that_does_not_support_the_level_of_the_cluster_is_not_let_in() {
    let members = Members { level: Level::WRITTEN_DOWN, ..picture(3).members };
    for (node, is_new) in [(4, true), (3, false)] {
        let earlier = Newcomer { supported: Supported::NONE_SAID, ..newcomer(node, is_new) };
        let refused = earlier.decide(&members).expect_err("it would not know what it reads");
        assert!(refused.contains("at format level 2") && refused.contains("start a newer one"), "{refused}");
        newcomer(node, is_new).decide(&members).expect("this build knows it");
    }
}

#[test]
fn a_node_that_lost_its_data_or_was_removed_is_told_what_to_do() {
    let mut picture = picture(3);
    let refused = newcomer(2, true).decide(&picture.members).expect_err("it has lost its data");
    assert!(refused.contains("wfctl cluster remove 2") && refused.contains("--node 4"), "{refused}");
    let other = Newcomer { incarnation: "another one".to_owned(), ..newcomer(2, false) };
    assert!(other.decide(&picture.members).expect_err("its data are others").contains("none of its data"));
    in_the_state(&mut picture, 2, MemberState::Removed);
    for is_new in [true, false] {
        let refused = newcomer(2, is_new).decide(&picture.members).expect_err("it was removed");
        assert!(refused.contains("was removed") && refused.contains("--node 4"), "{refused}");
    }
    let twice = Newcomer { address: "n3:1".to_owned(), ..newcomer(4, true) };
    let refused = twice.decide(&picture.members).expect_err("node 3 is there");
    assert!(refused.contains("node 3 is reached at n3:1 already"), "{refused}");
}

#[test]
fn a_node_is_removed_if_the_others_are_a_living_majority() {
    let mut picture = picture(3);
    let (changes, _) = Wish::Remove(1).decide(&picture).expect("two of three stay");
    assert!(matches!(changes.as_slice(), [MembersChange::Put(row)] if row.state == MemberState::Removing));
    picture.live.remove(&2);
    assert!(Wish::Remove(2).decide(&picture).is_ok(), "a dead one may always go");
    let refused = Wish::Remove(1).decide(&picture).expect_err("one of two would be left");
    assert!(refused.contains("only 1 of them answer"), "{refused}");
    in_the_state(&mut picture, 2, MemberState::Removed);
    let (changes, said) = Wish::Remove(2).decide(&picture).expect("it is done");
    assert!(changes.is_empty() && said.contains("already"));
    assert!(Wish::Remove(9).decide(&picture).expect_err("there is none").contains("not known"));
}

#[test]
fn the_last_node_stays() {
    let picture = picture(1);
    assert!(Wish::Remove(1).decide(&picture).expect_err("nobody else is there").contains("join first"));
    assert!(Wish::Drain(1).decide(&picture).expect_err("nobody else is there").contains("could lead"));
}

#[test]
fn a_node_is_drained_and_undrained() {
    let mut picture = picture(3);
    let (changes, _) = Wish::Drain(2).decide(&picture).expect("others lead");
    assert!(matches!(changes.as_slice(), [MembersChange::Put(row)] if row.state == MemberState::Drained));
    in_the_state(&mut picture, 2, MemberState::Drained);
    assert_eq!(Wish::Drain(2).decide(&picture).map(|(changes, _)| changes), Ok(Vec::new()));
    in_the_state(&mut picture, 3, MemberState::Drained);
    assert!(Wish::Drain(1).decide(&picture).is_err(), "somebody has to lead");
    let (changes, _) = Wish::Undrain(2).decide(&picture).expect("it may lead");
    assert!(matches!(changes.as_slice(), [MembersChange::Put(row)] if row.state == MemberState::Member));
}

#[test]
fn a_vote_is_moved_from_a_voter_to_a_member_without_one() {
    let mut picture = picture(4);
    picture.groups.iter_mut().for_each(|group| group.voters = vec![BTreeSet::from([1, 2, 3])]);
    let wanted = MoveRow { group: 1, from: 2, to: 4 };
    let (changes, _) = Wish::Move(wanted).decide(&picture).expect("it can be moved");
    assert_eq!(changes, [MembersChange::Move(wanted)]);
    for wrong in [MoveRow { from: 4, ..wanted }, MoveRow { to: 3, ..wanted }, MoveRow { group: 9, ..wanted }] {
        assert!(Wish::Move(wrong).decide(&picture).is_err(), "{wrong:?}");
    }
    picture.live.remove(&4);
    assert!(Wish::Move(wanted).decide(&picture).expect_err("it is dead").contains("does not answer"));
    picture.members.moves.insert(1, MoveRow { from: 1, ..wanted });
    assert!(Wish::Move(wanted).decide(&picture).expect_err("one at a time").contains("another vote"));
}

#[test]
fn a_move_that_does_not_come_to_pass_is_cancelled_before_both_vote() {
    let mut picture = picture(4);
    picture.groups.iter_mut().for_each(|group| group.voters = vec![BTreeSet::from([1, 2, 3])]);
    assert!(Wish::CancelMove(1).decide(&picture).expect_err("there is none").contains("no vote of shard 1"));
    picture.members.moves.insert(1, MoveRow { group: 1, from: 2, to: 4 });
    let (changes, said) = Wish::CancelMove(1).decide(&picture).expect("it waits");
    assert_eq!(
        (changes, said.as_str()),
        (vec![MembersChange::Moved(1)], "the vote of node 2 in shard 1 is not moved any more")
    );
    picture.groups[1].voters.push(BTreeSet::from([1, 3, 4]));
    assert!(Wish::CancelMove(1).decide(&picture).expect_err("it is under way").contains("just now"));
}

#[test]
fn a_founder_comes_back_with_the_data_that_it_was_noted_with() {
    let mut members = picture(2).members;
    let back = |incarnation: &str| Newcomer {
        node: 2,
        address: "n2:1".to_owned(),
        is_new: false,
        incarnation: incarnation.to_owned(),
        supported: Supported::HERE,
    };
    members.nodes.get_mut(&2).expect("it is there").incarnation = "a".to_owned();
    assert_eq!(back("a").decide(&members), Ok(Vec::new()));
    assert!(back("b").decide(&members).expect_err("it has lost its data").contains("forgotten its votes"));
}
