//! What an operator asks of a node's operations port, and its answer as JSON.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub(crate) async fn get(node: SocketAddr, path: &str) -> Value {
    json(&ask(node, "GET", path).await)
}

pub(crate) async fn post(node: SocketAddr, path: &str) -> Value {
    json(&ask(node, "POST", path).await)
}

/// What is asked, without a body; `headers` are whole lines.
pub(crate) fn request(method: &str, path: &str, headers: &str) -> String {
    format!("{method} {path} HTTP/1.0\r\nHost: node\r\n{headers}Content-Length: 0\r\n\r\n")
}

/// The body of an answer.
pub(crate) async fn ask(node: SocketAddr, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(node).await.expect("it listens");
    stream.write_all(request(method, path, "").as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).expect("it is HTTP")
}

fn json(body: &str) -> Value {
    serde_json::from_str(body).expect("it is JSON")
}
