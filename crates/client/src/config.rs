//! Where to connect and as whom: found in one place, for every tool.
//!
//! Each setting is taken from the first that has it: what the caller says, `WEFT_…` variables, `TEMPORAL_…` variables,
//! the profile in Temporal's `temporal.toml`, the default. Invariant: a file, profile or variable that somebody named
//! and that cannot be used is an error, never skipped: a command must not reach another cluster than the one meant.
//! Deliberately not here: the codec settings of `temporal.toml`, which concern what shows payloads.

mod address;
mod error;
mod profile;
mod tls;

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
    time::Duration,
};

pub use error::Error;
pub use tls::TlsSettings;

use crate::{DataCodec, Retry, Tls};
pub(crate) use address::Address;
use profile::Profile;

pub const DEFAULT_ADDRESS: &str = "127.0.0.1:7233";
pub const DEFAULT_NAMESPACE: &str = "default";

/// How to connect.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectOptions {
    /// `host:port`, or a URL with the scheme `http` or `https`; the latter alone makes TLS as by default.
    pub address: String,
    pub namespace: String,
    /// Who is calling, as histories and listings show it; empty is `process@host`.
    pub identity: String,
    /// Sent as a bearer token; without TLS anybody on the way can read it.
    pub api_key: Option<String>,
    /// `None`: no TLS, unless the address says so.
    pub tls: Option<Tls>,
    /// More headers for every call.
    pub headers: BTreeMap<String, String>,
    /// Compresses requests and accepts compressed answers.
    pub gzip: bool,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long a call may take that does not wait for something to happen.
    pub call_timeout: Duration,
    pub retry: Retry,
    /// What happens to payloads on their way.
    pub codec: DataCodec,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            address: DEFAULT_ADDRESS.to_owned(),
            namespace: DEFAULT_NAMESPACE.to_owned(),
            identity: String::new(),
            api_key: None,
            tls: None,
            headers: BTreeMap::new(),
            gzip: false,
            connect_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(10),
            retry: Retry::default(),
            codec: DataCodec::default(),
        }
    }
}

/// What the caller says; what is `None` is looked for elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Explicit {
    pub address: Option<String>,
    pub namespace: Option<String>,
    pub api_key: Option<String>,
    pub identity: Option<String>,
    pub tls: TlsSettings,
    /// The profile of `temporal.toml`.
    pub profile: Option<String>,
    /// Another `temporal.toml`.
    pub config_file: Option<PathBuf>,
}

/// Where a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Explicit,
    Variable(&'static str),
    File { path: PathBuf, profile: String },
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Explicit => f.write_str("given"),
            Self::Variable(name) => write!(f, "from {name}"),
            Self::File { path, profile } => write!(f, "from profile {profile} of {}", path.display()),
            Self::Default => f.write_str("the default"),
        }
    }
}

/// What was found, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    pub options: ConnectOptions,
    pub address_from: Origin,
    pub namespace_from: Origin,
}

/// The environment of a process, as far as it matters here.
pub trait Surroundings {
    /// A variable; an empty one counts as not set.
    fn variable(&self, name: &str) -> Option<String>;
    /// All variables that begin with `prefix`, without it.
    fn variables(&self, prefix: &str) -> Vec<(String, String)>;
    fn read(&self, path: &Path) -> io::Result<String>;
}

/// The environment of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Process;

impl Surroundings for Process {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn variables(&self, prefix: &str) -> Vec<(String, String)> {
        let strings =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        strings.filter_map(|(name, value)| Some((name.strip_prefix(prefix)?.to_owned(), value))).collect()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(path)
    }
}

/// Finds out how to connect.
///
/// # Errors
/// When something that was named cannot be used; see [`Error`].
pub fn resolve(explicit: &Explicit, around: &dyn Surroundings) -> Result<Resolved, Error> {
    let (profile, file) = Profile::find(explicit, around)?;
    let find = |said: &Option<String>, variables: [&'static str; 2], in_file: &Option<String>| {
        let variable = variables.into_iter().find_map(|name| Some((around.variable(name)?, Origin::Variable(name))));
        let said = said.clone().map(|value| (value, Origin::Explicit));
        let in_file = || Some((in_file.clone()?, file.clone()));
        said.or(variable).or_else(in_file)
    };
    let default = |value: &str| (value.to_owned(), Origin::Default);
    let address = find(&explicit.address, ["WEFT_ADDRESS", "TEMPORAL_ADDRESS"], &profile.address);
    let namespace = find(&explicit.namespace, ["WEFT_NAMESPACE", "TEMPORAL_NAMESPACE"], &profile.namespace);
    let api_key = find(&explicit.api_key, ["WEFT_API_KEY", "TEMPORAL_API_KEY"], &profile.api_key);
    let (address, address_from) = address.unwrap_or_else(|| default(DEFAULT_ADDRESS));
    let (namespace, namespace_from) = namespace.unwrap_or_else(|| default(DEFAULT_NAMESPACE));
    let api_key = api_key.map(|(key, _)| key);
    let variables = TlsSettings::of_variables(around)?;
    let layers = tls::Layers { explicit: &explicit.tls, variables: &variables, file: profile.tls.as_ref() };
    // What is wrong with the address is said now, not at the first call.
    let tls = layers.resolve(self::address(&address)?.secure, api_key.is_some())?;
    let options = ConnectOptions {
        address,
        namespace,
        identity: explicit.identity.clone().unwrap_or_default(),
        api_key,
        tls,
        headers: headers(profile.grpc_meta, around),
        ..ConnectOptions::default()
    };
    Ok(Resolved { options, address_from, namespace_from })
}

/// An address, understood.
///
/// # Errors
/// When it is none.
pub(crate) fn address(address: &str) -> Result<Address, Error> {
    address::parse(address)
}

fn flag(variable: &'static str, text: &str) -> Result<bool, Error> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "t" | "yes" => Ok(true),
        "false" | "0" | "f" | "no" => Ok(false),
        _ => Err(Error::Flag { variable, value: text.to_owned() }),
    }
}

const HEADER_VARIABLES: &str = "TEMPORAL_GRPC_META_";

/// Headers of the file, then those of variables over them; an empty variable takes one away.
fn headers(from_file: BTreeMap<String, String>, around: &dyn Surroundings) -> BTreeMap<String, String> {
    let name = |name: &str| name.to_ascii_lowercase().replace('_', "-");
    let mut headers: BTreeMap<_, _> = from_file.into_iter().map(|(key, value)| (name(&key), value)).collect();
    for (key, value) in around.variables(HEADER_VARIABLES) {
        if value.is_empty() {
            headers.remove(&name(&key));
        } else {
            headers.insert(name(&key), value);
        }
    }
    headers
}

#[cfg(test)]
mod tests;
