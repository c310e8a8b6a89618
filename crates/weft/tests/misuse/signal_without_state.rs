//! A handler takes nothing of the workflow.

use weft::{Ctx, Result, workflow};

#[derive(Default)]
struct Order {
    count: u32,
}

#[workflow]
impl Order {
    #[run]
    async fn run(ctx: Ctx<Self>) -> Result<()> {
        ctx.wait_until(|order: &Self| order.count > 0).await
    }

    #[signal]
    fn add(more: u32) { drop(more); } //~ this handler takes `&mut self`, or is async and takes `ctx: Ctx<Self>`
}
