//! Schedules from the command line.

use weft_client::api::command::{CompleteWorkflowExecutionCommandAttributes, command::Attributes};

use crate::world::World;

const CREATE: [&str; 9] =
    ["schedule", "create", "nightly", "--cron", "0 2 * * *", "--type", "Report", "--task-queue", "reports"];

fn create(world: &World, more: &[&str]) {
    let args: Vec<&str> = CREATE.iter().chain(more).copied().collect();
    assert_eq!(world.run(&args).ok(), "created schedule nightly\n");
}

#[test]
fn a_schedule_is_created_shown_changed_and_deleted() {
    let world = World::start();
    create(&world, &["--time-zone", "Europe/Paris", "--paused", "--notes", "not yet"]);
    let shown = world.run(&["schedule", "describe", "nightly"]);
    for part in ["Paused", "not yet", "0 2 * * *", "Europe/Paris", "Report", "reports", "skip", "NEXT"] {
        assert!(shown.ok().contains(part), "{part} is missing: {shown:?}");
    }
    world.run(&["schedule", "update", "nightly", "--interval", "90m/5m", "--overlap", "buffer-one"]).ok();
    let json = world.run(&["schedule", "describe", "nightly", "-o", "json"]).json();
    let schedule = &json["schedule"];
    assert_eq!(schedule["spec"]["interval"][0]["interval"], "5400s");
    assert_eq!(schedule["spec"]["timezoneName"], "Europe/Paris", "what is not named stays");
    assert!(schedule["spec"].get("structuredCalendar").is_none(), "other times take the place of the old ones");
    assert_eq!(schedule["policies"]["overlapPolicy"], "SCHEDULE_OVERLAP_POLICY_BUFFER_ONE");
    assert_eq!((&schedule["state"]["paused"], &schedule["state"]["notes"]), (&true.into(), &"not yet".into()));
    assert_eq!(world.run(&["schedule", "unpause", "nightly", "-r", "go"]).ok(), "unpaused schedule nightly\n");
    let listed = world.run(&["schedule", "list"]);
    assert!(listed.ok().contains("Active") && listed.ok().contains("every 1h 30m + 5m"), "{listed:?}");
    assert_eq!(world.run(&["schedule", "list", "-q", "TemporalSchedulePaused = true"]).ok(), "");
    assert_eq!(world.run(&["schedule", "delete", "nightly"]).ok(), "deleted schedule nightly\n");
    assert!(world.run(&["schedule", "describe", "nightly"]).error(1).contains("schedule not found"));
}

#[test]
fn a_schedule_is_triggered_and_backfilled() {
    let world = World::start();
    create(&world, &["--paused"]);
    let range = ["--start-time", "2026-01-01T00:00:00Z", "--end-time", "2026-01-03T00:00:00Z"];
    let times = world.run(&[&["schedule", "matching-times", "nightly"], &range[..]].concat());
    assert_eq!(times.ok(), "TIME\n2026-01-01T02:00:00Z\n2026-01-02T02:00:00Z\n");
    let filled = world.run(&[&["schedule", "backfill", "nightly", "--overlap", "allow-all"], &range[..]].concat());
    assert_eq!(filled.ok(), "backfilled schedule nightly\n");
    world.run(&["schedule", "trigger", "nightly"]).ok();
    for _ in 0..3 {
        let done = CompleteWorkflowExecutionCommandAttributes::default();
        world.decide("reports", Attributes::CompleteWorkflowExecutionCommandAttributes(done));
    }
    let shown = world.run(&["schedule", "describe", "nightly"]);
    assert!(shown.ok().contains("nightly-2026-01-02T02:00:00Z"), "{shown:?}");
}

#[test]
fn what_is_wrong_is_said() {
    let world = World::start();
    let args = ["schedule", "create", "s", "--type", "T", "-t", "q"];
    let wrong = world.run(&[&args[..], &["--cron", "61 * * * *"]].concat());
    assert!(wrong.error(1).contains("Minute is not in range [0-59]"), "{wrong:?}");
    let wrong = world.run(&["schedule", "create", "s", "--cron", "@daily"]);
    assert!(wrong.error(2).contains("--type TYPE --task-queue QUEUE"), "{wrong:?}");
    let wrong = world.run(&[&args[..], &["--calendar", "hours=5"]].concat());
    assert!(wrong.error(2).contains("dayOfWeek"), "{wrong:?}");
    create(&world, &[]);
    let again = world.run(&CREATE);
    assert!(again.error(1).contains("already registered"), "{again:?}");
}
