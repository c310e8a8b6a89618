//! A `select!` that draws lots would choose otherwise at a replay.

use std::time::Duration;

use weft::{Ctx, Result, workflow};

#[workflow]
async fn race(ctx: Ctx) -> Result<()> {
    tokio::select! { //~ this chooses by chance among what is ready
        done = ctx.sleep(Duration::from_secs(1)) => done,
        done = ctx.sleep(Duration::from_secs(2)) => done,
    }
}
