//! What a repository is made of, by the names of its files: which languages, and how its tests are run. Pure.

use std::collections::{BTreeMap, BTreeSet};

/// A language that the worker knows something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Language {
    Go,
    Node,
    Python,
    Rust,
}

impl Language {
    /// As skills of agents are written.
    pub(super) fn skill(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Node => "javascript",
            Self::Python => "python",
            Self::Rust => "rust",
        }
    }

    fn of_file(path: &str) -> Option<Self> {
        match path.rsplit_once('.')?.1 {
            "go" => Some(Self::Go),
            "js" | "jsx" | "ts" | "tsx" => Some(Self::Node),
            "py" => Some(Self::Python),
            "rs" => Some(Self::Rust),
            // Other endings say nothing of a language.
            _ => None,
        }
    }
}

/// The languages of files and how many files each has.
pub(super) fn languages(files: &BTreeSet<String>) -> BTreeMap<Language, usize> {
    let mut counted = BTreeMap::new();
    for language in files.iter().filter_map(|file| Language::of_file(file)) {
        *counted.entry(language).or_default() += 1;
    }
    counted
}

/// The command that runs the tests; `None` where there is none that the worker knows.
pub(super) fn test_command(files: &BTreeSet<String>) -> Option<Vec<String>> {
    let has = |name: &str| files.contains(name);
    let line = if has("Cargo.toml") {
        "cargo test --offline --quiet"
    } else if has("go.mod") {
        "go test ./..."
    } else if files.iter().any(|file| is_python_test(file)) {
        "python3 -m unittest -q"
    } else {
        return None;
    };
    Some(line.split(' ').map(str::to_owned).collect())
}

fn is_python_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.ends_with(".py") && (name.starts_with("test_") || name.ends_with("_test.py"))
}

/// Files that a text names, by their whole path or by their last part.
pub(super) fn named(files: &BTreeSet<String>, text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    let words: BTreeSet<&str> =
        text.split(|c| !is_part(c)).map(|word| word.trim_end_matches('.')).filter(|word| word.contains('.')).collect();
    let is_named = |file: &&String| {
        words.contains(file.as_str()) || file.rsplit('/').next().is_some_and(|name| words.contains(name))
    };
    files.iter().filter(is_named).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(paths: &[&str]) -> BTreeSet<String> {
        paths.iter().map(|&path| path.to_owned()).collect()
    }

    #[test]
    fn a_repository_is_known_by_its_files() {
        let shop = files(&["README.md", "shop/money.py", "tests/test_money.py", "web/page.tsx"]);
        let counted: Vec<_> = languages(&shop).into_iter().map(|(it, count)| (it.skill(), count)).collect();
        assert_eq!(counted, [("javascript", 1), ("python", 2)]);
        assert_eq!(test_command(&shop).expect("there are tests").join(" "), "python3 -m unittest -q");
        assert_eq!(test_command(&files(&["Cargo.toml"])).expect("cargo").join(" "), "cargo test --offline --quiet");
        assert_eq!(test_command(&files(&["README.md", "shop/money.py"])), None);
    }

    #[test]
    fn a_text_names_files() {
        let shop = files(&["shop/money.py", "shop/stock.py", "a.py"]);
        assert_eq!(
            named(&shop, "Fix rounding in money.py, and shop/stock.py."),
            files(&["shop/money.py", "shop/stock.py"])
        );
        assert_eq!(named(&shop, "Fix a py"), files(&[]));
    }
}
