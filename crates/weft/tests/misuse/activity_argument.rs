//! An activity is called with an argument of another type.

use weft::{Ctx, Result, activity, workflow};

#[activity]
async fn greet(name: String) -> String {
    name
}

#[workflow]
async fn hello(ctx: Ctx) -> Result<String> {
    ctx.activity(greet, 5).await //~ does not fit the arguments `(String,)`
}
