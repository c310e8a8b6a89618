//! Filters that a server refused: the query with marks under the word that is wrong.

use weft_client::{Code, Error};

use crate::{exit::Failure, output::harmless, session::Connected};

/// Shows where in the query the error is, if it says so; anything else passes.
pub(crate) fn explained(session: &Connected, error: Error, query: &str) -> anyhow::Error {
    let Error::Refused { error: refused, .. } = &error else { return error.into() };
    if refused.code() != Code::InvalidArgument || session.output.is_json() {
        return error.into();
    }
    match position(&refused.message).and_then(|position| marked(query, position)) {
        Some(marked) => Failure::refused(format!("{}\n{marked}", refused.message)).into(),
        None => error.into(),
    }
}

/// The place that the message names, counted from 1. Temporal's own server counts in a statement that it has made of
/// the query, so its positions are of no use here.
fn position(message: &str) -> Option<usize> {
    if message.contains("malformed SQL query") {
        return None;
    }
    let (_, after) = message.rsplit_once(" at position ")?;
    let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// The line of the query that has the place, and marks under the word there.
fn marked(query: &str, position: usize) -> Option<String> {
    let chars: Vec<char> = query.chars().collect();
    let at = position.checked_sub(1).filter(|at| *at <= chars.len())?;
    let begin = chars[..at].iter().rposition(|c| *c == '\n').map_or(0, |before| before + 1);
    let end = chars[at..].iter().position(|c| *c == '\n').map_or(chars.len(), |length| at + length);
    let line: String = chars[begin..end].iter().collect();
    // Every character is one wide, so that the marks stand under the word.
    let line = harmless(&line.replace(['\t', '\r'], " "));
    let marks = "^".repeat(word(&chars[at..end]));
    Some(format!("  {line}\n  {}{marks}", " ".repeat(at - begin)))
}

/// How long the word is that begins here; at least one mark is shown.
fn word(chars: &[char]) -> usize {
    let length = match chars.first() {
        Some(quote @ ('\'' | '"' | '`')) => {
            chars[1..].iter().position(|c| c == quote).map_or(chars.len(), |inside| inside + 2)
        }
        Some(first) if is_sign(*first) => chars.iter().take_while(|c| is_sign(**c)).count(),
        Some(_) => chars.iter().take_while(|c| !c.is_whitespace() && !is_sign(**c) && !"(),".contains(**c)).count(),
        None => 0,
    };
    length.max(1)
}

fn is_sign(c: char) -> bool {
    matches!(c, '=' | '!' | '<' | '>')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, message: &str, expected: Option<&str>) {
        let found = position(message).and_then(|position| marked(query, position));
        assert_eq!(found.as_deref(), expected, "{message}");
    }

    #[test]
    fn the_word_is_marked() {
        check(
            "WorkflowTyp = 'a'",
            "invalid query: unknown search attribute `WorkflowTyp` at position 1; did you mean `WorkflowType`?",
            Some("  WorkflowTyp = 'a'\n  ^^^^^^^^^^^"),
        );
        check(
            "Total = 'a b' AND x",
            "'a b' is not a number at position 9",
            Some("  Total = 'a b' AND x\n          ^^^^^"),
        );
        check("A >= B", "unexpected at position 3", Some("  A >= B\n    ^^"));
        check("A IN (b)", "expected a value, found `b` at position 7", Some("  A IN (b)\n        ^"));
        check("A IN (b)", "expected at position 6", Some("  A IN (b)\n       ^"));
        check("é = 'x", "the quote ' is never closed: it opens at position 5", Some("  é = 'x\n      ^^"));
        check("Total =", "expected a value, found the end of the query at position 8", Some("  Total =\n         ^"));
    }

    #[test]
    fn of_several_lines_the_one_with_the_word_is_shown() {
        check("A = 1\nAND\tB = 2\nOR C", "unknown at position 11", Some("  AND B = 2\n      ^"));
    }

    #[test]
    fn without_a_place_nothing_is_shown() {
        check("A", "namespace not found", None);
        check("A", "broken at position 9", None);
        check("A", "broken at position 0", None);
        check("A =", "invalid query: malformed SQL query: syntax error at position 3 near 'x'", None);
    }
}
