//! `wfctl server start-dev`: `wfctl dev` with the flags of Temporal's command line, as SDKs and scripts give them.
//!
//! Invariant: a flag that would do something here that it does there does it; one that cannot is told of, or refused.

use std::{net::IpAddr, net::SocketAddr, path::PathBuf};

use clap::{Subcommand, ValueEnum};
use weft_server::config::{Config, File, LogFormat, Namespace, Span};

use crate::{dev, exit::Failure, output::Output, run_server};

/// Shown with every mistake, so it names what exists.
const USAGE: &str = "wfctl server start-dev [--port PORT] [--ip IP] [--namespace NAME]... [--db-filename DIR]
       [--search-attribute NAME=TYPE]... [--dynamic-config-value KEY=VALUE]... [--metrics-port PORT]
       [--log-level LEVEL] [--log-format FORMAT] [--log-config] [--headless] [--http-port PORT] [--ui-port PORT]
       [--ui-ip IP] [--ui-asset-path PATH] [--ui-codec-endpoint URL] [--ui-public-path PATH]";

/// What SDKs set at every start. All of it holds here anyway.
const AS_IT_IS: [&str; 4] = [
    "frontend.enableServerVersionCheck",
    "frontend.enableUpdateWorkflowExecution",
    "frontend.enableUpdateWorkflowExecutionAsyncAccepted",
    "system.forceSearchAttributesCacheRefreshOnRead",
];

/// The verbs of Temporal's `server`, and our own.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run a server here, with the flags of Temporal's command line
    StartDev(Box<Args>),
    /// Run a server here as weft-server does, with its flags
    Run(Box<run_server::Args>),
}

#[derive(clap::Args, Debug)]
#[command(override_usage = USAGE)]
#[command(
    after_help = "Without --db-filename everything is lost at exit. There is no Web UI and no HTTP API, so their \
    flags (--headless, --ui-…, --http-port) change nothing.\n\nExamples:\n  wfctl server start-dev\n  \
    wfctl server start-dev --port 7000 --namespace orders --search-attribute Customer=Keyword"
)]
pub(crate) struct Args {
    /// Port of the API; 0 lets the system choose
    #[arg(short, long, default_value_t = 7233)]
    port: u16,
    /// Address of all ports
    #[arg(long, default_value = "localhost", value_parser = address)]
    ip: IpAddr,
    /// Namespaces to make, beside "default"
    #[arg(id = "namespace", short, long = "namespace", value_name = "NAME")]
    namespaces: Vec<String>,
    /// Search attributes of these namespaces: NAME=TYPE with Text, Keyword, Int, Double, Bool, Datetime or KeywordList
    #[arg(long = "search-attribute", value_name = "NAME=TYPE", value_parser = pair)]
    search_attributes: Vec<(String, String)>,
    /// Keep the data here. It is a directory, not a file of SQLite
    #[arg(short = 'f', long, value_name = "DIR")]
    db_filename: Option<PathBuf>,
    /// Port of metrics, health and administration; the system chooses one if none is given
    #[arg(long, value_name = "PORT")]
    metrics_port: Option<u16>,
    /// What to log to standard error
    #[arg(long, default_value = "warn")]
    log_level: Level,
    /// How to log it
    #[arg(long, default_value = "text")]
    log_format: Format,
    /// Print the configuration to standard error
    #[arg(long)]
    log_config: bool,
    /// Dynamic configuration of Temporal's server: what is not known here is told of and changes nothing
    #[arg(long = "dynamic-config-value", value_name = "KEY=VALUE", value_parser = pair)]
    dynamic_config: Vec<(String, String)>,
    /// There is no Web UI anyway
    #[arg(long)]
    headless: bool,
    #[command(flatten)]
    ui: Ui,
}

/// Of what is not there. Taken, so that command lines that name it go on to work.
#[derive(clap::Args, Debug)]
struct Ui {
    #[arg(long, hide = true)]
    ui_port: Option<u16>,
    #[arg(long, hide = true)]
    ui_ip: Option<String>,
    #[arg(long, hide = true)]
    ui_asset_path: Option<String>,
    #[arg(long, hide = true)]
    ui_codec_endpoint: Option<String>,
    #[arg(long, hide = true)]
    ui_public_path: Option<String>,
    #[arg(long, hide = true)]
    http_port: Option<u16>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Level {
    Debug,
    Info,
    Warn,
    Error,
    /// What some SDKs say for errors that end the server.
    Fatal,
    Never,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Pretty,
    Json,
}

pub(crate) fn run(args: &Args, output: &Output) -> anyhow::Result<()> {
    if args.db_filename.as_ref().is_some_and(|path| path.is_file()) {
        let what = "--db-filename names a file, and the data is kept in a directory here: name another place";
        return Err(Failure::usage(what).into());
    }
    let file = args.file();
    let config = Config::check(&file).map_err(|error| Failure::usage(error.to_string()))?;
    if args.log_config {
        eprintln!("{config:#?}");
    }
    args.tell(output);
    dev::block_on_server(config, args.port, output)
}

impl Args {
    fn file(&self) -> File {
        let mut file = File::default();
        file.server.in_memory = self.db_filename.is_none();
        file.server.data_dir.clone_from(&self.db_filename);
        file.server.insecure_bind = true;
        file.server.listen = SocketAddr::new(self.ip, self.port).to_string();
        file.server.metrics_listen = SocketAddr::new(self.ip, self.metrics_port.unwrap_or(0)).to_string();
        self.log_level.filter().clone_into(&mut file.log.level);
        file.log.format = match self.log_format {
            Format::Text | Format::Pretty => LogFormat::Text,
            Format::Json => LogFormat::Json,
        };
        let default = "default".to_owned();
        let mut names: Vec<_> = [default].into_iter().chain(self.namespaces.iter().cloned()).collect();
        names.sort_unstable();
        names.dedup();
        file.namespaces = names.into_iter().map(|name| self.namespace(name)).collect();
        file
    }

    fn namespace(&self, name: String) -> Namespace {
        let search_attributes = self.search_attributes.iter().cloned().collect();
        Namespace { name, retention: Span(dev::RETENTION), search_attributes }
    }

    /// Says what was asked for in vain.
    fn tell(&self, output: &Output) {
        for (key, _) in &self.dynamic_config {
            if !AS_IT_IS.iter().any(|known| known.eq_ignore_ascii_case(key)) {
                output.note(format!("--dynamic-config-value {key}: there is no such setting here; it changes nothing"));
            }
        }
        let Ui { ui_port, ui_ip, ui_asset_path, ui_codec_endpoint, ui_public_path, http_port } = &self.ui;
        let texts = [ui_ip, ui_asset_path, ui_codec_endpoint, ui_public_path];
        if !self.headless && (ui_port.is_some() || texts.into_iter().any(Option::is_some)) {
            output.note("there is no Web UI here; Temporal's can be pointed at this server");
        }
        if http_port.is_some() {
            output.note("there is no HTTP API here, only gRPC");
        }
    }
}

impl Level {
    fn filter(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error | Self::Fatal => "error",
            Self::Never => "off",
        }
    }
}

fn address(text: &str) -> Result<IpAddr, String> {
    let text = if text == "localhost" { "127.0.0.1" } else { text };
    text.parse().map_err(|_| "an IP address, or localhost".to_owned())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("it must be KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests;
