//! Copies of a tree, in which candidates are tried: the tree itself is touched only by a repair that is verified.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use crate::provider::builtin::syntax::Language;

/// What no copy needs: it is made anew, or belongs to git.
const LEFT_OUT: [&str; 7] = [".git", "target", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".tox"];
/// What tests need and do not change: a copy refers to it.
const LINKED: [&str; 3] = [".venv", "venv", "node_modules"];
/// Sources longer than this are not mended, in bytes.
const SOURCE_BYTES_MAX: u64 = 512 << 10;
/// A tree with more files than this is not copied for each candidate.
const FILES_MAX: usize = 20_000;

/// Copies a tree. Symbolic links stay what they are.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut left = FILES_MAX;
    copy_folder(from, to, &mut left)
}

fn copy_folder(from: &Path, to: &Path, left: &mut usize) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let (source, target) = (entry.path(), to.join(&name));
        let kind = entry.file_type()?;
        *left =
            left.checked_sub(1).ok_or_else(|| io::Error::other(format!("the tree has more than {FILES_MAX} files")))?;
        if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&source)?, &target)?;
        } else if kind.is_file() {
            fs::copy(&source, &target)?;
        } else if LINKED.iter().any(|it| name == *it) {
            std::os::unix::fs::symlink(fs::canonicalize(&source)?, &target)?;
        } else if kind.is_dir() && !LEFT_OUT.iter().any(|it| name == *it) {
            copy_folder(&source, &target, left)?;
        }
    }
    Ok(())
}

/// All sources of a tree, by their paths in it.
pub(super) fn sources(root: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    gather(root, root, &mut found)?;
    Ok(found)
}

fn gather(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let relative = path.strip_prefix(root).map(|it| it.display().to_string()).unwrap_or_default();
        if kind.is_dir() && !entry.file_name().to_string_lossy().starts_with('.') {
            gather(root, &path, found)?;
        } else if kind.is_file() && Language::of(&relative).is_some() && entry.metadata()?.len() <= SOURCE_BYTES_MAX {
            // What is not UTF-8 is not mended.
            fs::read_to_string(&path).into_iter().for_each(|text| {
                found.insert(relative.clone(), text);
            });
        }
    }
    Ok(())
}

/// Where something of a scratch folder stands.
pub(super) fn slot(scratch: &Path, number: usize) -> PathBuf {
    scratch.join(format!("try-{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_what_tests_need() {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        for path in ["src/a.py", ".git/config", "src/__pycache__/a.pyc", "node_modules/m/x.js", "target/debug/a"] {
            let path = from.join(path);
            fs::create_dir_all(path.parent().expect("it has one")).expect("a folder is made");
            fs::write(path, "x").expect("a file is written");
        }
        std::os::unix::fs::symlink("src/a.py", from.join("link.py")).expect("a link is made");
        copy(&from, &to).expect("it is copied");
        let is = |path: &str| to.join(path).exists();
        assert!(is("src/a.py") && is("node_modules/m/x.js") && is("link.py"));
        assert!(!is(".git") && !is("src/__pycache__") && !is("target"));
        assert_eq!(sources(&to).expect("it is read").into_keys().collect::<Vec<_>>(), ["src/a.py"]);
    }
}
