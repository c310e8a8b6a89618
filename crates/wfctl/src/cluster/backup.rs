//! `wfctl cluster backup` and `wfctl cluster restore`: all shards of a running cluster at a consistent point, and a data
//! directory of it. What a backup consists of is the server's business ([`weft_server::backup`]).

use std::{
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    time::Duration,
};

use serde_json::{Value, json};
use weft_env::{Ids, RealIds};
use weft_server::backup::{self, Manifest, Restoring};

use crate::{exit::Failure, operations::Operations, output::Output, render::execution::bytes};

/// How long a node may take between two pieces, the first one included: by then it has held messages back or given up.
const PATIENCE: Duration = Duration::from_secs(90);
/// Lines of an answer before what is answered.
const HEAD_LINES_MAX: usize = 64;

#[derive(clap::Args, Debug)]
#[command(after_help = "Everything is in it: it is given to callers on the node's own machine alone (or through a \
    tunnel, such as kubectl port-forward).\n\n\
    Examples:\n  wfctl cluster backup /backups/monday\n  wfctl cluster backup /backups/monday --operations 127.0.0.1:7280")]
pub(crate) struct BackupArgs {
    /// Where to keep it: a directory that is empty or does not exist
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

#[derive(clap::Args, Debug)]
#[command(
    after_help = "The new node is a cluster of its own, which others may join. Workflows go on where they were: \
    do not let it run beside the cluster that the backup is of, unless both may do what they do outside.\n\n\
    Examples:\n  wfctl cluster restore /backups/monday /var/lib/weft\n  weft-server --data-dir /var/lib/weft"
)]
pub(crate) struct RestoreArgs {
    /// The backup
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,
    /// The data directory to be: empty or not existing
    #[arg(value_name = "DIR")]
    data: PathBuf,
    /// Number of the node that will use it
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    node: u32,
}

pub(crate) fn backup(operations: &Operations, args: &BackupArgs, output: &Output) -> anyhow::Result<()> {
    let body = ask(operations)?;
    let saved = backup::save(&args.dir, body).map_err(|error| Failure::refused(error.to_string()))?;
    if output.is_json() {
        return Ok(output.json(&json!({ "to": args.dir, "backup": told(&saved) }))?);
    }
    let (size, groups) = (size(&saved), saved.groups.len());
    let Manifest { source, .. } = &saved;
    Ok(output.line(format_args!(
        "backed up {groups} groups ({size}) to {}, as of {}; messages between workflows waited for {} ms",
        args.dir.display(),
        source.taken_at,
        source.held_ms
    ))?)
}

pub(crate) fn restore(args: &RestoreArgs, output: &Output) -> anyhow::Result<()> {
    let restoring = Restoring { cluster: RealIds.uuid(), node: args.node };
    let restored = backup::restore(&args.backup, &args.data, restoring);
    let restored = restored.map_err(|error| Failure::refused(error.to_string()))?;
    if output.is_json() {
        let cluster = restoring.cluster.to_string();
        let body = json!({ "from": args.backup, "to": args.data, "cluster": cluster, "backup": told(&restored) });
        return Ok(output.json(&body)?);
    }
    Ok(output.line(format_args!(
        "restored {} groups ({}) to {}, as of {}: start weft-server --data-dir {} --node {}",
        restored.groups.len(),
        size(&restored),
        args.data.display(),
        restored.source.taken_at,
        args.data.display(),
        args.node
    ))?)
}

fn told(manifest: &Manifest) -> Value {
    let source = &manifest.source;
    json!({
        "cluster": source.cluster,
        "name": source.cluster_name,
        "node": source.node,
        "taken_at": source.taken_at,
        "held_ms": source.held_ms,
        "groups": manifest.groups.len(),
        "bytes": manifest.bytes(),
    })
}

fn size(manifest: &Manifest) -> String {
    bytes(i64::try_from(manifest.bytes()).unwrap_or(i64::MAX))
}

/// Asks a node for a backup; gives what it sends of it.
fn ask(operations: &Operations) -> Result<impl Read + use<>, Failure> {
    let address = &operations.address;
    let unreachable = |error: std::io::Error| operations.unreachable(&error);
    let connection = operations.ask(PATIENCE, "POST", "/admin/backup").map_err(unreachable)?;
    let mut answer = BufReader::with_capacity(1 << 20, connection);
    match status(&mut answer).map_err(unreachable)? {
        200 => Ok(answer),
        other => Err(Failure::refused(why(&mut answer, address, other))),
    }
}

/// Reads the head of an answer.
fn status(answer: &mut impl BufRead) -> std::io::Result<u16> {
    let mut status = None;
    for _ in 0..HEAD_LINES_MAX {
        let mut line = String::new();
        answer.by_ref().take(8192).read_line(&mut line)?;
        if line.trim_end().is_empty() {
            break;
        }
        status = status.or_else(|| line.strip_prefix("HTTP/")?.split(' ').nth(1)?.trim_end().parse().ok());
    }
    status.ok_or_else(|| std::io::Error::new(std::io::ErrorKind::InvalidData, "the answer is not HTTP"))
}

fn why(answer: &mut impl Read, address: &str, status: u16) -> String {
    let mut body = String::new();
    // What cannot be read says nothing; the number is left then.
    let _ = answer.take(64 << 10).read_to_string(&mut body);
    let said = serde_json::from_str::<Value>(&body).ok();
    let said = said.and_then(|value| value["error"].as_str().map(ToOwned::to_owned));
    said.unwrap_or_else(|| match status {
        404 => format!("the server at {address} makes no backups: it is of an older version, or another one"),
        status => format!("{address} answers {status} to a wish for a backup"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_no_backup_says_why() {
        let sent = b"HTTP/1.0 503 Service Unavailable\r\ncontent-type: application/json\r\n\r\n{\"error\":\"there is none\"}\n";
        let mut answer = &sent[..];
        assert_eq!(status(&mut answer).unwrap(), 503);
        assert_eq!(why(&mut answer, "a:1", 503), "there is none");
        assert!(why(&mut &b"nothing here"[..], "a:1", 404).contains("makes no backups"));
        assert!(status(&mut &b"hello"[..]).is_err());
    }
}
