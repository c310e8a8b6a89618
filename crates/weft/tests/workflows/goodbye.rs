//! The last word of a worker, to a server that is slow to hear it.

use std::{sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
};
use tonic::{
    Code, Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};
use weft::{Client, ConnectOptions, Worker, activity, client::api::workflowservice::*};
use weft_protocol::services::workflow_service_server::{WorkflowService, WorkflowServiceServer};

use crate::world::QUEUE;

/// So many calls are answered while the heartbeat is under way: whoever does not wait for it has said the last word by then.
const CALLS: usize = 200;

/// Holds a heartbeat until it is let go, and polls until the worker says that it stops.
#[derive(Default)]
struct Slow {
    came: Notify,
    let_go: Notify,
    stops: watch::Sender<bool>,
}

#[tonic::async_trait]
impl WorkflowService for Slow {
    async fn record_worker_heartbeat(
        &self,
        _: Request<RecordWorkerHeartbeatRequest>,
    ) -> Result<Response<RecordWorkerHeartbeatResponse>, Status> {
        self.came.notify_one();
        self.let_go.notified().await;
        Ok(Response::new(RecordWorkerHeartbeatResponse {}))
    }

    async fn shutdown_worker(
        &self,
        _: Request<ShutdownWorkerRequest>,
    ) -> Result<Response<ShutdownWorkerResponse>, Status> {
        self.stops.send_replace(true);
        Ok(Response::new(ShutdownWorkerResponse {}))
    }

    async fn poll_activity_task_queue(
        &self,
        _: Request<PollActivityTaskQueueRequest>,
    ) -> Result<Response<PollActivityTaskQueueResponse>, Status> {
        self.stops.subscribe().wait_for(|stops| *stops).await.expect("the sender is here");
        Ok(Response::new(PollActivityTaskQueueResponse::default()))
    }
}

#[activity]
async fn nothing() {}

/// Given up on its way, it could be heard after the last word, and who is gone would be listed as running.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stops_waits_for_its_heartbeat() {
    let slow = Arc::new(Slow::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let service = WorkflowServiceServer::from_arc(Arc::clone(&slow));
    let serving = Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener));
    let serving = tokio::spawn(serving);
    let client = Client::connect(ConnectOptions { address, ..ConnectOptions::default() }).await.expect("it listens");
    let worker = Worker::new(&client, QUEUE).activity(nothing).heartbeats(Some(Duration::from_secs(3600)));
    let worker = worker.start().expect("it starts");
    slow.came.notified().await;
    let let_go = async {
        for _ in 0..CALLS {
            let answered = client.workflow_service().get_cluster_info(GetClusterInfoRequest {}).await;
            assert_eq!(answered.expect_err("it knows nothing else").code(), Code::Unimplemented);
        }
        let was_told = *slow.stops.borrow();
        slow.let_go.notify_one();
        was_told
    };
    let (stopped, was_told) = tokio::join!(worker.shutdown(), let_go);
    stopped.expect("no poll was refused");
    assert!(!was_told, "the heartbeat was still on its way");
    assert!(*slow.stops.borrow(), "the last word came");
    serving.abort();
}
