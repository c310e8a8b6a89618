//! Who gets in by the public port and by that of operations: certificates, what callers must show, and API keys; and what
//! the nodes of a cluster show each other. All of it is read from files.
//!
//! Invariant: what is broken stops a start, and never a server that runs: that one keeps what it had, and says so in
//! its log. Files that change are read again; connections that exist are left alone. Private keys and API keys are
//! neither printed nor kept in memory longer than they are needed; of API keys only hashes are kept.

mod accept;
mod files;
mod keys;
mod layer;
mod nodes;
mod throttle;
mod tls;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::sync::watch;
use weft_env::Clock;

pub(crate) use accept::{CLIENTS, NODES, OPERATORS, incoming};
use files::{Changing, FromFiles};
use keys::Keys;
pub(crate) use layer::KeyCheck;
pub(crate) use nodes::{Mutual, NodeConnector};
pub(crate) use throttle::Throttle;

use crate::operations;

/// How often files are looked at, where nobody says otherwise.
pub const RELOAD_INTERVAL: Duration = Duration::from_secs(10);

/// Who gets in. By default everybody who reaches the port, without TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The public port speaks TLS, and nothing else.
    pub tls: Option<TlsFiles>,
    /// A file of API keys, one a line; every call but those of health checks must bring one.
    pub api_keys: Option<PathBuf>,
    /// The same of the operations port.
    pub operations: OperationsFiles,
    /// The nodes of a cluster show each other certificates, and take none that have none.
    pub nodes: Option<NodeFiles>,
    /// How often these files are looked at.
    pub reload_interval: Duration,
}

/// Files of PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, followed by those that vouch for it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Clients must show a certificate that one of these authorities vouches for (mTLS).
    pub client_ca: Option<PathBuf>,
}

/// Who gets in by the operations port. By default everybody who reaches it, without TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationsFiles {
    /// It speaks TLS, and nothing else.
    pub tls: Option<TlsFiles>,
    /// A file of API keys, one a line; metrics and administration ask for one, health does not.
    pub api_keys: Option<PathBuf>,
}

/// Files of PEM that a node has for the others of its cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFiles {
    /// The node's certificate, for both sides of a connection, followed by those that vouch for it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authorities of the cluster's nodes, and of nobody else.
    pub ca: PathBuf,
    /// The name in the certificates of all nodes; without it each has the name that it is called by.
    pub server_name: Option<String>,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read {what} from {path}: {error}")]
    Read { what: &'static str, path: PathBuf, error: io::Error },
    #[error("{what} ({path}) {why}")]
    Content { what: &'static str, path: PathBuf, why: String },
    #[error("the key ({key}) is not that of the certificate ({certificate})")]
    Pair { certificate: PathBuf, key: PathBuf },
    #[error("cluster.tls.server_name = {name:?} cannot be the name of a node: {why}")]
    Name { name: String, why: String },
}

impl Default for Options {
    fn default() -> Self {
        let operations = OperationsFiles::default();
        Self { tls: None, api_keys: None, operations, nodes: None, reload_interval: RELOAD_INTERVAL }
    }
}

/// What these options come to. Clones share what is read again.
#[derive(Clone)]
pub(crate) struct Admission {
    tls: Option<Arc<FromFiles<rustls::ServerConfig>>>,
    keys: Option<Arc<FromFiles<Keys>>>,
    /// What needs no key, by its path.
    is_open: fn(&str) -> bool,
    reload_interval: Duration,
}

impl Admission {
    /// Reads the files of the public port.
    pub(crate) fn open(options: &Options) -> Result<Self, Error> {
        let (tls, keys) = (options.tls.as_ref(), options.api_keys.as_deref());
        Self::read(tls, tls::HTTP2, keys, layer::is_health, options.reload_interval)
    }

    /// Reads those of the operations port.
    pub(crate) fn of_operations(options: &Options) -> Result<Self, Error> {
        let OperationsFiles { tls, api_keys } = &options.operations;
        Self::read(tls.as_ref(), tls::HTTP1, api_keys.as_deref(), operations::is_health, options.reload_interval)
    }

    fn read(
        tls: Option<&TlsFiles>,
        protocol: &'static [u8],
        keys: Option<&Path>,
        is_open: fn(&str) -> bool,
        reload_interval: Duration,
    ) -> Result<Self, Error> {
        let tls = tls.map(|files| tls::server(files, protocol)).transpose()?.map(Arc::new);
        let keys = keys.map(keys::from_file).transpose()?.map(Arc::new);
        Ok(Self { tls, keys, is_open, reload_interval })
    }

    /// What the port speaks; `None` is plain HTTP/2.
    pub(crate) fn tls(&self) -> Option<impl Fn() -> Arc<rustls::ServerConfig> + Send + Sync + use<>> {
        let files = self.tls.clone()?;
        Some(move || files.current())
    }

    /// What asks each call for its key.
    pub(crate) fn key_check(&self, clock: Arc<dyn Clock>) -> KeyCheck {
        KeyCheck::new(self.keys.clone(), self.is_open, clock)
    }

    /// Reads files again when they change, until the server stops.
    pub(crate) async fn keep(self, clock: Arc<dyn Clock>, stopping: watch::Receiver<bool>) {
        let tls = self.tls.map(|it| it as Arc<dyn Changing>);
        let keys = self.keys.map(|it| it as Arc<dyn Changing>);
        files::keep(tls.into_iter().chain(keys).collect(), self.reload_interval, clock, stopping).await;
    }
}
