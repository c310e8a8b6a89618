//! The worker as a whole: which workflows and activities it takes from its queue.

use std::path::{Path, PathBuf};

use weft::{
    Client, Worker,
    client::{ConnectOptions, Pem},
};

use crate::{
    activity::{Bench, Checking, Coding, Diagnosing, Migrating, Planning, Publishing, Reviewing},
    forge::{self, config::Forges},
    process::Supervisor,
    provider::{self, Providers, config},
    repository,
    sandbox::Mode,
    transcript::Secrets,
    workflow,
};

/// The queue of workers and workflows where nothing else is said.
pub const QUEUE: &str = "software-engineering";

/// What a worker is told.
#[derive(Clone, Debug)]
pub struct Settings {
    pub queue: String,
    /// Its worktrees; nobody else's.
    pub folder: PathBuf,
    /// What runs commands: the worker's own program, which must let it.
    pub supervisor: Supervisor,
    pub sandbox: Mode,
}

/// The providers of a file, or the builtin one where there is none.
///
/// # Errors
/// When the file cannot be read, or says what cannot be.
pub fn providers(file: Option<&Path>) -> Result<Providers, provider::Error> {
    let Some(path) = file else { return Ok(Providers::default()) };
    let at = |error: &dyn std::fmt::Display| provider::Error::Refused(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| at(&error))?;
    config::parse(&text, |name| std::env::var(name).ok()).map_err(|error| at(&error))
}

/// A worker that does everything.
///
/// # Errors
/// When its folder cannot be used.
pub fn worker(client: &Client, settings: &Settings, providers: &Providers) -> Result<Worker, repository::Error> {
    worker_with(client, settings, providers, Forges::default())
}

/// The forges of a file; all repositories have the local one where there is none.
///
/// # Errors
/// When the file cannot be read, or says what cannot be.
pub fn forges(file: Option<&Path>) -> Result<Forges, forge::config::Invalid> {
    let Some(path) = file else { return Ok(Forges::default()) };
    let at = |error: &dyn std::fmt::Display| forge::config::Invalid(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| at(&error))?;
    Forges::parse(&text, |name| std::env::var(name).ok()).map_err(|error| at(&error))
}

/// A worker that does everything, for repositories on these forges.
///
/// # Errors
/// As [`worker`].
pub fn worker_with(
    client: &Client,
    settings: &Settings,
    providers: &Providers,
    forges: Forges,
) -> Result<Worker, repository::Error> {
    let hidden = key_files(client.options(), |name| std::env::var_os(name).map(PathBuf::from));
    let key = client.options().api_key.as_deref();
    let secrets = Secrets::new(key.into_iter().chain(providers.secrets()).chain(forges.secrets()));
    let keys = providers.key_files().iter().chain(forges.key_files()).cloned();
    let hidden: Vec<PathBuf> = hidden.into_iter().chain(keys).collect();
    let bench = bench(settings)?.forges(forges).secrets(secrets).hide(hidden);
    Ok(workflow::register(Worker::new(client, &settings.queue))
        .activities(Checking::new(bench.clone()))
        .activities(Coding::new(bench.clone(), providers.clone()))
        .activities(Diagnosing::new(bench.clone(), providers.clone()))
        .activities(Migrating::new(bench.clone()))
        .activities(Planning::new(bench.clone(), providers.clone()))
        .activities(Publishing::new(bench.clone()))
        .activities(Reviewing::new(bench, providers.clone())))
}

fn bench(settings: &Settings) -> Result<Bench, repository::Error> {
    Bench::new(&settings.folder, settings.supervisor.clone(), settings.sandbox)
}

/// Where the worker's own keys lie: that of its certificate, and what `temporal.toml` may hold.
fn key_files(options: &ConnectOptions, variable: impl Fn(&str) -> Option<PathBuf>) -> Vec<PathBuf> {
    let certificate = options.tls.as_ref().and_then(|tls| tls.client.as_ref());
    let key = certificate.and_then(|certificate| match &certificate.key {
        Pem::File(path) => Some(path.clone()),
        Pem::Data(_) => None,
    });
    let usual = variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")));
    let usual = usual.map(|folder| folder.join("temporalio"));
    [key, variable("TEMPORAL_CONFIG_FILE"), usual].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use weft::client::{ClientCertificate, Tls};

    use super::*;

    fn check(options: &ConnectOptions, variables: &[(&str, &str)], hidden: &[&str]) {
        let variable = |name: &str| Some(PathBuf::from(variables.iter().find(|it| it.0 == name)?.1));
        assert_eq!(key_files(options, variable), hidden.iter().map(PathBuf::from).collect::<Vec<_>>());
    }

    #[test]
    fn the_workers_own_keys_are_known_wherever_they_are_named() {
        let [certificate, key] = ["tls.crt", "tls.key"].map(|it| Pem::File(it.into()));
        let tls = Tls { client: Some(ClientCertificate { certificate, key }), ..Tls::default() };
        let options = ConnectOptions { tls: Some(tls), ..ConnectOptions::default() };
        let (home, file) = (("HOME", "/home/ada"), ("TEMPORAL_CONFIG_FILE", "/etc/weft.toml"));
        check(&options, &[home], &["tls.key", "/home/ada/.config/temporalio"]);
        let config = ("XDG_CONFIG_HOME", "/config");
        check(&ConnectOptions::default(), &[home, file, config], &["/etc/weft.toml", "/config/temporalio"]);
        check(&ConnectOptions::default(), &[], &[]);
    }
}
