//! Updates on their way to a worker: each goes out with a workflow task, and out again if that task came to nothing.

use alloc::{string::ToString, vec::Vec};

use prost::{Message as _, Name};
use weft_protocol::{
    Any,
    api::{
        protocol::{Message, message::SequencingId},
        update::Request,
    },
};

use crate::{
    change::Run,
    event,
    ids::{EventId, UpdateId},
    state::Execution,
};

/// Which updates go out with a task that starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resend {
    /// All that wait, also those that went out with a task that ended badly.
    All,
    /// The worker still has those that it was given.
    NewOnly,
}

/// Every update that waits goes out with the workflow task that starts now.
pub(crate) fn carry(run: &mut Run<'_>, started: EventId, resend: Resend) {
    let going: Vec<UpdateId> = run
        .volatile
        .admitted
        .iter()
        .filter(|(_, update)| resend == Resend::All || update.carried_by.is_none())
        .map(|(id, _)| id.clone())
        .collect();
    for id in going {
        run.volatile.admitted.update(&id, |update| update.carried_by = Some(started));
    }
}

/// What the task that started with this event carries.
pub(crate) fn messages(execution: &Execution, started: EventId) -> Vec<Message> {
    let mut carried: Vec<_> =
        execution.volatile.admitted.iter().filter(|(_, update)| update.carried_by == Some(started)).collect();
    carried.sort_by_key(|(_, update)| update.order);
    // The update is handled after everything that the worker sees with this task.
    let sequencing_id = Some(SequencingId::EventId(started.0 - 1));
    let message = |id: &UpdateId, request: &Request| Message {
        id: event::update::request_message(id),
        protocol_instance_id: id.to_string(),
        body: Some(pack(request)),
        sequencing_id,
    };
    carried.into_iter().map(|(id, update)| message(id, &update.request)).collect()
}

fn pack(request: &Request) -> Any {
    Any { type_url: alloc::format!("type.googleapis.com/{}", Request::full_name()), value: request.encode_to_vec() }
}

/// Updates that were admitted and are not completed.
pub(crate) fn in_flight(execution: &Execution) -> usize {
    let known = execution.updates.values().filter(|update| update.completed_event_id.is_none()).count();
    execution.volatile.admitted.len() + known
}

/// All updates of the run, rejected ones aside.
pub(crate) fn count(execution: &Execution) -> usize {
    execution.volatile.admitted.len() + execution.updates.len()
}
