//! An activity's result is taken for something else.

use weft::{Ctx, Result, activity, workflow};

#[activity]
async fn count(name: String) -> usize {
    name.len()
}

#[workflow]
async fn hello(ctx: Ctx) -> Result<String> {
    ctx.activity(count, "Weft").await //~ expected `Result<String>`, found `Result<usize, Error>`
}
