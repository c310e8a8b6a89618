//! A workflow is signalled with what another one takes.

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

#[workflow]
async fn hello(_ctx: Ctx) -> Result<()> {
    Ok(())
}

async fn calls(client: &Client) {
    let hello = client.start_workflow(hello, ()).id("o").task_queue("q").await.expect("it starts");
    let _ = hello.signal(Order::add, 3).await; //~ type mismatch resolving `<__Order_add as SignalDefinition>::Workflow == hello`
}
