//! A workflow is generic.

use weft::{Ctx, Result, workflow};

#[derive(Default)]
struct Order<T>(T);

#[workflow]
impl<T: Default + 'static> Order<T> { //~ a workflow is started by its name, so it cannot be generic
    #[run]
    async fn run(_ctx: Ctx<Self>) -> Result<()> {
        Ok(())
    }
}
