//! An option of the attribute is misspelt.

use weft::{Ctx, Result, workflow};

#[workflow(nmae = "hello")] //~ `nmae`
async fn hello(_ctx: Ctx) -> Result<()> {
    Ok(())
}
