//! How openraft tells a proposer what became of its proposal: a oneshot channel whose other end may have gone.
//!
//! It deliberately interprets nothing: see `proposal`.

use openraft::OptionalSend;
use openraft::raft::responder::Responder;
use tokio::sync::oneshot;

use crate::types::Types;

/// The sending half of a proposal's answer. A dropped one means that openraft stopped before it could answer.
#[derive(Debug)]
pub(crate) struct Answer<T>(oneshot::Sender<T>);

impl<T> Answer<T> {
    pub(crate) fn new() -> (Self, oneshot::Receiver<T>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }
}

impl<T: OptionalSend + 'static> Responder<Types, T> for Answer<T> {
    fn on_complete(self, result: T) {
        // A proposer that no longer listens loses nothing but its answer.
        let _ = self.0.send(result);
    }
}
