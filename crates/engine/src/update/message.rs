//! What a workflow says to its updates: accepted, rejected, done.
//!
//! Invariant: a message that does not fit the update's state fails the workflow task, and nothing of the answer takes
//! effect. Texts are Temporal's, type names included.

use alloc::{boxed::Box, format, string::String, sync::Arc, vec::Vec};

use prost::{Message as _, Name};
use weft_protocol::{
    Any,
    api::{
        command::ProtocolMessageCommandAttributes,
        enums::WorkflowTaskFailedCause,
        failure::{ApplicationFailureInfo, Failure, failure::FailureInfo},
        protocol::Message,
        update::{Acceptance, Rejection, Request, Response},
    },
};

use super::{
    admit,
    end::{named, tell},
};
use crate::{
    change::Run,
    command::{BadCommand, Decisions},
    event,
    ids::{EventId, UpdateId},
    refusal::Refusal,
    request::UpdateBody,
    state::Update,
    transition::UpdateNews,
};

const PROTOCOL: &str = "temporal.api.update.v1";

const UNPROCESSED: &str = "Workflow Update is rejected because it wasn't processed by worker. \
     Probably, Workflow Update is not supported by the worker.";

/// Messages that came with an answer and were not listened to yet, in their order.
#[derive(Debug, Default)]
pub(crate) struct Inbox(Vec<Message>);

impl Inbox {
    pub(crate) fn of(messages: Vec<Message>) -> Self {
        Self(messages)
    }

    fn take(&mut self, id: &str) -> Option<Message> {
        let at = self.0.iter().position(|message| message.id == id)?;
        Some(self.0.remove(at))
    }
}

/// Is the body of this type?
pub(crate) fn is<M: Name>(body: &Any) -> bool {
    type_name(body) == M::full_name()
}

/// A message without a body is refused with the whole answer.
pub(crate) fn check(messages: &[Message]) -> Result<(), Refusal> {
    if messages.iter().any(|message| message.body.is_none()) {
        return Err(Refusal::InvalidArgument("nil message body".into()));
    }
    Ok(())
}

/// A command says that a message takes effect here.
pub(crate) fn receive_named(
    run: &mut Run<'_>,
    command: &ProtocolMessageCommandAttributes,
    decisions: &mut Decisions,
) -> Result<(), BadCommand> {
    if command.message_id.is_empty() {
        return Err(bad("MessageId is not set on ProtocolMessageCommand."));
    }
    let message = decisions
        .inbox
        .take(&command.message_id)
        .ok_or_else(|| bad(format!("ProtocolMessageCommand referenced absent message ID {}", command.message_id)))?;
    receive_since(run, message, decisions.completed)
}

/// Messages that no command named take effect after all commands. A run that ends takes only rejections: an update that
/// it accepts with its last breath is one that it has not accepted.
pub(crate) fn receive_rest(run: &mut Run<'_>, decisions: &mut Decisions) -> Result<(), BadCommand> {
    for message in core::mem::take(&mut decisions.inbox.0) {
        let rejects = message.body.as_ref().is_some_and(is::<Rejection>);
        if rejects || decisions.closing.is_none() {
            receive_since(run, message, decisions.completed)?;
        }
    }
    Ok(())
}

/// Takes one message of an answer that writes nothing.
pub(crate) fn receive(run: &mut Run<'_>, message: Message) -> Result<(), BadCommand> {
    receive_since(run, message, EventId(i64::MAX))
}

/// Takes one message of the answer whose completed event is `since`.
fn receive_since(run: &mut Run<'_>, message: Message, since: EventId) -> Result<(), BadCommand> {
    let Some(body) = &message.body else { return Ok(()) };
    let name = type_name(body);
    if body.value.len() > run.at.settings.limits.blob_bytes_error {
        let reason = format!("Message type {name} exceeds size limit.");
        return Err(BadCommand::fatal(WorkflowTaskFailedCause::BadUpdateWorkflowExecutionMessage, reason));
    }
    let protocol = name.rsplit_once('.').map_or("", |(package, _)| package);
    if protocol != PROTOCOL {
        return Err(bad(format!("unsupported protocol type {protocol}")));
    }
    let id = UpdateId::from(message.protocol_instance_id.as_str());
    let state = state(run, &id, since).or_else(|| resurrect(run, &id, body)).ok_or_else(|| not_found(&id))?;
    if is::<Acceptance>(body) {
        accept(run, &id, state, &read(body)?)
    } else if is::<Rejection>(body) {
        reject(run, &id, state, read(body)?)
    } else if is::<Response>(body) {
        complete(run, &id, state, read(body)?)
    } else {
        let short = name.rsplit('.').next().unwrap_or(name);
        Err(bad(format!("Message type *update.{short} not supported")))
    }
}

/// Where an update is, by the names that Temporal gives to the states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Admitted,
    Sent,
    /// In the answer that is being taken.
    ProvisionallyAccepted,
    Accepted,
    /// In the answer that is being taken.
    ProvisionallyCompleted,
    Completed,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Admitted => "Admitted",
            Self::Sent => "Sent",
            Self::ProvisionallyAccepted => "ProvisionallyAccepted",
            Self::Accepted => "Accepted",
            Self::ProvisionallyCompleted => "ProvisionallyCompleted",
            Self::Completed => "Completed",
        }
    }
}

fn state(run: &Run<'_>, id: &UpdateId, since: EventId) -> Option<State> {
    if let Some(update) = run.volatile.admitted.get(id) {
        return Some(if update.carried_by.is_some() { State::Sent } else { State::Admitted });
    }
    let update = run.updates.get(id)?;
    if !update.is_accepted() {
        return Some(State::Sent);
    }
    Some(match update.completed_event_id {
        Some(completed) if completed > since => State::ProvisionallyCompleted,
        Some(_) => State::Completed,
        None if update.accepted_event_id > since => State::ProvisionallyAccepted,
        None => State::Accepted,
    })
}

/// A worker may answer an update that this leader does not know, because it was admitted by the last one. If the answer
/// has the request with it, it is the same update.
fn resurrect(run: &mut Run<'_>, id: &UpdateId, body: &Any) -> Option<State> {
    let request: Option<Request> = if is::<Acceptance>(body) {
        Acceptance::decode(&*body.value).ok()?.accepted_request
    } else if is::<Rejection>(body) {
        Rejection::decode(&*body.value).ok()?.rejected_request
    } else {
        None
    };
    admit::check_total(run).ok()?;
    admit::put(run, &UpdateBody { id: id.clone(), request: Arc::new(request?) });
    Some(State::Admitted)
}

fn accept(run: &mut Run<'_>, id: &UpdateId, state: State, acceptance: &Acceptance) -> Result<(), BadCommand> {
    let (State::Admitted | State::Sent) = state else { return Err(misfit(id, state, "Acceptance")) };
    if acceptance.accepted_request_sequencing_event_id == 0 {
        return Err(bad("invalid *update.Acceptance: accepted_request_sequencing_event_id is not set"));
    }
    // Of an update from a run that was reset, history has the request already.
    let request = run.volatile.admitted.remove(id).map(|admitted| Request::clone(&admitted.request));
    run.append(event::update::accepted(id, acceptance, request));
    tell(run, id.clone(), UpdateNews::Accepted);
    Ok(())
}

fn reject(run: &mut Run<'_>, id: &UpdateId, state: State, rejection: Rejection) -> Result<(), BadCommand> {
    let (State::Admitted | State::Sent) = state else { return Err(misfit(id, state, "Rejection")) };
    turn_down(run, id.clone(), rejection.failure.unwrap_or_default());
    Ok(())
}

fn complete(run: &mut Run<'_>, id: &UpdateId, state: State, response: Response) -> Result<(), BadCommand> {
    let accepted = match (state, run.updates.get(id)) {
        (State::Accepted | State::ProvisionallyAccepted, Some(update)) => update.accepted_event_id,
        (state, _) => return Err(misfit(id, state, "Response")),
    };
    let update_id = response.meta.as_ref().map(|meta| meta.update_id.as_str());
    match update_id {
        None => return Err(bad("invalid *update.Response: meta is not set")),
        Some("") => return Err(bad("invalid *update.Response: meta.update_id is not set")),
        Some(other) if other != id.as_str() => {
            return Err(bad(format!("invalid *update.Response: meta.update_id != {id}")));
        }
        Some(_) => {}
    }
    let Some(outcome) = response.outcome.clone() else {
        return Err(bad("invalid *update.Response: outcome is not set"));
    };
    run.append(event::update::completed(accepted, response));
    tell(run, id.clone(), UpdateNews::Completed(Box::new(outcome)));
    Ok(())
}

fn turn_down(run: &mut Run<'_>, id: UpdateId, failure: Failure) {
    run.volatile.admitted.remove(&id);
    run.updates.remove(&id);
    tell(run, id, UpdateNews::Rejected(Box::new(failure)));
}

/// A worker that completes the task without a word on an update that it carried does not know updates: to send it again
/// and again is no use.
pub(crate) fn reject_unprocessed(run: &mut Run<'_>) {
    let started = run.core.last_completed_task;
    let shown =
        |update: &Update| !update.is_accepted() && update.admitted_event_id.is_some_and(|event| event < started);
    for id in sent(run).into_iter().chain(named(run, shown)) {
        turn_down(run, id, unprocessed());
    }
}

/// The answer to the task that carried them was wrong: the next task would be answered so again.
/// Says whether there were any.
pub(crate) fn give_up_sent(run: &mut Run<'_>) -> bool {
    let sent = sent(run);
    let any = !sent.is_empty();
    for id in sent {
        run.volatile.admitted.remove(&id);
        tell(run, id, UpdateNews::TaskFailed);
    }
    any
}

fn sent(run: &Run<'_>) -> Vec<UpdateId> {
    let sent = run.volatile.admitted.iter().filter(|(_, update)| update.carried_by.is_some());
    sent.map(|(id, _)| id.clone()).collect()
}

fn unprocessed() -> Failure {
    let info = ApplicationFailureInfo {
        r#type: "UnprocessedUpdate".into(),
        non_retryable: true,
        ..ApplicationFailureInfo::default()
    };
    Failure {
        message: UNPROCESSED.into(),
        source: "Server".into(),
        failure_info: Some(FailureInfo::ApplicationFailureInfo(info)),
        ..Failure::default()
    }
}

fn read<M: prost::Message + Default>(body: &Any) -> Result<M, BadCommand> {
    M::decode(&*body.value).map_err(|why| bad(format!("unable to unmarshal request: {why}")))
}

fn type_name(body: &Any) -> &str {
    body.type_url.rsplit('/').next().unwrap_or_default()
}

fn misfit(id: &UpdateId, state: State, message: &str) -> BadCommand {
    let state = state.name();
    bad(format!(
        "invalid state transition attempted for Update {id}: received *update.{message} message while in state {state}"
    ))
}

fn not_found(id: &UpdateId) -> BadCommand {
    bad(format!(
        "update {id} wasn't found on the server. \
         This is most likely a transient error which will be resolved automatically by retries"
    ))
}

fn bad(reason: impl Into<String>) -> BadCommand {
    BadCommand::new(WorkflowTaskFailedCause::BadUpdateWorkflowExecutionMessage, reason)
}
