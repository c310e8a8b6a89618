//! Every payload of a message, taken out together and put back changed: what codecs need.
//!
//! The message is walked by its description, so payloads are found wherever the API has them: in lists, maps, failures
//! within failures, histories, and in the messages that an `Any` carries. Left out are search attributes, which a server
//! has to read, and headers unless they are asked for. Invariant: what is put back is the same message but for the
//! payloads; an `Any` of an unknown message is left as it is.

use prost::{DecodeError, Message, Name};
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage, Value};

use crate::{
    api::common::Payload,
    json::{Error as Unknown, descriptors},
    payload::json_plain,
};

const PAYLOAD: &str = "temporal.api.common.v1.Payload";
const SEARCH_ATTRIBUTES: &str = "temporal.api.common.v1.SearchAttributes";
const HEADER: &str = "temporal.api.common.v1.Header";
const FAILURE: &str = "temporal.api.failure.v1.Failure";
const ANY: &str = "google.protobuf.Any";

/// What stands for the message of a failure that is sealed; Temporal's SDKs write the same.
const SEALED_MESSAGE: &str = "Encoded failure";

/// A stranger's message may have an `Any` in an `Any` in an `Any`; the API has none in another.
const NESTING_MAX: usize = 3;

/// Which payloads are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Headers as well.
    pub headers: bool,
    /// Moves messages and stack traces of failures to payloads first, so that they are among them.
    pub seal_failures: bool,
}

/// Why payloads cannot be taken out or put back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Unknown(#[from] Unknown),
    #[error("does not match its own description: {0}")]
    Decode(#[from] DecodeError),
    #[error("{given} payloads were put back where {taken} were taken out")]
    Count { taken: usize, given: usize },
}

/// A message whose payloads are taken out.
pub struct Opened {
    message: DynamicMessage,
    scope: Scope,
    taken: usize,
}

/// Takes the payloads out of a message.
///
/// # Errors
/// When the message is not one of the API.
pub fn take<M: Message + Name>(message: &M, scope: Scope) -> Result<(Opened, Vec<Payload>), Error> {
    let descriptor = descriptor(&M::full_name()).ok_or_else(|| Unknown::UnknownMessage(M::full_name()))?;
    let mut message = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())?;
    if scope.seal_failures {
        walk(&mut message, scope, 0, &mut |found| match found {
            Found::Failure(failure) => seal(failure),
            Found::Payload(_) => Ok(()),
        })?;
    }
    let mut payloads = Vec::new();
    walk(&mut message, scope, 0, &mut |found| {
        match found {
            Found::Payload(payload) => payloads.push(payload.transcode_to()?),
            Found::Failure(_) => {}
        }
        Ok(())
    })?;
    Ok((Opened { message, scope, taken: payloads.len() }, payloads))
}

impl Opened {
    /// Puts as many payloads back as were taken out, in their order.
    ///
    /// # Errors
    /// When they are more, or fewer.
    pub fn put<M: Message + Default>(mut self, payloads: Vec<Payload>) -> Result<M, Error> {
        if payloads.len() != self.taken {
            return Err(Error::Count { taken: self.taken, given: payloads.len() });
        }
        let mut payloads = payloads.into_iter();
        // Nothing was added or removed meanwhile, so even the entries of maps come in the same order as before.
        walk(&mut self.message, self.scope, 0, &mut |found| match found {
            Found::Payload(into) => Ok(payloads.next().map_or(Ok(()), |payload| into.transcode_from(&payload))?),
            Found::Failure(_) => Ok(()),
        })?;
        Ok(self.message.transcode_to()?)
    }
}

fn descriptor(name: &str) -> Option<MessageDescriptor> {
    descriptors().get_message_by_name(name)
}

/// What a walk meets.
enum Found<'a> {
    Payload(&'a mut DynamicMessage),
    /// Met before the payloads in it.
    Failure(&'a mut DynamicMessage),
}

type Meet<'a> = dyn FnMut(Found<'_>) -> Result<(), Error> + 'a;

fn walk(message: &mut DynamicMessage, scope: Scope, nesting: usize, meet: &mut Meet<'_>) -> Result<(), Error> {
    match message.descriptor().full_name() {
        PAYLOAD => return meet(Found::Payload(message)),
        SEARCH_ATTRIBUTES => return Ok(()),
        HEADER if !scope.headers => return Ok(()),
        ANY => return walk_any(message, scope, nesting, meet),
        FAILURE => meet(Found::Failure(message))?,
        _ => {}
    }
    for (_, value) in message.fields_mut() {
        walk_value(value, scope, nesting, meet)?;
    }
    Ok(())
}

fn walk_value(value: &mut Value, scope: Scope, nesting: usize, meet: &mut Meet<'_>) -> Result<(), Error> {
    match value {
        Value::Message(message) => walk(message, scope, nesting, meet),
        Value::List(list) => list.iter_mut().try_for_each(|value| walk_value(value, scope, nesting, meet)),
        Value::Map(map) => map.values_mut().try_for_each(|value| walk_value(value, scope, nesting, meet)),
        Value::Bool(_)
        | Value::I32(_)
        | Value::I64(_)
        | Value::U32(_)
        | Value::U64(_)
        | Value::F32(_)
        | Value::F64(_)
        | Value::String(_)
        | Value::Bytes(_)
        | Value::EnumNumber(_) => Ok(()),
    }
}

fn walk_any(any: &mut DynamicMessage, scope: Scope, nesting: usize, meet: &mut Meet<'_>) -> Result<(), Error> {
    let url = any.get_field_by_name("type_url");
    let name = url.as_ref().and_then(|url| url.as_str()).and_then(|url| url.rsplit('/').next());
    let (Some(descriptor), true) = (name.and_then(descriptor), nesting < NESTING_MAX) else { return Ok(()) };
    drop(url);
    let Some(Value::Bytes(value)) = any.get_field_by_name_mut("value") else { return Ok(()) };
    let mut inner = DynamicMessage::decode(descriptor, value.clone())?;
    walk(&mut inner, scope, nesting + 1, meet)?;
    *value = inner.encode_to_vec().into();
    Ok(())
}

/// Moves what a failure says in words to where a codec finds it, in the form that Temporal's SDKs read.
fn seal(failure: &mut DynamicMessage) -> Result<(), Error> {
    if failure.has_field_by_name("encoded_attributes") {
        return Ok(());
    }
    let mut text = |name| match failure.get_field_by_name_mut(name) {
        Some(Value::String(text)) => std::mem::take(text),
        Some(_) | None => String::new(),
    };
    let json = serde_json::json!({ "message": text("message"), "stack_trace": text("stack_trace") });
    failure.set_field_by_name("message", Value::String(SEALED_MESSAGE.to_owned()));
    if let Some(Value::Message(attributes)) = failure.get_field_by_name_mut("encoded_attributes") {
        attributes.transcode_from(&json_plain(json.to_string()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{
            Any,
            command::{Command, RecordMarkerCommandAttributes, command::Attributes},
            common::{Header, Memo, Payloads, SearchAttributes},
            failure::{ApplicationFailureInfo, Failure, failure::FailureInfo},
            protocol::Message as ProtocolMessage,
            update::{Outcome, Response, outcome},
            workflowservice::{
                PollWorkflowTaskQueueResponse, RespondWorkflowTaskCompletedRequest, StartWorkflowExecutionRequest,
            },
        },
        payload::{json_plain, json_string},
    };

    /// Marks each payload and puts it back.
    fn mark<M: Message + Name + Default>(message: &M, scope: Scope) -> M {
        let (opened, mut payloads) = take(message, scope).expect("it is of the API");
        payloads.iter_mut().for_each(|payload| payload.data.insert(0, b'!'));
        opened.put(payloads).expect("as many as were taken")
    }

    fn marked(payload: &Payload) -> bool {
        payload.data.first() == Some(&b'!')
    }

    fn failure() -> Failure {
        let info = ApplicationFailureInfo { details: Some(list()), ..Default::default() };
        let cause = Failure {
            message: "inner".to_owned(),
            failure_info: Some(FailureInfo::ApplicationFailureInfo(info)),
            ..Failure::default()
        };
        Failure {
            message: "outer".to_owned(),
            stack_trace: "at".to_owned(),
            cause: Some(Box::new(cause)),
            ..Failure::default()
        }
    }

    fn list() -> Payloads {
        Payloads { payloads: vec![json_plain("1"), json_plain("2")] }
    }

    /// A completed task with a marker (a map of lists, and a failure in a failure), and an update that failed.
    fn completed() -> RespondWorkflowTaskCompletedRequest {
        let marker = RecordMarkerCommandAttributes {
            details: [("a".to_owned(), list()), ("b".to_owned(), list())].into(),
            failure: Some(failure()),
            ..Default::default()
        };
        let outcome = Some(Outcome { value: Some(outcome::Value::Failure(failure())) });
        let response = Response { outcome, ..Response::default() };
        let body = Any { type_url: format!("x/{}", Response::full_name()), value: response.encode_to_vec() };
        RespondWorkflowTaskCompletedRequest {
            commands: vec![Command {
                attributes: Some(Attributes::RecordMarkerCommandAttributes(marker)),
                ..Command::default()
            }],
            messages: vec![ProtocolMessage { body: Some(body), ..ProtocolMessage::default() }],
            ..Default::default()
        }
    }

    fn failures(completed: &RespondWorkflowTaskCompletedRequest) -> [Failure; 2] {
        let Some(Attributes::RecordMarkerCommandAttributes(marker)) = &completed.commands[0].attributes else {
            panic!("the marker is there");
        };
        let body = completed.messages[0].body.as_ref().expect("it has a body");
        let response = Response::decode(body.value.as_slice()).expect("it is a response");
        let Some(outcome::Value::Failure(failure)) = response.outcome.and_then(|outcome| outcome.value) else {
            panic!("it failed");
        };
        [marker.failure.clone().expect("it is there"), failure]
    }

    fn details(failure: &Failure) -> &[Payload] {
        match &failure.cause.as_ref().expect("it has a cause").failure_info {
            Some(FailureInfo::ApplicationFailureInfo(info)) => &info.details.as_ref().expect("it has details").payloads,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn payloads_are_found_in_lists_maps_causes_and_carried_messages() {
        let (_, payloads) = take(&completed(), Scope::default()).expect("it is of the API");
        assert_eq!(payloads.len(), 8);
        let done = mark(&completed(), Scope::default());
        for failure in failures(&done) {
            assert!(details(&failure).iter().all(marked));
            assert_eq!(failure.message, "outer");
        }
        let Some(Attributes::RecordMarkerCommandAttributes(marker)) = &done.commands[0].attributes else {
            panic!("the marker is there");
        };
        assert_eq!(marker.details["a"].payloads[1].data, b"!2");
    }

    #[test]
    fn nothing_but_payloads_changes() {
        let (opened, payloads) = take(&completed(), Scope::default()).expect("it is of the API");
        assert_eq!(opened.put::<RespondWorkflowTaskCompletedRequest>(payloads).expect("it is put back"), completed());
    }

    #[test]
    fn search_attributes_are_never_taken_and_headers_when_asked_for() {
        let fields = || [("x".to_owned(), json_plain("1"))].into();
        let start = StartWorkflowExecutionRequest {
            memo: Some(Memo { fields: fields() }),
            search_attributes: Some(SearchAttributes { indexed_fields: fields() }),
            header: Some(Header { fields: fields() }),
            ..Default::default()
        };
        let with = |headers| {
            let done = mark(&start, Scope { headers, ..Scope::default() });
            let search = done.search_attributes.expect("they are there").indexed_fields;
            let header = done.header.expect("it is there").fields;
            [&done.memo.expect("it is there").fields["x"], &search["x"], &header["x"]].map(marked)
        };
        assert_eq!(with(false), [true, false, false]);
        assert_eq!(with(true), [true, false, true]);
    }

    #[test]
    fn sealed_failures_say_nothing_outside_their_payloads() {
        let scope = Scope { seal_failures: true, ..Scope::default() };
        let (opened, payloads) = take(&completed(), scope).expect("it is of the API");
        assert_eq!(payloads.len(), 12);
        let done: RespondWorkflowTaskCompletedRequest = opened.put(payloads).expect("it is put back");
        let expected = json_plain(r#"{"message":"outer","stack_trace":"at"}"#);
        for failure in failures(&done) {
            assert_eq!((failure.message.as_str(), failure.stack_trace.as_str()), (SEALED_MESSAGE, ""));
            assert_eq!(failure.encoded_attributes.as_ref(), Some(&expected));
            assert_eq!(failure.cause.expect("it has a cause").message, SEALED_MESSAGE);
        }
        // What is sealed already stays as it is.
        assert_eq!(mark(&done, scope).messages.len(), 1);
        let again = take(&done, scope).expect("it is of the API").1;
        assert!(again.contains(&expected));
    }

    #[test]
    fn too_many_or_too_few_are_not_put_back() {
        let (opened, _) = take(&completed(), Scope::default()).expect("it is of the API");
        let error = opened.put::<RespondWorkflowTaskCompletedRequest>(vec![json_string("x")]).expect_err("too few");
        assert_eq!(error.to_string(), "1 payloads were put back where 8 were taken out");
    }

    #[test]
    fn a_carried_message_that_is_not_known_stays_and_one_that_is_broken_is_an_error() {
        let with = |type_url: &str| {
            let body = Some(Any { type_url: type_url.to_owned(), value: vec![0xff] });
            PollWorkflowTaskQueueResponse {
                messages: vec![ProtocolMessage { body, ..Default::default() }],
                ..Default::default()
            }
        };
        let unknown = with("x/of.tomorrow");
        assert_eq!(mark(&unknown, Scope::default()), unknown);
        let broken = take(&with("x/temporal.api.update.v1.Response"), Scope::default());
        assert!(matches!(broken.err(), Some(Error::Decode(_))));
    }
}
