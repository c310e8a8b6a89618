//! What the tidy tests share: where the tree is, and its Rust files.
//!
//! These tests read the repository as text and as `cargo metadata` sees it. They run nothing of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// One source file.
pub struct Source {
    /// From the root of the repository.
    pub path: String,
    pub text: String,
}

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All Rust files of ours, in order.
///
/// # Panics
/// When the tree cannot be read.
#[must_use]
pub fn sources() -> Vec<Source> {
    let root = root();
    let mut files = Vec::new();
    for folder in ["crates", "tests", "xtask", "fuzz"] {
        gather(&root.join(folder), &mut files);
    }
    files.sort();
    let source = |path: PathBuf| Source {
        text: fs::read_to_string(&path).expect("a file of the tree can be read"),
        path: path.strip_prefix(&root).expect("it lies below the root").display().to_string(),
    };
    files.into_iter().map(source).collect()
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a folder of the tree can be read").path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() && name != "target" && name != "node_modules" && !name.starts_with('.') {
            gather(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

impl Source {
    /// Tests are held to fewer rules.
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("tests.rs") || self.path.starts_with("tests/")
    }

    /// The lines before the file's own tests.
    pub fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(number, line)| (number + 1, line));
        lines.take_while(|(_, line)| *line != "#[cfg(test)]" || self.is_test())
    }
}
