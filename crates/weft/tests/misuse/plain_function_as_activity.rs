//! A function that is not marked is called as an activity.

use weft::{Ctx, Result, workflow};

async fn greet(name: String) -> String {
    name
}

#[workflow]
async fn hello(ctx: Ctx) -> Result<String> {
    ctx.activity(greet, "Weft").await //~ is no activity
}
