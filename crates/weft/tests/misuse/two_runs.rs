//! A workflow has two run methods.

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

    #[run]
    async fn again(_ctx: Ctx<Self>) -> Result<()> { Ok(()) } //~ a workflow has one method marked `#[run]`
}
