//! The workflow behind the service: an order waits for approval and is shipped.

use serde::{Deserialize, Serialize};
use weft::{Client, Ctx, Result, Worker, activity, workflow};

pub(crate) const QUEUE: &str = "service";

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) enum Stage {
    #[default]
    Placed,
    Approved,
    Shipped,
}

#[derive(Default)]
pub(crate) struct Order {
    stage: Stage,
}

#[workflow]
impl Order {
    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>, item: String) -> Result<String> {
        ctx.wait_until(|order: &Self| order.stage == Stage::Approved).await?;
        let shipped = ctx.activity(ship, item).await?;
        ctx.with_mut(|order| order.stage = Stage::Shipped);
        Ok(shipped)
    }

    #[signal]
    pub(crate) fn approve(&mut self) {
        if self.stage == Stage::Placed {
            self.stage = Stage::Approved;
        }
    }

    #[query]
    pub(crate) fn stage(&self) -> Stage {
        self.stage
    }
}

#[activity]
async fn ship(item: String) -> String {
    format!("{item} is on its way")
}

pub(crate) fn worker(client: &Client) -> Worker {
    Worker::new(client, QUEUE).workflow(Order::run).activity(ship)
}
