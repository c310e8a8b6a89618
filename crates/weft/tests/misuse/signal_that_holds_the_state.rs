//! A handler holds the state while it waits.

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
    async fn add(&mut self, more: u32) { self.count += more; } //~ an async handler shares the state with others while it waits: take `ctx: Ctx<Self>`
}
