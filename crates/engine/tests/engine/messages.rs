//! What workers say to updates, as words of the scenario language.
//!
//! In `complete`: `accept=u`, `respond=u` are a message and the command that names it; `accepted=u`, `responded=u`,
//! `reject=u` are messages alone; `resurrect=u` accepts with the request in it, `absent=u` is a command without its
//! message; `unset=u`, `nobody=u`, `other=u`, `foreign=u`, `mismatch=u` make no sense, each in its own way.

use std::sync::Arc;

use weft_engine::UpdateBody;
use weft_protocol::{
    Any,
    api::{
        command::{ProtocolMessageCommandAttributes, command::Attributes},
        common::WorkflowExecution,
        enums::CommandType,
        protocol::Message,
        update::{Acceptance, Input, Meta, Outcome, Rejection, Request, Response, outcome::Value},
    },
    prost::Name,
};

use crate::script::{application_failure, payloads};

pub(crate) fn update(id: &str) -> UpdateBody {
    UpdateBody { id: id.into(), request: Arc::new(request(id)) }
}

fn request(id: &str) -> Request {
    let meta = Some(Meta { update_id: id.to_owned(), identity: "client".to_owned() });
    Request { meta, input: Some(Input { name: "name".to_owned(), ..Input::default() }), ..Request::default() }
}

/// Messages that no command names.
pub(crate) fn stands_alone(name: &str) -> bool {
    let words = ["accepted", "responded", "reject", "resurrect", "unset", "nobody", "other", "foreign", "mismatch"];
    words.contains(&name)
}

pub(crate) fn message(name: &str, id: &str) -> Option<Message> {
    let acceptance = Acceptance { accepted_request_sequencing_event_id: 1, ..Acceptance::default() };
    let meta = |id: &str| Some(Meta { update_id: id.to_owned(), identity: "client".to_owned() });
    let outcome = Some(Outcome { value: Some(Value::Success(payloads("result").unwrap_or_default())) });
    let body = match name {
        "accept" | "accepted" => pack(&acceptance),
        "resurrect" => pack(&Acceptance { accepted_request: Some(request(id)), ..acceptance }),
        "unset" => pack(&Acceptance::default()),
        "reject" => pack(&Rejection { failure: Some(application_failure("No")), ..Rejection::default() }),
        "respond" | "responded" => pack(&Response { meta: meta(id), outcome }),
        "mismatch" => pack(&Response { meta: meta("another"), outcome }),
        "other" => pack(&Meta::default()),
        "foreign" => pack(&WorkflowExecution::default()),
        "nobody" => return Some(Message { protocol_instance_id: id.to_owned(), ..Message::default() }),
        _ => return None,
    };
    Some(Message {
        id: format!("{id}/{name}"),
        protocol_instance_id: id.to_owned(),
        body: Some(body),
        ..Message::default()
    })
}

pub(crate) fn command(name: &str, id: &str) -> (CommandType, Attributes) {
    let message_id = format!("{id}/{name}");
    (CommandType::ProtocolMessage, ProtocolMessageCommandAttributes { message_id }.into())
}

fn pack<M: Name>(message: &M) -> Any {
    Any { type_url: format!("type.googleapis.com/{}", M::full_name()), value: message.encode_to_vec() }
}
