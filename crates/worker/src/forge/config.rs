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
    /// By the canonical paths of the clones.
    by_path: BTreeMap<PathBuf, Access>,
    key_files: Vec<PathBuf>,
}

/// What is wrong with such a file, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(String);

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
        let mut forges = Self::default();
        for (path, kind) in file.repositories {
            let named = path.display();
            let at = |said: String| Invalid(format!("{named}: {said}"));
            let path = path.canonicalize().map_err(|error| at(format!("{error}: name a clone on this machine")))?;
            match kind {
                Kind::Local => {}
                Kind::GitHub(github) => {
                    if let Secret::File(file) = &github.token {
                        forges.key_files.push(file.clone());
                    }
                    forges.by_path.insert(path, access(github, &variable).map_err(at)?);
                }
            }
        }
        Ok(forges)
    }

    /// One more repository whose pull requests live on GitHub.
    #[must_use]
    pub fn github(mut self, clone: impl Into<PathBuf>, access: Access) -> Self {
        self.by_path.insert(clone.into(), access);
        self
    }

    /// How the service is reached that a repository's pull requests live on.
    #[must_use]
    pub fn of(&self, clone: &Path) -> Option<&Access> {
        self.by_path.get(clone)
    }

    /// Files that no command may read.
    #[must_use]
    pub fn key_files(&self) -> &[PathBuf] {
        &self.key_files
    }

    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.by_path.values().map(|access| access.token.as_str())
    }
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
    let api = github.api.unwrap_or_else(|| GITHUB_API.to_owned());
    Ok(Access { api, name: github.name, remote, token: token.reveal().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(folder: &Path, rest: &str) -> String {
        format!("[repositories.\"{}\"]\n{rest}", folder.display())
    }

    #[test]
    fn a_repository_has_the_forge_that_is_named_and_the_rest_the_local_one() {
        let folder = tempfile::tempdir().expect("there is room for a folder");
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

    #[test]
    fn what_is_wrong_is_said_with_what_would_be_right() {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let check = |said: &str, wanted: &str| {
            let error = Forges::parse(said, |_| None).expect_err("it is wrong").to_string();
            assert!(error.contains(wanted), "{error}");
        };
        let named = |name: &str| format!("kind = \"github\"\nname = \"{name}\"\ntoken = {{ variable = \"T\" }}");
        check(&text(folder.path(), &named("a/b")), "T is not in the environment: set it");
        check(&text(folder.path(), &named("a/b/../c")), "write owner/name");
        check(&text(Path::new("/not/there"), "kind = \"local\""), "name a clone on this machine");
        check(&text(folder.path(), "kind = \"sourcehut\""), "unknown variant `sourcehut`");
        check("repository = 1", "unknown field `repository`");
    }
}
