//! A server with files of its own, and callers of it.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;
use weft_client::{Client, ConnectOptions, Error, Retry, Tls};
use weft_server::{
    Server, StartError,
    access::{self, TlsFiles},
    node::{Options, Place},
};

use crate::{authority::Pair, log};

/// The name in the servers' certificates.
pub(crate) const NAME: &str = "weft.internal";
/// No test waits longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A folder for certificates and keys.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("there is room"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Whole or not at all.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let (path, unfinished) = (self.path(name), self.path("unfinished"));
        fs::write(&unfinished, text).expect("there is room");
        fs::rename(unfinished, &path).expect("it is the same folder");
        path
    }

    pub(crate) fn tls(&self, pair: &Pair, client_ca: Option<&str>) -> TlsFiles {
        TlsFiles {
            certificate: self.write("tls.crt", &pair.certificate),
            key: self.write("tls.key", &pair.key),
            client_ca: client_ca.map(|pem| self.write("clients.crt", pem)),
        }
    }
}

/// A server that looks at its files all the time.
pub(crate) async fn start(tls: Option<TlsFiles>, api_keys: Option<&Path>) -> Result<Server, StartError> {
    let mut options = Options::new(Place::Memory);
    options.shards = 1;
    let access = access::Options {
        tls,
        api_keys: api_keys.map(Path::to_owned),
        reload_interval: Duration::from_millis(5),
        ..access::Options::default()
    };
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Server::builder(Place::Memory).options(options).listen(any).access(access).start().await
}

/// A new connection, and a call over it.
pub(crate) async fn call(server: &Server, tls: Option<Tls>, key: Option<&str>) -> Result<(), Error> {
    connect(server, tls, key).await?.system_info().await.map(drop)
}

pub(crate) async fn connect(server: &Server, tls: Option<Tls>, key: Option<&str>) -> Result<Client, Error> {
    let options = ConnectOptions {
        address: server.address().to_string(),
        api_key: key.map(ToOwned::to_owned),
        tls,
        retry: Retry::NEVER,
        ..ConnectOptions::default()
    };
    Client::connect(options).await
}

/// Tries again until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let tried = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, tried).await.unwrap_or_else(|_| panic!("it never was so: {what}\n{}", log::text()));
}
