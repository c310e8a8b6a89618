//! Why no way to connect was found, said so that it can be mended.

use std::{io, path::PathBuf};

/// A setting that somebody made and that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the address {address:?} is not HOST:PORT (such as 127.0.0.1:7233) or a URL: {why}")]
    Address { address: String, why: String },
    #[error(
        "{address} is to be reached by TLS ({why}), which this version cannot do: \
         use a plaintext address, or switch TLS off with TEMPORAL_TLS=false"
    )]
    Tls { address: String, why: String },
    #[error("{variable}={value:?} is neither true nor false")]
    Flag { variable: &'static str, value: String },
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the configuration file {} is wrong: {source}", path.display())]
    Parse { path: PathBuf, source: Box<toml::de::Error> },
    #[error("no profile {profile:?} in {}; it has: {known}", path.display())]
    Profile { profile: String, path: PathBuf, known: String },
    #[error("the header {name:?} cannot be sent: {why}")]
    Header { name: String, why: String },
}
