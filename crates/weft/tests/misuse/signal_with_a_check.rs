//! A signal has a check.

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

    #[signal(check = may_add)] fn add(&mut self, more: u32) { self.count += more; } //~ only updates have a check
}
