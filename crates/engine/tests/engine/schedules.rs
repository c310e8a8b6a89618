//! Schedules: their times, their actions, what overlaps, and what they hear.
//!
//! Of the transcripts only what the schedule `s` does and says is compared, without acknowledgements. The clock begins at
//! 1000 s, which is 00:16:40.

use weft_engine::Settings;

use crate::{family::Family, script::changed};

fn check(scenario: &str, expected: &str) {
    check_with(Settings::default(), scenario, expected);
}

fn check_with(settings: Settings, scenario: &str, expected: &str) {
    let mut family = Family::new(settings);
    for line in scenario.lines().map(str::trim).filter(|line| !line.is_empty()) {
        // Workflows are named by the minute for which they are.
        let line = line.replace("w@", "w-1970-01-01T00:");
        family.line(&line);
    }
    let said = ["= schedule", "* ", "! "];
    let noise = ["Follow", "settled"];
    let told = family.take_transcript();
    let told = told.lines().filter(|line| line.starts_with("s: "));
    let told = told.filter(|line| said.iter().any(|said| line[3..].starts_with(said)));
    let told = told.filter(|line| !noise.iter().any(|noise| line.contains(noise)));
    let told: Vec<String> = told.map(|line| line[3..].replace("w-1970-01-01T00:", "w@")).collect();
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(told, expected, "the schedule says\n{}", told.join("\n"));
}

#[test]
fn a_schedule_acts_at_its_times_and_hears_of_the_end() {
    check(
        "s: schedule every=10m
        +11m
        post s all
        s: look
        w@20:00Z: poll
        w@20:00Z: complete done=42
        post w@20:00Z all
        s: look
        +9m
        post s all
        s: look",
        r#"
        = scheduled token=1
        * 1 Ask to w@20:00Z: act, once
        = schedule token=1 actions=1 running=w@20:00Z recent=1:Running next=1800
        = schedule token=1 actions=1 recent=1:Completed next=1800
        * 2 Ask to w@30:00Z: act, once
        = schedule token=1 actions=2 running=w@30:00Z recent=1:Completed,2:Running next=2400
        "#,
    );
}

#[test]
fn an_action_that_is_refused_each_time_does_not_hold_up_the_next_ones() {
    check(
        "s: schedule every=10m overlap=skip pinned=workers:7
        +11m
        post s all
        s: look
        +10m
        post s all
        s: look",
        r#"
        = scheduled token=1
        * 1 Ask to w@20:00Z: act, once
        = schedule token=1 next=1800
        * 2 Ask to w@30:00Z: act, once
        = schedule token=1 next=2400
        "#,
    );
}

#[test]
fn an_action_is_skipped_while_another_runs() {
    check(
        "s: schedule every=10m overlap=skip
        +4m
        +10m
        post s all
        +10m
        s: look",
        r#"
        = scheduled token=1
        * 1 Ask to w@20:00Z: act, once
        = schedule token=1 actions=1 skipped=2 running=w@20:00Z recent=1:Running next=3000
        "#,
    );
}

#[test]
fn one_action_waits_or_all_do() {
    check(
        "s: schedule every=10m overlap=buffer-one
        +4m
        post s all
        +20m
        s: look
        w@20:00Z: poll
        w@20:00Z: complete fail
        post w@20:00Z all
        s: look
        s: reschedule every=10m overlap=buffer-all
        +20m
        s: look",
        r#"
        = scheduled token=1
        * 1 Ask to w@20:00Z: act, once
        = schedule token=1 actions=1 skipped=1 buffered=1 running=w@20:00Z recent=1:Running next=3000
        * 2 Ask to w@30:00Z: act, once
        = schedule token=1 actions=2 skipped=1 running=w@30:00Z recent=1:Failed,2:Running next=3000
        = schedule token=2 actions=2 skipped=1 buffered=2 running=w@30:00Z recent=1:Failed,2:Running next=4200
        "#,
    );
}

#[test]
fn the_one_before_is_cancelled_once_and_terminated_if_that_is_wanted_then() {
    check(
        "s: schedule every=10m overlap=cancel
        +4m
        post s all
        +20m
        post s all
        s: look
        s: patch trigger=terminate
        post s all
        post w@20:00Z all
        s: look",
        r#"
        = scheduled token=1
        * 1 Ask to w@20:00Z: act, once
        * 2 End to w@20:00Z: end, RequestCancel
        = schedule token=1 actions=1 buffered=2 running=w@20:00Z recent=1:Running next=3000
        * 3 End to w@20:00Z: end, Terminate
        * 4 Ask to w@40:40Z: act, again
        = schedule token=1 actions=2 running=w@40:40Z recent=1:Terminated,4:Running next=3000
        "#,
    );
}

#[test]
fn actions_that_may_overlap_all_begin_and_are_not_waited_for() {
    check(
        "s: schedule every=10m overlap=allow-all
        +24m
        post s all
        w@20:00Z: terminate
        post w@20:00Z all
        s: look",
        r#"
        = scheduled token=1
        * 1 Ask to w@20:00Z: act, once
        * 2 Ask to w@30:00Z: act, once
        * 3 Ask to w@40:00Z: act, once
        = schedule token=1 actions=3 recent=1:Terminated,2:Running,3:Running next=3000
        "#,
    );
}

/// The starts that stand in the outbox of the schedule `s`.
fn asked(family: &mut Family) -> usize {
    let schedule = family.script("s").world.workflow.schedule.get().cloned().expect("it is there");
    schedule.progress.actions.len()
}

#[test]
fn what_was_missed_begins_in_small_lots_right_after_each_other() {
    let mut family = Family::new(Settings::default());
    family.line("s: schedule every=1m overlap=allow-all");
    family.line("sleep 25m");
    for lot in [10, 20, 25] {
        family.line("s: ring");
        assert_eq!(asked(&mut family), lot);
    }
}

#[test]
fn large_actions_that_were_missed_begin_one_by_one() {
    let mut family = Family::new(Settings::default());
    family.line("s: schedule every=1m overlap=allow-all input=600000");
    family.line("sleep 3m");
    for lot in [1, 2, 3] {
        family.line("s: ring");
        assert_eq!(asked(&mut family), lot);
    }
}

#[test]
fn what_was_missed_waits_in_the_buffer_and_not_beyond_it() {
    let mut family = Family::new(Settings::default());
    family.line("s: schedule every=1m overlap=allow-all");
    family.line("sleep 20h");
    family.line("s: ring");
    family.line("s: ring");
    let schedule = family.script("s").world.workflow.schedule.get().cloned().expect("it is there");
    assert_eq!(schedule.progress.buffer.len(), 990);
    assert_eq!(schedule.progress.counts.buffer_dropped, 1200 - 10 - 1000);
}

#[test]
fn a_schedule_that_excludes_very_many_times_acts_after_them() {
    check(
        "s: schedule every=1m not=1-3
        +2159h
        s: look
        +1h
        s: look",
        r#"
        = scheduled token=1
        = schedule token=1 next=7776000
        * 1 Ask to w-1970-04-01T00:00:00Z: act, once
        = schedule token=1 skipped=16 next=7777020
        "#,
    );
}

#[test]
fn a_backfill_goes_through_very_many_excluded_times() {
    check(
        "s: schedule every=1m not=1-3 paused
        s: patch backfill=0..7776000
        +1s
        +1s
        s: look",
        r#"
        = scheduled token=1
        * 1 Ask to w-1970-04-01T00:00:00Z: act, again
        = schedule token=1 paused=""
        "#,
    );
}

#[test]
fn a_schedule_that_is_out_of_actions_rests_and_goes_after_a_week() {
    check(
        "s: schedule every=10m limit=2 overlap=allow-all
        +40m
        post s all
        s: look
        +160h
        s: look
        +8h
        s: look",
        r#"
        = scheduled token=1
        * 1 Ask to w@20:00Z: act, once
        * 2 Ask to w@30:00Z: act, once
        = schedule token=3 left=0. actions=2 recent=1:Running,2:Running
        = schedule token=3 left=0. actions=2 recent=1:Running,2:Running
        ! ScheduleNotFound
        "#,
    );
}

#[test]
fn a_pause_holds_back_what_is_not_asked_for_by_hand() {
    check(
        "s: schedule every=10m paused overlap=allow-all
        +30m
        s: patch trigger request=a
        s: patch trigger request=a
        s: patch backfill=600..1800:allow-all
        s: look
        s: patch unpause=go
        +10m
        s: patch pause=stop
        +10m
        s: look",
        r#"
        = scheduled token=1
        * 1 Ask to w@46:40Z: act, again
        * 2 Ask to w@10:00Z: act, again
        * 3 Ask to w@20:00Z: act, again
        * 4 Ask to w@30:00Z: act, again
        = schedule token=1 paused="" next=3000
        * 5 Ask to w@50:00Z: act, once
        = schedule token=3 paused="stop" next=4200
        "#,
    );
}

#[test]
fn a_failure_pauses_if_that_is_wanted() {
    check(
        "s: schedule every=10m pause-on-failure
        +4m
        post s all
        w@20:00Z: poll
        w@20:00Z: complete fail
        post w@20:00Z all
        s: look
        +10m
        s: look",
        r#"
        = scheduled token=1
        * 1 Ask to w@20:00Z: act, once
        = schedule token=2 paused="paused due to workflow failure: w@20:00Z: " actions=1 recent=1:Failed next=1800
        = schedule token=2 paused="paused due to workflow failure: w@20:00Z: " actions=1 recent=1:Failed next=2400
        "#,
    );
}

#[test]
fn times_that_were_missed_are_made_up_for_within_the_window() {
    check(
        "s: schedule every=10m catchup=25m overlap=buffer-all
        sleep 60m
        s: ring
        s: look",
        r#"
        = scheduled token=1
        * 1 Ask to w-1970-01-01T01:00:00Z: act, once
        = schedule token=1 missed=4 buffered=1 next=4800
        "#,
    );
}

#[test]
fn a_long_backfill_goes_on_by_itself() {
    check(
        "s: schedule every=10m paused
        s: patch backfill=0..15000:buffer-all
        s: look
        +1s
        s: look
        +1s
        s: look",
        r#"
        = scheduled token=1
        * 1 Ask to w@00:00Z: act, again
        = schedule token=1 paused="" buffered=9 next=1200
        = schedule token=1 paused="" buffered=19 next=1200
        = schedule token=1 paused="" buffered=25 next=1200
        "#,
    );
}

#[test]
fn a_start_whose_reply_is_lost_is_the_same_start() {
    check(
        "s: schedule every=10m
        +4m
        post s lost
        s: lose
        s: look
        post s all
        s: look",
        r#"
        = scheduled token=1
        * 1 Ask to w@20:00Z: act, once
        = schedule token=1 next=1800
        = schedule token=1 actions=1 running=w@20:00Z recent=1:Running next=1800
        "#,
    );
}

#[test]
fn an_end_may_be_heard_of_before_the_beginning() {
    check(
        "s: schedule every=10m
        +4m
        post s lost
        w@20:00Z: terminate
        post w@20:00Z
        s: look
        post s all
        s: look",
        r#"
        = scheduled token=1
        * 1 Ask to w@20:00Z: act, once
        = schedule token=1 actions=1 recent=1:Terminated next=1800
        = schedule token=1 actions=1 recent=1:Terminated next=1800
        "#,
    );
}

#[test]
fn an_id_that_is_taken_is_passed_over() {
    check(
        "w@20:00Z: start
        s: schedule every=10m overlap=buffer-all
        +4m
        post s all
        s: look",
        r#"
        = scheduled token=1
        * 1 Ask to w@20:00Z: act, once
        = schedule token=1 next=1800
        "#,
    );
}

#[test]
fn what_is_repeated_is_done_once_and_what_has_changed_is_refused() {
    check(
        "s: schedule every=10m
        s: schedule every=10m
        s: schedule every=10m request=other
        s: reschedule every=1h token=1 request=u
        s: reschedule every=1h token=1 request=u
        s: reschedule every=2h token=1
        s: look",
        r#"
        = scheduled token=1
        = scheduled token=1
        ! ScheduleExists
        ! ScheduleConflict
        = schedule token=2 next=3600
        "#,
    );
}

#[test]
fn what_was_deleted_hears_nothing_and_another_one_of_its_id_neither() {
    check(
        "s: look
        s: schedule every=10m
        +4m
        s: unschedule
        s: unschedule
        post s all
        s: schedule every=20m request=other
        post s all
        s: look",
        r#"
        ! ScheduleNotFound
        = scheduled token=1
        * 1 Ask to w@20:00Z: act, once
        ! ScheduleNotFound
        = scheduled token=1
        = schedule token=1 next=2400
        "#,
    );
}

#[test]
fn a_run_of_the_same_id_that_has_grown_too_long_leaves_it_as_it_is() {
    check_with(
        changed(|settings| settings.limits.history_events_error = 3),
        "s: schedule every=10m
        s: start
        s: signal a
        s: signal b
        s: signal c
        s: terminate
        s: look",
        r#"
        = scheduled token=1
        ! WorkflowClosed
        = schedule token=1 next=1200
        "#,
    );
}

#[test]
fn a_workflow_of_the_same_id_has_nothing_to_do_with_it() {
    check(
        "s: start
        s: schedule every=10m
        s: delete
        s: look
        s: unschedule",
        r#"
        = scheduled token=1
        * removed s-1
        = schedule token=1 next=1200
        "#,
    );
}
