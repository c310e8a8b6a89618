//! Which node answers for which shards of a list. Pure.
//!
//! Invariant: each shard has one node that answers for it, which has a copy of it and may be asked; it is this node wherever
//! that can be. So a node that has a copy of everything asks nobody.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

/// By node, the shards that it answers for.
pub(super) type Choice = BTreeMap<u32, BTreeSet<u32>>;

/// Few others rather than the fewest: those that have the most of what is missing are taken first. Of two that have as much
/// it is the next after this node, so that not all nodes ask the same one.
///
/// # Errors
/// The shards of which nobody has a copy that may be asked.
pub(super) fn choose(
    own: u32,
    holders: &BTreeMap<u32, BTreeSet<u32>>,
    able: &BTreeSet<u32>,
) -> Result<Choice, BTreeSet<u32>> {
    let able_of = |shard: u32| holders.get(&shard).into_iter().flatten().filter(|node| able.contains(node));
    let nobody: BTreeSet<u32> = holders.keys().copied().filter(|shard| able_of(*shard).next().is_none()).collect();
    if !nobody.is_empty() {
        return Err(nobody);
    }
    let (here, mut missing): (BTreeSet<u32>, BTreeSet<u32>) =
        holders.keys().copied().partition(|shard| able_of(*shard).any(|node| *node == own));
    let mut choice = Choice::new();
    if !here.is_empty() {
        choice.insert(own, here);
    }
    while !missing.is_empty() {
        let mut by_node = Choice::new();
        for shard in &missing {
            for node in able_of(*shard) {
                by_node.entry(*node).or_default().insert(*shard);
            }
        }
        let best = by_node.into_iter().max_by_key(|(node, shards)| (shards.len(), Reverse(node.wrapping_sub(own))));
        let Some((node, shards)) = best else { return Err(missing) };
        missing.retain(|shard| !shards.contains(shard));
        choice.insert(node, shards);
    }
    Ok(choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copies(of: &[(u32, &[u32])]) -> BTreeMap<u32, BTreeSet<u32>> {
        of.iter().map(|(shard, nodes)| (*shard, nodes.iter().copied().collect())).collect()
    }

    fn check(own: u32, of: &[(u32, &[u32])], able: &[u32], expected: &[(u32, &[u32])]) {
        let chosen = choose(own, &copies(of), &able.iter().copied().collect());
        assert_eq!(chosen, Ok(copies(expected)));
    }

    #[test]
    fn who_has_a_copy_of_everything_asks_nobody() {
        let all: &[u32] = &[1, 2, 3];
        check(2, &[(1, all), (2, all), (3, all)], all, &[(2, &[1, 2, 3])]);
        check(2, &[(1, all), (2, all)], &[2], &[(2, &[1, 2])]);
    }

    #[test]
    fn few_others_are_asked_for_what_is_not_here() {
        let of: &[(u32, &[u32])] = &[(1, &[1, 2]), (2, &[2, 3]), (3, &[3, 4]), (4, &[4, 3, 5]), (5, &[2, 5])];
        check(1, of, &[1, 2, 3, 4, 5], &[(1, &[1]), (3, &[2, 3, 4]), (2, &[5])]);
        check(1, of, &[1, 2, 4, 5], &[(1, &[1]), (2, &[2, 5]), (4, &[3, 4])]);
        check(5, &[(1, &[1, 3, 4])], &[1, 3, 4], &[(1, &[1])]);
        check(3, &[(1, &[1, 4])], &[1, 4], &[(4, &[1])]);
    }

    #[test]
    fn shards_that_nobody_can_answer_for_are_named() {
        let of = copies(&[(1, &[1]), (2, &[2, 3]), (3, &[3])]);
        assert_eq!(choose(1, &of, &BTreeSet::from([1, 2])), Err(BTreeSet::from([3])));
        assert_eq!(choose(1, &of, &BTreeSet::new()), Err(BTreeSet::from([1, 2, 3])));
        assert_eq!(choose(1, &BTreeMap::new(), &BTreeSet::new()), Ok(Choice::new()));
    }

    /// All that can be of three shards and three nodes.
    #[test]
    fn each_shard_has_one_answer_from_a_copy_that_can_be_asked() {
        let nodes = |bits: u32| (1..=3_u32).filter(|node| bits & (1 << (node - 1)) != 0).collect::<BTreeSet<u32>>();
        for case in 0..8_u32.pow(4) {
            let able = nodes(case / 512);
            let holders: BTreeMap<u32, BTreeSet<u32>> =
                (1..=3).map(|shard| (shard, nodes(case / 8_u32.pow(shard - 1) % 8))).collect();
            (1..=3).for_each(|own| holds(own, &holders, &able));
        }
    }

    fn holds(own: u32, holders: &BTreeMap<u32, BTreeSet<u32>>, able: &BTreeSet<u32>) {
        let nobody: BTreeSet<u32> = holders.keys().copied().filter(|shard| holders[shard].is_disjoint(able)).collect();
        let choice = match choose(own, holders, able) {
            Ok(choice) => choice,
            Err(named) => return assert_eq!(named, nobody),
        };
        let mut answered: Vec<u32> = choice.values().flatten().copied().collect();
        answered.sort_unstable();
        assert_eq!(answered, [1, 2, 3], "{holders:?} {able:?}");
        for (node, shards) in &choice {
            assert!(able.contains(node) && !shards.is_empty());
            for shard in shards {
                assert!(holders[shard].contains(node));
                let is_here = able.contains(&own) && holders[shard].contains(&own);
                assert!(!is_here || *node == own, "{holders:?} {able:?}");
            }
        }
    }
}
