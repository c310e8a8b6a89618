//! What the command line says.

use std::path::PathBuf;

use super::server::{Launch, Which};

pub(crate) const HELP: &str = concat!(
    env!("CARGO_PKG_NAME"),
    " (--server-bin PATH | --oracle-bin PATH | --address HOST:PORT) --wfctl-bin PATH [options]

  --server-bin PATH   a weft-server binary; the suite starts and kills servers of its own
  --oracle-bin PATH   a `temporal` CLI binary: Temporal's own dev server
  --address ADDRESS   a server that already runs; scenarios that kill their server fail
  --wfctl-bin PATH    the wfctl whose JSON histories are replayed; without it that scenario fails
  --server-arg ARG    one more argument for the server
  --results FILE      where to write the outcome of each scenario
  --record            keep the oracle's answers in recorded.json
  -k WORD             only scenarios whose name contains WORD; may be given more than once
  --list              the names of the scenarios"
);

pub(crate) struct Options {
    pub(crate) launch: Launch,
    pub(crate) record: bool,
    pub(crate) results: Option<PathBuf>,
    pub(crate) words: Vec<String>,
    pub(crate) list: bool,
}

pub(crate) fn parse(args: Vec<String>) -> Result<Options, String> {
    let mut which = None;
    let mut wfctl = None;
    let mut server_args = Vec::new();
    let mut results = None;
    let (mut record, mut list, mut words) = (false, false, Vec::new());
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--address" => which = Some(Which::Running(value()?)),
            "--server-bin" => which = Some(Which::Weft(binary(&value()?)?)),
            "--oracle-bin" => which = Some(Which::Oracle(binary(&value()?)?)),
            "--wfctl-bin" => wfctl = Some(binary(&value()?)?),
            "--server-arg" => server_args.push(value()?),
            "--results" => results = Some(value()?.into()),
            "--record" => record = true,
            "--list" => list = true,
            "-k" => words.push(value()?),
            _ => return Err(format!("what is {arg:?}?")),
        }
    }
    let which = match which {
        Some(which) => which,
        None if list => Which::Running(String::new()),
        None => return Err("say which server".to_owned()),
    };
    if record && !matches!(which, Which::Oracle(_)) {
        return Err("only the oracle's answers are recorded: --record needs --oracle-bin".to_owned());
    }
    Ok(Options { launch: Launch { which, wfctl, server_args }, record, results, words, list })
}

fn binary(path: &str) -> Result<PathBuf, String> {
    PathBuf::from(path).canonicalize().map_err(|error| format!("{path}: {error}"))
}
