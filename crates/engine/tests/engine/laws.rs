//! The laws, over random sequences of requests of every kind to several workflow ids with messages between them.
//!
//! Laws: what must hold of every request (`world.rs`) holds of these; and once everything is delivered nobody waits, and
//! what was asked of another workflow id happened exactly as often as its sender was told (`children_property.rs`).
//!
//! `PROPTEST_CASES` asks for more cases than the 256 of each law, `PROPTEST_RNG_SEED` for others.

use std::{cell::RefCell, collections::BTreeMap};

use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    test_runner::{RngSeed, TestRunner},
};
use weft_engine::{JobRequest, Request, Settings};

use crate::{
    activity_property::{LINES as ACTIVITIES, OPERATIONS},
    children_property::{Histories, OTHER, PARENT, check_quiet},
    family::{Family, Way},
    jobs::LINES as JOBS,
    property::{ANSWERS, ENDS, NEWS, POLLS, STARTS, tight},
    schedule_words::LINES as SCHEDULES,
};

/// As many cases as CI runs unless the environment asks for more; the same ones each time unless it asks for others.
pub(crate) fn config() -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(2);
    }
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 256;
    }
    config
}

macro_rules! kinds {
    ($($request:pat => $name:literal,)*) => {
        /// What the random sequences must hold, each kind accepted at least once.
        const KINDS: &[&str] = &[$($name),*];

        fn kind(request: &Request) -> &'static str {
            match request {
                $($request => $name,)*
                // It needs a history that was copied before: `forks.rs` forks random lives.
                Request::Fork(_) => "fork",
            }
        }
    };
}

kinds! {
    Request::Start(_) => "start",
    Request::SignalWithStart(..) => "signal with start",
    Request::Signal(..) => "signal",
    Request::Cancel(..) => "cancel",
    Request::Terminate(..) => "terminate",
    Request::Delete(..) => "delete",
    Request::Query(..) => "query",
    Request::ForgetQuery(..) => "forget query",
    Request::Update(..) => "update",
    Request::FindUpdate(..) => "find update",
    Request::UpdateWithStart(..) => "update with start",
    Request::ResetSticky(_) => "reset sticky",
    Request::Operate(..) => "operate",
    Request::OperateOnce(..) => "operate once",
    Request::Reset(..) => "reset",
    Request::StartWorkflowTask(_) => "start workflow task",
    Request::CompleteWorkflowTask(_) => "complete workflow task",
    Request::FailWorkflowTask(_) => "fail workflow task",
    Request::GiveBackWorkflowTask(..) => "give back workflow task",
    Request::StickyUnavailable(..) => "sticky unavailable",
    Request::StartActivityTask(_) => "start activity task",
    Request::CompleteActivity(..) => "complete activity",
    Request::FailActivity(..) => "fail activity",
    Request::CancelActivity(..) => "cancel activity",
    Request::Heartbeat(..) => "heartbeat",
    Request::GiveBackActivityTask(..) => "give back activity task",
    Request::Wake(_) => "wake",
    Request::Deliver(_) => "deliver",
    Request::Replied(_) => "replied",
    Request::Job(JobRequest::Start(_)) => "job: start",
    Request::Job(JobRequest::Look) => "job: look",
    Request::Job(JobRequest::Count(_)) => "job: count",
    Request::Job(JobRequest::Progress(_)) => "job: progress",
    Request::Job(JobRequest::Fail(_)) => "job: fail",
    Request::Job(JobRequest::Stop(_)) => "job: stop",
    Request::Job(JobRequest::Wake) => "job: wake",
    Request::Job(JobRequest::Remove) => "job: remove",
    Request::Schedule(_) => "schedule",
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Of(&'static str, &'static str),
    /// One after the other, so that sequences get somewhere: what a worker does with a task.
    Both(&'static str, [&'static str; 2]),
    /// What chance alone hardly ever puts together.
    All(&'static str, &'static [&'static str]),
    Post(&'static str, Way),
    Pass(&'static str),
}

/// An activity that stops because it was asked to.
const STOPS: &[&str] = &[
    "start request=stops conflict=terminate",
    "poll",
    "complete activity=a force",
    "take a",
    "poll",
    "complete cancel-activity=5",
    "stop a",
];

/// A caller that asks after its update.
const ASKS: &[&str] = &["start request=asks", "update u1", "find u1"];

/// Tasks that come back because their pollers have gone.
const RETURNS: &[&str] = &[
    "start request=returns conflict=terminate",
    "poll",
    "give-back",
    "poll",
    "complete activity=a",
    "take a",
    "beat a",
    "return a",
];

/// Replies come from those who were asked, not out of the blue.
fn honest(lines: &[&'static str]) -> Vec<&'static str> {
    lines.iter().copied().filter(|line| !line.starts_with("replied")).collect()
}

/// The lines of a list that begin with a word.
fn with(lines: &[&'static str], word: &str) -> Vec<&'static str> {
    lines.iter().copied().filter(|line| line.starts_with(word)).collect()
}

/// What workers say to workflow tasks.
fn completions() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        2 => select(ANSWERS),
        4 => select(with(ACTIVITIES, "complete")),
        2 => select(with(PARENT, "complete")),
        1 => select(with(OTHER, "complete")),
    ]
}

/// What workers do with an activity's attempt.
fn attempts() -> impl Strategy<Value = [&'static str; 2]> {
    select(&["a", "b"][..]).prop_flat_map(|id| {
        let answers: Vec<_> = ["finish", "fail-activity", "stop", "beat", "return"]
            .iter()
            .flat_map(|word| with(ACTIVITIES, &format!("{word} {id}")))
            .collect();
        let take = if id == "a" { "take a" } else { "take b" };
        select(answers).prop_map(move |answer| [take, answer])
    })
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ids = || select(&["p", "p", "c", "x"][..]);
    let line = prop_oneof![
        2 => select(STARTS),
        4 => select(honest(NEWS)),
        1 => select(ENDS),
        2 => select(POLLS),
        2 => select(ACTIVITIES),
        1 => select(OPERATIONS),
        2 => select(PARENT),
        1 => select(OTHER),
        1 => select(SCHEDULES),
    ];
    let step = prop_oneof![
        8 => (ids(), line).prop_map(|(id, line)| Step::Of(id, line)),
        8 => (ids(), completions()).prop_map(|(id, answer)| Step::Both(id, ["poll", answer])),
        9 => (ids(), attempts()).prop_map(|(id, lines)| Step::Both(id, lines)),
        1 => (ids(), select(&[STOPS, ASKS, RETURNS][..])).prop_map(|(id, lines)| Step::All(id, lines)),
        4 => ids().prop_map(|id| Step::Post(id, Way::ThereAndBack)),
        1 => ids().prop_map(|id| Step::Post(id, Way::ReplyLost)),
        1 => select(&["+1s", "+10s", "+2h"][..]).prop_map(Step::Pass),
    ];
    vec(step, 0..100)
}

/// How many requests of each kind were accepted.
pub(crate) type Counts = BTreeMap<&'static str, u64>;

pub(crate) fn play(mut family: Family, steps: &[Step], counts: &mut Counts) {
    let mut histories = Histories::default();
    // Jobs stand beside workflows of the same id and touch none: they are asked in turn, wherever a sequence happens to be.
    let mut jobs = JOBS.iter().cycle();
    for step in steps {
        if let Some(line) = jobs.next() {
            say(&mut family, "p", line, counts);
        }
        match step {
            Step::Of(id, line) => say(&mut family, id, line, counts),
            Step::All(id, lines) => lines.iter().for_each(|line| say(&mut family, id, line, counts)),
            Step::Both(id, lines) => lines.iter().for_each(|line| say(&mut family, id, line, counts)),
            Step::Post(id, way) => {
                if family.post(id, *way) {
                    *counts.entry("deliver").or_default() += 1;
                    *counts.entry("replied").or_default() += u64::from(*way == Way::ThereAndBack);
                }
            }
            Step::Pass(time) => family.pass(time),
        }
        histories.note(&family);
    }
    family.post_all();
    histories.note(&family);
    histories.note_waiting(&family);
    check_quiet(&family);
    histories.check();
}

fn say(family: &mut Family, id: &str, line: &str, counts: &mut Counts) {
    let script = family.script(id);
    let Some(request) = script.step(line) else { return };
    let kind = kind(&request);
    if script.send(request).is_ok() {
        *counts.entry(kind).or_default() += 1;
    }
}

fn hold(settings: &Settings) {
    let counts = RefCell::new(Counts::new());
    let outcome = TestRunner::new(config()).run(&steps(), |steps| {
        play(Family::new(settings.clone()), &steps, &mut counts.borrow_mut());
        Ok(())
    });
    if let Err(broken) = outcome {
        panic!("{broken}");
    }
    let counts = counts.into_inner();
    let missing: Vec<_> = KINDS.iter().filter(|kind| !counts.contains_key(**kind)).collect();
    assert!(missing.is_empty(), "no sequence had an accepted {missing:?}: {counts:?}");
}

#[test]
fn the_laws_hold_whatever_is_asked() {
    hold(&Settings::default());
}

#[test]
fn the_laws_hold_near_the_limits() {
    hold(&tight());
}
