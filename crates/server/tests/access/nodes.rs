//! Three nodes that show each other certificates are one cluster, and take nobody else.

use std::{collections::BTreeMap, net::SocketAddr};

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
    authority::Authority,
    log,
    world::{Folder, until},
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
    let access = access::Options { nodes: Some(files), ..access::Options::default() };
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Server::builder(Place::Memory).options(options).listen(any).access(access)
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_with_certificates_are_one_cluster_that_takes_nobody_without_one() {
    log::take();
    let (authority, mut doors) = (Authority::new(), Vec::new());
    for _ in 0..3 {
        doors.push(TcpListener::bind("127.0.0.1:0").await.expect("there is a free port"));
    }
    let addresses: Vec<SocketAddr> = doors.iter().map(|door| door.local_addr().expect("it is bound")).collect();
    let members: BTreeMap<u32, String> = (1..).zip(addresses.iter().map(ToString::to_string)).collect();
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
