//! A function that is a workflow has no handlers.

use weft::{Ctx, Result, workflow};

#[workflow(with = valve)] //~ only a workflow that is an impl block has handlers
async fn hello(_ctx: Ctx) -> Result<()> {
    Ok(())
}
