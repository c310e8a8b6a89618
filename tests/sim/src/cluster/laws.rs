//! What must hold, a law in each file, and looking at every run that workers did something for.
//!
//! | law | where |
//! | --- | --- |
//! | one leader in each term of each group | [`one_leader`], looked at all the time |
//! | replicas that have applied as much have applied the same | [`prefixes_equal`], looked at all the time; `replicas.rs` beside this, when nothing is under way |
//! | a history prefix never changes | [`history_stays`], whenever somebody is shown one |
//! | no answer comes from a state that is lost later | [`history_stays`]; that a node knows a run that was acknowledged is asked in `client.rs` |
//! | nothing that was acknowledged is lost | [`nothing_lost`]; orders of accounts in `accounts.rs`, outcomes of updates in `updates.rs`, resets in `resets.rs` |
//! | nothing is applied twice | [`nothing_twice`]; amounts in `accounts.rs`, times of schedules in `schedules.rs` |
//! | an attempt is handed to one poller at most | [`Handed`], whenever one has a task |
//! | one running execution of a workflow id at most | [`one_running`] |
//! | no timer before its time | [`no_early_timer`] |
//! | messages of the outbox exactly once in history | [`Messages`] |
//! | no task fails for what its worker said | [`failures`] |

mod history_stays;
mod no_early_timer;
mod nothing_lost;
mod nothing_twice;
mod one_leader;
mod one_running;
mod prefixes_equal;

use std::collections::BTreeMap;

use weft_protocol::api::{
    enums::{WorkflowExecutionStatus, WorkflowTaskFailedCause as Cause},
    history::{HistoryEvent, history_event::Attributes as Event},
};

use super::{book::Worked, client::Scene, history::Shown, record::Run, updates};
use crate::fan;

pub(crate) use history_stays::differs;
pub(crate) use one_leader::Terms;
pub(crate) use prefixes_equal::{Prefix, Prefixes};
pub(crate) use weft_laws::{Attempt, Handed, Messages};

/// Of a history that a client is shown, given what was known when it was asked for.
///
/// # Errors
/// What does not hold.
pub(crate) fn judge(before: &Run, shown: &Shown) -> Result<(), String> {
    history_stays::judge(&before.seen, shown)?;
    nothing_twice::judge(&shown.events)?;
    nothing_lost::told(before, shown)?;
    no_early_timer::deadline(before, shown)
}

/// Looks at every run that workers did something for.
pub(crate) async fn check(scene: &Scene, listed: &[(String, String)]) {
    let mut messages = Messages::default();
    let mut runs = BTreeMap::<&str, u64>::new();
    for (workflow, run) in listed {
        let Some(plan) = scene.plan.of(workflow) else { continue };
        *runs.entry(workflow).or_default() += u64::from(plan.resets.is_empty());
        let Some(events) = scene.history(workflow, run).await else { return };
        let shown = Shown::of(events);
        let worked = scene.book.of(run);
        match of_a_run(&shown, &worked).and_then(|()| updates::judge(&shown.events, &worked)) {
            Ok(updates) => scene.record.cover(|counts| counts.updates += updates),
            Err(wrong) => return scene.record.violate(format!("{workflow} {run}: {wrong}")),
        }
        messages.add(run, &shown.events);
        scene.record.cover(|counts| {
            counts.worked_events += shown.events.len() as u64;
            counts.timer_fans += fan::count(shown.events.iter());
            counts.grandchildren += u64::from(parent(&shown.events).is_some_and(|parent| scene.plan.is_child(parent)));
        });
    }
    if let Some((workflow, count)) = runs.iter().find(|(_, count)| **count > 1) {
        scene.record.violate(format!("{workflow} has {count} runs"));
    }
    for plan in scene.plan.workflows.iter().filter(|plan| !runs.contains_key(plan.id.as_str())) {
        scene.record.violate(format!("{} was acknowledged and is not listed", plan.id));
    }
    if let Err(wrong) = messages.judge() {
        scene.record.violate(wrong);
    }
    scene.record.cover(|counts| counts.messages += messages.count());
}

/// Looks at the runs of the workflow ids that clients start.
pub(crate) fn count(scene: &Scene, listed: &[(String, String, WorkflowExecutionStatus)]) {
    for workflow in scene.workflows.iter() {
        let of_it = listed.iter().filter(|(id, ..)| id == workflow).map(|(_, run, status)| (run.as_str(), *status));
        let (runs, statuses): (Vec<_>, Vec<_>) = of_it.unzip();
        if let Err(wrong) = one_running::judge(&statuses, scene.record.starts_of(workflow)) {
            scene.record.violate(format!("{workflow}: {wrong}: {}", runs.join(" ")));
        }
    }
}

/// The workflow id that started this run, if one did.
fn parent(events: &[HistoryEvent]) -> Option<&str> {
    let Some(Event::WorkflowExecutionStartedEventAttributes(it)) = &events.first()?.attributes else { return None };
    it.parent_workflow_execution.as_ref().map(|parent| parent.workflow_id.as_str())
}

fn of_a_run(shown: &Shown, worked: &Worked) -> Result<(), String> {
    judge(&Run { seen: worked.seen.clone(), ..Run::default() }, shown)?;
    if shown.end().is_none() {
        return Err("it has not ended".to_owned());
    }
    nothing_lost::answered(worked, &shown.events)?;
    failures(&shown.events)?;
    no_early_timer::timers(&shown.events)
}

/// No worker says what is wrong: its task fails only if it has not seen everything, or for somebody else.
pub(crate) fn failures(events: &[HistoryEvent]) -> Result<(), String> {
    for event in events {
        let Some(Event::WorkflowTaskFailedEventAttributes(it)) = &event.attributes else { continue };
        match it.cause() {
            Cause::UnhandledCommand | Cause::ResetWorkflow | Cause::ForceCloseCommand => {}
            cause => return Err(format!("event {} says that a task failed: {cause:?}", event.event_id)),
        }
    }
    Ok(())
}
