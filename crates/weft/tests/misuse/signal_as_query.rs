//! A signal is asked as if it were a query.

use weft::{Client, Ctx, Result, workflow};

#[derive(Default)]
struct Order;

#[workflow]
impl Order {
    #[run]
    async fn run(_ctx: Ctx<Self>) -> Result<()> {
        Ok(())
    }

    #[signal]
    fn add(&mut self, _more: u32) {}
}

async fn calls(client: &Client) {
    let order = client.start_workflow(Order::run, ()).id("o").task_queue("q").await.expect("it starts");
    let _ = order.query(Order::add, ()); //~ is no query
}
