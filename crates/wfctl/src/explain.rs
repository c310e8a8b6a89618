//! From errors to sentences: what happened, where, and how to mend it.

use weft_client::{Code, Error, own};
use weft_protocol::error::{ErrorDetails, text};

use crate::{
    exit::{Exit, Failure},
    near,
    session::{Connected, Session},
};

/// Why no connection could be made.
pub(crate) fn connecting(session: &Session, error: &Error) -> Failure {
    match error {
        Error::Unreachable { address, why } => Failure::new(
            Exit::Unreachable,
            format!(
                "nothing answers at {address} ({}): {why}; start a server with `wfctl dev`, or name another with --address",
                session.resolved.address_from
            ),
        ),
        Error::Config(_)
        | Error::Refused { .. }
        | Error::Value(_)
        | Error::Codec { .. }
        | Error::Intercepted { .. }
        | Error::Answer { .. } => Failure::usage(error.to_string()),
    }
}

/// Why the server did not do it; errors that are sentences already pass.
pub(crate) async fn refusal(session: &Connected, error: anyhow::Error) -> anyhow::Error {
    let Some(cause) = error.downcast_ref::<Error>() else { return error };
    let address = &session.client.options().address;
    let failure = match cause {
        Error::Unreachable { address, why } => {
            Failure::new(Exit::Unreachable, format!("{address} does not answer any more: {why}; see `wfctl doctor`"))
        }
        Error::Refused { error: refused, call } => match &refused.details {
            ErrorDetails::NamespaceNotFound(details) => {
                let name = if details.namespace.is_empty() { session.client.namespace() } else { &details.namespace };
                unknown_namespace(session, name).await
            }
            ErrorDetails::Plain(Code::Unimplemented) if own::has_call(call) => Failure::refused(format!(
                "{address} does not offer {call}: that is Weft's own, and this is another server, or an older one"
            )),
            ErrorDetails::Plain(Code::Unimplemented) => {
                Failure::refused(format!("{address} does not offer {call}: {}", refused.message))
            }
            _ => {
                let (message, mend) = (&refused.message, mend(session, &refused.message));
                // A sentence that goes on has no full stop.
                let sentence = if mend.is_empty() { message } else { message.trim_end_matches('.') };
                Failure::refused(format!("{sentence}{mend}"))
            }
        },
        Error::Config(_) | Error::Value(_) | Error::Codec { .. } | Error::Intercepted { .. } | Error::Answer { .. } => {
            Failure::refused(cause.to_string())
        }
    };
    failure.into()
}

/// What helps against refusals that people meet often.
fn mend(session: &Connected, message: &str) -> String {
    let namespace = session.client.namespace();
    if message.starts_with(text::WORKFLOW_COMPLETED) {
        "; it is closed, `wfctl workflow describe` shows how it ended".to_owned()
    } else if message.starts_with("workflow not found") || message.starts_with(text::WORKFLOW_NOT_FOUND) {
        format!("; `wfctl workflow list --namespace {namespace}` shows those of namespace {namespace}")
    } else if message == "schedule not found" {
        format!("; `wfctl schedule list --namespace {namespace}` shows those of namespace {namespace}")
    } else if message == "mismatched conflict token" {
        "; somebody changed it meanwhile: look at it again".to_owned()
    } else if message.starts_with("Workflow execution is already running") {
        "; choose another --workflow-id, or say --id-conflict-policy use-existing".to_owned()
    } else if message.starts_with("Workflow execution already finished") {
        "; choose another --workflow-id, or say --id-reuse-policy allow-duplicate".to_owned()
    } else {
        String::new()
    }
}

async fn unknown_namespace(session: &Connected, name: &str) -> Failure {
    let address = &session.client.options().address;
    // Without a list there is still the sentence.
    let known = session.client.namespaces().all().await.unwrap_or_default();
    let names: Vec<String> = known.into_iter().filter_map(|it| Some(it.namespace_info?.name)).collect();
    let hint = near::hint(name, names.iter().map(String::as_str));
    Failure::refused(format!(
        "there is no namespace {name:?} at {address}{hint}; `wfctl namespace list` shows all, \
         `wfctl namespace create {name}` makes it"
    ))
}
