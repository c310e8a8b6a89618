//! A workflow is not async.

use weft::{Ctx, Result, workflow};

#[workflow]
fn hello(_ctx: Ctx) -> Result<()> { //~ a workflow is an `async fn`
    Ok(())
}
