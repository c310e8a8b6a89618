//! Turns at a queue, by fairness keys: shares follow weights, nobody starves, late comers wait for nobody's backlog.

use crate::QueueConfig;
use crate::payload::toys::Job;
use crate::payload::{Offer, Rank, Share};
use crate::queue::tests::Bench;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A task of a key; a lane holds as many keys as there are lanes fewer than keys.
fn task(id: u64, key: &str, weight: u32) -> Offer<Job> {
    let lane = u16::try_from(1 + key.bytes().map(u32::from).sum::<u32>() % 1000).expect("below 1001");
    let share = Some(Share { lane, key: key.into(), weight });
    Offer { origin: u32::try_from(id % 3).expect("small"), rank: Rank { priority: 3, order: id }, share, task: Job(id) }
}

/// What a bench's pollers got, as keys.
fn turns(bench: &mut Bench, keys: &BTreeMap<u64, String>, count: u32) -> Vec<String> {
    let before = bench.tasks().len();
    for to in 0..count {
        bench.poll(to);
    }
    bench.tasks()[before..].iter().map(|(_, id)| keys[id].clone()).collect()
}

/// A queue with so many tasks of each key, one key's after the other's.
fn queue(tasks: &[(&str, u32, u64)]) -> (Bench, BTreeMap<u64, String>) {
    let (mut bench, mut keys) = (Bench::activities(), BTreeMap::new());
    for (key, weight, count) in tasks {
        for _ in 0..*count {
            let id = u64::try_from(keys.len()).expect("few");
            keys.insert(id, (*key).to_owned());
            bench.offer(task(id, key, *weight));
        }
    }
    (bench, keys)
}

fn count(turns: &[String], key: &str) -> usize {
    turns.iter().filter(|turn| *turn == key).count()
}

#[test]
fn keys_of_equal_weight_take_turns_whoever_came_first() {
    let (mut bench, keys) = queue(&[("big", 1000, 300), ("small", 1000, 3)]);
    let first = turns(&mut bench, &keys, 6);
    assert_eq!((count(&first, "big"), count(&first, "small")), (3, 3));
    assert_eq!(count(&turns(&mut bench, &keys, 100), "big"), 100, "one key alone has all");
}

#[test]
fn shares_follow_weights() {
    let (mut bench, keys) = queue(&[("low", 1000, 100), ("high", 9000, 300)]);
    let got = turns(&mut bench, &keys, 200);
    assert_eq!((count(&got, "high"), count(&got, "low")), (180, 20));
}

#[test]
fn what_an_operator_set_goes_over_the_weight_of_tasks() {
    let (mut bench, keys) = queue(&[("a", 1000, 200), ("b", 9000, 200)]);
    let weights = BTreeMap::from([("a".into(), 3.0), ("b".into(), 1.0)]);
    bench.queue.configure(Arc::new(QueueConfig { weights, ..QueueConfig::default() }), bench.now);
    let got = turns(&mut bench, &keys, 100);
    assert_eq!((count(&got, "a"), count(&got, "b")), (75, 25));
}

#[test]
fn who_was_away_has_not_saved_up_turns() {
    let (mut bench, mut keys) = queue(&[("a", 1000, 200)]);
    turns(&mut bench, &keys, 100);
    for id in 1000..1100 {
        keys.insert(id, "late".to_owned());
        bench.offer(task(id, "late", 1000));
    }
    let got = turns(&mut bench, &keys, 20);
    assert_eq!((count(&got, "a"), count(&got, "late")), (10, 10));
}

#[test]
fn urgent_tasks_come_first_whatever_their_key_has_had() {
    let (mut bench, mut keys) = queue(&[("a", 1000, 10), ("b", 1000, 10)]);
    keys.insert(99, "urgent".to_owned());
    bench.offer(Offer { rank: Rank { priority: 1, order: 99 }, ..task(99, "a", 1) });
    assert_eq!(turns(&mut bench, &keys, 1), ["urgent"]);
    assert_eq!(count(&turns(&mut bench, &keys, 10), "a"), 5);
}

#[test]
fn tasks_without_a_key_take_turns_as_if_they_had_one() {
    let (mut bench, mut keys) = queue(&[("a", 1000, 20)]);
    for id in 100..120 {
        keys.insert(id, "none".to_owned());
        bench.offer(Offer { share: None, ..task(id, "", 1) });
    }
    assert_eq!(count(&turns(&mut bench, &keys, 10), "none"), 5);
}

#[test]
fn each_key_has_its_own_rate_by_its_weight() {
    let (mut bench, keys) = queue(&[("a", 1000, 100), ("b", 2000, 100)]);
    bench.queue.configure(Arc::new(QueueConfig { key_rate: Some(1.0), ..QueueConfig::default() }), bench.now);
    assert_eq!(turns(&mut bench, &keys, 50).len(), 3, "one second's worth of each");
    for _ in 0..100 {
        bench.pass(0.1);
    }
    let got: Vec<String> = bench.tasks().iter().map(|(_, id)| keys[id].clone()).collect();
    assert_eq!((count(&got, "a"), count(&got, "b")), (11, 22));
    let alarm = bench.queue.take_alarm(bench.now).expect("somebody waits for the rate");
    assert!(alarm > bench.now && alarm <= bench.now + std::time::Duration::from_millis(501));
    bench.queue.configure(Arc::new(QueueConfig { key_rate: Some(0.0), ..QueueConfig::default() }), bench.now);
    bench.pass(100.0);
    assert_eq!(bench.tasks().len(), got.len(), "a rate of zero stops all");
}

#[test]
fn a_key_at_its_rate_keeps_no_other_one_waiting() {
    let (mut bench, mut keys) = queue(&[("a", 1000, 50)]);
    bench.queue.configure(Arc::new(QueueConfig { key_rate: Some(1.0), ..QueueConfig::default() }), bench.now);
    turns(&mut bench, &keys, 5);
    keys.insert(100, "b".to_owned());
    bench.offer(task(100, "b", 1000));
    bench.settle();
    let got: Vec<&str> = bench.tasks().iter().map(|(_, id)| keys[id].as_str()).collect();
    assert_eq!(got, ["a", "b"]);
}

#[test]
fn what_is_remembered_of_keys_is_bounded() {
    let mut bench = Bench::activities();
    for id in 0..25_000 {
        bench.offer(task(id, &format!("key-{id}"), 1000));
        bench.poll(1);
        bench.offer(task(100_000 + id, "always", 1000));
        bench.poll(2);
    }
    assert!(bench.queue.keys_remembered() <= super::IDLE_KEYS_MAX + 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// With all keys waiting all the time, each key's turns are its share, but for one turn and the start.
    #[test]
    fn no_key_starves_and_shares_follow_weights(weights in prop::collection::vec(1_u32..=20, 1..12), rounds in 1_u32..20) {
        let names: Vec<String> = (0..weights.len()).map(|number| format!("key-{number}")).collect();
        let total: u32 = weights.iter().sum();
        let turns_wanted = total * rounds;
        let each = u64::from(turns_wanted);
        // As many as fit of each: no key runs dry.
        let tasks: Vec<(&str, u32, u64)> =
            names.iter().zip(&weights).map(|(name, weight)| (name.as_str(), weight * 1000, each.min(250))).collect();
        let dry = weights.iter().any(|weight| u64::from(weight * rounds) + 2 > each.min(250));
        let (mut bench, keys) = queue(&tasks);
        let got = turns(&mut bench, &keys, turns_wanted);
        if !dry {
            for (name, weight) in names.iter().zip(&weights) {
                let (had, due) = (count(&got, name) as i64, i64::from(weight * rounds));
                prop_assert!((had - due).abs() <= 1 + i64::from(*weight), "{name}: {had} turns instead of {due}");
            }
        }
        for (name, weight) in names.iter().zip(&weights) {
            let longest = usize::try_from(total / weight + u32::try_from(weights.len()).expect("few") + 1).expect("small");
            let mut gap = 0;
            let mut left = count(&got, name);
            for turn in &got {
                if left == 0 {
                    break;
                }
                gap = if turn == name { left -= 1; 0 } else { gap + 1 };
                prop_assert!(gap <= longest, "{name} waited {gap} turns");
            }
        }
    }
}
