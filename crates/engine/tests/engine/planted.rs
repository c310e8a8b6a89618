//! The laws are worth what they notice: faults of an engine, planted one by one into what it gives back, are found by the
//! random sequences that hold the laws.

use std::cell::Cell;

use proptest::test_runner::{Config, TestError, TestRunner};
use weft_engine::{Effect, RowChange, Settings, Timestamp, Transition, wire_span};
use weft_protocol::api::history::history_event::Attributes;

use crate::{
    family::Family,
    laws::{Counts, config, play, steps},
};

/// A fault is found by so many sequences or not at all.
const CASES_MAX: u32 = 64;

fn found(spoil: fn(&mut Transition)) {
    let cases = Cell::new(0);
    let config = Config { cases: CASES_MAX, max_shrink_iters: 0, ..config() };
    let outcome = TestRunner::new(config).run(&steps(), |steps| {
        cases.set(cases.get() + 1);
        play(Family::spoiled(Settings::default(), spoil), &steps, &mut Counts::new());
        Ok(())
    });
    assert!(matches!(outcome, Err(TestError::Fail(..))), "{} sequences did not notice it", cases.get());
}

/// The first row that is like this is not written.
fn lose(transition: &mut Transition, is_it: fn(&RowChange) -> bool) {
    if let Some(place) = transition.rows.iter().position(is_it) {
        drop(transition.rows.remove(place));
    }
}

/// The first row that is like this is written twice.
fn double(transition: &mut Transition, is_it: fn(&RowChange) -> bool) {
    let twice = transition.rows.iter().find(|row| is_it(row)).cloned();
    transition.rows.extend(twice);
}

#[test]
fn an_engine_without_a_fault_has_none_to_find() {
    let runner = TestRunner::new(Config { cases: CASES_MAX, ..config() }).run(&steps(), |steps| {
        play(Family::spoiled(Settings::default(), |_| {}), &steps, &mut Counts::new());
        Ok(())
    });
    runner.expect("the laws hold");
}

#[test]
fn an_event_that_is_lost_is_noticed() {
    found(|transition| drop(transition.events.iter_mut().find_map(|appended| appended.events.pop())));
}

#[test]
fn an_event_that_is_written_twice_is_noticed() {
    found(|transition| {
        if let Some(appended) = transition.events.first_mut() {
            let twice = appended.events.last().cloned();
            appended.events.extend(twice);
        }
    });
}

#[test]
fn a_number_that_is_skipped_is_noticed() {
    found(|transition| {
        if let Some(event) = transition.events.first_mut().and_then(|appended| appended.events.last_mut()) {
            event.event_id += 1;
        }
    });
}

#[test]
fn a_time_that_goes_back_is_noticed() {
    found(|transition| {
        if let Some(event) = transition.events.first_mut().and_then(|appended| appended.events.last_mut()) {
            event.event_time = Some(Timestamp(1).wire());
        }
    });
}

#[test]
fn a_timer_that_is_told_too_short_is_noticed() {
    found(|transition| {
        for event in transition.events.iter_mut().flat_map(|appended| &mut appended.events) {
            if let Some(Attributes::TimerStartedEventAttributes(timer)) = &mut event.attributes {
                timer.start_to_fire_timeout = Some(wire_span(std::time::Duration::from_millis(1)));
            }
        }
    });
}

#[test]
fn a_task_that_stays_after_it_was_taken_is_noticed() {
    found(|transition| lose(transition, |row| matches!(row, RowChange::RemoveTask(_))));
}

#[test]
fn a_task_that_is_never_offered_is_noticed() {
    found(|transition| lose(transition, |row| matches!(row, RowChange::PutTask(_))));
}

#[test]
fn a_deadline_that_nobody_keeps_is_noticed() {
    found(|transition| lose(transition, |row| matches!(row, RowChange::PutWake { .. })));
}

#[test]
fn a_deadline_that_nobody_is_told_of_is_noticed() {
    found(|transition| transition.effects.retain(|effect| !matches!(effect, Effect::WakeAt { .. })));
}

#[test]
fn a_timer_that_is_forgotten_is_noticed() {
    found(|transition| lose(transition, |row| matches!(row, RowChange::PutTimer { .. })));
}

#[test]
fn an_activity_that_stays_after_its_end_is_noticed() {
    found(|transition| lose(transition, |row| matches!(row, RowChange::RemoveActivity { .. })));
}

#[test]
fn an_event_that_leaves_the_buffer_twice_is_noticed() {
    found(|transition| lose(transition, |row| matches!(row, RowChange::RemoveBuffered { .. })));
}

#[test]
fn a_message_that_is_lost_is_noticed() {
    found(|transition| lose(transition, |row| matches!(row, RowChange::PutMessage { .. })));
}

#[test]
fn a_message_that_is_sent_twice_is_noticed() {
    found(|transition| double(transition, |row| matches!(row, RowChange::PutMessage { .. })));
}

#[test]
fn a_receipt_that_is_lost_is_noticed() {
    found(|transition| lose(transition, |row| matches!(row, RowChange::PutReceipt { .. })));
}

#[test]
fn a_signal_that_would_be_taken_again_is_noticed() {
    found(|transition| lose(transition, |row| matches!(row, RowChange::PutSignalRequest { .. })));
}

#[test]
fn a_run_that_is_not_the_current_one_is_noticed() {
    found(|transition| lose(transition, |row| matches!(row, RowChange::PutCurrent(_))));
}
