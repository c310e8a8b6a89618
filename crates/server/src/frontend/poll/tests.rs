//! What a failed start of a task says of the task.

use super::*;

const CODES: [Code; 16] = [
    Code::Cancelled,
    Code::Unknown,
    Code::InvalidArgument,
    Code::DeadlineExceeded,
    Code::NotFound,
    Code::AlreadyExists,
    Code::PermissionDenied,
    Code::ResourceExhausted,
    Code::FailedPrecondition,
    Code::Aborted,
    Code::OutOfRange,
    Code::Unimplemented,
    Code::Internal,
    Code::Unavailable,
    Code::DataLoss,
    Code::Unauthenticated,
];

#[test]
fn only_its_leader_says_that_a_task_at_another_node_is_gone() {
    for code in CODES {
        let tried = Tried::failed_elsewhere(&Status::new(code, "because"));
        let is_right = match code {
            Code::NotFound => matches!(tried, Tried::Gone),
            Code::DataLoss => matches!(tried, Tried::Unreadable),
            _ => matches!(tried, Tried::Unknown),
        };
        assert!(is_right, "{code:?}");
    }
}

#[test]
fn a_task_that_cannot_be_read_is_not_gone() {
    assert!(matches!(Tried::failed(&Failure::Storage("torn".into())), Tried::Unreadable));
    assert!(matches!(Tried::failed(&Failure::Overloaded), Tried::Again));
    assert!(matches!(Tried::failed(&Failure::Unavailable("lost")), Tried::Unknown));
    assert!(matches!(Tried::failed(&Failure::Refused(Refusal::TaskGone)), Tried::Gone));
}
