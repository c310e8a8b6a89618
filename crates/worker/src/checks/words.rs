//! The words that run a repository's tests, for agents who want to see whether they pass. Pure.

use super::{Check, Checks, REPORT_VARIABLE};
use crate::model::CheckKind;

/// What only a shell understands.
const OF_SHELLS: &str = "\"'`$&|;<>()*?[]{}~#\\=\n";

impl Checks {
    /// The command of the unit tests, or of the others where there are none; no words where there are no tests.
    ///
    /// A plain line is taken apart, so that whoever knows its program can do more with it; any other is a shell's.
    #[must_use]
    pub fn test_words(&self) -> Vec<String> {
        let check = self.get(CheckKind::UnitTests).or_else(|| self.get(CheckKind::IntegrationTests));
        check.map(words).unwrap_or_default()
    }
}

fn words(check: &Check) -> Vec<String> {
    // An agent reads what is printed, not a report.
    let is_report = |word: &&str| word.starts_with("--") && word.contains(REPORT_VARIABLE);
    let plain: Vec<&str> = check.command.split_whitespace().filter(|word| !is_report(word)).collect();
    let is_plain = |word: &&str| word.starts_with('-') && !has(word, "\"'`$") || !has(word, OF_SHELLS);
    if plain.iter().all(is_plain) {
        return plain.into_iter().map(str::to_owned).collect();
    }
    let line = format!("{REPORT_VARIABLE}=\"$TMPDIR/report\"; export {REPORT_VARIABLE}; {}", check.command);
    ["/bin/sh", "-c", &line].map(str::to_owned).to_vec()
}

fn has(word: &str, any: &str) -> bool {
    word.contains(|c| any.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &[&str]) {
        assert_eq!(words(&Check::new(line)), expected);
    }

    #[test]
    fn a_plain_line_is_its_words() {
        check("python3 -m unittest discover --verbose", &["python3", "-m", "unittest", "discover", "--verbose"]);
        check(
            "python3 -m pytest -q -p no:cacheprovider --junitxml=\"$WEFT_REPORT\" --ignore=tests/slow",
            &["python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--ignore=tests/slow"],
        );
    }

    #[test]
    fn any_other_line_is_a_shells() {
        let line = "CI=1 make test > \"$WEFT_REPORT\"";
        let whole = format!("WEFT_REPORT=\"$TMPDIR/report\"; export WEFT_REPORT; {line}");
        check(line, &["/bin/sh", "-c", &whole]);
    }

    #[test]
    fn a_repository_without_tests_has_none() {
        assert_eq!(Checks::default().test_words(), Vec::<String>::new());
    }
}
