//! Parts of a system, and the words and folders by which they are known.

use super::{Facts, words::Subject};

/// A part of a system, from the ground up: later ones stand on earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    Database,
    Backend,
    Storage,
    Frontend,
    CommandLine,
    Documentation,
}

impl Layer {
    const ALL: [Self; 6] =
        [Self::Database, Self::Backend, Self::Storage, Self::Frontend, Self::CommandLine, Self::Documentation];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Backend => "backend",
            Self::Storage => "storage",
            Self::Frontend => "frontend",
            Self::CommandLine => "cli",
            Self::Documentation => "documentation",
        }
    }

    /// Words of a requirement that point to it.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Database => &["database", "table", "schema", "column", "index"],
            Self::Backend => &["api", "endpoint", "service", "route", "server", "backend", "webhook"],
            Self::Storage => &["upload", "avatar", "storage", "attachment", "image", "file", "download"],
            Self::Frontend => &["page", "ui", "form", "button", "dialog", "view", "screen", "frontend", "dashboard"],
            Self::CommandLine => &["cli", "command", "flag", "option"],
            Self::Documentation => &["docs", "documentation", "readme", "guide"],
        }
    }

    /// Folders that hold it.
    fn folders(self) -> &'static [&'static str] {
        match self {
            Self::Database => &["migrations", "db", "database", "models"],
            Self::Backend => &["backend", "api", "server", "services"],
            Self::Storage => &["storage"],
            Self::Frontend => &["frontend", "web", "ui", "pages", "components"],
            Self::CommandLine => &["cli", "cmd", "bin"],
            Self::Documentation => &["docs", "doc"],
        }
    }

    /// Parts that it needs where they change too.
    pub(super) fn stands_on(self) -> &'static [Self] {
        match self {
            Self::Database | Self::Storage => &[],
            Self::Backend | Self::CommandLine => &[Self::Database],
            Self::Frontend => &[Self::Backend, Self::Storage],
            Self::Documentation => &[Self::Database, Self::Backend, Self::Storage, Self::Frontend, Self::CommandLine],
        }
    }

    /// Whether a file is in one of its folders.
    pub(super) fn holds(self, path: &str) -> bool {
        let mut folders = path.split('/');
        folders.next_back();
        folders.any(|folder| self.folders().contains(&folder))
    }

    /// What is to be done in it.
    pub(super) fn title(self, subject: &Subject) -> String {
        let thing = subject.plain();
        let own = subject.before(self).unwrap_or(&subject.short);
        match self {
            Self::Database => format!("Extend the database for {thing}"),
            Self::Backend => format!("Create {thing} API endpoint"),
            Self::Storage => format!("Implement {own} storage service"),
            Self::Frontend => format!("Build {} page UI", subject.short),
            Self::CommandLine => format!("Add {thing} to the command line"),
            Self::Documentation => format!("Document {thing}"),
        }
    }
}

/// The part that a word points to, in singular or plural.
pub(super) fn of_word(word: &str) -> Option<Layer> {
    let singular = word.strip_suffix('s').unwrap_or(word);
    Layer::ALL.into_iter().find(|layer| layer.words().contains(&word) || layer.words().contains(&singular))
}

/// Things that are stored, as against what is done to them.
pub(super) fn is_thing(word: &str) -> bool {
    matches!(word, "avatar" | "attachment" | "image")
}

/// The parts that a requirement touches, from the ground up.
pub(super) fn touched(requirement: &str, facts: &Facts) -> Vec<Layer> {
    let subject = Subject::of(requirement);
    let mut found: Vec<Layer> = subject.words.iter().filter_map(|word| of_word(word)).collect();
    // A page shows what somebody serves: where the system has a backend, it has its share.
    let served = facts.files.iter().any(|file| Layer::Backend.holds(file));
    if found.contains(&Layer::Frontend) && served {
        found.push(Layer::Backend);
    }
    found.sort_unstable();
    found.dedup();
    found
}
