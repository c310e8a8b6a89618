//! Three nodes that show each other certificates are one cluster, and take nobody else.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tonic::transport::Endpoint;
use weft_client::Client;
use weft_server::{
    ClusterOptions, Server,
    access::{self, NodeFiles},
    node::{Options, Place},
};

use crate::{
    authority::{Authority, Pair},
    log,
    world::{Folder, PATIENCE, until},
};

/// A node in memory, with the certificate in this folder.
fn node(number: u32, members: &BTreeMap<u32, String>, folder: &Folder, authority: &Authority) -> weft_server::Builder {
    let mut options = Options::new(Place::Memory);
    options.node = number;
    options.shards = 2;
    options.cluster = ClusterOptions { name: "trio".to_owned(), members: members.clone(), ..ClusterOptions::default() };
    let pair = authority.certify("127.0.0.1");
    let files = NodeFiles {
        certificate: folder.write("node.crt", &pair.certificate),
        key: folder.write("node.key", &pair.key),
        ca: folder.write("ca.crt", &authority.pem),
        server_name: None,
    };
    let reload_interval = Duration::from_millis(5);
    let access = access::Options { nodes: Some(files), reload_interval, ..access::Options::default() };
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Server::builder(Place::Memory).options(options).listen(any).access(access)
}

/// The internal ports of three nodes, and what these know of each other.
async fn doors() -> (Vec<TcpListener>, BTreeMap<u32, String>) {
    let mut doors = Vec::new();
    for _ in 0..3 {
        doors.push(TcpListener::bind("127.0.0.1:0").await.expect("there is a free port"));
    }
    let addresses = doors.iter().map(|door| door.local_addr().expect("it is bound").to_string());
    let members = (1..).zip(addresses).collect();
    (doors, members)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_waits_for_the_others_reads_its_new_certificate() {
    log::take();
    let (authority, other) = (Authority::new(), Authority::new());
    let (doors, members) = doors().await;
    let folders = [(); 3].map(|()| Folder::new());
    let nodes = (1..).zip(doors).zip(&folders);
    let mut nodes = nodes
        .map(|((number, door), folder)| node(number, &members, folder, &authority).internal(door))
        .collect::<Vec<_>>();
    let put = |pair: &Pair| {
        folders[2].write("node.key", &pair.key);
        folders[2].write("node.crt", &pair.certificate);
    };
    put(&other.certify("127.0.0.1"));
    let third = tokio::spawn(nodes.remove(2).start());
    let two = futures::future::try_join_all(nodes.into_iter().map(weft_server::Builder::start)).await;
    assert!(!third.is_finished(), "the others do not speak to it");
    put(&authority.certify("127.0.0.1"));
    let third = tokio::time::timeout(PATIENCE, third).await.expect("it is let in").expect("it does not panic");
    let servers = two.expect("they are a majority").into_iter().chain([third.expect("it starts")]);
    futures::future::join_all(servers.map(Server::shutdown)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_with_certificates_are_one_cluster_that_takes_nobody_without_one() {
    log::take();
    let authority = Authority::new();
    let (doors, members) = doors().await;
    let addresses: Vec<SocketAddr> = doors.iter().map(|door| door.local_addr().expect("it is bound")).collect();
    let folders = [(); 3].map(|()| Folder::new());
    let nodes = (1..).zip(doors).zip(&folders);
    let starting =
        nodes.map(|((number, door), folder)| node(number, &members, folder, &authority).internal(door).start());
    let servers = futures::future::try_join_all(starting).await.expect("they are one cluster");
    for server in &servers {
        let channel = Endpoint::from_shared(format!("http://{}", server.address())).expect("a URI").connect_lazy();
        let client = Client::over(channel, Default::default()).expect("no headers");
        client.describe_namespace("default").await.expect("the leader of the metadata is asked");
    }
    // A call in the clear, as a node without certificates sends it.
    let mut stranger = TcpStream::connect(addresses[0]).await.expect("it listens");
    stranger.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.expect("it is taken");
    let mut answer = Vec::new();
    // The connection ends, maybe with a reset, and nothing of HTTP was said.
    let _ = stranger.read_to_end(&mut answer).await;
    assert!(answer.first().is_none_or(|first| *first == TLS_ALERT), "{answer:?}");
    until("the log says it", async || log::says(&["the node speaks no TLS"])).await;
    futures::future::join_all(servers.into_iter().map(Server::shutdown)).await;
}

/// The first byte of what TLS says when it refuses.
const TLS_ALERT: u8 = 21;
