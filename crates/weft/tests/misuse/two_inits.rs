//! A workflow's state is made in two ways.

use weft::{Result, workflow};

struct Order;

#[workflow]
impl Order {
    #[init]
    fn one() -> Self { Self }

    #[init]
    fn two() -> Self { Self } //~ a workflow has at most one method marked `#[init]`

    #[run]
    async fn run() -> Result<()> { Ok(()) }
}
