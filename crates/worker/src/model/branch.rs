//! Names of branches, from what is wanted.

use serde::{Deserialize, Serialize};

/// What a branch is for; its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BranchKind {
    Feature,
    Bugfix,
    Hotfix,
}

/// Longest name behind the prefix, in characters.
const NAME_CHARS_MAX: usize = 36;
/// A clause that begins with one of these says more about the thing, not what it is.
const CLAUSES: [&str; 8] = ["with", "because", "so", "when", "which", "that", "while", "using"];
/// First words of a requirement that ask for a repair.
const REPAIRS: [&str; 8] = ["fix", "repair", "mend", "correct", "resolve", "bug", "bugfix", "stop"];

impl BranchKind {
    /// A requirement that begins with a repair is a bug fix, any other a feature. Hotfixes come of incidents alone.
    #[must_use]
    pub fn of_requirement(requirement: &str) -> Self {
        let first = words(requirement).into_iter().next().unwrap_or_default();
        if REPAIRS.contains(&first.as_str()) { Self::Bugfix } else { Self::Feature }
    }

    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Feature => "feature",
            Self::Bugfix => "bugfix",
            Self::Hotfix => "hotfix",
        }
    }

    /// `feature/add-user-profile-page`: whole words of the text, up to its first clause and a length.
    #[must_use]
    pub fn branch(self, text: &str) -> String {
        let mut name = String::new();
        for word in words(text) {
            if !name.is_empty() && (CLAUSES.contains(&word.as_str()) || name.len() + 1 + word.len() > NAME_CHARS_MAX) {
                break;
            }
            if !name.is_empty() {
                name.push('-');
            }
            name.push_str(&word);
        }
        name.truncate(NAME_CHARS_MAX);
        if name.is_empty() {
            name.push_str("change");
        }
        format!("{}/{name}", self.prefix())
    }
}

/// Runs of ASCII letters and digits, in lower case: nothing else is safe in every ref, path and address.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(requirement: &str, branch: &str) {
        assert_eq!(BranchKind::of_requirement(requirement).branch(requirement), branch);
    }

    #[test]
    fn a_branch_says_what_is_wanted_in_few_words() {
        check("Add user profile page with avatar upload", "feature/add-user-profile-page");
        check("Fix memory leak in background job processor", "bugfix/fix-memory-leak-in-background-job");
        check("Fix: `clamp()` is off by one", "bugfix/fix-clamp-is-off-by-one");
    }

    #[test]
    fn a_branch_has_a_name_whatever_is_asked() {
        check("", "feature/change");
        check("Größe ändern", "feature/gr-e-ndern");
        check("../../etc", "feature/etc");
        check(&"x".repeat(500), &format!("feature/{}", "x".repeat(36)));
    }
}
