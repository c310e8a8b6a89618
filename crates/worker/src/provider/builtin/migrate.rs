//! *Migrate* without a model: rule packs, step by step.
//!
//! Pure: sources in, edits out. A pack is a TOML file: steps in order, each with rules; a rule finds a pattern on the
//! syntax tree (a query of tree-sitter) and puts a text in its place, sets the version of a dependency in a manifest, or
//! exchanges words in documents. Applying a step twice is applying it once. Undoing a step is writing back what
//! [`Change::before`] holds.

mod packs;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

pub use packs::{InvalidPack, NAMES, Pack, Rule, Step, builtin};

use crate::model::{MigrationPlan, MigrationRequest, MigrationStep};

/// A file that a step changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub before: String,
    pub after: String,
    /// How many places were changed.
    pub places: u32,
}

/// Sources by path.
pub type Sources = BTreeMap<String, String>;

/// What a pack would do to some sources. A step that finds nothing is left out.
///
/// # Errors
///
/// When a rule of the pack is not understood.
pub fn plan(pack: &Pack, request: &MigrationRequest, sources: &Sources) -> Result<MigrationPlan, InvalidPack> {
    let mut now = sources.clone();
    let (mut steps, mut deprecated, mut affected) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for step in &pack.steps {
        let changes = apply(step, request, &now)?;
        let files: BTreeSet<String> = changes.keys().cloned().collect();
        if files.is_empty() {
            continue;
        }
        for rule in &step.rules {
            let used = |(path, change): (&String, &Change)| rule.matches(path) && rule.is_in(&change.before);
            if let Some(name) = rule.deprecates().filter(|_| changes.iter().any(used)) {
                deprecated.insert(name.to_owned());
            }
        }
        affected.extend(files.iter().cloned());
        let rules = step.rules.iter().map(|rule| rule.name().to_owned()).collect();
        steps.push(MigrationStep { id: format!("step-{}", steps.len() + 1), title: step.title.clone(), rules, files });
        now.extend(changes.into_iter().map(|(path, change)| (path, change.after)));
    }
    Ok(MigrationPlan {
        name: format!("Migration to {}", request.target_version),
        steps,
        files_scanned: count(sources.len()),
        files_affected: count(affected.len()),
        deprecated,
    })
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// The step of a pack that a step of a plan is.
#[must_use]
pub fn step_of<'p>(pack: &'p Pack, step: &MigrationStep) -> Option<&'p Step> {
    pack.steps.iter().find(|it| it.title == step.title)
}

/// What a step changes: files that it leaves as they are are not among them.
///
/// # Errors
///
/// When a rule of the step is not understood.
pub fn apply(
    step: &Step,
    request: &MigrationRequest,
    sources: &Sources,
) -> Result<BTreeMap<String, Change>, InvalidPack> {
    let mut changes = BTreeMap::new();
    for (path, before) in sources {
        let (mut after, mut places) = (before.clone(), 0);
        for rule in step.rules.iter().filter(|rule| rule.matches(path)) {
            let (text, found) = rule.apply(path, &after, request)?;
            after = text;
            places += found;
        }
        if after != *before {
            changes.insert(path.clone(), Change { before: before.clone(), after, places });
        }
    }
    Ok(changes)
}

#[cfg(test)]
mod tests;
