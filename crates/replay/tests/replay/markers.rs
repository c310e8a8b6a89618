//! Changed code and recorded values.

use std::{cell::Cell, rc::Rc};

use crate::code::{It, answer, check, ended, run, told};

async fn changed(it: It) -> weft_replay::Outcome {
    let way = if it.patched("new-way") { "new" } else { "old" };
    let _ = it.timer(1).await;
    let again = if it.patched("new-way") { "new" } else { "old" };
    ended(format!("{way} {again}"))
}

async fn past(it: It) -> weft_replay::Outcome {
    it.deprecate("new-way");
    let _ = it.timer(1).await;
    ended("new")
}

async fn gone(it: It) -> weft_replay::Outcome {
    let _ = it.timer(1).await;
    ended("new")
}

const BEFORE: &str = "start; task; timer 1; fired 1; task?";
const SINCE: &str = "start; task; version new-way; attributes; timer 1; fired 1; task?";
const AFTER: &str = "start; task; version-past new-way; timer 1; fired 1; task?";

#[test]
fn a_change_is_entered_by_new_runs_and_kept_out_of_old_ones() {
    check(changed, "start; task?", "Version new-way\nattributes\ntimer 1 1s");
    check(changed, SINCE, "end: new new");
    check(changed, BEFORE, "end: old old");
}

/// The attribute that a change sets is one that the code can read, in a new run and at replay.
#[test]
fn entered_changes_are_among_the_search_attributes() {
    let code = async |it: It| {
        let _ = it.patched("new-way");
        let set = it.context.upserted_search_attributes();
        let said = set.iter().map(|(name, value)| format!("{name} {}", String::from_utf8_lossy(&value.data)));
        ended(said.collect::<Vec<_>>().join(",").replace('"', "'"))
    };
    let mut new = run(code);
    assert_eq!(
        answer(&mut new, "start; task?", Vec::new()),
        "Version new-way\nattributes\nend: TemporalChangeVersion ['new-way']"
    );
    check(
        async |it: It| {
            let _ = it.patched("new-way");
            let _ = it.timer(1).await;
            ended(it.context.upserted_search_attributes().len().to_string())
        },
        SINCE,
        "end: 1",
    );
}

#[test]
fn a_change_that_is_past_replays_runs_of_every_age() {
    check(past, "start; task?", "Version new-way past\ntimer 1 1s");
    check(past, SINCE, "end: new");
    check(past, AFTER, "end: new");
    check(past, BEFORE, "end: new");
}

#[test]
fn when_all_runs_say_that_a_change_is_past_nothing_need_be_said_of_it() {
    check(gone, AFTER, "end: new");
}

/// A deployment may be rolled back while runs of the newer code live.
#[test]
fn older_code_replays_what_newer_code_called_past() {
    check(changed, AFTER, "end: new new");
}

#[test]
fn a_recorded_value_is_made_once() {
    let made = Rc::new(Cell::new(0));
    let counts = Rc::clone(&made);
    let code = move |it: It| {
        let counts = Rc::clone(&counts);
        async move {
            let value = it.effect(|| {
                counts.set(counts.get() + 1);
                "fresh".to_owned()
            });
            let _ = it.timer(1).await;
            ended(value)
        }
    };
    check(code.clone(), "start; task?", "SideEffect 1 fresh\ntimer 1 1s");
    assert_eq!(made.get(), 1);
    check(code, "start; task; effect 1 kept; timer 1; fired 1; task?", "end: kept");
    assert_eq!(made.get(), 1, "replay makes nothing");
}

#[test]
fn names_of_changes_may_hold_any_character() {
    let code = async |it: It| {
        let entered = it.patched("say-\"hé\"\\");
        ended(format!("{entered}{}", told(it.timer(1).await)))
    };
    check(code, "start; task; version say-\"hé\"\\; attributes; timer 1; fired 1; task?", "end: true");
}
