//! Probes: each statement of a function notes that it was executed.
//!
//! Pure: text to text, on the same lines, so that all that names a line still names it. A probe needs nothing but the
//! standard library and writes a line at most once, into the file that `WEFT_SPECTRUM` names.

use tree_sitter::Node;

use crate::provider::builtin::syntax::{Language, Syntax, is_statement, line};

/// The text with probes, and how many there are.
#[must_use]
pub(in super::super) fn probed(file: &str, source: &str) -> (String, usize) {
    let Some(syntax) = Syntax::parse(source, Language::Rust) else { return (source.to_owned(), 0) };
    let mut places: Vec<(usize, String)> = Vec::new();
    for node in syntax.nodes() {
        if !super::is_eligible(&syntax, node) {
            continue;
        }
        if is_statement(node) && node.parent().is_some_and(|it| it.kind() == "block") && !follows_attribute(node) {
            places.push((node.start_byte(), probe(file, line(node))));
        }
        if let Some(value) = arm(node) {
            places.push((value.start_byte(), format!("{{ {}", probe(file, line(value)))));
            places.push((value.end_byte(), " }".to_owned()));
        }
    }
    let count = places.len();
    (insert(source, places), count)
}

/// An attribute belongs to what follows it; nothing may stand between them. An item is not executed.
fn follows_attribute(node: Node<'_>) -> bool {
    let before = node.prev_named_sibling().is_some_and(|it| it.kind() == "attribute_item");
    before || node.kind().ends_with("_item") || node.kind().ends_with("use_declaration")
}

/// The value of an arm that is no block.
fn arm(node: Node<'_>) -> Option<Node<'_>> {
    let value = node.child_by_field_name("value").filter(|_| node.kind() == "match_arm")?;
    (value.kind() != "block").then_some(value)
}

fn probe(file: &str, line: u32) -> String {
    format!(
        "{{ static W: ::std::sync::atomic::AtomicBool = ::std::sync::atomic::AtomicBool::new(false); \
         if !W.swap(true, ::std::sync::atomic::Ordering::Relaxed) {{ \
         if let ::std::result::Result::Ok(p) = ::std::env::var(\"WEFT_SPECTRUM\") {{ \
         if let ::std::result::Result::Ok(mut f) = \
         ::std::fs::OpenOptions::new().append(true).create(true).open(p) {{ \
         let _ = ::std::io::Write::write_all(&mut f, b\"{file}:{line}\\n\"); }} }} }} }} "
    )
}

/// Puts texts at places. Of several at one place the later ones go inside.
pub(super) fn insert(source: &str, mut places: Vec<(usize, String)>) -> String {
    places.sort_by_key(|(at, _)| *at);
    let mut text = String::with_capacity(source.len() * 2);
    let mut done = 0;
    for (at, piece) in places {
        text.push_str(source.get(done..at).unwrap_or_default());
        text.push_str(&piece);
        done = at;
    }
    text.push_str(source.get(done..).unwrap_or_default());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_and_arms_are_probed_and_stay_on_their_lines() {
        let source = "fn f(a: u8) -> u8 {\n    let b = a;\n    match b {\n        0 => 1,\n        _ => { b }\n    }\n}\n\
                      const fn g() -> u8 {\n    1\n}\n#[cfg(test)]\nmod tests {\n    fn h() {\n        f(1);\n    }\n}\n";
        let (text, count) = probed("src/lib.rs", source);
        // `let`, `match`, the value of the first arm (two insertions), the value within the second.
        assert_eq!(count, 5);
        assert_eq!(text.lines().count(), source.lines().count());
        let probes: Vec<bool> = text.lines().map(|line| line.contains("WEFT_SPECTRUM")).collect();
        assert_eq!(probes.iter().filter(|it| **it).count(), 4);
        assert!(Syntax::parse(&text, Language::Rust).is_some_and(|it| it.is_sound()), "{text}");
        for (number, marked) in [(1, false), (2, true), (3, true), (4, true), (5, true), (9, false), (14, false)] {
            assert_eq!(probes.get(number - 1), Some(&marked), "line {number}");
        }
    }
}
