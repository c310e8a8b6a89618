//! A query changes the state.

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
    fn count(&mut self) -> u32 { self.count += 1; self.count } //~ a query changes nothing: take `&self`
}
