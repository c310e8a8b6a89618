//! What a migration reads of a tree: its rule pack, and the files that the pack's rules are for.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use weft::Error;

use super::{blocking, failure};
use crate::{
    activity::bench::{ENVIRONMENT, REFUSED},
    model::MigrationRequest,
    provider::builtin::migrate::{self, Pack, Sources},
};

/// Where a repository keeps rule packs of its own.
const FOLDER: &str = ".weft/migrations";
/// Larger files are generated: nobody migrates them by hand, and no rule does.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What was read.
pub(super) struct Gathered {
    pub pack: Pack,
    pub sources: Sources,
}

/// Reads what lies in the tree of a fresh worktree.
pub(super) async fn gather(
    tree: &Path,
    files: BTreeSet<String>,
    migration: &MigrationRequest,
) -> Result<Gathered, Error> {
    let (tree, kind) = (tree.to_owned(), migration.migration_type.clone());
    blocking(move || {
        let pack = pack(&tree, &files, &kind)?;
        let sources = sources(&tree, files, &pack)?;
        Ok(Gathered { pack, sources })
    })
    .await?
}

/// The repository's own pack of this name, or the one that comes with the worker.
fn pack(tree: &Path, files: &BTreeSet<String>, kind: &str) -> Result<Pack, Error> {
    let own = format!("{FOLDER}/{kind}.toml");
    if !files.contains(&own) {
        let known = migrate::NAMES.join(", ");
        let unknown = || format!("there is no migration {kind:?}: name one of {known}, or put a rule pack at {own}");
        return migrate::builtin(kind).ok_or_else(|| failure(REFUSED, unknown()));
    }
    let refused = |why: String| failure(REFUSED, format!("{own}: {why}"));
    let text = text(&tree.join(&own))?.ok_or_else(|| refused("it is no text of less than a megabyte".to_owned()))?;
    Pack::read(&text).map_err(|fault| refused(fault.to_string()))
}

fn sources(tree: &Path, files: BTreeSet<String>, pack: &Pack) -> Result<Sources, Error> {
    let mut sources = Sources::new();
    for file in files.into_iter().filter(|file| pack.is_for(file)) {
        if let Some(text) = text(&tree.join(&file))? {
            sources.insert(file, text);
        }
    }
    Ok(sources)
}

/// None for what is no file of text: a link leads elsewhere, and what is no UTF-8 follows no grammar.
fn text(path: &Path) -> Result<Option<String>, Error> {
    let fault = |error: std::io::Error| failure(ENVIRONMENT, format!("{}: {error}", PathBuf::from(path).display()));
    let found = path.symlink_metadata().map_err(fault)?;
    if !found.is_file() || found.len() > FILE_BYTES_MAX {
        return Ok(None);
    }
    Ok(String::from_utf8(std::fs::read(path).map_err(fault)?).ok())
}
