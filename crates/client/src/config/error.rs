//! Why no way to connect was found, said so that it can be mended.

use std::{io, path::PathBuf};

use crate::tls::TlsError;

/// A setting that somebody made and that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the address {address:?} is not HOST:PORT (such as 127.0.0.1:7233) or a URL: {why}")]
    Address { address: String, why: String },
    #[error("the address begins with {scheme}://, but TLS is {tls} by another setting: one of the two has to go")]
    Contradiction { scheme: &'static str, tls: &'static str },
    #[error("{what} is given twice in one place, as a file and as data")]
    Both { what: &'static str },
    #[error("the client's {there} is given, but not its {missing}")]
    Half { there: &'static str, missing: &'static str },
    #[error(transparent)]
    Tls(#[from] TlsError),
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
