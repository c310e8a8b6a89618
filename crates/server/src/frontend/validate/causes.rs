//! How deep a failure's chain of causes may be.
//!
//! Invariant: a stored event can always be read back. Decoding protobuf stops at 100 levels, and a failure stands a few
//! levels deeper in an event, and in an answer that carries it, than in the request that brought it.

use weft_protocol::api::{
    command::{Command, command::Attributes},
    failure::Failure,
};

/// Causes that are kept; the ones below are dropped.
const CAUSES_MAX: usize = 48;

/// Drops the causes that would be too deep.
pub(crate) fn bounded(failure: Option<Failure>) -> Option<Failure> {
    failure.map(|mut failure| {
        cut(&mut failure, CAUSES_MAX);
        failure
    })
}

/// Does the same for the failures that commands carry.
pub(crate) fn bounded_commands(mut commands: Vec<Command>) -> Vec<Command> {
    for command in &mut commands {
        let failure = match &mut command.attributes {
            Some(Attributes::FailWorkflowExecutionCommandAttributes(attributes)) => &mut attributes.failure,
            Some(Attributes::RecordMarkerCommandAttributes(attributes)) => &mut attributes.failure,
            Some(Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(attributes)) => &mut attributes.failure,
            _ => continue,
        };
        if let Some(failure) = failure {
            cut(failure, CAUSES_MAX);
        }
    }
    commands
}

fn cut(failure: &mut Failure, left: usize) {
    match (left, failure.cause.as_deref_mut()) {
        (0, _) => failure.cause = None,
        (_, Some(cause)) => cut(cause, left - 1),
        (_, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(causes: usize) -> Failure {
        (0..causes).fold(Failure::default(), |cause, _| Failure { cause: Some(Box::new(cause)), ..Default::default() })
    }

    #[test]
    fn causes_that_are_too_deep_are_dropped() {
        assert_eq!(bounded(Some(chain(3))), Some(chain(3)));
        assert_eq!(bounded(Some(chain(95))), Some(chain(CAUSES_MAX)));
    }
}
