//! Which repository's pull requests live where, as a file says it.
//!
//! ```toml
//! [repositories."/srv/shop.git"]
//! kind = "github"
//! name = "someone/shop"
//! token = { variable = "GITHUB_TOKEN" }           # or { file = "/run/secrets/github" }
//! # api = "https://api.github.com"
//! # remote = "https://github.com/someone/shop.git"
//! ```
//!
//! A repository of which nothing is said has the local forge. Tokens stand in the environment or in files, never here,
//! and never in a workflow's input.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{
    github::Access,
    provider::{config::Secret, llm::Key},
};

const GITHUB_API: &str = "https://api.github.com";
const GITHUB: &str = "https://github.com";

/// Where pull requests live that do not live with their repository.
#[derive(Clone, Debug, Default)]
pub struct Forges {
    /// By the folders of git that all worktrees of a clone share.
    by_git_dir: BTreeMap<PathBuf, Access>,
    key_files: Vec<PathBuf>,
}

/// What is wrong with such a file, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub(crate) String);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    repositories: BTreeMap<PathBuf, Kind>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Kind {
    Local,
    GitHub(GitHub),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GitHub {
    name: String,
    token: Secret,
    #[serde(default)]
    api: Option<String>,
    #[serde(default)]
    remote: Option<String>,
}

impl Forges {
    /// What the text of such a file says; `variable` looks into the environment.
    ///
    /// # Errors
    /// See [`Invalid`].
    pub fn parse(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, Invalid> {
        let file: File = toml::from_str(text).map_err(|error| Invalid(error.to_string()))?;
        let (mut forges, mut clones) = (Self::default(), BTreeMap::new());
        for (path, kind) in file.repositories {
            let named = path.display().to_string();
            let at = |said: String| Invalid(format!("{named}: {said}"));
            let path = path.canonicalize().map_err(|error| at(format!("{error}: name a clone on this machine")))?;
            let git_dir = path.ancestors().find_map(git_dir_at);
            let git_dir = git_dir.ok_or_else(|| at("no git repository is there: name a clone".to_owned()))?;
            if let Some(other) = clones.insert(git_dir.clone(), named.clone()) {
                return Err(at(format!("it is the clone that {other} names too: name it once")));
            }
            match kind {
                Kind::Local => {}
                Kind::GitHub(github) => {
                    if let Secret::File(file) = &github.token {
                        forges.key_files.push(file.clone());
                    }
                    forges.by_git_dir.insert(git_dir, access(github, &variable).map_err(at)?);
                }
            }
        }
        Ok(forges)
    }

    /// One more repository whose pull requests live on GitHub.
    #[must_use]
    pub fn github(mut self, clone: impl AsRef<Path>, access: Access) -> Self {
        self.by_git_dir.insert(shared_git_dir(clone.as_ref()), access);
        self
    }

    /// How the service is reached that a repository's pull requests live on: by its path, that of a folder in it, or that
    /// of a worktree.
    #[must_use]
    pub fn of(&self, path: &Path) -> Option<&Access> {
        self.by_git_dir.get(&shared_git_dir(path))
    }

    /// Files that no command may read.
    #[must_use]
    pub fn key_files(&self) -> &[PathBuf] {
        &self.key_files
    }

    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.by_git_dir.values().map(|access| access.token.as_str())
    }
}

/// The folder of git that a path belongs to, as git itself finds it; the path where there is none.
fn shared_git_dir(path: &Path) -> PathBuf {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    path.ancestors().find_map(git_dir_at).unwrap_or(path)
}

fn git_dir_at(folder: &Path) -> Option<PathBuf> {
    let inner = folder.join(".git");
    let git_dir = if inner.is_dir() {
        inner
    } else if let Ok(text) = fs::read_to_string(&inner) {
        folder.join(text.strip_prefix("gitdir:")?.trim())
    } else if folder.join("HEAD").is_file() && folder.join("objects").is_dir() {
        folder.to_owned()
    } else {
        return None;
    };
    // A worktree beside the clone names the one that they share.
    let shared = fs::read_to_string(git_dir.join("commondir")).map(|text| git_dir.join(text.trim()));
    shared.unwrap_or(git_dir).canonicalize().ok()
}

fn access(github: GitHub, variable: &impl Fn(&str) -> Option<String>) -> Result<Access, String> {
    let is_part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let is_name = github.name.split('/').count() == 2 && github.name.split('/').all(is_part);
    if !is_name {
        return Err(format!("{:?} is no name of a repository: write owner/name", github.name));
    }
    let token = match &github.token {
        Secret::Variable(it) => variable(it).ok_or_else(|| format!("{it} is not in the environment: set it"))?,
        Secret::File(it) => fs::read_to_string(it).map_err(|error| format!("the token {}: {error}", it.display()))?,
    };
    let token = Key::new(token.trim());
    if token.reveal().is_empty() {
        return Err("the token is empty".to_owned());
    }
    let remote = github.remote.unwrap_or_else(|| format!("{GITHUB}/{}.git", github.name));
    if has_userinfo(&remote) {
        return Err("the remote holds a user or a password, which everybody may read: leave them out".to_owned());
    }
    let api = github.api.unwrap_or_else(|| GITHUB_API.to_owned());
    Ok(Access { api, name: github.name, remote, token: token.reveal().to_owned() })
}

/// Whether an address says who asks. The user of one for SSH alone is no secret, and needed.
fn has_userinfo(remote: &str) -> bool {
    let Some((scheme, rest)) = remote.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_ssh = ["ssh", "git+ssh", "ssh+git"].iter().any(|ssh| scheme.eq_ignore_ascii_case(ssh));
    authority.rsplit_once('@').is_some_and(|(user, _)| !is_ssh || user.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that git has made a repository of.
    fn cloned() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        git(folder.path(), &["init", "--quiet"]);
        folder
    }

    fn text(folder: &Path, rest: &str) -> String {
        format!("[repositories.\"{}\"]\n{rest}", folder.display())
    }

    #[test]
    fn a_repository_has_the_forge_that_is_named_and_the_rest_the_local_one() {
        let folder = cloned();
        let path = folder.path().canonicalize().expect("it is there");
        let said = text(folder.path(), "kind = \"github\"\nname = \"a/b\"\ntoken = { variable = \"T\" }");
        let forges = Forges::parse(&said, |name| (name == "T").then(|| "hush-hush\n".to_owned())).expect("it is right");
        let access = forges.of(&path).expect("it is known");
        assert_eq!((access.api.as_str(), access.token.as_str()), ("https://api.github.com", "hush-hush"));
        assert_eq!(access.remote, "https://github.com/a/b.git");
        assert!(!format!("{forges:?}").contains("hush"), "{forges:?}");
        assert!(forges.of(Path::new("/elsewhere")).is_none());
        let local = Forges::parse(&text(folder.path(), "kind = \"local\""), |_| None).expect("it is right");
        assert!(local.of(&path).is_none());
    }

    fn git(folder: &Path, args: &[&str]) {
        let identity = ["-c", "user.name=Someone", "-c", "user.email=someone@example.com"];
        let status = std::process::Command::new("git").args(identity).args(args).current_dir(folder).status();
        assert!(status.expect("git is there").success(), "git {args:?}");
    }

    #[test]
    fn a_clone_is_known_by_all_that_belongs_to_it() {
        let root = tempfile::tempdir().expect("there is room for a folder");
        let (root, clone) = (root.path(), root.path().join("clone"));
        git(root, &["init", "--quiet", "clone"]);
        git(&clone, &["commit", "--quiet", "--allow-empty", "--message", "first"]);
        git(&clone, &["worktree", "add", "--quiet", "../beside"]);
        git(root, &["init", "--quiet", "--bare", "bare"]);
        fs::create_dir_all(clone.join("src/deep")).expect("there is room for a folder");
        let [access, other] = ["a/b", "c/d"].map(|name| Access {
            api: String::new(),
            name: name.to_owned(),
            remote: String::new(),
            token: String::new(),
        });
        let forges = Forges::default().github(clone.join("src"), access).github(root.join("bare"), other);
        for (path, name) in [
            ("clone", Some("a/b")),
            ("clone/src/deep", Some("a/b")),
            ("clone/.git", Some("a/b")),
            ("beside", Some("a/b")),
            ("bare", Some("c/d")),
            (".", None),
        ] {
            assert_eq!(forges.of(&root.join(path)).map(|it| it.name.as_str()), name, "{path}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_what_would_be_right() {
        let folder = cloned();
        let check = |said: &str, wanted: &str| {
            let error = Forges::parse(said, |_| None).expect_err("it is wrong").to_string();
            assert!(error.contains(wanted), "{error}");
        };
        let named = |name: &str| format!("kind = \"github\"\nname = \"{name}\"\ntoken = {{ variable = \"T\" }}");
        check(&text(folder.path(), &named("a/b")), "T is not in the environment: set it");
        check(&text(folder.path(), &named("a/b/../c")), "write owner/name");
        check(&text(Path::new("/not/there"), "kind = \"local\""), "name a clone on this machine");
        check(&text(folder.path(), "kind = \"sourcehut\""), "unknown variant `sourcehut`");
        let key = folder.path().join("key");
        fs::write(&key, "token").expect("there is room for a file");
        let with_remote = |remote: &str| {
            let token = format!("token = {{ file = \"{}\" }}", key.display());
            text(folder.path(), &format!("kind = \"github\"\nname = \"a/b\"\n{token}\nremote = \"{remote}\""))
        };
        for scheme in ["https", "HTTPS", "http", "ftp", "git", "ssh", "git+ssh"] {
            check(&with_remote(&format!("{scheme}://ada:secret@example.com/a/b.git")), "leave them out");
        }
        check(&with_remote("https://secret@example.com"), "leave them out");
        for remote in ["ssh://git@example.com/a/b.git", "git@example.com:a/b.git", "https://example.com/@a/b.git"] {
            Forges::parse(&with_remote(remote), |_| None).expect("there is no secret in it");
        }
        let plain = tempfile::tempdir().expect("there is room for a folder");
        check(&text(plain.path(), "kind = \"local\""), "no git repository is there");
        let twice = [folder.path().to_owned(), folder.path().join(".git")];
        check(&twice.map(|path| text(&path, "kind = \"local\"")).join("\n"), "names too: name it once");
        check("repository = 1", "unknown field `repository`");
    }
}
