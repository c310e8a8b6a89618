//! Workflows that have to do with each other: parents, children, one that signals another.

use weft::{Ctx, Failure, Result, client::FailureInfo, workflow};

use super::Collector;

/// Does as it is told.
#[derive(Default)]
pub(crate) struct Patient {
    told: String,
}

#[workflow]
impl Patient {
    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>, name: String) -> Result<String> {
        ctx.wait_until(|state: &Self| !state.told.is_empty()).await?;
        let told = ctx.with(|state| state.told.clone());
        if told == "fail" {
            return Err(Failure::application("as told").kind("Told").non_retryable().into());
        }
        Ok(format!("{name} {told}"))
    }

    #[signal]
    pub(crate) fn go(&mut self, how: String) {
        self.told = how;
    }
}

/// Has one child, and tells how it ended.
#[derive(Default)]
pub(crate) struct Parent;

#[workflow]
impl Parent {
    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>, kid: String) -> Result<String> {
        match ctx.child(Patient::run, "kid").id(kid).await {
            Err(error) if matches!(error.info, FailureInfo::ChildWorkflow(_)) => {
                Ok(format!("failed: {}", error.cause.as_ref().map_or("", |cause| cause.message.as_str())))
            }
            ended => ended,
        }
    }
}

/// Starts a child on another queue, and ends.
#[derive(Default)]
pub(crate) struct Leaver;

#[workflow]
impl Leaver {
    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>, kid: String, queue: String) -> Result<String> {
        ctx.child(Patient::run, "kid").id(kid).task_queue(queue).start().await?;
        Ok("left".to_owned())
    }
}

/// Gives words to a collector.
#[derive(Default)]
pub(crate) struct Teller;

#[workflow]
impl Teller {
    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>, whom: String, words: Vec<String>) -> Result<String> {
        let to = ctx.external::<Collector>(whom);
        for word in words {
            to.signal(Collector::give, word).await?;
        }
        Ok("told".to_owned())
    }
}
