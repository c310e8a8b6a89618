//! A small real repository, bare, as forges have them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Makes one whose `main` has these files.
pub(crate) fn bare(folder: &Path, files: &[(&str, &str)]) -> anyhow::Result<PathBuf> {
    let tree = folder.join("tree");
    for (name, text) in files {
        let path = tree.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(&tree))?;
        std::fs::write(path, text)?;
    }
    git(&tree, &["init", "--quiet", "--initial-branch=main"])?;
    git(&tree, &["add", "--all"])?;
    git(&tree, &["commit", "--quiet", "--message", "Begin"])?;
    git(folder, &["clone", "--quiet", "--bare", "tree", "repository.git"])?;
    Ok(folder.join("repository.git"))
}

/// What git prints.
pub(crate) fn git(directory: &Path, args: &[&str]) -> anyhow::Result<String> {
    let author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"];
    let output = Command::new("git").current_dir(directory).args(author).args(args).output()?;
    anyhow::ensure!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
