//! The repository that is looked at: the one that was named, the one we are in, or a small one made for the purpose.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;

use super::command::Repo;
use crate::exit::Failure;

/// The sample: files of a few kinds, most of them in order.
const FILES: [(&str, &str); 7] = [
    ("README.md", "# Sample\n\nA small repository, made by `wfctl demo`.  \n"),
    ("Cargo.toml", "[package]\nname = \"sample\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"),
    ("src/main.rs", "fn main() {\n    println!(\"hello\");\n}\n"),
    ("tools/count.py", "import sys\n\nprint(sum(1 for _ in sys.stdin))\n"),
    ("tools/all.sh", "#!/bin/bash\nset -eu\ncargo run | python3 tools/count.py\n"),
    ("data/limits.json", "{ \"lines\": 80 }\n"),
    ("data/broken.json", "{ \"lines\": 80, }\n"),
];

/// Where the checks run.
pub(super) struct Subject {
    pub(super) repo: Repo,
    pub(super) is_sample: bool,
}

/// Finds the working tree, or makes one in `scratch`.
pub(super) async fn find(named: Option<&Path>, scratch: &Path) -> anyhow::Result<Subject> {
    let from = named.unwrap_or(Path::new("."));
    if let Some(path) = named.filter(|path| !path.is_dir()) {
        return Err(Failure::refused(format!("--repo {}: there is no such directory", path.display())).into());
    }
    let answer = Repo::new(from).git(&["rev-parse", "--show-toplevel"]).await;
    let top = answer.map_err(|trouble| Failure::refused(format!("the demo needs git: {}", trouble.says)))?;
    if top.code == 0 {
        let path = PathBuf::from(top.text().trim_end_matches('\n'));
        return Ok(Subject { repo: Repo::new(path), is_sample: false });
    }
    if named.is_some() {
        return Err(Failure::refused(format!("--repo {}: {}", from.display(), top.trouble().says)).into());
    }
    let repo = make(&scratch.join("sample")).await?;
    Ok(Subject { repo, is_sample: true })
}

async fn make(dir: &Path) -> anyhow::Result<Repo> {
    for (name, text) in FILES {
        let path = dir.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        }
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let repo = Repo::new(dir);
    let author = ["-c", "user.name=wfctl demo", "-c", "user.email=demo@localhost", "-c", "commit.gpgsign=false"];
    let commit = ["-c", "core.hooksPath=/dev/null", "commit", "--quiet", "--message", "A small sample"];
    for args in [&["init", "--quiet"][..], &["add", "--all"], &[&author[..], &commit].concat()] {
        let ran = repo.git(args).await.map_err(|trouble| Failure::refused(trouble.says))?;
        if ran.code != 0 {
            return Err(Failure::refused(format!("cannot make a sample repository: {}", ran.trouble().says)).into());
        }
    }
    Ok(repo)
}
