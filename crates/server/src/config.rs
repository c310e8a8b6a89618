//! The server's configuration: a TOML file, `WEFT_…` variables and flags, each over the one before.
//!
//! Invariant: a key that is not known is refused with its name; what runs is what `--print-config` prints.

mod apply;
mod file;
mod flags;
mod span;

use std::{net::SocketAddr, path::PathBuf};

pub use file::{File, LogFormat, Namespace};
pub use flags::Flags;
pub use span::Span;

use crate::{access, cluster::ClusterError, node::Options};

/// What the server is started with, read and checked.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: SocketAddr,
    pub metrics_listen: SocketAddr,
    pub ready_file: Option<PathBuf>,
    pub log: file::Log,
    pub otlp_endpoint: Option<String>,
    pub access: access::Options,
    pub node: Options,
}

/// Why the configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read the configuration file {path}: {error}")]
    Read { path: PathBuf, error: std::io::Error },
    #[error("the configuration file {path} is wrong: {error}")]
    Parse { path: PathBuf, error: Box<toml::de::Error> },
    #[error("{key} = {value:?}: {why}")]
    Value { key: &'static str, value: String, why: String },
    #[error(
        "server.listen = {address} would be reached from other machines without TLS: give --tls-certificate and \
         --tls-key, use a loopback address, or say --insecure-bind if the network is trusted"
    )]
    Exposed { address: SocketAddr },
    #[error(
        "server.metrics_listen = {address} would be reached from other machines, and administration would ask nobody who \
         he is: give --operations-tls-certificate, --operations-tls-key and --operations-api-keys, use a loopback address, \
         or say --insecure-bind if the network is trusted"
    )]
    OperationsExposed { address: SocketAddr },
    #[error("{key} is given without {without}: {why}")]
    Half { key: &'static str, without: &'static str, why: &'static str },
    #[error("no place for the data: give --data-dir DIR, or --in-memory to lose everything at exit")]
    NoPlace,
    #[error(
        "cluster.listen = {address} would be reached from other machines, and nodes speak to each other without TLS: \
         give --cluster-tls-certificate, --cluster-tls-key and --cluster-tls-ca, use a loopback address, or say --insecure-bind if the network is trusted"
    )]
    InternalExposed { address: SocketAddr },
    #[error("[cluster]: {0}")]
    Cluster(#[from] ClusterError),
    #[error("--data-dir and --in-memory exclude each other")]
    TwoPlaces,
}

impl Config {
    /// Reads the file that the flags name, puts variables and flags over it, and checks the whole.
    ///
    /// # Errors
    /// See [`Error`]; each says what to change.
    pub fn load(flags: &Flags) -> Result<Self, Error> {
        Self::check(&File::effective(flags)?)
    }

    /// Checks what a file says.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn check(file: &File) -> Result<Self, Error> {
        let listen = apply::address("server.listen", &file.server.listen)?;
        let metrics_listen = apply::address("server.metrics_listen", &file.server.metrics_listen)?;
        let access = apply::access(file)?;
        if !file.server.insecure_bind {
            if access.tls.is_none() && !listen.ip().is_loopback() {
                return Err(Error::Exposed { address: listen });
            }
            let operations = &access.operations;
            let asks =
                operations.api_keys.is_some() || operations.tls.as_ref().is_some_and(|it| it.client_ca.is_some());
            let is_guarded = operations.tls.is_some() && asks;
            if !metrics_listen.ip().is_loopback() && !is_guarded {
                return Err(Error::OperationsExposed { address: metrics_listen });
            }
        }
        Ok(Self {
            listen,
            metrics_listen,
            ready_file: file.server.ready_file.clone(),
            log: file.log.clone(),
            otlp_endpoint: Some(file.telemetry.otlp_endpoint.clone()).filter(|endpoint| !endpoint.is_empty()),
            access,
            node: apply::options(file)?,
        })
    }
}

#[cfg(test)]
mod tests;
