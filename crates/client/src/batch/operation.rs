//! What a batch operation does to each execution, and how that is said on the wire. Everything that the server can do is
//! here: pausing is not among it.

use weft_protocol::{
    api::{
        activity::ActivityOptions,
        batch::{
            BatchOperationCancellation, BatchOperationDeletion, BatchOperationReset, BatchOperationResetActivities,
            BatchOperationSignal, BatchOperationTermination, BatchOperationUnpauseActivities,
            BatchOperationUpdateActivityOptions, BatchOperationUpdateWorkflowExecutionOptions,
            batch_operation_reset_activities as reset_activities,
            batch_operation_unpause_activities as unpause_activities,
            batch_operation_update_activity_options as update_activities,
        },
        common::{ResetOptions, reset_options::Target},
        workflow::WorkflowExecutionOptions,
        workflowservice::start_batch_operation_request::Operation,
    },
    payload::list_of,
    prost_wkt_types::FieldMask,
    time::proto_duration,
};

use crate::{Reset, ResetActivities, Signal, Unpause, reset, start::header};

/// What a batch operation does to each execution.
#[derive(Clone, Debug)]
pub enum BatchOperation {
    Terminate,
    Cancel,
    Signal(Signal),
    Delete,
    /// Goes on from an earlier workflow task in a new run. The reason is the batch's, not that of the reset.
    Reset(BatchResetTo, Reset),
    /// Changes those options of workflows that the paths name.
    UpdateOptions(WorkflowExecutionOptions, Vec<String>),
    UnpauseActivities(BatchActivities, Unpause),
    ResetActivities(BatchActivities, ResetActivities),
    /// Changes those options of activities that the paths name; without new ones, as the workflows gave them.
    UpdateActivities(BatchActivities, Option<(ActivityOptions, Vec<String>)>),
}

/// The workflow task at whose end each new run goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchResetTo {
    First,
    Last,
    /// The one that this event ends.
    TaskEnd(i64),
    /// The first that a worker of this build completed, in the execution's run or in one before it.
    Build(String),
}

/// Which pending activities of each workflow are meant. Ids are of one workflow, so none can be named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchActivities {
    Type(String),
    All,
}

impl BatchOperation {
    pub(super) fn wire(self, identity: String) -> Operation {
        match self {
            Self::Terminate => Operation::TerminationOperation(BatchOperationTermination { identity, details: None }),
            Self::Cancel => Operation::CancellationOperation(BatchOperationCancellation { identity }),
            Self::Delete => Operation::DeletionOperation(BatchOperationDeletion { identity }),
            Self::Signal(signal) => Operation::SignalOperation(BatchOperationSignal {
                signal: signal.name,
                input: list_of(signal.input),
                header: header(signal.header),
                identity,
            }),
            Self::Reset(to, how) => Operation::ResetOperation(reset_to(to, how, identity)),
            Self::UpdateOptions(options, paths) => {
                Operation::UpdateWorkflowOptionsOperation(BatchOperationUpdateWorkflowExecutionOptions {
                    identity,
                    workflow_execution_options: Some(options),
                    update_mask: Some(FieldMask { paths }),
                })
            }
            Self::UnpauseActivities(which, how) => Operation::UnpauseActivitiesOperation(unpause(which, how, identity)),
            Self::ResetActivities(which, how) => Operation::ResetActivitiesOperation(begin_again(which, how, identity)),
            Self::UpdateActivities(which, new) => {
                Operation::UpdateActivityOptionsOperation(update(which, new, identity))
            }
        }
    }
}

fn reset_to(to: BatchResetTo, how: Reset, identity: String) -> BatchOperationReset {
    let target = match to {
        BatchResetTo::First => Target::FirstWorkflowTask(()),
        BatchResetTo::Last => Target::LastWorkflowTask(()),
        BatchResetTo::TaskEnd(event) => Target::WorkflowTaskId(event),
        BatchResetTo::Build(build) => Target::BuildId(build),
    };
    let options = ResetOptions {
        target: Some(target),
        reset_reapply_exclude_types: how.exclude.into_iter().map(Into::into).collect(),
        ..ResetOptions::default()
    };
    BatchOperationReset {
        identity,
        options: Some(options),
        post_reset_operations: reset::operations(how.signals),
        ..BatchOperationReset::default()
    }
}

fn unpause(which: BatchActivities, how: Unpause, identity: String) -> BatchOperationUnpauseActivities {
    BatchOperationUnpauseActivities {
        identity,
        reset_attempts: how.reset_attempts,
        reset_heartbeat: how.reset_heartbeat,
        jitter: how.jitter.map(proto_duration),
        activity: Some(match which {
            BatchActivities::Type(name) => unpause_activities::Activity::Type(name),
            BatchActivities::All => unpause_activities::Activity::MatchAll(true),
        }),
    }
}

fn begin_again(which: BatchActivities, how: ResetActivities, identity: String) -> BatchOperationResetActivities {
    BatchOperationResetActivities {
        identity,
        reset_heartbeat: how.reset_heartbeat,
        keep_paused: how.keep_paused,
        restore_original_options: how.restore_original_options,
        jitter: how.jitter.map(proto_duration),
        activity: Some(match which {
            BatchActivities::Type(name) => reset_activities::Activity::Type(name),
            BatchActivities::All => reset_activities::Activity::MatchAll(true),
        }),
        ..BatchOperationResetActivities::default()
    }
}

fn update(
    which: BatchActivities,
    new: Option<(ActivityOptions, Vec<String>)>,
    identity: String,
) -> BatchOperationUpdateActivityOptions {
    let restore_original = new.is_none();
    let (activity_options, update_mask) = new.map(|(options, paths)| (options, FieldMask { paths })).unzip();
    BatchOperationUpdateActivityOptions {
        identity,
        activity_options,
        update_mask,
        restore_original,
        activity: Some(match which {
            BatchActivities::Type(name) => update_activities::Activity::Type(name),
            BatchActivities::All => update_activities::Activity::MatchAll(true),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(to: BatchResetTo, expected: Target) {
        let Operation::ResetOperation(reset) = BatchOperation::Reset(to, Reset::default()).wire("me".to_owned()) else {
            panic!("it is a reset")
        };
        assert_eq!(reset.options.and_then(|options| options.target), Some(expected));
    }

    #[test]
    fn a_reset_says_where_each_execution_goes_back_to() {
        check(BatchResetTo::First, Target::FirstWorkflowTask(()));
        check(BatchResetTo::Last, Target::LastWorkflowTask(()));
        check(BatchResetTo::TaskEnd(7), Target::WorkflowTaskId(7));
        check(BatchResetTo::Build("b2".to_owned()), Target::BuildId("b2".to_owned()));
    }
}
