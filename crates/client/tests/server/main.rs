//! The client against a real server in this process: typed handles, and what they do to workflows. The workflows' side
//! is played by hand (`worker.rs`), task by task, so that nothing here depends on an SDK.

mod codec;
mod handles;
mod intercepted;
mod worker;

use weft_client::{
    Client, ConnectOptions, NamesWorkflow, QueryDefinition, SignalDefinition, UpdateDefinition, WorkflowDefinition,
};
use weft_server::{Embedded, Server, node::Place};

/// A server and a client of it.
struct World {
    server: Embedded,
    client: Client,
}

impl World {
    async fn new() -> Self {
        let server = Server::builder(Place::Memory).embed().await.expect("it starts");
        let client = Client::over(server.connector().channel(), ConnectOptions::default()).expect("headers are right");
        Self { server, client }
    }

    async fn end(self) {
        self.server.shutdown().await;
    }
}

const QUEUE: &str = "orders";

/// A workflow of tests: a name and a number in, a text out.
struct Order;

impl WorkflowDefinition for Order {
    type Args = (String, u32);
    type Output = String;
    const NAME: &'static str = "Order";
}

impl NamesWorkflow for Order {
    type Workflow = Self;
}

struct Approve;

impl SignalDefinition for Approve {
    type Workflow = Order;
    type Args = (bool,);
    const NAME: &'static str = "approve";
}

struct Status;

impl QueryDefinition for Status {
    type Workflow = Order;
    type Args = ();
    type Output = String;
    const NAME: &'static str = "status";
}

struct Add;

impl UpdateDefinition for Add {
    type Workflow = Order;
    type Args = (u32,);
    type Output = u32;
    const NAME: &'static str = "add";
}
