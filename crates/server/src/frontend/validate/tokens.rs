//! Task tokens: what a worker gives back of what it got.
//!
//! Invariant: a token of another kind or of another namespace names nothing here; whether its task is still there is
//! for the engine to say.

use weft_engine::{ActivityToken, Namespace, WorkflowKey, WorkflowTaskToken};
use weft_protocol::error::{Error, text};
use weft_rows::token::{QueryToken, Task};

use crate::frontend::trace;

pub(crate) fn workflow(namespace: &Namespace, token: &[u8]) -> Result<(WorkflowKey, WorkflowTaskToken), Error> {
    match read(namespace, token)? {
        Task::Workflow(key, task) => Ok((key, task)),
        Task::Activity(..) | Task::Query(..) => Err(unreadable()),
    }
}

pub(crate) fn activity(namespace: &Namespace, token: &[u8]) -> Result<(WorkflowKey, ActivityToken), Error> {
    match read(namespace, token)? {
        Task::Activity(key, task) => Ok((key, task)),
        Task::Workflow(..) | Task::Query(..) => Err(unreadable()),
    }
}

pub(crate) fn query(namespace: &Namespace, token: &[u8]) -> Result<QueryToken, Error> {
    match read(namespace, token)? {
        Task::Query(_, query) => Ok(query),
        Task::Workflow(..) | Task::Activity(..) => Err(unreadable()),
    }
}

fn read(namespace: &Namespace, token: &[u8]) -> Result<Task, Error> {
    if token.is_empty() {
        return Err(Error::invalid_argument(text::TASK_TOKEN_NOT_SET));
    }
    let task = Task::decode(token).map_err(|_| unreadable())?;
    let (key, run) = match &task {
        Task::Workflow(key, WorkflowTaskToken { run, .. })
        | Task::Activity(key, ActivityToken { run, .. })
        | Task::Query(key, QueryToken { run, .. }) => (key, run),
    };
    if key.namespace != namespace.id {
        return Err(Error::invalid_argument(text::TASK_TOKEN_OF_ANOTHER_NAMESPACE));
    }
    trace::task(key, run);
    Ok(task)
}

fn unreadable() -> Error {
    Error::invalid_argument(text::TASK_TOKEN_UNREADABLE)
}

#[cfg(test)]
mod tests {
    use weft_engine::{EventId, Timestamp, state::QueryId};

    use super::*;

    fn namespace(id: &str) -> Namespace {
        let (name, retention) = ("default".into(), std::time::Duration::ZERO);
        Namespace { id: id.into(), name, retention, search_attributes: Default::default() }
    }

    fn tokens() -> [Vec<u8>; 3] {
        let key = || WorkflowKey { namespace: "ns".into(), workflow: "w".into() };
        let (run, started_at, attempt) = ("run".into(), Timestamp(7), 1);
        let (scheduled_event_id, started_event_id) = (EventId(2), EventId(3));
        let task = WorkflowTaskToken { run, scheduled_event_id, started_event_id, started_at, attempt };
        let activity = ActivityToken { run: "run".into(), scheduled_event_id, attempt, started_at };
        let query = QueryToken { run: "run".into(), query: QueryId(9) };
        [Task::Workflow(key(), task), Task::Activity(key(), activity), Task::Query(key(), query)].map(|it| it.encode())
    }

    /// What each of the three answers says of a token.
    fn check(id: &str, token: &[u8], expected: [Result<(), &str>; 3]) {
        let namespace = namespace(id);
        let found = [
            workflow(&namespace, token).map(drop),
            activity(&namespace, token).map(drop),
            query(&namespace, token).map(drop),
        ];
        let found = found.map(|found| found.map_err(|error| error.message));
        assert_eq!(found, expected.map(|it| it.map_err(str::to_owned)), "{token:?}");
    }

    #[test]
    fn a_token_is_good_for_its_own_kind_of_answer() {
        let [workflow, activity, query] = tokens();
        let wrong = Err("Error deserializing task token.");
        check("ns", &workflow, [Ok(()), wrong, wrong]);
        check("ns", &activity, [wrong, Ok(()), wrong]);
        check("ns", &query, [wrong, wrong, Ok(())]);
    }

    #[test]
    fn a_token_is_good_in_its_own_namespace() {
        for token in tokens() {
            check("other", &token, [Err("Operation requested with a token from a different namespace."); 3]);
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        check("ns", b"", [Err("Task token not set on request."); 3]);
        for token in [&b"garbage"[..], &[0], &[1], &[1, 1, 255], &[1, 9], &[255; 64]] {
            check("ns", token, [Err("Error deserializing task token."); 3]);
        }
        let [whole, ..] = tokens();
        for end in 1..whole.len() {
            // A token that was cut may still be read; it must not panic, and it names no task that exists.
            drop(workflow(&namespace("ns"), &whole[..end]));
        }
    }
}
