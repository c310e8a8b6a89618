//! A link over a real connection, to the door of a node that is still being put together.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    future::pending,
    net::SocketAddr,
};

use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};
use tonic::{
    Code, Request,
    server::NamedService,
    service::Routes,
    transport::{Server, server::TcpIncoming},
};
use uuid::Uuid;
use weft_env::RealClock;
use weft_protocol::internal::{PingRequest, cluster_service_server::ClusterServiceServer};

use super::*;
use crate::cluster::{ClusterOptions, Gate, Inbox, Peers, Reach, listen};

/// A public call that never ends, and tells of each that begins and, by dropping what it was told with, that it has ended.
#[derive(Clone)]
struct Hangs(mpsc::UnboundedSender<mpsc::Sender<()>>);

impl NamedService for Hangs {
    const NAME: &'static str = "test.Hangs";
}

impl Service<http::Request<Body>> for Hangs {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        let (told, call) = mpsc::channel(1);
        self.0.send(told).expect("the test listens");
        async move {
            let _call = call;
            pending().await
        }
        .boxed()
    }
}

/// The way from node 1 to node 2.
fn peers(address: SocketAddr) -> Peers {
    let members = BTreeMap::from([(1, "127.0.0.1:1".to_owned()), (2, address.to_string())]);
    let options = ClusterOptions { name: "linked".to_owned(), members, ..Default::default() };
    Peers::new(1, Uuid::nil(), &options, &Reach::Tcp)
}

async fn ping(peers: &Peers) -> Status {
    let mut node = peers.cluster_service(2).expect("it is a member");
    node.ping(Request::new(PingRequest {})).await.expect_err("the node is not put together")
}

fn is_linked(peers: &Peers) -> bool {
    let link = peers.way(2).expect("it is a member");
    let line = link.0.line.lock();
    line.as_ref().is_some_and(|line| !line.is_closed())
}

/// A node's door, and what closes it.
async fn door(peers: impl Fn(SocketAddr) -> Peers) -> (SocketAddr, Gate, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (close, closing) = watch::channel(false);
    let gate = Gate::new(&peers(address), Inbox::default(), Arc::new(RealClock::new()), closing.clone());
    tokio::spawn(listen(gate.clone(), listener, None, closing));
    (address, gate, close)
}

#[tokio::test]
async fn calls_by_a_link_are_answered_until_the_other_node_closes_and_by_a_new_one_then() {
    let (address, _gate, close) = door(peers).await;
    let peers = peers(address);
    for _ in 0..3 {
        let status = ping(&peers).await;
        assert_eq!((status.code(), status.message()), (Code::Unavailable, "this node is starting or stopping"));
    }
    assert!(is_linked(&peers));
    close.send_replace(true);
    while is_linked(&peers) {
        tokio::task::yield_now().await;
    }
    assert_eq!(ping(&peers).await.code(), Code::Unavailable, "nobody is behind the door any more");
}

#[tokio::test]
async fn a_node_that_knows_no_links_gets_each_call_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let earlier = Server::builder().add_service(ClusterServiceServer::new(Inbox::default()));
    tokio::spawn(earlier.serve_with_incoming(TcpIncoming::from(listener)));
    let peers = peers(address);
    for _ in 0..2 {
        assert_eq!(ping(&peers).await.message(), "this node is starting or stopping");
        assert!(!is_linked(&peers));
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_ends_at_the_other_node() {
    let (address, gate, _close) = door(peers).await;
    let (begun, mut calls) = mpsc::unbounded_channel();
    gate.open(Routes::new(Hangs(begun)));
    let peers = peers(address);
    let call = http::Request::builder().uri("http://node/test.Hangs/Call").body(Body::empty()).expect("a request");
    let forwarded = tokio::spawn(peers.forward(2, call).expect("it is a member"));
    let stands = calls.recv().await.expect("the call has come");
    forwarded.abort();
    stands.closed().await;
    assert!(is_linked(&peers), "others go on");
}

#[tokio::test]
async fn a_node_that_was_removed_is_not_heard_by_a_link_that_it_has() {
    let (address, gate, _close) = door(peers).await;
    let peers = peers(address);
    assert_eq!(ping(&peers).await.code(), Code::Unavailable);
    gate.peers().set(BTreeMap::from([(2, address.to_string())]), BTreeSet::from([1]));
    assert_eq!(ping(&peers).await.code(), Code::PermissionDenied);
    assert!(is_linked(&peers));
}

#[tokio::test]
async fn a_call_to_nobody_has_not_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let call = http::Request::builder().uri("http://node/test.Hangs/Call").body(Body::empty()).expect("a request");
    let failed = peers(address).forward(2, call).expect("it is a member").await;
    assert!(matches!(failed, Err(Failed::NeverLeft(..))), "{failed:?}");
}
