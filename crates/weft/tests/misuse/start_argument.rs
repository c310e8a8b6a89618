//! A workflow is started with an argument of another type.

use weft::{Client, Ctx, Result, workflow};

#[workflow]
async fn hello(_ctx: Ctx, _name: String) -> Result<()> {
    Ok(())
}

async fn starts(client: &Client) {
    let _ = client.start_workflow(hello, (1, 2)); //~ does not fit the arguments `(String,)`
}
