//! *Design* and *plan* without a model: rules over what the requirement says and what the repository has.
//!
//! Pure: words and a listing in, a plan out. A repair becomes one focused issue for each source that failing tests point
//! to; a feature becomes one issue for each part of the system that its words touch, a last one for its tests, and
//! dependencies from what is seen to what it stands on. Files are named only where they exist or where the requirement
//! names them: nothing is invented.

mod layers;
mod words;

use std::collections::{BTreeMap, BTreeSet};

pub use layers::Layer;
use serde::{Deserialize, Serialize};

use self::words::Subject;
use super::repair::is_test_path;
use crate::model::{BranchKind, Issue, IssueId, Plan};

/// A test that fails before anything is done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FailingTest {
    pub name: String,
    /// Where it stands, if that is known.
    pub file: Option<String>,
}

/// What is known of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Paths of all files, below the root.
    pub files: BTreeSet<String>,
    pub failing: BTreeSet<FailingTest>,
}

/// What an architect says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Design {
    /// In Markdown.
    pub text: String,
    pub components: Vec<String>,
}

/// What the requirement means for this repository.
#[must_use]
pub fn design(requirement: &str, facts: &Facts) -> Design {
    let named = named_files(requirement, facts);
    let components: Vec<String> = if is_repair(requirement, facts) {
        let suspects = suspects(facts).into_keys();
        named.iter().cloned().chain(suspects).collect::<BTreeSet<_>>().into_iter().collect()
    } else {
        layers::touched(requirement, facts).into_iter().map(|layer| layer.name().to_owned()).collect()
    };
    let languages = languages(facts);
    let mut text = format!("# {}\n\n", requirement.trim());
    let line = |name: &str, items: &[String]| {
        let items = if items.is_empty() { "none found".to_owned() } else { items.join(", ") };
        format!("- {name}: {items}\n")
    };
    text.push_str(&line("Components", &components));
    text.push_str(&line("Languages", &languages.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()));
    text.push_str(&line("Files named", &named.into_iter().collect::<Vec<_>>()));
    let failing: Vec<String> = facts.failing.iter().map(|it| it.name.clone()).collect();
    text.push_str(&line("Failing tests", &failing));
    Design { text, components }
}

/// The requirement as issues.
#[must_use]
pub fn plan(requirement: &str, facts: &Facts) -> Plan {
    let design = design(requirement, facts);
    let repair = is_repair(requirement, facts);
    let issues = if repair { repairs(requirement, facts) } else { features(requirement, facts) };
    let branch = if repair { BranchKind::Bugfix } else { BranchKind::Feature };
    Plan {
        requirement: requirement.trim().to_owned(),
        branch,
        design: design.text,
        components: design.components,
        issues,
    }
}

/// A requirement that asks for one, or tests that fail and that it mentions.
fn is_repair(requirement: &str, facts: &Facts) -> bool {
    let mentions = |it: &FailingTest| requirement.contains(&it.name);
    BranchKind::of_requirement(requirement) == BranchKind::Bugfix || facts.failing.iter().any(mentions)
}

fn repairs(requirement: &str, facts: &Facts) -> Vec<Issue> {
    let suspects = suspects(facts);
    let named: BTreeSet<String> = named_files(requirement, facts).into_iter().filter(|it| !is_test_path(it)).collect();
    let groups: Vec<(BTreeSet<String>, BTreeSet<&FailingTest>)> = if suspects.len() > 1 && named.is_empty() {
        suspects.into_iter().map(|(file, tests)| (BTreeSet::from([file]), tests)).collect()
    } else {
        let files = if named.is_empty() { suspects.into_keys().collect() } else { named };
        vec![(files, facts.failing.iter().collect())]
    };
    let several = groups.len() > 1;
    let issue = |(number, (files, tests)): (usize, (BTreeSet<String>, BTreeSet<&FailingTest>))| {
        let place = files.iter().next().filter(|_| several).map(|file| format!(" in {file}")).unwrap_or_default();
        let names: Vec<&str> = tests.iter().map(|it| it.name.as_str()).collect();
        let done = match names.as_slice() {
            [] => "Done when a test shows the fault and passes.".to_owned(),
            names => format!("Done when these tests pass: {}.", names.join(", ")),
        };
        Issue {
            id: id(number),
            title: format!("{}{place}", requirement.trim()),
            description: format!("{}\n\n{done}", requirement.trim()),
            skills: skills(&files),
            files,
            depends_on: BTreeSet::new(),
        }
    };
    groups.into_iter().enumerate().map(issue).collect()
}

fn features(requirement: &str, facts: &Facts) -> Vec<Issue> {
    let subject = Subject::of(requirement);
    let named = named_files(requirement, facts);
    let layers = layers::touched(requirement, facts);
    let mut issues: Vec<Issue> = Vec::new();
    let mut by_layer: BTreeMap<Layer, IssueId> = BTreeMap::new();
    for layer in layers {
        let id = id(issues.len());
        let files: BTreeSet<String> = named.iter().filter(|file| layer.holds(file)).cloned().collect();
        let depends_on = layer.stands_on().iter().filter_map(|below| by_layer.get(below).cloned()).collect();
        by_layer.insert(layer, id.clone());
        let title = layer.title(&subject);
        let description =
            format!("{title}, for: {}\n\nDone when it has tests of its own that pass.", requirement.trim());
        let skills = skills(&files).into_iter().chain([layer.name().to_owned()]).collect();
        issues.push(Issue { id, title, description, files, depends_on, skills });
    }
    let rest: BTreeSet<String> =
        named.into_iter().filter(|file| !issues.iter().any(|issue| issue.files.contains(file))).collect();
    if issues.is_empty() {
        let (id, title) = (id(0), subject.sentence.clone());
        let description = format!("{}\n\nDone when it has tests that pass.", requirement.trim());
        let skills = skills(&rest);
        issues.push(Issue { id, title, description, files: rest, depends_on: BTreeSet::new(), skills });
    } else if issues.len() > 1 {
        let depends_on = issues.iter().map(|issue| issue.id.clone()).collect();
        let (id, title) = (id(issues.len()), format!("Add {} tests", subject.short));
        let description = format!("Tests over all parts of: {}", requirement.trim());
        let skills = BTreeSet::from(["testing".to_owned()]);
        issues.push(Issue { id, title, description, files: rest, depends_on, skills });
    }
    issues
}

fn id(number: usize) -> IssueId {
    IssueId(format!("issue-{}", number + 1))
}

/// Files that the requirement names: by path, by name, or by module.
fn named_files(requirement: &str, facts: &Facts) -> BTreeSet<String> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | '-');
    let words: BTreeSet<&str> = requirement.split(|c| !is_part(c)).map(|word| word.trim_matches('.')).collect();
    let named = |path: &&String| {
        let name = path.rsplit('/').next().unwrap_or(path);
        let stem = name.split('.').next().unwrap_or(name);
        // A stem is a word like any other; it counts where it cannot be one by chance.
        words.contains(path.as_str())
            || words.contains(name) && name.contains('.')
            || stem.contains('_') && words.contains(stem)
    };
    facts.files.iter().filter(named).cloned().collect()
}

/// The sources that failing tests are about, by the names of the tests' files.
fn suspects(facts: &Facts) -> BTreeMap<String, BTreeSet<&FailingTest>> {
    let mut found: BTreeMap<String, BTreeSet<&FailingTest>> = BTreeMap::new();
    for test in &facts.failing {
        let Some(file) = &test.file else { continue };
        for source in sources_of(file, facts) {
            found.entry(source).or_default().insert(test);
        }
    }
    found
}

/// `tests/test_money.py` → `shop/money.py`; a source with tests of its own → itself.
fn sources_of(test: &str, facts: &Facts) -> Vec<String> {
    if !is_test_path(test) {
        return vec![test.to_owned()];
    }
    let stem =
        |path: &str| path.rsplit('/').next().and_then(|name| name.split('.').next()).unwrap_or_default().to_owned();
    let name = stem(test);
    let wanted = name.strip_prefix("test_").or(name.strip_suffix("_test")).unwrap_or(&name);
    let same = |path: &&String| stem(path) == wanted && !is_test_path(path) && path.as_str() != test;
    facts.files.iter().filter(same).cloned().collect()
}

fn language(path: &str) -> Option<&'static str> {
    match path.rsplit('.').next()? {
        "py" => Some("python"),
        "rs" => Some("rust"),
        "go" => Some("go"),
        "js" | "jsx" | "mjs" => Some("javascript"),
        "ts" | "tsx" => Some("typescript"),
        "java" => Some("java"),
        "sql" => Some("sql"),
        _ => None,
    }
}

fn languages(facts: &Facts) -> BTreeSet<&'static str> {
    facts.files.iter().filter_map(|file| language(file)).collect()
}

fn skills(files: &BTreeSet<String>) -> BTreeSet<String> {
    files.iter().filter_map(|file| language(file)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
