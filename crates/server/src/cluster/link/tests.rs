//! A link over a real connection, to the door of a node that is still being put together.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    future::{pending, ready},
    io,
    marker::PhantomData,
    net::SocketAddr,
};

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot, watch},
};
use tonic::{
    Code, Request,
    server::NamedService,
    service::Routes,
    transport::{Server, server::TcpIncoming},
};
use uuid::Uuid;
use weft_env::RealClock;
use weft_protocol::internal::{CountPartRequest, PingRequest, cluster_service_server::ClusterServiceServer};
use weft_raft::{GroupId, NodeId, Transport};

use super::*;
use crate::{
    cluster::{Address, ClusterOptions, Gate, Inbox, Network, Peers, Pipe, Reach, listen},
    connections::Connections,
};

/// So often a node is called that has a new door, before it must be found.
const PINGS_MAX: usize = 10_000;

/// A service that does the same with every call. What it is called, its type says.
struct Stub<N>(Arc<dyn Fn() -> Called + Send + Sync>, PhantomData<N>);

type Called = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

impl<N> Stub<N> {
    fn new(call: impl Fn() -> Called + Send + Sync + 'static) -> Self {
        Self(Arc::new(call), PhantomData)
    }
}

impl<N> Clone for Stub<N> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0), PhantomData)
    }
}

/// Of the public API.
struct Public;

impl NamedService for Stub<Public> {
    const NAME: &'static str = "test.Public";
}

/// In the place of links.
struct Links;

impl NamedService for Stub<Links> {
    const NAME: &'static str = "weft.internal.v1.LinkService";
}

impl<N> Service<http::Request<Body>> for Stub<N> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Called;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<Body>) -> Called {
        (self.0)()
    }
}

/// Calls that never end. Tells of each that begins and, by dropping what it was told with, that it has ended.
fn hangs() -> (Stub<Public>, mpsc::UnboundedReceiver<mpsc::Sender<()>>) {
    let (begun, calls) = mpsc::unbounded_channel();
    let hangs = move || {
        let (told, call) = mpsc::channel(1);
        begun.send(told).expect("the test listens");
        async move {
            let _call = call;
            pending().await
        }
        .boxed()
    };
    (Stub::new(hangs), calls)
}

fn public_call() -> http::Request<Body> {
    http::Request::builder().uri("http://node/test.Public/Call").body(Body::empty()).expect("a request")
}

/// A build that knows no links, with whatever else it has.
async fn earlier(with: impl FnOnce(Routes) -> Routes) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let routes = with(Routes::new(ClusterServiceServer::new(Inbox::default())));
    tokio::spawn(Server::builder().add_routes(routes).serve_with_incoming(TcpIncoming::from(listener)));
    address
}

/// The way from node 1 to node 2.
fn peers(address: SocketAddr) -> Peers {
    peers_by(address, &Reach::Tcp)
}

fn peers_by(address: SocketAddr, reach: &Reach) -> Peers {
    let members = BTreeMap::from([(1, "127.0.0.1:1".to_owned()), (2, address.to_string())]);
    let options = ClusterOptions { name: "linked".to_owned(), members, ..Default::default() };
    Peers::new(1, Uuid::nil(), &options, reach)
}

async fn ping(peers: &Peers) -> Status {
    let mut node = peers.cluster_service(2).expect("it is a member");
    node.ping(Request::new(PingRequest {})).await.expect_err("the node is not put together")
}

fn is_linked(peers: &Peers) -> bool {
    peers.way(2).expect("it is a member").stands()
}

/// A node's door, and what closes it.
async fn door(peers: impl Fn(SocketAddr) -> Peers) -> (SocketAddr, Gate, watch::Sender<bool>) {
    door_at("127.0.0.1:0".parse().expect("an address"), peers).await
}

async fn door_at(address: SocketAddr, peers: impl Fn(SocketAddr) -> Peers) -> (SocketAddr, Gate, watch::Sender<bool>) {
    let listener = TcpListener::bind(address).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (close, closing) = watch::channel(false);
    let gate = Gate::new(&peers(address), Inbox::default(), Arc::new(RealClock::new()), closing.clone());
    tokio::spawn(listen(gate.clone(), listener, None, Connections::default(), closing));
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
    let (_, _gate, _close) = door_at(address, self::peers).await;
    let mut pinged = ping(&peers).await;
    for _ in 0..PINGS_MAX {
        if pinged.message() == "this node is starting or stopping" {
            break;
        }
        pinged = ping(&peers).await;
    }
    assert_eq!(pinged.message(), "this node is starting or stopping");
    assert!(is_linked(&peers), "the second door at the same address is found");
}

#[tokio::test]
async fn a_node_that_learns_of_links_at_the_same_address_gets_calls_by_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (connections, (close, closing)) = (Connections::default(), oneshot::channel::<()>());
    let incoming = TcpIncoming::from(listener);
    let incoming = StreamExt::map(incoming, {
        let connections = connections.clone();
        move |came| came.map(|connection| connections.take(connection))
    });
    let earlier = Server::builder()
        .add_service(ClusterServiceServer::new(Inbox::default()))
        .serve_with_incoming_shutdown(incoming, closing.map(drop));
    let earlier = tokio::spawn(earlier);
    let peers = peers(address);
    assert_eq!((ping(&peers).await.code(), is_linked(&peers)), (Code::Unavailable, false));
    close.send(()).expect("it serves");
    connections.cut();
    earlier.await.expect("it ends").expect("it served");
    let (_, _gate, _close) = door_at(address, self::peers).await;
    // The connection finds out by itself that it has ended, and no call fails.
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    for _ in 0..=ALONE_CALLS {
        ping(&peers).await;
    }
    assert!(is_linked(&peers));
}

#[tokio::test]
async fn what_is_asked_of_lists_holds_up_no_pings() {
    let (address, _gate, _close) = door(peers).await;
    let peers = peers(address);
    let mut lists = peers.visibility_service(2).expect("it is a member");
    let asked = lists.count_part(Request::new(CountPartRequest { selection: None })).await;
    assert_eq!(asked.expect_err("the node is not put together").code(), Code::Unavailable);
    assert!(!is_linked(&peers), "an answer may be large");
    ping(&peers).await;
    assert!(is_linked(&peers));
}

async fn say(peers: &Peers) -> String {
    let said = Transport::send(peers, NodeId(2), GroupId(1), "said".into()).await;
    said.expect_err("the node is not put together").to_string()
}

#[tokio::test]
async fn what_replicas_say_goes_by_a_link_of_its_own_and_alone_where_there_are_none() {
    let (address, gate, _close) = door(peers).await;
    let knows = peers(address);
    assert!(say(&knows).await.contains("this node is starting"));
    assert!(knows.is_linked_for_replicas(2) && !is_linked(&knows));
    gate.peers().set(BTreeMap::new(), BTreeSet::from([1]));
    assert!(say(&knows).await.contains("was removed"));
    assert!(knows.expulsion.reason().is_some_and(|why| why.contains("was removed")));

    let earlier = peers(earlier(|routes| routes).await);
    assert!(say(&earlier).await.contains("this node is starting"));
    assert!(!earlier.is_linked_for_replicas(2));
}

#[tokio::test]
async fn a_node_that_knows_no_links_gets_each_call_alone() {
    let peers = peers(earlier(|routes| routes).await);
    for _ in 0..2 {
        assert_eq!(ping(&peers).await.message(), "this node is starting or stopping");
        assert!(!is_linked(&peers));
    }
}

#[tokio::test]
async fn a_node_that_takes_no_links_of_strangers_hears_what_their_replicas_say() {
    let asked = Arc::<AtomicU32>::default();
    // A build that knows no links does not know either that strangers may open one.
    let refuses = Stub::<Links>::new({
        let asked = Arc::clone(&asked);
        move || {
            asked.fetch_add(1, Ordering::Relaxed);
            ready(Ok(Status::permission_denied("it is not a member").into_http())).boxed()
        }
    });
    let peers = peers(earlier(|routes| routes.add_service(refuses)).await);
    assert_eq!(ping(&peers).await.message(), "this node is starting or stopping");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert!(say(&peers).await.contains("this node is starting"));
    assert_eq!(asked.load(Ordering::Relaxed), 2, "a message that no link takes goes alone at once");
}

/// The way from node 1 to node 2, which has the data of this name.
fn peers_that_know(address: SocketAddr, directory: Uuid) -> Peers {
    let peers = peers(address);
    let at = Address { address: address.to_string(), directory: directory.to_string() };
    peers.set(BTreeMap::from([(2, at)]), BTreeSet::new());
    peers
}

#[tokio::test]
async fn by_a_link_nobody_takes_what_is_for_another_node_or_for_data_that_are_lost() {
    let (own, lost) = (Uuid::from_u128(2), Uuid::from_u128(3));
    let door_of = |node| {
        move |address: SocketAddr| {
            let members = BTreeMap::from([(1, "127.0.0.1:1".to_owned()), (node, address.to_string())]);
            let options = ClusterOptions { name: "linked".to_owned(), members, ..Default::default() };
            Peers::new(node, Uuid::nil(), &options, &Reach::Tcp)
        }
    };
    let (address, gate, _close) = door(door_of(2)).await;
    let known = peers_that_know(address, own);
    assert_eq!(ping(&known).await.message(), "this node is starting or stopping");
    assert!(is_linked(&known));
    // It learns by the link that stands.
    gate.peers().set_directories(Some(lost), BTreeMap::new());
    assert_eq!((ping(&known).await.code(), is_linked(&known)), (Code::PermissionDenied, true));
    assert!(gate.peers().expulsion.reason().is_some());

    let (address, gate, _close) = door(door_of(3)).await;
    gate.peers().set_directories(Some(own), BTreeMap::new());
    let said = ping(&peers_that_know(address, lost)).await;
    assert_eq!((said.code(), said.message()), (Code::Unavailable, "this is node 3, and the call is for node 2"));
    assert_eq!(gate.peers().expulsion.reason(), None, "it was not meant");
}

#[tokio::test]
async fn a_call_that_is_given_up_ends_at_the_other_node() {
    let (address, gate, _close) = door(peers).await;
    let (hangs, mut calls) = hangs();
    gate.open(Routes::new(hangs));
    let peers = peers(address);
    let forwarded = tokio::spawn(peers.forward(2, public_call()).expect("it is a member"));
    let stands = calls.recv().await.expect("the call has come");
    forwarded.abort();
    stands.closed().await;
    assert!(is_linked(&peers), "others go on");
}

#[tokio::test]
async fn a_call_whose_handler_breaks_is_answered_and_others_go_on() {
    let (address, gate, _close) = door(peers).await;
    let breaks = Stub::<Public>::new(|| async { panic!("a bug that the test planted") }.boxed());
    gate.open(Routes::new(breaks));
    let peers = peers(address);
    let answered = peers.forward(2, public_call()).expect("it is a member").await.expect("an answer");
    let status = Status::from_header_map(answered.headers()).expect("a status");
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "the call broke at the other node"));
    assert_eq!((ping(&peers).await.code(), is_linked(&peers)), (Code::Unavailable, true));
}

#[tokio::test]
async fn a_node_that_was_removed_is_not_heard_by_a_link_that_it_has() {
    let (address, gate, _close) = door(peers).await;
    let peers = peers(address);
    assert_eq!(ping(&peers).await.code(), Code::Unavailable);
    let at = Address { address: address.to_string(), directory: String::new() };
    gate.peers().set(BTreeMap::from([(2, at)]), BTreeSet::from([1]));
    assert_eq!(ping(&peers).await.code(), Code::PermissionDenied);
    assert!(is_linked(&peers));
}

#[tokio::test]
async fn a_call_to_nobody_has_not_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let failed = peers(address).forward(2, public_call()).expect("it is a member").await;
    assert!(matches!(failed, Err(Failed::NeverLeft(..))), "{failed:?}");
}

/// A network on which nobody ever answers.
struct Silence;

impl Network for Silence {
    fn connect(&self, _: u32) -> BoxFuture<'static, io::Result<Pipe>> {
        pending().boxed()
    }

    fn incoming(&self) -> BoxStream<'static, Pipe> {
        stream::pending().boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_gets_no_connection_may_be_made_again() {
    let peers = peers_by("127.0.0.1:2".parse().expect("an address"), &Reach::Network(Arc::new(Silence)));
    assert_eq!(ping(&peers).await.code(), Code::Unavailable, "by a link");
    peers.way(2).expect("it is a member").0.alone.store(1, Ordering::Relaxed);
    assert_eq!(ping(&peers).await.code(), Code::Unavailable, "alone");
}
