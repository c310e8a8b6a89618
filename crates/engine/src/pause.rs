//! Pausing a whole run: nothing of it is handed to workers, and its clock stands still.
//!
//! Invariant: while it is paused no timer and no timeout of the run or its activities comes, and no workflow task is
//! scheduled. What a worker has already it may finish. Whatever happens from outside is written and waits.

use weft_protocol::api::enums::WorkflowTaskFailedCause;

use crate::{
    answer::Answer,
    change::Run,
    event::{self, workflow_task::TaskFailure},
    ids::{EventId, Identity},
    pause_info,
    refusal::Refusal,
    request::PauseWorkflow,
    state::{TaskKind, WorkflowTaskStage},
    workflow_task::{fail::SERVER, schedule},
};

/// Pauses an open run. The same request again does nothing.
pub(crate) fn pause(run: &mut Run<'_>, body: &PauseWorkflow) -> Result<Answer, Refusal> {
    if let Some(paused) = &run.core.pause {
        let same = !paused.request.is_empty() && paused.request == body.request;
        return if same { Ok(Answer::Done) } else { Err(Refusal::Precondition("workflow is already paused.".into())) };
    }
    take_back_task(run);
    run.append(event::pause::paused(body));
    pause_info::tell(run);
    Ok(Answer::Done)
}

/// Lets a paused run go on.
pub(crate) fn unpause(run: &mut Run<'_>, body: &PauseWorkflow) -> Result<Answer, Refusal> {
    if run.core.pause.is_none() {
        return Err(Refusal::Precondition("workflow is not paused.".into()));
    }
    run.append(event::pause::unpaused(body));
    if run.core.cancel.is_some() {
        schedule::at_once(run);
    } else {
        schedule::want(run);
    }
    pause_info::tell(run);
    Ok(Answer::Done)
}

/// A workflow task that no worker has taken is over. That is no fault of the workflow's.
fn take_back_task(run: &mut Run<'_>) {
    let Some(task) = run.task().cloned() else { return };
    match (&task.stage, task.kind) {
        (WorkflowTaskStage::Started(_), _) => {}
        (WorkflowTaskStage::Scheduled(_), TaskKind::Transient) => run.core.task = None,
        (WorkflowTaskStage::Scheduled(_), TaskKind::Normal | TaskKind::Speculative) => {
            let problems = run.core.task_problems;
            let cause = WorkflowTaskFailedCause::WorkflowPauseRequestedBeforeTaskStarted;
            let why = TaskFailure { cause, failure: None, identity: Identity::from(SERVER) };
            run.append(event::workflow_task::failed(&task, EventId::NONE, why));
            run.core.task_problems = problems;
        }
    }
}
