//! Random lives of a schedule, with messages that come late, twice, or whose replies are lost, and leaders that go.
//!
//! Whatever happens: each time that has passed is accounted for once, and no time has two runs. Once all messages have
//! arrived, what the schedule counts is what was started, and it has heard of every end.

use proptest::{collection::vec, prelude::*, sample::select};
use weft_engine::{Settings, state::schedule::ActionStage};

use crate::family::{Family, Way};

const POLICIES: [&str; 6] = ["skip", "buffer-one", "buffer-all", "cancel", "terminate", "allow-all"];

/// Seconds between two times, and when the clock begins.
const PERIOD: i64 = 600;
const BEGINS: i64 = 1000;

#[derive(Clone, Debug)]
enum Happening {
    Line(&'static str),
    /// A message of the schedule is brought.
    Bring(Way),
    /// A message of one of its workflows is brought.
    Tell(usize, Way),
    /// One of its workflows ends.
    End(usize, &'static str),
}

fn happening() -> impl Strategy<Value = Happening> {
    let way = || select(&[Way::ThereAndBack, Way::ThereAndBack, Way::ReplyLost][..]);
    prop_oneof![
        4 => select(&["+1m", "+7m", "+10m", "+35m"][..]).prop_map(Happening::Line),
        1 => select(&["sleep 25m", "sleep 90m", "s: lose", "s: ring", "s: look"][..]).prop_map(Happening::Line),
        5 => way().prop_map(Happening::Bring),
        3 => (any::<usize>(), way()).prop_map(|(which, way)| Happening::Tell(which, way)),
        3 => (any::<usize>(), select(&["terminate", "cancel"][..])).prop_map(|(which, how)| Happening::End(which, how)),
    ]
}

/// The ids of the workflows that it started.
fn workflows(family: &Family) -> Vec<String> {
    family.scripts.keys().filter(|id| id.starts_with("w-")).cloned().collect()
}

fn happen(family: &mut Family, what: Happening) {
    let ids = workflows(family);
    let pick = |which: usize| (!ids.is_empty()).then(|| ids[which % ids.len()].clone());
    match what {
        Happening::Line(line) => family.line(line),
        Happening::Bring(way) => {
            family.post("s", way);
        }
        Happening::Tell(which, way) => {
            if let Some(id) = pick(which) {
                family.post(&id, way);
            }
        }
        Happening::End(which, how) => {
            if let Some(id) = pick(which) {
                family.line(&format!("{id}: {how}"));
            }
        }
    }
}

/// Every time up to the last one that was dealt with is accounted for, and has one run at most.
fn check(family: &mut Family, policy: &str) {
    let schedule = family.script("s").world.workflow.schedule.get().cloned().expect("it is there");
    let progress = &schedule.progress;
    let passed = progress.done_until.0 / 1_000_000_000 / PERIOD - BEGINS / PERIOD;
    let counts = progress.counts;
    let asked = progress.actions.iter().filter(|action| matches!(action.stage, ActionStage::Asked { .. })).count();
    let waiting = (asked + progress.buffer.len()) as i64;
    let accounted =
        counts.actions + counts.overlap_skipped + counts.missed_catchup_window + counts.buffer_dropped + waiting;
    // An action in the place of another one that was about to begin is told of by neither count.
    let is_replaced = accounted < passed && matches!(policy, "cancel" | "terminate");
    assert!(accounted == passed || is_replaced, "{passed} times have passed, {accounted} are accounted for");
    for id in workflows(family) {
        let runs = family.script(&id).world.table.histories.len();
        assert!(runs <= 1, "{id} has {runs} runs");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_time_is_dealt_with_once(policy in select(&POLICIES[..]), life in vec(happening(), 1..60)) {
        let mut family = Family::new(Settings::default());
        family.line(&format!("s: schedule every=10m overlap={policy} catchup=60m"));
        for what in life {
            happen(&mut family, what);
            check(&mut family, policy);
        }
        for _ in 0..100 {
            family.post_all();
            for id in workflows(&family) {
                family.line(&format!("{id}: terminate"));
            }
        }
        family.post_all();
        check(&mut family, policy);
        let started = workflows(&family).len() as i64;
        let schedule = family.script("s").world.workflow.schedule.get().cloned().expect("it is there");
        prop_assert_eq!(schedule.progress.counts.actions, started);
        prop_assert!(schedule.progress.actions.is_empty(), "{:?}", schedule.progress.actions);
        prop_assert!(schedule.progress.buffer.is_empty(), "{:?}", schedule.progress.buffer);
    }
}
