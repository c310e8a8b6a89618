//! What a child tells its parent: that it has ended.

use alloc::sync::Arc;

use crate::{
    change::{Change, Run},
    event,
    ids::RunId,
    message::{ChildClosed, MessageBody, Origin, Reply},
    replied,
    state::{Child, ChildStage},
    workflow_task::schedule,
};

/// A child has ended. The run that started it records that, once, if it is still open and waits for it.
pub(super) fn child_closed(change: &mut Change<'_>, origin: &Origin, closed: &ChildClosed) -> Reply {
    if let Some(id) = receiver(change, closed)
        && let Some(mut run) = change.run(&id)
        && let Some(child) = known(&mut run, origin, closed)
    {
        let last = closed.event.attributes.as_ref();
        let run_id: &RunId = &origin.run;
        if let Some(event) = last.and_then(|last| event::child::closed(closed.initiated_event_id, &child, run_id, last))
        {
            run.append(event);
            schedule::want(&mut run);
        }
    }
    Reply::Done
}

/// The run that waits for the child: the one that started it or, after a reset, the one that goes on from there.
fn receiver(change: &Change<'_>, closed: &ChildClosed) -> Option<RunId> {
    let open = change.workflow.open()?;
    (*open.core.branch.author(closed.initiated_event_id) == closed.parent_run).then(|| open.core.run.clone())
}

/// The child as a started one: its end may be here before the reply to its start, which is then as good as here.
fn known(run: &mut Run<'_>, origin: &Origin, closed: &ChildClosed) -> Option<Arc<Child>> {
    let initiated = closed.initiated_event_id;
    let child = run.children.shared(&initiated).filter(|child| child.target == origin.sender)?;
    match &child.stage {
        ChildStage::Started { .. } => Some(child),
        ChildStage::Initiated { .. } => {
            replied::child_started(run, initiated, &child, &closed.first_run, MessageBody::Acknowledge);
            run.children.shared(&initiated)
        }
    }
}
