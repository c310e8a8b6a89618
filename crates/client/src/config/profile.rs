//! Temporal's `temporal.toml`, which its own tools and SDKs read too.
//!
//! ```toml
//! [profile.default]
//! address = "localhost:7233"
//! namespace = "default"
//! api_key = "…"
//! [profile.default.tls]
//! server_name = "weft.internal"
//! server_ca_cert_path = "ca.pem"
//! client_cert_path = "client.pem"
//! client_key_path = "client.key"
//! [profile.default.grpc_meta]
//! some-header = "value"
//! ```
//!
//! Keys that are not known here are skipped: newer tools may have written them.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{Error, Explicit, Origin, Surroundings, TlsSettings};

const DEFAULT_PROFILE: &str = "default";

#[derive(Debug, Default, Deserialize)]
pub(super) struct Profile {
    pub(super) address: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) api_key: Option<String>,
    pub(super) tls: Option<TlsSettings>,
    #[serde(default)]
    pub(super) grpc_meta: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
struct File {
    #[serde(default)]
    profile: BTreeMap<String, Profile>,
}

impl Profile {
    /// The profile that is to be used, and what its settings are said to come from.
    pub(super) fn find(explicit: &Explicit, around: &dyn Surroundings) -> Result<(Self, Origin), Error> {
        let named_file =
            explicit.config_file.clone().or_else(|| around.variable("TEMPORAL_CONFIG_FILE").map(PathBuf::from));
        let named_profile = explicit.profile.clone().or_else(|| around.variable("TEMPORAL_PROFILE"));
        let file_is_named = named_file.is_some();
        let Some(path) = named_file.or_else(|| usual_path(around)) else {
            return match named_profile {
                Some(profile) => Err(absent(profile, Path::new("temporal.toml"), &File::default())),
                None => Ok((Self::default(), Origin::Default)),
            };
        };
        let mut file = read(&path, file_is_named, around)?;
        let profile = named_profile.as_deref().unwrap_or(DEFAULT_PROFILE).to_owned();
        match (file.profile.remove(&profile), named_profile) {
            (Some(found), _) => Ok((found, Origin::File { path, profile })),
            (None, Some(_)) => Err(absent(profile, &path, &file)),
            (None, None) => Ok((Self::default(), Origin::Default)),
        }
    }
}

fn absent(profile: String, path: &Path, file: &File) -> Error {
    let known: Vec<_> = file.profile.keys().map(String::as_str).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Error::Profile { profile, path: path.to_owned(), known }
}

fn read(path: &Path, must_exist: bool, around: &dyn Surroundings) -> Result<File, Error> {
    let text = match around.read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !must_exist => return Ok(File::default()),
        Err(source) => return Err(Error::Read { path: path.to_owned(), source }),
    };
    toml::from_str(&text).map_err(|source| Error::Parse { path: path.to_owned(), source: Box::new(source) })
}

/// Where the configuration of users lies on this system.
fn usual_path(around: &dyn Surroundings) -> Option<PathBuf> {
    let under = |variable: &str, rest: &[&str]| {
        let root = PathBuf::from(around.variable(variable)?);
        Some(rest.iter().fold(root, |path, part| path.join(part)))
    };
    let folder = if cfg!(target_os = "macos") {
        under("HOME", &["Library", "Application Support"])
    } else if cfg!(windows) {
        under("AppData", &[])
    } else {
        under("XDG_CONFIG_HOME", &[]).or_else(|| under("HOME", &[".config"]))
    };
    Some(folder?.join("temporalio").join("temporal.toml"))
}
