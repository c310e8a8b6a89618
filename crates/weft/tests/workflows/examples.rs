//! The examples, played: the same code that `cargo run --example` runs.

mod approval;
mod cart;
mod encrypted;
mod fan_out;
mod hello;
mod order;
mod polling;
mod service;
mod subscription;
mod transfer;

use weft::{Client, Running, Worker, testing::TestEnv};

/// A server in memory, whose time skips where it is told to, with an example's worker.
struct Stage {
    env: TestEnv,
    worker: Running,
}

impl Stage {
    async fn with(worker: impl FnOnce(&Client) -> Worker) -> Self {
        let env = TestEnv::start().await.expect("a server starts in memory");
        let worker = worker(env.client()).start().expect("the worker starts");
        Self { env, worker }
    }

    fn client(&self) -> &Client {
        self.env.client()
    }

    /// What happened in a workflow's latest run, without its workflow tasks: how many there are is chance.
    async fn events(&self, workflow_id: &str) -> Vec<String> {
        let history = self.client().history(&weft::client::Run::latest(workflow_id), false);
        let events = history.all().await.expect("it is known").into_iter();
        let names = events.map(|event| event.event_type().as_str_name().trim_start_matches("EVENT_TYPE_").to_owned());
        names.filter(|name| !name.starts_with("WORKFLOW_TASK_")).collect()
    }

    async fn end(self) {
        self.worker.shutdown().await.expect("no poll was refused");
        self.env.shutdown().await;
    }
}
