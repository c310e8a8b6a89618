//! Every file: its size, its module doc, and words that must not stand in it.

use weft_tidy::{Source, sources};

/// Hard stop; aim for 300. Tests are not counted.
const LINES_MAX: usize = 800;

/// Complains about every source that `wrong` says something of.
fn check(wrong: impl Fn(&Source) -> Vec<String>) {
    let complaints: Vec<String> = sources().iter().flat_map(wrong).collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

fn lines_with<'a>(source: &'a Source, needle: &'a str, say: &'a str) -> impl Iterator<Item = String> + 'a {
    let found = source.code_lines().filter(move |(_, line)| line.contains(needle));
    found.map(move |(number, _)| format!("{}:{number}: {say}", source.path))
}

#[test]
fn every_file_begins_with_what_it_is_for() {
    check(|source| {
        let first = source.text.lines().find(|line| !line.starts_with("#!["));
        let documented = first.is_some_and(|line| line.starts_with("//!"));
        if documented { vec![] } else { vec![format!("{}: begins without a `//!` module doc", source.path)] }
    });
}

#[test]
fn no_file_is_longer_than_a_story() {
    check(|source| {
        let lines = source.code_lines().count();
        let long = lines > LINES_MAX && !source.is_test();
        if long { vec![format!("{}: {lines} lines, at most {LINES_MAX}: split it", source.path)] } else { vec![] }
    });
}

#[test]
fn modules_are_named_by_their_file() {
    check(|source| {
        let wrong = source.path.ends_with("/mod.rs");
        if wrong { vec![format!("{}: name it after its folder instead", source.path)] } else { vec![] }
    });
}

#[test]
fn nothing_is_left_for_later_without_an_issue() {
    let word = ["// TO", "DO"].concat();
    check(|source| lines_with(source, &word, "left for later without an owner").collect());
}

#[test]
fn lints_are_expected_with_a_reason_not_silenced() {
    let word = ["#[al", "low("].concat();
    check(|source| lines_with(source, &word, "use #[expect(…, reason = \"…\")]").collect());
}

#[test]
fn tests_are_not_switched_off() {
    let word = ["#[ign", "ore"].concat();
    check(|source| lines_with(source, &word, "assert today's answer instead, and say why").collect());
}
