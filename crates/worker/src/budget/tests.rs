//! What may be spent, and what happens at each limit.

use super::*;

fn tokens(tokens: u64) -> Spend {
    Spend { tokens, ..Spend::default() }
}

fn budget(soft: Option<u64>, hard: u64) -> Budget {
    let limits = Limits {
        soft: Ceiling { tokens: soft, ..Ceiling::default() },
        hard: Ceiling { tokens: Some(hard), fan_out: Some(2), wall_seconds: Some(60), ..Ceiling::default() },
        fruitless_steps_max: 2,
    };
    Budget::new(limits, 0)
}

#[test]
fn what_is_set_aside_cannot_be_spent_twice() {
    let mut budget = budget(None, 100);
    let first = budget.reserve("plan", tokens(60), 0).expect("there is enough");
    assert_eq!(budget.reserve("patch", tokens(50), 0), Err(Refused::Full { running: 1 }), "60 may come back");
    let refused = budget.reserve("patch", tokens(101), 0).expect_err("whatever comes back, it is too much");
    assert_eq!(refused.to_string(), "patch would bring tokens to 161, above the hard limit of 100");
    budget.settle(first, tokens(10), true);
    budget.reserve("patch", tokens(90), 0).expect("50 came back");
    assert_eq!(budget.spent(), tokens(10));
}

#[test]
fn a_call_of_unknown_end_costs_all_that_was_set_aside_and_is_booked_once() {
    let mut budget = budget(None, 100);
    let call = budget.reserve("plan", tokens(60), 0).expect("there is enough");
    budget.forfeit(call);
    budget.settle(call, tokens(1), true);
    assert_eq!(budget.spent(), tokens(60));
}

#[test]
fn what_cost_more_than_was_set_aside_closes_the_budget_until_it_is_raised() {
    let mut budget = budget(None, 100);
    let call = budget.reserve("plan", tokens(60), 0).expect("there is enough");
    budget.settle(call, tokens(150), true);
    assert!(matches!(budget.reserve("patch", tokens(0), 0), Err(Refused::Hard { would_be: 150, .. })));
    budget.raise(Ceiling { tokens: Some(60), ..Ceiling::default() });
    budget.reserve("patch", tokens(10), 0).expect("160 may be spent");
    assert!(matches!(budget.reserve("review", tokens(11), 0), Err(Refused::Hard { limit: 160, .. })));
}

#[test]
fn a_soft_limit_asks_once_and_the_hard_one_holds_all_the_same() {
    let mut budget = budget(Some(50), 100);
    assert!(matches!(budget.reserve("plan", tokens(60), 0), Err(Refused::Soft { limit: 50, .. })));
    budget.lift(Meter::Tokens);
    budget.reserve("plan", tokens(60), 0).expect("a person agreed");
    assert!(matches!(budget.reserve("patch", tokens(101), 0), Err(Refused::Hard { .. })));
}

#[test]
fn calls_at_once_wait_for_each_other() {
    let mut budget = budget(None, 100);
    let first = budget.reserve("a", tokens(1), 0).expect("none runs");
    budget.reserve("b", tokens(1), 0).expect("one runs");
    assert_eq!(budget.reserve("c", tokens(1), 0), Err(Refused::Full { running: 2 }));
    budget.settle(first, tokens(1), true);
    budget.reserve("c", tokens(1), 0).expect("one runs again");
}

#[test]
fn time_that_people_take_is_not_the_runs() {
    let mut budget = budget(None, 100);
    // Two steps ask at the same time; it is one time.
    budget.wait_begins(0);
    budget.wait_begins(40_000);
    budget.wait_ends(50_000);
    budget.reserve("meanwhile", tokens(1), 90_000).expect("it stands still");
    budget.wait_ends(100_000);
    budget.reserve("a", tokens(1), 160_999).expect("60 seconds of its own");
    let late = budget.reserve("b", tokens(1), 161_000).expect_err("61 seconds");
    assert_eq!(late.to_string(), "b would bring wall time (seconds) to 61, above the hard limit of 60");
}

#[test]
fn steps_that_bring_nothing_stop_the_run_until_somebody_looks() {
    let mut budget = budget(None, 100);
    let mut step = |brought_something| -> Result<(), Refused> {
        let call = budget.reserve("try", tokens(1), 0)?;
        budget.settle(call, tokens(1), brought_something);
        Ok(())
    };
    step(false).expect("the first may fail");
    step(true).expect("progress");
    step(false).expect("one after progress");
    step(false).expect("two after progress");
    assert_eq!(step(true), Err(Refused::Stalled { steps: 2 }));
    budget.rearm();
    budget.reserve("try", tokens(1), 0).expect("somebody looked");
}

#[test]
fn a_child_gets_no_more_than_was_set_aside_for_it() {
    let budget = budget(Some(10), 100);
    let mut child = Budget::new(budget.share(tokens(30), 20_000), 20_000);
    assert!(matches!(child.reserve("check", tokens(31), 20_000), Err(Refused::Hard { limit: 30, .. })));
    child.reserve("check", tokens(30), 60_000).expect("40 seconds are left of the parent's 60");
    assert!(matches!(child.reserve("late", tokens(0), 61_000), Err(Refused::Hard { meter: Meter::WallTime, .. })));
}

#[test]
fn who_says_nothing_has_bounds_all_the_same() {
    let limits: Limits = serde_json::from_str("{}").expect("defaults");
    assert_eq!(limits, Limits::default());
    assert!(Meter::ALL.into_iter().all(|meter| limits.hard.of(meter).is_some()));
    assert!(serde_json::from_str::<Limits>(r#"{"hard": {"token": 5}}"#).is_err(), "a limit is misspelt");
}
