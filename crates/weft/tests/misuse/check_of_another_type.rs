//! An update is checked by something that takes another argument.

use weft::{Ctx, Result, workflow};

#[derive(Default)]
struct Order {
    count: u32,
}

#[workflow] //~ expected `&str`, found `&u32`
impl Order {
    #[run]
    async fn run(ctx: Ctx<Self>) -> Result<()> {
        ctx.wait_until(|order: &Self| order.count > 0).await
    }

    fn may_add(&self, more: &str) -> Result<()> { drop(more.to_owned()); Ok(()) }
    #[update(check = may_add)]
    fn add(&mut self, more: u32) -> u32 { self.count += more; self.count }
}
