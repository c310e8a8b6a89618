//! `wfctl backup` and `wfctl restore`: a data directory as a whole, while no server uses it.
//!
//! Invariant: the identity file is written last, so a copy that was interrupted is not taken for a data directory; it
//! and everything before it is durable when success is reported.

use std::{
    fs::{self, DirBuilder, File},
    io,
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::{data_dir, exit::Failure, output::Output, render::execution::bytes};

#[derive(clap::Args, Debug)]
#[command(after_help = "The server must be stopped; a running one's directory is refused.\n\n\
    Examples:\n  wfctl backup /var/lib/weft /backups/weft-monday")]
pub(crate) struct BackupArgs {
    /// The data directory
    #[arg(value_name = "DIR")]
    data: PathBuf,
    /// Where to copy it: a directory that is empty or does not exist
    #[arg(value_name = "TARGET")]
    target: PathBuf,
}

#[derive(clap::Args, Debug)]
#[command(
    after_help = "A node of a cluster must not come back with old data: it has forgotten what it confirmed and voted for \
                  since, and the cluster may lose what was acknowledged. Remove it (wfctl cluster remove) and start a new \
                  node with --join, or restore the whole cluster (wfctl cluster restore).\n\n\
                  Examples:\n  wfctl restore /backups/weft-monday /var/lib/weft"
)]
pub(crate) struct RestoreArgs {
    /// The backup
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,
    /// The data directory to be: empty or not existing
    #[arg(value_name = "DIR")]
    data: PathBuf,
    /// A node of a cluster all the same: every node is stopped, and every one is restored from a copy made while all were
    #[arg(long)]
    all_nodes: bool,
}

#[derive(Debug, Default, PartialEq)]
struct Copied {
    files: u64,
    bytes: u64,
}

pub(crate) fn backup(args: &BackupArgs, output: &Output) -> anyhow::Result<()> {
    let copied = copy(&args.data, &args.target)?;
    say(output, "backed up", &args.data, &args.target, &copied)
}

pub(crate) fn restore(args: &RestoreArgs, output: &Output) -> anyhow::Result<()> {
    if !args.all_nodes && data_dir::is_member(&args.backup)? {
        return Err(member(&args.backup).into());
    }
    let copied = copy(&args.backup, &args.data)?;
    say(output, "restored", &args.backup, &args.data, &copied)
}

fn member(backup: &Path) -> Failure {
    Failure::refused(format!(
        "{} is of a node of a cluster, which must not come back with old data: it has forgotten what it confirmed and voted \
         for since, and the cluster may lose what was acknowledged. Remove the node (wfctl cluster remove) and start a new \
         one with --join and an empty data directory; or, if all nodes of the cluster are stopped and all are put back as \
         they were while none of them ran, say so with --all-nodes",
        backup.display()
    ))
}

fn say(output: &Output, done: &str, from: &Path, to: &Path, copied: &Copied) -> anyhow::Result<()> {
    let Copied { files, bytes: size } = copied;
    if output.is_json() {
        return Ok(output.json(&json!({ "from": from, "to": to, "files": files, "bytes": size }))?);
    }
    let size = bytes(i64::try_from(*size).unwrap_or(i64::MAX));
    Ok(output.line(format_args!("{done} {} to {} ({files} files, {size})", from.display(), to.display()))?)
}

fn copy(from: &Path, to: &Path) -> Result<Copied, Failure> {
    let _claim = data_dir::claim(from)?;
    refuse_overlap(from, to)?;
    make_empty(to)?;
    let mut copied = Copied::default();
    directory(from, to, &mut copied, &|name| name == data_dir::LOCK || name == data_dir::IDENTITY)?;
    file(&from.join(data_dir::IDENTITY), &to.join(data_dir::IDENTITY), &mut copied)?;
    sync(to)?;
    Ok(copied)
}

fn refuse_overlap(from: &Path, to: &Path) -> Result<(), Failure> {
    let absolute = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path));
    let inside = absolute(to).ok().zip(absolute(from).ok()).is_some_and(|(to, from)| to.starts_with(from));
    if inside {
        return Err(Failure::usage(format!("{} lies within {}: copy to another place", to.display(), from.display())));
    }
    Ok(())
}

fn make_empty(to: &Path) -> Result<(), Failure> {
    let shown = to.display();
    match fs::read_dir(to).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => {
            Err(Failure::refused(format!("{shown} is not empty: name a directory that is empty or does not exist")))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(to),
        Err(error) => Err(cannot("read", to, &error)),
    }
}

/// Readable for its owner only: histories may hold secrets. It and those it lies in are there for good when this returns.
fn make(dir: &Path) -> Result<(), Failure> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make(parent)?;
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|error| cannot("make", dir, &error))?;
    sync(parent)
}

fn directory(from: &Path, to: &Path, copied: &mut Copied, skip: &dyn Fn(&str) -> bool) -> Result<(), Failure> {
    let entries = fs::read_dir(from).map_err(|error| cannot("read", from, &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| cannot("read", from, &error))?;
        let (name, source) = (entry.file_name(), entry.path());
        if skip(&name.to_string_lossy()) {
            continue;
        }
        let target = to.join(&name);
        let kind = entry.file_type().map_err(|error| cannot("read", &source, &error))?;
        if kind.is_dir() {
            make(&target)?;
            directory(&source, &target, copied, &|_| false)?;
        } else if kind.is_file() {
            file(&source, &target, copied)?;
        } else {
            let says = format!("{} is neither a file nor a directory: it does not belong there", source.display());
            return Err(Failure::refused(says));
        }
    }
    sync(to)
}

fn file(from: &Path, to: &Path, copied: &mut Copied) -> Result<(), Failure> {
    let size = fs::copy(from, to).map_err(|error| cannot("copy", from, &error))?;
    copied.files += 1;
    copied.bytes += size;
    sync(to)
}

fn sync(path: &Path) -> Result<(), Failure> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|error| cannot("sync", path, &error))
}

fn cannot(action: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::refused(format!("cannot {action} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("log")).unwrap();
        fs::write(dir.path().join("log/1"), "frames").unwrap();
        fs::write(dir.path().join("weft.toml"), "magic = \"weft data directory\"\nformat = 1\n").unwrap();
        fs::write(dir.path().join("LOCK"), "7\n").unwrap();
        dir
    }

    fn refused(from: &Path, to: &Path) -> String {
        copy(from, to).unwrap_err().says
    }

    #[test]
    fn everything_but_the_lock_is_copied_there_and_back() {
        let (data, other) = (data(), tempfile::tempdir().unwrap());
        let (saved, back) = (other.path().join("saved"), other.path().join("back"));
        assert_eq!(copy(data.path(), &saved).unwrap().files, 2);
        assert_eq!(copy(&saved, &back).unwrap().files, 2);
        assert_eq!(fs::read_to_string(back.join("log/1")).unwrap(), "frames");
        assert!(back.join("weft.toml").exists() && !back.join("LOCK").exists());
    }

    #[test]
    fn a_node_of_a_cluster_comes_back_only_with_all_the_others() {
        let (data, other) = (data(), tempfile::tempdir().unwrap());
        let identity = |cluster: &str| format!("magic = \"weft data directory\"\ncluster = \"{cluster}\"\n");
        let args = |all_nodes: bool| RestoreArgs {
            backup: data.path().to_owned(),
            data: other.path().join(all_nodes.to_string()),
            all_nodes,
        };
        let output = Output::plain();
        let of_a_name = "8c5b7e7a-2b1f-5f0e-9a3d-0d4b8a1c2e3f";
        fs::write(data.path().join("weft.toml"), identity(of_a_name)).unwrap();
        let says = restore(&args(false), &output).unwrap_err().to_string();
        assert!(says.contains("wfctl cluster remove") && says.contains("--all-nodes"), "{says}");
        assert!(!other.path().join("false").exists());
        restore(&args(true), &output).unwrap();
        fs::write(data.path().join("weft.toml"), identity("8c5b7e7a-2b1f-4f0e-9a3d-0d4b8a1c2e3f")).unwrap();
        restore(&args(false), &output).unwrap();
    }

    #[test]
    fn a_directory_in_use_is_refused_with_what_to_do() {
        let (data, other) = (data(), tempfile::tempdir().unwrap());
        let held = File::open(data.path().join("LOCK")).unwrap();
        held.try_lock().unwrap();
        let says = refused(data.path(), &other.path().join("x"));
        assert!(says.contains("is in use by process 7: stop that server first"), "{says}");
    }

    #[test]
    fn nothing_is_written_over_and_nothing_foreign_is_copied() {
        let (data, other) = (data(), tempfile::tempdir().unwrap());
        assert!(refused(data.path(), data.path()).contains("copy to another place"));
        assert!(refused(data.path(), &data.path().join("log/in")).contains("copy to another place"));
        fs::write(other.path().join("x"), "").unwrap();
        assert!(refused(data.path(), other.path()).contains("is not empty"));
        assert!(refused(other.path(), &other.path().join("y")).contains("there is no weft.toml"));
    }
}
