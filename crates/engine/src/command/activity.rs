//! Commands about activities.

use alloc::{format, string::String};

use weft_protocol::api::{
    command::{RequestCancelActivityTaskCommandAttributes, ScheduleActivityTaskCommandAttributes},
    enums::WorkflowTaskFailedCause as Cause,
    history::{HistoryEvent, history_event::Attributes},
};

use super::{BadCommand, Decisions, Extra, check_size};
use crate::{activity, change::Run, event, ids::EventId};

/// Schedules an activity; one that the worker wants at once starts with the answer.
pub(super) fn schedule(
    run: &mut Run<'_>,
    command: ScheduleActivityTaskCommandAttributes,
    extra: Extra,
    decisions: &mut Decisions,
) -> Result<(), BadCommand> {
    let cause = Cause::BadScheduleActivityAttributes;
    let command = activity::normalized(run, command).map_err(|reason| BadCommand::new(cause, reason))?;
    check_size(run, cause, "ScheduleActivityTaskCommandAttributes.Input", command.input.as_ref())?;
    let (pending, limit) = (run.activities.len(), run.at.settings.limits.pending_activities);
    if pending >= limit {
        let reason =
            format!("the number of pending activities, {pending}, has reached the per-workflow limit of {limit}");
        return Err(BadCommand::new(Cause::PendingActivitiesLimitExceeded, reason));
    }
    if run.activities.values().any(|it| it.id.as_str() == command.activity_id) {
        let reason = invalid("add-activitytask-scheduled-event", &format!("ActivityID: {}", command.activity_id));
        return Err(BadCommand::new(Cause::ScheduleActivityDuplicateId, reason));
    }
    let eager = command.request_eager_execution && run.at.settings.eager_activities && !run.stands_still();
    let id = run.append(extra.on(event::activity::scheduled(decisions.completed, command)));
    if eager {
        activity::begin(run, id, &decisions.worker);
        decisions.eager_activities.extend(activity::handed(run, id));
    }
    Ok(())
}

/// Asks an activity to stop; one that no worker has is cancelled at once.
pub(super) fn cancel(
    run: &mut Run<'_>,
    command: &RequestCancelActivityTaskCommandAttributes,
    extra: Extra,
    decisions: &mut Decisions,
) -> Result<(), BadCommand> {
    let cause = Cause::BadRequestCancelActivityAttributes;
    let id = EventId(command.scheduled_event_id);
    if id <= EventId::NONE {
        let reason = "ScheduledEventId is not set on RequestCancelActivityTaskCommand.";
        return Err(BadCommand::new(cause, reason));
    }
    let activity = run.activities.shared(&id);
    let may = match &activity {
        Some(activity) => activity.cancel_requested.is_none(),
        // It has ended, but the workflow cannot know that yet.
        None => run.buffered.values().any(|event| ends_activity(event) == Some(id)),
    };
    if !may {
        let reason = invalid("add-activitytask-cancel-requested-event", &format!("ScheduledEventID: {id}"));
        return Err(BadCommand::new(cause, reason));
    }
    let requested = run.append(extra.on(event::activity::cancel_requested(decisions.completed, id)));
    let Some(activity) = activity else { return Ok(()) };
    if is_still_here(decisions, id) || !activity.is_started() {
        activity::canceled(run, &activity, requested, &decisions.worker.identity);
        decisions.wants_task = true;
    }
    Ok(())
}

/// It would have started with the answer, which has not left yet: it does not start after all.
fn is_still_here(decisions: &mut Decisions, id: EventId) -> bool {
    let before = decisions.eager_activities.len();
    decisions.eager_activities.retain(|task| task.token.scheduled_event_id != id);
    decisions.eager_activities.len() < before
}

/// The activity that an event ends, by its scheduled event.
fn ends_activity(event: &HistoryEvent) -> Option<EventId> {
    let scheduled = match event.attributes.as_ref()? {
        Attributes::ActivityTaskCompletedEventAttributes(it) => it.scheduled_event_id,
        Attributes::ActivityTaskFailedEventAttributes(it) => it.scheduled_event_id,
        Attributes::ActivityTaskTimedOutEventAttributes(it) => it.scheduled_event_id,
        Attributes::ActivityTaskCanceledEventAttributes(it) => it.scheduled_event_id,
        _ => return None,
    };
    Some(EventId(scheduled))
}

/// What Temporal says of a command that does not fit the state.
pub(super) fn invalid(action: &str, what: &str) -> String {
    format!("invalid history builder state for action: {action}, {what}")
}
