//! Borrowing over a real connection, of a node that does what a test says.

use std::collections::VecDeque;

use tokio::{net::TcpListener, sync::mpsc};
use tonic::transport::{Server, server::TcpIncoming};
use uuid::Uuid;
use weft_env::RealClock;
use weft_protocol::internal::{
    backup_service_server::{BackupService, BackupServiceServer},
    cluster_service_server::ClusterServiceServer,
};

use super::*;
use crate::cluster::{ClusterOptions, Inbox, Reach};

/// Node 2, with its answers to those who read; it tells of what is given back.
struct Lender {
    answers: Mutex<VecDeque<Result<ReadViewResponse, Status>>>,
    closed: mpsc::UnboundedSender<String>,
}

#[tonic::async_trait]
impl BackupService for Lender {
    async fn read(&self, _: Request<ReadViewRequest>) -> Result<Response<ReadViewResponse>, Status> {
        self.answers.lock().pop_front().expect("it was asked too often").map(Response::new)
    }

    async fn close(&self, request: Request<CloseViewsRequest>) -> Result<Response<CloseViewsResponse>, Status> {
        // Not every test listens.
        let _ = self.closed.send(request.into_inner().token);
        Ok(Response::new(CloseViewsResponse {}))
    }
}

fn piece(bytes: &'static [u8], crc32: u32) -> Result<ReadViewResponse, Status> {
    Ok(ReadViewResponse { piece: Bytes::from_static(bytes), crc32, next: Bytes::from_static(b"on") })
}

/// What node 1 borrows of whoever listens as node 2.
fn borrowing(listener: &TcpListener) -> Borrowed {
    let address = listener.local_addr().expect("it is bound").to_string();
    let members = BTreeMap::from([(1, "127.0.0.1:1".to_owned()), (2, address)]);
    let options = ClusterOptions { name: "lending".to_owned(), members, ..ClusterOptions::default() };
    let peers = Peers::new(1, Uuid::nil(), &options, &Reach::Tcp);
    Borrowed::new(peers, Arc::new(RealClock::new()), "token".to_owned())
}

async fn port() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a port")
}

async fn lender(
    answers: impl IntoIterator<Item = Result<ReadViewResponse, Status>>,
) -> (Borrowed, mpsc::UnboundedReceiver<String>) {
    let listener = port().await;
    let borrowed = borrowing(&listener);
    let (closed, closes) = mpsc::unbounded_channel();
    let lender = Lender { answers: Mutex::new(answers.into_iter().collect()), closed };
    let server = Server::builder().add_service(BackupServiceServer::new(lender));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    (borrowed, closes)
}

#[tokio::test]
async fn a_piece_that_was_damaged_or_not_answered_is_asked_for_again() {
    let crc32 = crc32fast::hash(b"rows");
    let answers = [piece(b"rowz", crc32), Err(Status::unavailable("the link broke")), piece(b"rows", crc32)];
    let (borrowed, _) = lender(answers).await;
    let read = borrowed.shared.piece(2, 7, Bytes::new()).await;
    let rows = PictureOf { bytes: Bytes::from_static(b"rows"), next: Some(Bytes::from_static(b"on")) };
    assert_eq!(read, Ok(rows));
}

#[tokio::test]
async fn when_a_lender_has_lost_what_it_lent_nothing_more_is_read() {
    let (borrowed, _) = lender([Err(Status::not_found("nothing is lent by this name"))]).await;
    let read = borrowed.shared.piece(2, 7, Bytes::new()).await;
    assert!(read.as_ref().is_err_and(|why| why.contains("node 2 has lost rows")), "{read:?}");
    assert_eq!(borrowed.shared.piece(2, 8, Bytes::new()).await, read, "it is not asked again");
}

#[tokio::test]
async fn what_was_borrowed_is_given_back() {
    let (borrowed, mut closes) = lender([]).await;
    let opened = borrowed.open(2, &BTreeSet::from([7])).await.err();
    assert!(matches!(opened, Some(Lost::Elsewhere(_))), "it cannot");
    drop(borrowed);
    assert_eq!(closes.recv().await.as_deref(), Some("token"), "nobody knows what came of it");
}

#[tokio::test]
async fn a_node_of_an_earlier_version_is_named_with_what_is_to_be_done() {
    let listener = port().await;
    let borrowed = borrowing(&listener);
    let earlier = Server::builder().add_service(ClusterServiceServer::new(Inbox::default()));
    tokio::spawn(earlier.serve_with_incoming(TcpIncoming::from(listener)));
    let Err(Lost::Elsewhere(why)) = borrowed.prepare(2, &BTreeSet::from([7])).await else {
        panic!("it does not know what is asked, and others may");
    };
    assert!(why.contains("node 2 is of an earlier version") && why.contains("upgrade all nodes"), "{why}");
}
