//! The server's command line; each flag has a `WEFT_…` variable.

use std::path::PathBuf;

use clap::Parser;

use super::file::{File, LogFormat};

/// Weft: a durable workflow server that speaks Temporal's API and needs nothing but a disk.
#[derive(Clone, Debug, Default, Parser)]
#[command(
    name = "weft-server",
    version,
    after_help = "Examples:\n  weft-server --data-dir ./data\n  weft-server --in-memory --listen 127.0.0.1:7300\n  \
                  weft-server --config weft.toml --print-config"
)]
pub struct Flags {
    /// A TOML file; docs/configuration.toml lists every key.
    #[arg(long, value_name = "FILE", env = "WEFT_CONFIG")]
    pub config: Option<PathBuf>,
    /// Print the configuration in force as TOML, and stop.
    #[arg(long)]
    pub print_config: bool,
    /// Where the data is kept; made if it is not there.
    #[arg(long, value_name = "DIR", env = "WEFT_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Keep everything in memory: lost at exit.
    #[arg(long)]
    pub in_memory: bool,
    /// Address of the public API; port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS", env = "WEFT_LISTEN")]
    pub listen: Option<String>,
    /// Address of /metrics, /healthz and administration.
    #[arg(long, value_name = "ADDRESS", env = "WEFT_METRICS_LISTEN")]
    pub metrics_listen: Option<String>,
    /// Name of the cluster, the same on all its nodes.
    #[arg(long, value_name = "NAME", env = "WEFT_CLUSTER_NAME")]
    pub cluster_name: Option<String>,
    /// A node of the cluster and where it listens for the others; once for each node, this one among them.
    #[arg(long = "member", value_name = "N=HOST:PORT", env = "WEFT_MEMBERS", value_delimiter = ',', value_parser = member)]
    pub members: Vec<(String, String)>,
    /// Join the cluster that this internal port of one of its nodes belongs to; may be given more than once, one that
    /// answers is enough.
    #[arg(long, value_name = "HOST:PORT", env = "WEFT_JOIN", value_delimiter = ',')]
    pub join: Vec<String>,
    /// Where the other nodes reach this one when it joins; the address of --cluster-listen by default.
    #[arg(long, value_name = "HOST:PORT", env = "WEFT_ADVERTISE")]
    pub advertise: Option<String>,
    /// This node's number among the members, from 1; 0 takes it from the host name: weft-0 is node 1.
    #[arg(long, value_name = "N", env = "WEFT_NODE")]
    pub node: Option<u32>,
    /// Address where this node listens for the others.
    #[arg(long, value_name = "ADDRESS", env = "WEFT_CLUSTER_LISTEN")]
    pub cluster_listen: Option<String>,
    /// Certificate that this node shows to the others, and they must show one of the same authority (PEM).
    #[arg(long, value_name = "FILE", env = "WEFT_CLUSTER_TLS_CERTIFICATE")]
    pub cluster_tls_certificate: Option<PathBuf>,
    /// Private key of that certificate (PEM).
    #[arg(long, value_name = "FILE", env = "WEFT_CLUSTER_TLS_KEY")]
    pub cluster_tls_key: Option<PathBuf>,
    /// The authorities of the cluster's nodes, and of nobody else (PEM).
    #[arg(long, value_name = "FILE", env = "WEFT_CLUSTER_TLS_CA")]
    pub cluster_tls_ca: Option<PathBuf>,
    /// Listen without TLS on addresses that other machines reach.
    #[arg(long, env = "WEFT_INSECURE_BIND")]
    pub insecure_bind: bool,
    /// Certificate of the public API, followed by those that vouch for it (PEM); read again when it changes.
    #[arg(long, value_name = "FILE", env = "WEFT_TLS_CERTIFICATE")]
    pub tls_certificate: Option<PathBuf>,
    /// Private key of that certificate (PEM).
    #[arg(long, value_name = "FILE", env = "WEFT_TLS_KEY")]
    pub tls_key: Option<PathBuf>,
    /// Let in only clients with a certificate of these authorities (PEM).
    #[arg(long, value_name = "FILE", env = "WEFT_TLS_CLIENT_CA")]
    pub tls_client_ca: Option<PathBuf>,
    /// Let in only callers with one of the API keys in this file, one a line.
    #[arg(long, value_name = "FILE", env = "WEFT_API_KEYS")]
    pub api_keys: Option<PathBuf>,
    /// Certificate of the operations port, followed by those that vouch for it (PEM); read again when it changes.
    #[arg(long, value_name = "FILE", env = "WEFT_OPERATIONS_TLS_CERTIFICATE")]
    pub operations_tls_certificate: Option<PathBuf>,
    /// Private key of that certificate (PEM).
    #[arg(long, value_name = "FILE", env = "WEFT_OPERATIONS_TLS_KEY")]
    pub operations_tls_key: Option<PathBuf>,
    /// Let in only callers of the operations port with a certificate of these authorities (PEM).
    #[arg(long, value_name = "FILE", env = "WEFT_OPERATIONS_TLS_CLIENT_CA")]
    pub operations_tls_client_ca: Option<PathBuf>,
    /// Show metrics, and take commands, only with one of the API keys in this file, one a line; health needs none.
    #[arg(long, value_name = "FILE", env = "WEFT_OPERATIONS_API_KEYS")]
    pub operations_api_keys: Option<PathBuf>,
    /// Write the addresses in use to this file, as JSON, once calls are taken.
    #[arg(long, value_name = "FILE", env = "WEFT_READY_FILE")]
    pub ready_file: Option<PathBuf>,
    /// How the log is written.
    #[arg(long, value_name = "FORMAT", env = "WEFT_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
    /// What is logged: a level, or a filter such as info,weft_shard=debug.
    #[arg(long, value_name = "FILTER", env = "WEFT_LOG")]
    pub log_level: Option<String>,
    /// Export traces to this OTLP endpoint.
    #[arg(long, value_name = "URL", env = "WEFT_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,
}

impl Flags {
    /// Puts what was said here over what the file says.
    pub(crate) fn over(&self, file: &mut File) {
        if self.data_dir.is_some() {
            file.server.data_dir.clone_from(&self.data_dir);
            file.server.in_memory = false;
        }
        if self.in_memory {
            file.server.in_memory = true;
            // The flag is over the file; with the flag for a directory beside it, it is a contradiction.
            file.server.data_dir.clone_from(&self.data_dir);
        }
        file.server.insecure_bind |= self.insecure_bind;
        replace(&mut file.server.listen, self.listen.as_ref());
        replace(&mut file.server.metrics_listen, self.metrics_listen.as_ref());
        replace(&mut file.cluster.name, self.cluster_name.as_ref());
        replace(&mut file.cluster.listen, self.cluster_listen.as_ref());
        if let Some(node) = self.node {
            file.cluster.node = node;
        }
        if !self.join.is_empty() {
            file.cluster.join.clone_from(&self.join);
        }
        replace(&mut file.cluster.advertise, self.advertise.as_ref());
        if !self.members.is_empty() {
            file.cluster.members = self.members.iter().cloned().collect();
        }
        replace(&mut file.log.level, self.log_level.as_ref());
        replace(&mut file.telemetry.otlp_endpoint, self.otlp_endpoint.as_ref());
        if let Some(format) = self.log_format {
            file.log.format = format;
        }
        replace_path(&mut file.server.ready_file, self.ready_file.as_ref());
        replace_path(&mut file.server.api_keys, self.api_keys.as_ref());
        replace_path(&mut file.cluster.tls.certificate, self.cluster_tls_certificate.as_ref());
        replace_path(&mut file.cluster.tls.key, self.cluster_tls_key.as_ref());
        replace_path(&mut file.cluster.tls.ca, self.cluster_tls_ca.as_ref());
        replace_path(&mut file.tls.certificate, self.tls_certificate.as_ref());
        replace_path(&mut file.tls.key, self.tls_key.as_ref());
        replace_path(&mut file.tls.client_ca, self.tls_client_ca.as_ref());
        replace_path(&mut file.operations.certificate, self.operations_tls_certificate.as_ref());
        replace_path(&mut file.operations.key, self.operations_tls_key.as_ref());
        replace_path(&mut file.operations.client_ca, self.operations_tls_client_ca.as_ref());
        replace_path(&mut file.operations.api_keys, self.operations_api_keys.as_ref());
    }
}

/// `N=HOST:PORT`. What is wrong with the parts is found where the file's are.
fn member(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').map(|(node, address)| (node.trim().to_owned(), address.trim().to_owned()));
    parts.ok_or_else(|| "write N=HOST:PORT, such as 1=weft-0.weft:7235".to_owned())
}

fn replace(value: &mut String, flag: Option<&String>) {
    if let Some(flag) = flag {
        value.clone_from(flag);
    }
}

fn replace_path(value: &mut Option<PathBuf>, flag: Option<&PathBuf>) {
    if let Some(flag) = flag {
        *value = Some(flag.clone());
    }
}
