//! Updates on the wire: requests come as messages beside a task, and answers leave as messages that commands point to.
//!
//! At replay the same requests come out of the events that accepted them, before the program runs that turn.

use alloc::{
    boxed::Box,
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};

use prost::Message as _;
use weft_protocol::{
    Any,
    api::{
        command::{ProtocolMessageCommandAttributes, command::Attributes},
        common::Payloads,
        failure::Failure,
        history::{HistoryEvent, history_event},
        protocol::{Message, message::SequencingId},
        update::{Acceptance, Meta, Outcome, Rejection, Request, Response, outcome::Value},
    },
};

use crate::{command::Issued, program::UpdateRequest, state::State};

const PACKAGE: &str = "type.googleapis.com/temporal.api.update.v1.";

/// An update as it came: what is asked, and what an answer must name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) request: Request,
    instance: String,
    message_id: String,
    sequencing_event_id: i64,
}

pub(crate) fn acceptance_id(instance: &str) -> String {
    format!("{instance}/accept")
}

pub(crate) fn response_id(update_id: &str) -> String {
    format!("{update_id}/complete")
}

impl Asked {
    /// The update that a message asks for; `None` where it asks for something else.
    pub(crate) fn of_message(message: Message) -> Option<Self> {
        let body = message.body?;
        if body.type_url.rsplit('/').next() != Some("temporal.api.update.v1.Request") {
            return None;
        }
        let sequencing_event_id = match message.sequencing_id {
            Some(SequencingId::EventId(id)) => id,
            Some(SequencingId::CommandIndex(_)) | None => 0,
        };
        Some(Self {
            request: Request::decode(body.value.as_slice()).ok()?,
            instance: message.protocol_instance_id,
            message_id: message.id,
            sequencing_event_id,
        })
    }

    /// The update that an event accepted. After a reset the request stands in an earlier event, that admitted it.
    pub(crate) fn of_event(event: &HistoryEvent, admitted: &mut BTreeMap<String, Request>) -> Option<Self> {
        let Some(history_event::Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(it)) = &event.attributes
        else {
            return None;
        };
        let request = it.accepted_request.clone().or_else(|| admitted.remove(&it.protocol_instance_id))?;
        Some(Self {
            request,
            instance: it.protocol_instance_id.clone(),
            message_id: it.accepted_request_message_id.clone(),
            sequencing_event_id: it.accepted_request_sequencing_event_id,
        })
    }

    pub(crate) fn to_request(&self) -> UpdateRequest {
        let meta = self.request.meta.clone().unwrap_or_default();
        let input = self.request.input.clone().unwrap_or_default();
        UpdateRequest {
            id: meta.update_id,
            name: input.name,
            input: input.args,
            header: input.header,
            identity: meta.identity,
        }
    }
}

impl State {
    pub(crate) fn accept(&mut self, asked: &Asked) {
        let acceptance = || Acceptance {
            accepted_request_message_id: asked.message_id.clone(),
            accepted_request_sequencing_event_id: asked.sequencing_event_id,
            accepted_request: Some(asked.request.clone()),
        };
        self.say(acceptance_id(&asked.instance), &asked.instance, "Acceptance", acceptance);
    }

    /// A refused update leaves no command, and so no trace in history.
    pub(crate) fn reject(&mut self, asked: Asked, failure: Box<Failure>) {
        let id = format!("{}/reject", asked.instance);
        let rejection = Rejection {
            rejected_request_message_id: asked.message_id,
            rejected_request_sequencing_event_id: asked.sequencing_event_id,
            rejected_request: Some(asked.request),
            failure: Some(*failure),
        };
        self.messages.push(message(id, &asked.instance, "Rejection", rejection.encode_to_vec()));
    }

    pub(crate) fn respond(&mut self, meta: Meta, result: Result<Option<Payloads>, Box<Failure>>) {
        let value = match result {
            Ok(result) => Value::Success(result.unwrap_or_default()),
            Err(failure) => Value::Failure(*failure),
        };
        let id = response_id(&meta.update_id);
        let instance = meta.update_id.clone();
        let response = || Response { meta: Some(meta), outcome: Some(Outcome { value: Some(value) }) };
        self.say(id, &instance, "Response", response);
    }

    /// A message whose place among the commands is part of history. At replay only the place counts.
    fn say<M: prost::Message>(&mut self, id: String, instance: &str, name: &str, body: impl FnOnce() -> M) {
        let point = ProtocolMessageCommandAttributes { message_id: id.clone() };
        let attributes = Attributes::ProtocolMessageCommandAttributes(point);
        self.commands.push(Issued { attributes, metadata: None, begins: None, at: None });
        if !self.is_replaying() {
            self.messages.push(message(id, instance, name, body().encode_to_vec()));
        }
    }
}

fn message(id: String, instance: &str, name: &str, value: Vec<u8>) -> Message {
    let body = Any { type_url: format!("{PACKAGE}{name}"), value };
    Message { id, protocol_instance_id: instance.to_string(), sequencing_id: None, body: Some(body) }
}
