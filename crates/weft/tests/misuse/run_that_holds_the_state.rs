//! The run method holds the state, which handlers change meanwhile.

use weft::{Ctx, Result, workflow};

#[derive(Default)]
struct Order;

#[workflow]
impl Order {
    #[run]
    async fn run(&self, _ctx: Ctx<Self>) -> Result<()> { //~ the run method does not hold it: take `ctx: Ctx<Self>`
        Ok(())
    }
}
