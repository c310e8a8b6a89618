//! Flags about TLS, named as those of Temporal's command line.

use std::path::PathBuf;

use clap::Args;
use weft_client::config::TlsSettings;

/// How the connection is secured.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct TlsArgs {
    /// Use TLS; on by itself where an API key or another TLS setting is there; --tls=false switches it off
    #[arg(
        long,
        global = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL",
        help_heading = "TLS"
    )]
    tls: Option<bool>,
    /// Certificate authority that vouches for the server, instead of the system's (PEM)
    #[arg(long, global = true, value_name = "FILE", help_heading = "TLS")]
    tls_ca_path: Option<PathBuf>,
    /// Certificate to show to the server (PEM)
    #[arg(long, global = true, value_name = "FILE", help_heading = "TLS")]
    tls_cert_path: Option<PathBuf>,
    /// Private key of that certificate (PEM)
    #[arg(long, global = true, value_name = "FILE", help_heading = "TLS")]
    tls_key_path: Option<PathBuf>,
    /// Name in the server's certificate, if it is not the address's
    #[arg(long, global = true, value_name = "NAME", help_heading = "TLS")]
    tls_server_name: Option<String>,
    /// Trust any server: whoever sits between can read and change everything
    #[arg(long, global = true, help_heading = "TLS")]
    tls_disable_host_verification: bool,
}

impl TlsArgs {
    pub(crate) fn settings(&self) -> TlsSettings {
        TlsSettings {
            disabled: self.tls.map(|on| !on),
            server_name: self.tls_server_name.clone(),
            server_ca_cert_path: self.tls_ca_path.clone(),
            client_cert_path: self.tls_cert_path.clone(),
            client_key_path: self.tls_key_path.clone(),
            disable_host_verification: self.tls_disable_host_verification.then_some(true),
            ..TlsSettings::default()
        }
    }
}
