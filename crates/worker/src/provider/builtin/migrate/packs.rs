//! Rule packs as they are written.

use std::collections::BTreeSet;

use serde::Deserialize;

/// All that belongs to one kind of migration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    /// `python3-migration`
    pub name: String,
    #[serde(rename = "step")]
    pub steps: Vec<Step>,
}

/// What is done, tested and undone at once.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub title: String,
    #[serde(rename = "rule")]
    pub rules: Vec<Rule>,
}

/// One way to change a file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// On the syntax tree: the node called `@whole` is replaced; `{name}` stands for what `@name` holds.
    Tree {
        name: String,
        /// Endings of the files that it is for.
        files: Vec<String>,
        query: String,
        replace: String,
        /// The old interface that it does away with.
        #[serde(default)]
        deprecates: Option<String>,
        /// A line that a changed file must have; it is put before all other code.
        #[serde(default)]
        needs: Option<String>,
    },
    /// A dependency's version in `package.json`; only where it is one already. `{target}` is what is migrated to.
    Dependency { name: String, files: Vec<String>, package: String, version: String },
    /// Words in documents and configuration, exactly as they stand. `{source}` and `{target}` are the versions.
    Text { name: String, files: Vec<String>, find: String, replace: String },
}

/// A pack that cannot be used, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPack {
    #[error("the rule pack is not understood: {0}")]
    Syntax(String),
    #[error("rule {rule}: {reason}")]
    Rule { rule: String, reason: String },
}

impl Pack {
    /// Reads a pack.
    ///
    /// # Errors
    ///
    /// With the place and the reason, where it is not one, or two of its steps have one title.
    pub fn read(text: &str) -> Result<Self, InvalidPack> {
        let pack: Self = toml::from_str(text).map_err(|e| InvalidPack::Syntax(e.to_string()))?;
        let mut titles = BTreeSet::new();
        match pack.steps.iter().find(|step| !titles.insert(step.title.as_str())) {
            // A plan names its steps by their titles.
            Some(step) => Err(InvalidPack::Syntax(format!("two steps are called {:?}: rename one", step.title))),
            None => Ok(pack),
        }
    }

    /// Whether any rule is for a file.
    #[must_use]
    pub fn is_for(&self, path: &str) -> bool {
        self.steps.iter().flat_map(|step| &step.rules).any(|rule| rule.matches(path))
    }
}

/// The packs that come with the worker.
pub const NAMES: [&str; 3] = ["python3-migration", "react-upgrade", "rust-edition"];

/// The pack that comes with the worker for this kind of migration.
#[must_use]
pub fn builtin(migration_type: &str) -> Option<Pack> {
    let text = match migration_type {
        "python3-migration" => include_str!("packs/python3.toml"),
        "react-upgrade" => include_str!("packs/react18.toml"),
        "rust-edition" => include_str!("packs/rust_edition.toml"),
        _ => return None,
    };
    Some(Pack::read(text).expect("a test reads every pack that comes with the worker"))
}

impl Rule {
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Tree { name, .. } | Self::Dependency { name, .. } | Self::Text { name, .. } => name,
        }
    }

    /// Whether the rule is for a file, by how its path ends.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let (Self::Tree { files, .. } | Self::Dependency { files, .. } | Self::Text { files, .. }) = self;
        files.iter().any(|end| path.ends_with(end.as_str()))
    }

    pub(super) fn deprecates(&self) -> Option<&str> {
        match self {
            Self::Tree { deprecates, .. } => deprecates.as_deref(),
            Self::Dependency { .. } | Self::Text { .. } => None,
        }
    }
}
