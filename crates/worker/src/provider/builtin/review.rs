//! *Review* without a model: rules over the difference. Pure.
//!
//! It sees what no change should bring, whatever it is for: secrets, marks of conflicts, what is left of debugging, tests
//! that go or are switched off, and more than a person can look at. Whether the change does what it should, the tests
//! say; it does not know.

mod rules;

use std::collections::BTreeMap;

use crate::model::{Finding, Review, ReviewVerdict, Severity};

/// More changed lines than this nobody looks at with care.
const LINES_MANY: usize = 400;
/// And more than this not at all.
const LINES_MAX: usize = 2_000;

/// What one file of a difference is.
#[derive(Debug, Default, PartialEq, Eq)]
struct Change {
    added: Vec<(u32, String)>,
    removed: usize,
    is_deleted: bool,
}

/// What a difference shows, as `git diff` prints it.
#[must_use]
pub fn review(diff: &str) -> Review {
    let changes = changes(diff);
    let mut findings = Vec::new();
    for (file, change) in &changes {
        look(file, change, &mut findings);
    }
    look_at_all(&changes, &mut findings);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let found = findings.len();
    let asks = findings.iter().any(|finding| finding.severity >= Severity::Error);
    let (verdict, said) = match asks {
        true => (ReviewVerdict::RequestChanges, "It brings what no change should"),
        false => (ReviewVerdict::Approve, "By rules alone nothing speaks against it"),
    };
    let (added, removed) = count(&changes);
    let summary = format!("{said}: {} files, {added} lines more, {removed} less; {found} findings.", changes.len());
    // More findings are not told: who mends these is asked again.
    Review { by: "builtin".to_owned(), verdict, summary, findings }.bounded()
}

fn count(changes: &BTreeMap<String, Change>) -> (usize, usize) {
    changes.values().fold((0, 0), |(added, removed), it| (added + it.added.len(), removed + it.removed))
}

fn look(file: &str, change: &Change, findings: &mut Vec<Finding>) {
    let at = |severity, line, rule: &str, message: &str| Finding {
        severity,
        message: message.to_owned(),
        file: Some(file.to_owned()),
        line,
        rule: Some(rule.to_owned()),
    };
    if change.is_deleted && rules::is_test(file) {
        findings.push(at(Severity::Error, None, "deleted-test", "a file of tests is deleted: keep what it tests"));
    }
    for (line, text) in &change.added {
        let found = rules::of_line(file, text).map(|(severity, rule, said)| at(severity, Some(*line), rule, said));
        findings.extend(found);
    }
}

fn look_at_all(changes: &BTreeMap<String, Change>, findings: &mut Vec<Finding>) {
    let of_all = |severity, rule: &str, message: String| Finding {
        severity,
        message,
        file: None,
        line: None,
        rule: Some(rule.to_owned()),
    };
    let (added, removed) = count(changes);
    let lines = added + removed;
    if lines > LINES_MAX {
        let said = format!("{lines} lines change: nobody can look at more than {LINES_MAX}; make it several changes");
        findings.push(of_all(Severity::Error, "size", said));
    } else if lines > LINES_MANY {
        let said = format!("{lines} lines change: consider to make it several changes");
        findings.push(of_all(Severity::Warning, "size", said));
    }
    let touches = |is_meant: fn(&str) -> bool| changes.keys().any(|file| is_meant(file));
    if touches(|file| rules::is_source(file) && !rules::is_test(file)) && !touches(rules::is_test) {
        let said = "code changes and no test does: add one if none shows what it is for".to_owned();
        findings.push(of_all(Severity::Note, "untested", said));
    }
}

/// By file. What is binary has no lines.
fn changes(diff: &str) -> BTreeMap<String, Change> {
    let mut changes: BTreeMap<String, Change> = BTreeMap::new();
    let (mut file, mut line, mut is_in_hunk) = (String::new(), 0, false);
    for text in diff.lines() {
        if let Some(names) = text.strip_prefix("diff --git ") {
            // Without renames both names are the same; quotes stand around unusual ones.
            let name = names.split_once(" b/").or_else(|| names.split_once(" \"b/")).map_or(names, |(_, name)| name);
            file = name.trim_end_matches('"').to_owned();
            changes.entry(file.clone()).or_default();
            is_in_hunk = false;
            continue;
        }
        let Some(change) = changes.get_mut(&file) else { continue };
        if let Some(place) = text.strip_prefix("@@ ") {
            let start = place.split('+').nth(1).and_then(|it| it.split([',', ' ']).next()?.parse().ok());
            (line, is_in_hunk) = (start.unwrap_or(1), true);
        } else if !is_in_hunk {
            change.is_deleted |= text.starts_with("deleted file mode");
        } else if let Some(added) = text.strip_prefix('+') {
            change.added.push((line, added.to_owned()));
            line += 1;
        } else if text.starts_with('-') {
            change.removed += 1;
        } else if !text.starts_with('\\') {
            // `\ No newline at end of file` is no line.
            line += 1;
        }
    }
    changes
}

#[cfg(test)]
mod tests;
