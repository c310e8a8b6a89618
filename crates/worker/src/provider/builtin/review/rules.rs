//! What a line of a change should not have, and what kind of file it stands in. Pure.

use crate::model::Severity;

type Found = (Severity, &'static str, &'static str);

/// What is left of debugging, by the ends of files' names.
const DEBUGGING: [(&[&str], &[&str]); 4] = [
    (&[".rs"], &["dbg!("]),
    (&[".py"], &["breakpoint()", "import pdb", "pdb.set_trace("]),
    (&[".js", ".jsx", ".ts", ".tsx", ".mjs"], &["debugger;", "console.log("]),
    (&[".rb"], &["binding.pry"]),
];
/// Tests that are there and do not run.
const SWITCHED_OFF: [&str; 9] = [
    // In two pieces: this file switches none off.
    concat!("#[", "ignore"),
    "@unittest.skip",
    "@pytest.mark.skip",
    "it.skip(",
    "test.skip(",
    "describe.skip(",
    "xit(",
    "xdescribe(",
    "t.Skip(",
];
/// How well-known keys begin, and how much comes after at the least.
const KEYS: [(&str, usize); 6] =
    [("AKIA", 16), ("ghp_", 30), ("github_pat_", 30), ("xoxb-", 20), ("sk-ant-", 20), ("glpat-", 18)];
const NAMES_OF_SECRETS: [&str; 5] = ["password", "passwd", "secret", "api_key", "apikey"];
/// What stands in the place of a secret that is elsewhere.
const NO_SECRETS: [&str; 9] = ["example", "changeme", "placeholder", "dummy", "env", "test", "xxx", "${", "{{"];
const SECRET_CHARS_MIN: usize = 8;
const SOURCES: [&str; 12] = [".rs", ".py", ".js", ".jsx", ".ts", ".tsx", ".mjs", ".go", ".java", ".rb", ".c", ".cpp"];

/// The gravest thing about a line.
pub(super) fn of_line(file: &str, line: &str) -> Option<Found> {
    if has_key(line) || (!is_test(file) && names_secret(line)) {
        return Some((Severity::Error, "secret", "this looks like a secret: take it from the environment or a file"));
    }
    if is_conflict(line) {
        return Some((Severity::Error, "conflict-marker", "a mark of a conflict is left"));
    }
    let has = |all: &[&str]| all.iter().any(|it| line.contains(it));
    if has(&SWITCHED_OFF) && is_source(file) {
        return Some((Severity::Error, "switched-off-test", "a test is switched off: mend it, or say why it may go"));
    }
    if DEBUGGING.iter().any(|(ends, words)| ends.iter().any(|end| file.ends_with(end)) && has(words)) {
        // Some programs print so on purpose; no program stops for a debugger on purpose.
        let severity = if line.contains("console.log(") { Severity::Warning } else { Severity::Error };
        return Some((severity, "debugging", "this is left of debugging"));
    }
    None
}

pub(super) fn is_source(file: &str) -> bool {
    SOURCES.iter().any(|end| file.ends_with(end))
}

pub(super) fn is_test(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    let stem = name.split('.').next().unwrap_or(name);
    let in_folder = file.split('/').any(|part| matches!(part, "test" | "tests" | "__tests__" | "spec"));
    let by_name = stem.starts_with("test_") || stem.ends_with("_test") || stem == "tests";
    is_source(file) && (in_folder || by_name || name.contains(".test.") || name.contains(".spec."))
}

/// A line of equal signs alone may be a heading.
fn is_conflict(line: &str) -> bool {
    line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ") || line.starts_with("||||||| ")
}

fn has_key(line: &str) -> bool {
    let is_private = line.contains("-----BEGIN ") && line.contains("PRIVATE KEY-----");
    let begins = |(start, length): &(&str, usize)| {
        line.match_indices(start).any(|(at, _)| {
            let rest = line.get(at + start.len()..).unwrap_or_default();
            rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).count() >= *length
        })
    };
    is_private || KEYS.iter().any(begins)
}

/// `password = "correct-horse"`
fn names_secret(line: &str) -> bool {
    let lower = line.to_lowercase();
    let Some(at) = NAMES_OF_SECRETS.iter().filter_map(|name| lower.find(name).map(|at| at + name.len())).min() else {
        return false;
    };
    // A name may stand in quotes of its own, as in JSON.
    let rest = lower.get(at..).unwrap_or_default().trim_start_matches(['"', '\'']).trim_start();
    let given = rest.strip_prefix(":=").or_else(|| rest.strip_prefix([':', '=']));
    let Some(quoted) = given.map(str::trim_start).and_then(|it| it.strip_prefix(['"', '\''])) else { return false };
    let value = quoted.split(['"', '\'']).next().unwrap_or_default();
    let is_value = value.len() >= SECRET_CHARS_MIN && !value.contains(' ');
    is_value && !NO_SECRETS.iter().any(|it| value.contains(it))
}
