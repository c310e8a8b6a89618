//! A query waits.

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

    #[query]
    async fn count(&self) -> u32 { self.count } //~ a query answers at once: it cannot be async
}
