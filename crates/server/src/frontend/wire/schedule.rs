//! Schedules: from the API's requests, checked, with what they leave out filled in; and as lists show them.

use std::time::Duration;

use weft_engine::{
    Namespace, RequestId, Settings,
    schedule::{self, ScheduleBody},
    span_from_wire,
    state::schedule::{Overlap, Policies},
};
use weft_protocol::{
    api::{
        enums::{TaskQueueKind, WorkflowIdReusePolicy},
        schedule::{
            Schedule, ScheduleAction, ScheduleListEntry, ScheduleListInfo, SchedulePatch, SchedulePolicies,
            schedule_action::Action,
        },
        workflow::{NewWorkflowExecutionInfo, WorkflowExecutionInfo},
        workflowservice::StartWorkflowExecutionRequest,
    },
    error::{Error, text},
    prost::Message,
};

use super::start::{Around, Call};
use crate::frontend::validate::ids;

/// What is appended to the workflow id of an action is as long as this.
const SUFFIX: &str = "-2009-11-10T23:00:00Z";
/// Temporal's schedules are workflows whose ids begin with this; a longer schedule id than fits is refused there.
const PREFIX: &str = "temporal-sys-scheduler:";

const NOTES_BYTES_MAX: usize = 1000;
const CATCHUP_WINDOW: Duration = Duration::from_secs(365 * 24 * 3600);
const CATCHUP_WINDOW_MIN: Duration = Duration::from_secs(10);

/// Where a schedule belongs, and what holds there.
pub(crate) struct Place<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) namespace: &'a Namespace,
}

/// The id of a schedule that is to be created.
pub(crate) fn new_id<'a>(settings: &Settings, id: &'a str) -> Result<&'a str, Error> {
    ids::new_workflow_id(&settings.limits, &format!("{PREFIX}{id}"))?;
    if id.is_empty() { Err(Error::invalid_argument(text::LOAD_WITHOUT_WORKFLOW_ID)) } else { Ok(id) }
}

/// Notes of a patch are short.
pub(crate) fn patch(patch: &SchedulePatch) -> Result<(), Error> {
    notes(&patch.pause)?;
    notes(&patch.unpause)
}

fn notes(notes: &str) -> Result<(), Error> {
    if notes.len() > NOTES_BYTES_MAX {
        return Err(Error::invalid_argument("Schedule notes exceeds limit."));
    }
    Ok(())
}

pub(crate) fn body(place: &Place<'_>, schedule: Schedule) -> Result<ScheduleBody, Error> {
    let Schedule { spec, action, policies, state } = schedule;
    let spec = schedule::canonical(spec.unwrap_or_default())
        .map_err(|why| Error::invalid_argument(format!("Invalid schedule spec: {why}")))?;
    let action = match action.and_then(|ScheduleAction { action }| action) {
        Some(Action::StartWorkflow(action)) => Some(checked(place, action)?),
        None => None,
    };
    let state = state.unwrap_or_default();
    notes(&state.notes)?;
    Ok(ScheduleBody {
        spec,
        action,
        policies: policies_of(policies.unwrap_or_default()),
        paused: state.paused,
        notes: state.notes,
        limited: state.limited_actions,
        remaining: state.remaining_actions,
    })
}

fn policies_of(policies: SchedulePolicies) -> Policies {
    let window = policies.catchup_window.as_ref().map(span_from_wire);
    Policies {
        overlap: Overlap::of(policies.overlap_policy).unwrap_or(Overlap::Skip),
        catchup_window: window.map_or(CATCHUP_WINDOW, |window| window.max(CATCHUP_WINDOW_MIN)),
        pause_on_failure: policies.pause_on_failure,
        keep_workflow_id: policies.keep_original_workflow_id,
    }
}

/// Every workflow that is started like this could be started by a client too.
fn checked(place: &Place<'_>, mut action: NewWorkflowExecutionInfo) -> Result<NewWorkflowExecutionInfo, Error> {
    let Place { settings, namespace } = *place;
    ids::new_workflow_id(&settings.limits, &format!("{}{SUFFIX}", action.workflow_id))?;
    let request = start_request(&action);
    let never = RequestId::from("");
    let around = Around { settings, namespace, request: never.clone(), handover: never };
    super::start::start(around, Call::Start, request)?;
    if !action.cron_schedule.is_empty() {
        return Err(Error::invalid_argument("Scheduled workflow must not contain CronSchedule"));
    }
    match action.workflow_id_reuse_policy() {
        WorkflowIdReusePolicy::Unspecified | WorkflowIdReusePolicy::AllowDuplicate => {}
        _ => return Err(Error::invalid_argument("Scheduled workflow must not contain WorkflowIDReusePolicy")),
    }
    if let Some(queue) = &mut action.task_queue {
        queue.kind = TaskQueueKind::Normal as i32;
    }
    let attributes = action.search_attributes.take();
    action.search_attributes = attributes.map(|given| weft_engine::search_attribute::typed(given, namespace));
    Ok(action)
}

fn start_request(action: &NewWorkflowExecutionInfo) -> StartWorkflowExecutionRequest {
    let action = action.clone();
    StartWorkflowExecutionRequest {
        workflow_id: action.workflow_id,
        workflow_type: action.workflow_type,
        task_queue: action.task_queue,
        input: action.input,
        workflow_execution_timeout: action.workflow_execution_timeout,
        workflow_run_timeout: action.workflow_run_timeout,
        workflow_task_timeout: action.workflow_task_timeout,
        retry_policy: action.retry_policy,
        memo: action.memo,
        search_attributes: action.search_attributes,
        header: action.header,
        user_metadata: action.user_metadata,
        versioning_override: action.versioning_override,
        priority: action.priority,
        ..StartWorkflowExecutionRequest::default()
    }
}

/// The token of a description, as an update brings it back; `None` if it brings none.
pub(crate) fn token(bytes: &[u8]) -> Option<i64> {
    let token = i64::from_be_bytes(*bytes.first_chunk()?);
    (token != 0).then_some(token)
}

/// A schedule from its entry in a list.
pub(crate) fn listed(info: WorkflowExecutionInfo) -> ScheduleListEntry {
    let mut memo = info.memo.unwrap_or_default();
    let shown = memo.fields.remove(schedule::LIST_INFO);
    let shown = shown.and_then(|payload| ScheduleListInfo::decode(payload.data.as_slice()).ok());
    let mut attributes = info.search_attributes.unwrap_or_default();
    for own in ["TemporalSchedulePaused", "TemporalNamespaceDivision"] {
        attributes.indexed_fields.remove(own);
    }
    ScheduleListEntry {
        schedule_id: info.execution.unwrap_or_default().workflow_id,
        memo: Some(memo),
        search_attributes: (!attributes.indexed_fields.is_empty()).then_some(attributes),
        info: shown,
    }
}

#[cfg(test)]
mod tests {
    use weft_protocol::api::schedule::ScheduleState;

    use super::*;

    #[test]
    fn a_token_is_eight_bytes_or_none() {
        assert_eq!(token(&7i64.to_be_bytes()), Some(7));
        for none in [&[][..], &[1, 2, 3], &[0; 8]] {
            assert_eq!(token(none), None, "{none:?}");
        }
    }

    #[test]
    fn notes_are_short_wherever_they_are_said() {
        let (name, retention) = ("namespace".into(), Duration::from_secs(3600));
        let namespace = Namespace { id: "ns".into(), name, retention, search_attributes: Default::default() };
        let place = Place { settings: &Settings::default(), namespace: &namespace };
        let said = |bytes| {
            let state = ScheduleState { notes: "n".repeat(bytes), ..ScheduleState::default() };
            body(&place, Schedule { state: Some(state), ..Schedule::default() })
        };
        assert!(said(NOTES_BYTES_MAX).is_ok());
        assert!(said(NOTES_BYTES_MAX + 1).is_err());
        let pause = "n".repeat(NOTES_BYTES_MAX + 1);
        assert!(patch(&SchedulePatch { pause, ..SchedulePatch::default() }).is_err());
    }

    #[test]
    fn policies_that_are_left_out_are_filled_in() {
        let window = |seconds| Some(weft_protocol::Duration { seconds, nanos: 0 });
        let of = |catchup_window| policies_of(SchedulePolicies { catchup_window, ..SchedulePolicies::default() });
        assert_eq!(of(None).overlap, Overlap::Skip);
        assert_eq!(of(None).catchup_window, CATCHUP_WINDOW);
        assert_eq!(of(window(60)).catchup_window, Duration::from_secs(60));
        assert_eq!(of(window(1)).catchup_window, CATCHUP_WINDOW_MIN);
        assert_eq!(of(window(-1)).catchup_window, CATCHUP_WINDOW_MIN);
    }
}
