//! What an operator asks of a node's operations port, and its answer as JSON.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub(crate) async fn get(node: SocketAddr, path: &str) -> Value {
    ask(node, "GET", path).await
}

pub(crate) async fn post(node: SocketAddr, path: &str) -> Value {
    ask(node, "POST", path).await
}

async fn ask(node: SocketAddr, method: &str, path: &str) -> Value {
    let mut stream = TcpStream::connect(node).await.expect("it listens");
    let request = format!("{method} {path} HTTP/1.0\r\nHost: node\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).expect("it is HTTP");
    serde_json::from_str(body).expect("it is JSON")
}
