//! TLS as it is said: by flags, by `TEMPORAL_TLS…` variables, and in `temporal.toml`, each over the next.
//!
//! TLS is on where anybody says so, and, as Temporal's tools have it, wherever a TLS setting or an API key is there and
//! nobody says that it is off. Invariant: a setting is never skipped silently; the only way around TLS is to say so.

use std::path::PathBuf;

use serde::Deserialize;

use super::{Error, Surroundings};
use crate::tls::{ClientCertificate, Pem, Tls};

/// What one place says of TLS. The names are those of `temporal.toml`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct TlsSettings {
    /// That it is off, or on.
    pub disabled: Option<bool>,
    pub server_name: Option<String>,
    pub server_ca_cert_path: Option<PathBuf>,
    pub server_ca_cert_data: Option<String>,
    pub client_cert_path: Option<PathBuf>,
    pub client_cert_data: Option<String>,
    pub client_key_path: Option<PathBuf>,
    pub client_key_data: Option<String>,
    pub disable_host_verification: Option<bool>,
}

impl TlsSettings {
    /// Those of the environment.
    pub(super) fn of_variables(around: &dyn Surroundings) -> Result<Self, Error> {
        let text = |name| around.variable(name);
        let path = |name| around.variable(name).map(PathBuf::from);
        let flag = |name| around.variable(name).map(|text| super::flag(name, &text)).transpose();
        Ok(Self {
            disabled: flag("TEMPORAL_TLS")?.map(|on| !on),
            server_name: text("TEMPORAL_TLS_SERVER_NAME"),
            server_ca_cert_path: path("TEMPORAL_TLS_SERVER_CA_CERT_PATH"),
            server_ca_cert_data: text("TEMPORAL_TLS_SERVER_CA_CERT_DATA"),
            client_cert_path: path("TEMPORAL_TLS_CLIENT_CERT_PATH"),
            client_cert_data: text("TEMPORAL_TLS_CLIENT_CERT_DATA"),
            client_key_path: path("TEMPORAL_TLS_CLIENT_KEY_PATH"),
            client_key_data: text("TEMPORAL_TLS_CLIENT_KEY_DATA"),
            disable_host_verification: flag("TEMPORAL_TLS_DISABLE_HOST_VERIFICATION")?,
        })
    }

    /// Anything but the switch is set.
    fn says_something(&self) -> bool {
        Self { disabled: None, ..self.clone() } != Self::default()
    }
}

/// Where TLS settings come from, the first over the next.
pub(super) struct Layers<'a> {
    pub(super) explicit: &'a TlsSettings,
    pub(super) variables: &'a TlsSettings,
    /// `None` where the profile has no such section.
    pub(super) file: Option<&'a TlsSettings>,
}

impl Layers<'_> {
    /// What holds, for an address and perhaps a key that must not travel in the clear.
    pub(super) fn resolve(&self, secure_scheme: Option<bool>, has_key: bool) -> Result<Option<Tls>, Error> {
        let nothing = TlsSettings::default();
        let file = self.file.unwrap_or(&nothing);
        let all = [self.explicit, self.variables, file];
        let switch = all.iter().find_map(|settings| settings.disabled).map(|off| !off);
        let implied = has_key || self.file.is_some() || all.iter().any(|settings| settings.says_something());
        let on = switch.unwrap_or(secure_scheme == Some(true) || implied);
        match secure_scheme {
            Some(true) if !on => Err(Error::Contradiction { scheme: "https", tls: "off" }),
            Some(false) if on => Err(Error::Contradiction { scheme: "http", tls: "on" }),
            Some(_) | None => {
                if on {
                    tls(all).map(Some)
                } else {
                    Ok(None)
                }
            }
        }
    }
}

fn tls(all: [&TlsSettings; 3]) -> Result<Tls, Error> {
    let first = |pem: fn(&TlsSettings) -> Result<Option<Pem>, Error>| {
        all.iter().find_map(|settings| pem(settings).transpose()).transpose()
    };
    let certificate = first(|it| pem("the client's certificate", &it.client_cert_path, &it.client_cert_data))?;
    let key = first(|it| pem("the client's key", &it.client_key_path, &it.client_key_data))?;
    let client = match (certificate, key) {
        (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
        (None, None) => None,
        (Some(_), None) => return Err(Error::Half { there: "certificate", missing: "key" }),
        (None, Some(_)) => return Err(Error::Half { there: "key", missing: "certificate" }),
    };
    Ok(Tls {
        server_ca: first(|it| pem("the server's CA certificate", &it.server_ca_cert_path, &it.server_ca_cert_data))?,
        client,
        server_name: all.iter().find_map(|settings| settings.server_name.clone()),
        disable_host_verification: all.iter().find_map(|it| it.disable_host_verification).unwrap_or(false),
    })
}

fn pem(what: &'static str, path: &Option<PathBuf>, data: &Option<String>) -> Result<Option<Pem>, Error> {
    match (path, data) {
        (Some(_), Some(_)) => Err(Error::Both { what }),
        (Some(path), None) => Ok(Some(Pem::File(path.clone()))),
        (None, Some(data)) => Ok(Some(Pem::Data(data.clone().into_bytes()))),
        (None, None) => Ok(None),
    }
}
