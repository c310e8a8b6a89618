//! Delivering a message to the shard of its target.
//!
//! Invariant: what is said of a run that has ended never changes, so it may be read after the engine has spoken. A run that
//! is gone when it is read is as good as one that was not found.

use std::sync::Arc;

use weft_engine::{Answer, ChainEnd, Delivery, FoundChild, Namespace, Refusal, Reply, Target, WorkflowKey};

use crate::{
    call::{Ask, Failure},
    handle::Shard,
    postmark::Postmark,
};

impl Shard {
    /// Brings a message to one of this shard's workflow ids, and the reply back.
    ///
    /// # Errors
    /// See [`Failure`]. The message is to be brought again.
    pub async fn deliver(
        &self,
        namespace: Arc<Namespace>,
        delivery: Delivery,
        postmark: Option<Postmark>,
    ) -> Result<Reply, Failure> {
        let key = delivery.message.target.clone();
        let delivery = Box::new(delivery);
        let asked = self.answered(key.clone(), |reply| Ask::Deliver { namespace, delivery, postmark, reply });
        match asked.await? {
            Answer::Delivered(reply) => Ok(reply),
            Answer::ChainEnd(end) => Ok(Reply::Found(self.find(&key, end).await?)),
            _ => Err(Failure::Unavailable("a message was answered as something else")),
        }
    }

    /// How a chain of runs has ended, looked for from run to run.
    async fn find(&self, key: &WorkflowKey, mut end: ChainEnd) -> Result<FoundChild, Failure> {
        loop {
            match end {
                ChainEnd::Open => return Ok(FoundChild::Open),
                ChainEnd::Closed { run, branch, event_id } => {
                    let event = Box::new(self.history().event(key, &branch, event_id).await?);
                    return Ok(FoundChild::Ended { run, event });
                }
                ChainEnd::Followed(run) => {
                    match self.look(key.clone(), Target { run: Some(run), first_run: None }).await {
                        Ok(view) => end = view.execution.core.chain_end(),
                        Err(Failure::Refused(Refusal::WorkflowNotFound)) => return Ok(FoundChild::Gone),
                        Err(failure) => return Err(failure),
                    }
                }
            }
        }
    }
}
