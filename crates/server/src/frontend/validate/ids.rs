//! Ids and names: lengths in bytes, run ids, task queues; and the deadline that a call carries.

use std::time::Duration;

use weft_engine::{RunId, limits::Limits};
use weft_protocol::error::{Error, text};

/// Task queues of the server's own.
const RESERVED_PREFIX: &str = "/_sys/";

/// An id or name is not longer than the limit.
pub(crate) fn within(limits: &Limits, id: &str, too_long: &str) -> Result<(), Error> {
    if id.len() > limits.id_bytes {
        return Err(Error::invalid_argument(too_long));
    }
    Ok(())
}

/// A name that must be there.
pub(crate) fn required<'a>(limits: &Limits, id: &'a str, not_set: &str, too_long: &str) -> Result<&'a str, Error> {
    if id.is_empty() {
        return Err(Error::invalid_argument(not_set));
    }
    within(limits, id, too_long)?;
    Ok(id)
}

/// The id of a workflow that is to be started.
pub(crate) fn new_workflow_id<'a>(limits: &Limits, id: &'a str) -> Result<&'a str, Error> {
    if id.is_empty() {
        return Err(Error::invalid_argument(text::WORKFLOW_ID_NOT_SET));
    }
    if id.len() > limits.id_bytes {
        return Err(Error::workflow_id_too_long(id.len(), limits.id_bytes));
    }
    Ok(id)
}

/// A run id, if there is one; it must be a UUID.
pub(crate) fn run_id(id: &str) -> Result<Option<RunId>, Error> {
    if id.is_empty() {
        return Ok(None);
    }
    match uuid::Uuid::try_parse(id) {
        Ok(uuid) => Ok(Some(RunId::from(uuid.hyphenated().to_string()))),
        Err(_) => Err(Error::invalid_argument(text::RUN_ID_INVALID)),
    }
}

/// The name of a task queue that clients may use.
pub(crate) fn task_queue<'a>(limits: &Limits, name: &'a str) -> Result<&'a str, Error> {
    required(limits, name, text::TASK_QUEUE_NOT_SET, text::TASK_QUEUE_TOO_LONG)?;
    if name.starts_with(RESERVED_PREFIX) {
        let message = format!("task queue name cannot start with reserved prefix {RESERVED_PREFIX}");
        return Err(Error::invalid_argument(message));
    }
    Ok(name)
}

/// What a `grpc-timeout` header says: up to eight digits and a unit.
pub(crate) fn grpc_timeout(header: &str) -> Option<Duration> {
    let (digits, unit) = header.split_at_checked(header.len().checked_sub(1)?)?;
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount.saturating_mul(3600)),
        "M" => Duration::from_secs(amount.saturating_mul(60)),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
        result.expect_err("it is refused").message
    }

    #[test]
    fn an_id_may_have_as_many_bytes_as_the_limit_and_no_more() {
        let limits = Limits::default();
        assert_eq!(new_workflow_id(&limits, &"i".repeat(1000)).map(str::len), Ok(1000));
        let check = |id: &str, expected: &str| assert_eq!(message(new_workflow_id(&limits, id)), expected);
        check("", "WorkflowId is not set on request.");
        check(&"i".repeat(1001), "WorkflowId exceeds maximum allowed length (1001/1000)");
        // Bytes count, not characters.
        check(&"\u{e4}".repeat(501), "WorkflowId exceeds maximum allowed length (1002/1000)");
    }

    #[test]
    fn a_task_queue_has_a_name_of_its_own() {
        let limits = Limits::default();
        assert_eq!(task_queue(&limits, "mine"), Ok("mine"));
        let check = |name: &str, expected: &str| assert_eq!(message(task_queue(&limits, name)), expected);
        check("", "missing task queue name");
        check(&"q".repeat(1001), "taskQueue length exceeds limit");
        check("/_sys/mine", "task queue name cannot start with reserved prefix /_sys/");
    }

    #[test]
    fn a_run_id_is_a_uuid_in_one_spelling_or_not_there() {
        let check = |id: &str, expected: Result<Option<&str>, &str>| {
            let found = run_id(id);
            let found = found.as_ref().map(|run| run.as_ref().map(RunId::as_str)).map_err(|it| it.message.as_str());
            assert_eq!(found, expected, "{id}");
        };
        let run = "0198c0de-0000-7000-8000-00000000000a";
        check("", Ok(None));
        check(run, Ok(Some(run)));
        check(&run.to_uppercase(), Ok(Some(run)));
        for wrong in ["not-a-uuid", "0198c0de", &"1".repeat(10_000), "\u{0}"] {
            check(wrong, Err("Invalid RunId."));
        }
    }

    #[test]
    fn a_deadline_is_read_in_every_unit_and_nonsense_is_none() {
        let check = |header: &str, expected: Option<Duration>| assert_eq!(grpc_timeout(header), expected, "{header}");
        check("70S", Some(Duration::from_secs(70)));
        check("70000m", Some(Duration::from_secs(70)));
        check("5u", Some(Duration::from_micros(5)));
        check("5n", Some(Duration::from_nanos(5)));
        check("1M", Some(Duration::from_secs(60)));
        check("99999999H", Some(Duration::from_secs(99_999_999 * 3600)));
        for nonsense in ["", "S", "7", "7X", "-7S", "7 S", "\u{e4}", "99999999999999999999S"] {
            check(nonsense, None);
        }
    }
}
