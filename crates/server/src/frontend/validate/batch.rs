//! What a batch operation must say before anything is looked up, in the order and words in which Temporal checks it.

use weft_engine::{
    Identity,
    limits::Limits,
    state::{Aim, JobOrder},
};
use weft_protocol::{
    api::{
        batch::{
            batch_operation_reset_activities::Activity as ResetWhich,
            batch_operation_unpause_activities::Activity as UnpauseWhich,
            batch_operation_update_activity_options::Activity as UpdateWhich,
        },
        common::{Execution, WorkflowExecution},
        enums::{ExecutionType, ResetType},
        workflowservice::{StartBatchOperationRequest, start_batch_operation_request::Operation},
    },
    error::{Error, text},
};

use super::{ids, sizes};

/// Executions that one job may name; more are found by a query.
const EXECUTIONS_MAX: usize = 10_000;

const PARAMETERS_MISSING: &str = "must provide required parameters: BatchType,Reason,Namespace, \
     AND one of (Query OR Executions OR TargetExecutions)";
const AIMS_EXCLUSIVE: &str = "visibility query, executions, and target executions are mutually exclusive";
const WHICH_ACTIVITIES: &str = "Either activity type must be set, or match all should be set to true";

/// The order that a request makes.
pub(crate) fn order(limits: &Limits, body: StartBatchOperationRequest) -> Result<JobOrder, Error> {
    let refuse = |why: &str| Err(Error::invalid_argument(why));
    #[expect(deprecated, reason = "the list of executions that every client knows")]
    let StartBatchOperationRequest { visibility_query, reason, executions, target_executions, .. } = body;
    let aims = [!visibility_query.is_empty(), !executions.is_empty(), !target_executions.is_empty()];
    let (Some(operation), true, true) = (body.operation, !reason.is_empty(), aims.contains(&true)) else {
        return refuse(PARAMETERS_MISSING);
    };
    if aims.into_iter().filter(|is_set| *is_set).count() > 1 {
        return refuse(AIMS_EXCLUSIVE);
    }
    check(&operation)?;
    let executions = match executions.is_empty() {
        true => of_targets(target_executions, &operation)?,
        false => executions,
    };
    if executions.len() > EXECUTIONS_MAX {
        return Err(Error::invalid_argument(format!("a batch operation may name {EXECUTIONS_MAX} executions")));
    }
    sizes::text(limits, &reason)?;
    sizes::text(limits, &visibility_query)?;
    if let Operation::SignalOperation(signal) = &operation {
        ids::within(limits, &signal.signal, text::SIGNAL_NAME_TOO_LONG)?;
        sizes::blob(limits, signal.input.as_ref())?;
    }
    let identity = identity(&operation);
    ids::within(limits, identity, text::IDENTITY_TOO_LONG)?;
    Ok(JobOrder {
        identity: Identity::from(identity),
        aim: if executions.is_empty() { Aim::Query(visibility_query) } else { Aim::Executions(executions) },
        pace: pace(body.max_operations_per_second),
        reason,
        operation,
    })
}

/// Operations in a thousand seconds, if the client set a limit: slower than that is as slow as it gets.
fn pace(per_second: f32) -> Option<u64> {
    // What is too large for the number is no limit either; the cast saturates.
    (per_second > 0.0).then(|| ((f64::from(per_second) * 1000.0) as u64).max(1))
}

fn of_targets(targets: Vec<Execution>, operation: &Operation) -> Result<Vec<WorkflowExecution>, Error> {
    let of_target = |(place, target): (usize, Execution)| match target.r#type() {
        ExecutionType::Workflow => Ok(WorkflowExecution { workflow_id: target.business_id, run_id: target.run_id }),
        other => Err(Error::invalid_argument(format!(
            "target_executions[{place}] has type {}, but operation {} requires Workflow",
            pascal(other.as_str_name(), "EXECUTION_TYPE_"),
            go_name(operation)
        ))),
    };
    targets.into_iter().enumerate().map(of_target).collect()
}

/// The operation makes sense, and is one that this server has.
fn check(operation: &Operation) -> Result<(), Error> {
    let refuse = |why: String| Err(Error::invalid_argument(why));
    match operation {
        Operation::SignalOperation(signal) if signal.signal.is_empty() => refuse("must provide signal name".into()),
        Operation::TerminationOperation(_)
        | Operation::SignalOperation(_)
        | Operation::CancellationOperation(_)
        | Operation::DeletionOperation(_) => Ok(()),
        Operation::ResetOperation(reset) => match &reset.options {
            Some(options) if options.target.is_none() => refuse("batch reset missing target".into()),
            None if reset.reset_type() == ResetType::Unspecified => {
                refuse("unknown batch reset type Unspecified".into())
            }
            Some(_) | None => Ok(()),
        },
        Operation::UpdateWorkflowOptionsOperation(update) => {
            match (&update.workflow_execution_options, &update.update_mask) {
                (None, _) => refuse("must provide UpdateOptions".into()),
                (_, None) => refuse("must provide UpdateMask".into()),
                (Some(_), Some(_)) => Ok(()),
            }
        }
        Operation::UnpauseActivitiesOperation(unpause) => match &unpause.activity {
            None => refuse("activity filter must be set".into()),
            Some(UnpauseWhich::Type(name)) if name.is_empty() => refuse(WHICH_ACTIVITIES.into()),
            Some(UnpauseWhich::MatchAll(false)) => refuse(WHICH_ACTIVITIES.into()),
            Some(UnpauseWhich::Type(_) | UnpauseWhich::MatchAll(true)) => Ok(()),
        },
        Operation::ResetActivitiesOperation(reset) => match &reset.activity {
            None => refuse("must provide ActivityType or MatchAll".into()),
            Some(ResetWhich::Type(name)) if name.is_empty() => refuse(WHICH_ACTIVITIES.into()),
            Some(ResetWhich::MatchAll(false)) => refuse(WHICH_ACTIVITIES.into()),
            Some(ResetWhich::Type(_) | ResetWhich::MatchAll(true)) => Ok(()),
        },
        Operation::UpdateActivityOptionsOperation(update) => {
            match (&update.activity_options, update.restore_original) {
                (Some(_), true) => return refuse("cannot set both activity options and restore original".into()),
                (None, false) => {
                    return refuse(
                        "Either activity type must be set, or restore original should be set to true".into(),
                    );
                }
                (Some(_), false) | (None, true) => {}
            }
            match &update.activity {
                Some(UpdateWhich::Type(name)) if name.is_empty() => refuse(WHICH_ACTIVITIES.into()),
                Some(UpdateWhich::MatchAll(false)) => refuse(WHICH_ACTIVITIES.into()),
                Some(UpdateWhich::Type(_) | UpdateWhich::MatchAll(true)) | None => Ok(()),
            }
        }
        Operation::CancelActivitiesOperation(_)
        | Operation::TerminateActivitiesOperation(_)
        | Operation::DeleteActivitiesOperation(_) => {
            refuse(format!("The operation type {} is not supported for this namespace", go_name(operation)))
        }
    }
}

/// Who asks for it.
fn identity(operation: &Operation) -> &str {
    match operation {
        Operation::TerminationOperation(it) => &it.identity,
        Operation::SignalOperation(it) => &it.identity,
        Operation::CancellationOperation(it) => &it.identity,
        Operation::DeletionOperation(it) => &it.identity,
        Operation::ResetOperation(it) => &it.identity,
        Operation::UpdateWorkflowOptionsOperation(it) => &it.identity,
        Operation::UnpauseActivitiesOperation(it) => &it.identity,
        Operation::ResetActivitiesOperation(it) => &it.identity,
        Operation::UpdateActivityOptionsOperation(it) => &it.identity,
        Operation::CancelActivitiesOperation(it) => &it.identity,
        Operation::TerminateActivitiesOperation(it) => &it.identity,
        Operation::DeleteActivitiesOperation(_) => "",
    }
}

/// As Temporal's messages name the operation.
fn go_name(operation: &Operation) -> String {
    let name = match operation {
        Operation::TerminationOperation(_) => "Termination",
        Operation::SignalOperation(_) => "Signal",
        Operation::CancellationOperation(_) => "Cancellation",
        Operation::DeletionOperation(_) => "Deletion",
        Operation::ResetOperation(_) => "Reset",
        Operation::UpdateWorkflowOptionsOperation(_) => "UpdateWorkflowOptions",
        Operation::UnpauseActivitiesOperation(_) => "UnpauseActivities",
        Operation::ResetActivitiesOperation(_) => "ResetActivities",
        Operation::UpdateActivityOptionsOperation(_) => "UpdateActivityOptions",
        Operation::CancelActivitiesOperation(_) => "CancelActivities",
        Operation::TerminateActivitiesOperation(_) => "TerminateActivities",
        Operation::DeleteActivitiesOperation(_) => "DeleteActivities",
    };
    format!("*workflowservice.StartBatchOperationRequest_{name}Operation")
}

/// `EXECUTION_TYPE_ACTIVITY` as `Activity`.
fn pascal(name: &str, prefix: &str) -> String {
    let words = name.strip_prefix(prefix).unwrap_or(name).split('_');
    words.map(|word| word.chars().take(1).chain(word.to_lowercase().chars().skip(1)).collect::<String>()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_on_the_pace_is_kept_to_the_thousandth() {
        let paces = [0.0, -1.0, f32::NAN, 0.5, 2.0, 0.000_1, f32::INFINITY].map(pace);
        assert_eq!(paces, [None, None, None, Some(500), Some(2000), Some(1), Some(u64::MAX)]);
    }

    #[test]
    fn enum_names_are_written_as_temporal_writes_them() {
        assert_eq!(pascal("EXECUTION_TYPE_UNSPECIFIED", "EXECUTION_TYPE_"), "Unspecified");
    }
}
