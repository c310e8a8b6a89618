//! The checks that a tree shows without being told, for Rust, Python, Node and Go.
//!
//! Only what the tree has set up: no linter is run on a repository whose people have not chosen it, but for the
//! formatters that belong to a language.

mod go;
mod node;
mod python;
mod rust;

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::Checks;

/// Deeper than this nobody looks for tests.
const DEPTH_MAX: usize = 4;
/// More files than this are not looked at.
const FILES_MAX: usize = 20_000;

/// Of several languages, the first that is found has the say on each check.
pub(super) fn checks(tree: &Path) -> Checks {
    let tree = Tree::read(tree);
    let mut checks = Checks::default();
    for found in [rust::checks(&tree), python::checks(&tree), node::checks(&tree), go::checks(&tree)] {
        for (kind, check) in found {
            checks.by_kind.entry(kind).or_insert(check);
        }
    }
    checks
}

/// What lies in a tree.
struct Tree {
    root: PathBuf,
    /// Relative to the root, in order.
    files: Vec<String>,
}

impl Tree {
    fn read(root: &Path) -> Self {
        let mut files = Vec::new();
        let mut open = vec![(root.to_owned(), 0)];
        while let Some((folder, depth)) = open.pop() {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for entry in entries.flatten() {
                let Ok(kind) = entry.file_type() else { continue };
                let name = entry.file_name();
                let is_skipped = matches!(name.to_str(), Some("target" | "node_modules" | "vendor" | ".git" | ".venv"));
                if kind.is_dir() && depth < DEPTH_MAX && !is_skipped {
                    open.push((entry.path(), depth + 1));
                } else if kind.is_file() && files.len() < FILES_MAX {
                    let path = entry.path();
                    files.extend(path.strip_prefix(root).ok().and_then(Path::to_str).map(str::to_owned));
                }
            }
        }
        files.sort();
        Self { root: root.to_owned(), files }
    }

    fn has(&self, file: &str) -> bool {
        self.files.iter().any(|it| it == file)
    }

    /// Empty if it is not there, or leads out of the tree.
    fn text(&self, file: &str) -> String {
        super::text_within(&self.root, file).unwrap_or_default()
    }

    fn any(&self, is_meant: impl Fn(&str) -> bool) -> bool {
        self.files.iter().any(|file| is_meant(file))
    }
}

#[cfg(test)]
mod tests;
