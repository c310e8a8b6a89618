//! A server that can be killed: this very binary, run again as a server.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use weft::{Client, ConnectOptions};
use weft_server::{Server, node::Place};

const DIRECTORY: &str = "WEFT_TEST_DIRECTORY";
const LISTEN: &str = "WEFT_TEST_LISTEN";
const READY: &str = "the server takes calls at ";

pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Returns when it takes calls.
    pub(crate) async fn start(directory: &Path, listen: SocketAddr) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("a test knows its own binary"));
        command.args(["--exact", "--nocapture", "process::a_server_says_where_it_takes_calls"]);
        command.env(DIRECTORY, directory).env(LISTEN, listen.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it was asked for")).lines();
        loop {
            let line = lines.next_line().await.expect("it is text").expect("it says when it takes calls");
            if let Some((_, address)) = line.split_once(READY) {
                return Self { child, address: address.parse().expect("an address") };
            }
        }
    }

    /// As `kill -9` does it; another server then takes its place.
    pub(crate) async fn die_and_come_back(mut self, directory: &Path) -> Self {
        let address = self.address;
        self.child.kill().await.expect("it ran");
        Self::start(directory, address).await
    }
}

/// Other tests run this one as their server, which goes on until it is killed.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_says_where_it_takes_calls() {
    let own = tempfile::tempdir().expect("a directory");
    let directory = std::env::var_os(DIRECTORY).map_or_else(|| own.path().to_owned(), PathBuf::from);
    let listen = std::env::var(LISTEN).unwrap_or_else(|_| "127.0.0.1:0".to_owned()).parse().expect("an address");
    let server = Server::builder(Place::Directory(directory)).listen(listen).start().await.expect("it starts");
    println!("{READY}{}", server.address());
    if std::env::var_os(DIRECTORY).is_some() {
        std::future::pending::<()>().await;
    }
    let options = ConnectOptions { address: server.address().to_string(), ..ConnectOptions::default() };
    Client::connect(options).await.expect("it listens there");
    server.shutdown().await;
}
