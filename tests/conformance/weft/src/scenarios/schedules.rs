//! Schedules: what they start and when, what they leave out, and that they outlive the server.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use anyhow::Result;
use weft::client::{
    Error, NewSchedule, ScheduleDescription, ScheduleHandle, StartWorkflow, WorkflowDefinition,
    api::enums::ScheduleOverlapPolicy,
};

use super::{scenarios, start::GREETED};
use crate::{
    harness::{
        history::TASK,
        pool::Entry,
        scenario::{Scenario, result_of},
    },
    workflows::{Collector, Greeter},
};

pub(super) fn all() -> Vec<Entry> {
    let mut entries = scenarios![SharedServer:
        a_schedule_acts_until_its_actions_are_used_up,
        a_schedule_skips_what_overlaps,
        a_backfill_acts_for_every_time_of_its_range,
    ];
    entries.extend(scenarios![OwnServer: a_schedule_outlives_the_server]);
    entries
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// A workflow that one signal ends.
pub(super) fn two_tasks() -> String {
    format!("WorkflowExecutionStarted, {TASK}, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionCompleted")
}

/// A schedule of the scenario's, which acts every so often once it goes on.
fn paused<W: WorkflowDefinition>(s: &Scenario<'_>, every: Duration, workflow: StartWorkflow<W>) -> NewSchedule {
    s.client.new_schedule(s.id("schedule"), workflow).every(every).paused("until it is needed")
}

fn greets(s: &Scenario<'_>) -> StartWorkflow<Greeter> {
    s.start(Greeter::run, "you")
}

/// Lets a schedule go on for so many actions.
async fn let_act(handle: &ScheduleHandle, actions: i64) -> Result<(), Error> {
    let change = |schedule: &mut weft::client::api::schedule::Schedule| {
        let state = schedule.state.get_or_insert_default();
        state.limited_actions = true;
        state.remaining_actions = actions;
        state.paused = false;
    };
    handle.update(change).await
}

async fn until(
    s: &Scenario<'_>,
    handle: &ScheduleHandle,
    what: &str,
    holds: impl Fn(&ScheduleDescription) -> bool,
) -> Result<ScheduleDescription> {
    s.until(what, async || handle.describe().await.ok().filter(&holds)).await
}

async fn greets_once(s: &Scenario<'_>, id: &str, run_id: &str) -> Result<()> {
    assert_eq!(result_of(&s.client.handle::<Greeter>(id)).await?, "Hello, you!");
    s.assert_run(id, run_id, GREETED).await.map(drop)
}

/// All that a schedule has started greets once; gives the workflow ids, the oldest first.
async fn all_greet_once(s: &Scenario<'_>, found: &ScheduleDescription) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for run in found.recent() {
        greets_once(s, &run.workflow_id, &run.run_id).await?;
        ids.push(run.workflow_id);
    }
    Ok(ids)
}

async fn goes(s: &Scenario<'_>, handle: &ScheduleHandle) -> Result<()> {
    handle.delete().await?;
    s.refused(handle.describe().await, "NotFound")
}

async fn a_schedule_acts_until_its_actions_are_used_up(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = paused(s, SECOND, greets(s)).await?;
    let_act(&handle, 2).await?;
    let found = until(s, &handle, "two actions", |it| it.actions() == 2).await?;
    assert_eq!(found.remaining(), Some(0));
    assert_eq!(found.next_times(), []);
    all_greet_once(s, &found).await?;
    handle.pause("enough").await?;
    let found = until(s, &handle, "the pause", ScheduleDescription::is_paused).await?;
    assert_eq!(found.note(), "enough");
    s.refused(paused(s, SECOND, greets(s)).await.map(drop), "AlreadyExists")?;
    goes(s, &handle).await?;
    worker.stop().await
}

async fn a_schedule_skips_what_overlaps(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = paused(s, HOUR, s.start(Collector::run, ())).overlap(ScheduleOverlapPolicy::Skip).await?;
    handle.trigger().await?;
    let found = until(s, &handle, "the first one to run", |it| it.running().len() == 1).await?;
    let running = found.running();
    let first = &running[0];
    s.until_event(&first.workflow_id, "WorkflowTaskCompleted", 1).await?;
    handle.trigger().await?;
    let found = until(s, &handle, "the second one to be skipped", |it| it.skipped() == 1).await?;
    assert_eq!((found.actions(), &found.running()), (1, &running));
    let workflow = s.client.handle::<Collector>(&first.workflow_id);
    workflow.signal(Collector::give, "end").await?;
    assert_eq!(result_of(&workflow).await?, ["end"]);
    s.assert_run(&first.workflow_id, &first.run_id, &two_tasks()).await?;
    s.refuses_late_signal(&first.workflow_id).await?;
    worker.stop().await
}

async fn a_backfill_acts_for_every_time_of_its_range(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = paused(s, HOUR, greets(s)).await?;
    // The new year of 2024.
    let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_704_067_200);
    handle.backfill(begin, begin + 2 * HOUR, ScheduleOverlapPolicy::AllowAll).await?;
    let found = until(s, &handle, "all of them", |it| it.actions() == 3).await?;
    let expected: Vec<String> = (0..3).map(|hour| format!("{}-2024-01-01T0{hour}:00:00Z", s.id(""))).collect();
    assert_eq!(all_greet_once(s, &found).await?, expected);
    goes(s, &handle).await?;
    worker.stop().await
}

/// Its workflows wait for a worker until the server is back: so none of their tasks is lost with it.
async fn a_schedule_outlives_the_server(s: &Scenario<'_>) -> Result<()> {
    let handle = paused(s, SECOND, greets(s)).overlap(ScheduleOverlapPolicy::AllowAll).await?;
    let_act(&handle, 3).await?;
    until(s, &handle, "the first action", |it| it.actions() >= 1).await?;
    s.restart_server().await?;
    let found = until(s, &handle, "the last action", |it| it.actions() == 3).await?;
    assert_eq!(found.remaining(), Some(0));
    let worker = s.worker().await?;
    let ids: BTreeSet<String> = all_greet_once(s, &found).await?.into_iter().collect();
    assert_eq!(ids.len(), 3);
    goes(s, &handle).await?;
    worker.stop().await
}
