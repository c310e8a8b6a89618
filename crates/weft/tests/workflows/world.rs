//! A server in memory, a client, and a worker.

use weft::{Client, Running, Worker, WorkerMetrics, embedded::Server};

pub(crate) const QUEUE: &str = "tests";

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) client: Client,
    pub(crate) worker: Running,
}

impl World {
    pub(crate) async fn with(fill: impl FnOnce(Worker) -> Worker) -> Self {
        let server = Server::in_memory().await.expect("a server starts in memory");
        let client = server.client().expect("the options are right");
        let worker = fill(Worker::new(&client, QUEUE)).start().expect("the worker starts");
        Self { server, client, worker }
    }

    /// What the worker counted, once it is so: it counts a task after the server has its answer.
    pub(crate) async fn counted(&self, is_so: impl Fn(&WorkerMetrics) -> bool) -> WorkerMetrics {
        loop {
            let metrics = self.worker.metrics();
            if is_so(&metrics) {
                return metrics;
            }
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn end(self) {
        self.worker.shutdown().await.expect("no poll was refused");
        self.server.shutdown().await;
    }
}
