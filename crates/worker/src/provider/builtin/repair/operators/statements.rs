//! Statements: one too many, one that is missing and stands elsewhere in the file, two in the wrong order, the wrong jump.

use tree_sitter::Node;

use super::Site;
use crate::provider::builtin::{
    repair::edit::{Edit, Kind},
    syntax::{self, function, is_statement},
};

/// Longest statement that is copied, in bytes.
const COPIED_BYTES_MAX: usize = 80;
/// Most statements that are tried before one place.
const COPIES_MAX: usize = 16;

pub(super) fn offer(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    jump(site, out);
    if !is_statement(site.node) || function(site.node).is_none() || function(site.node) == Some(site.node) {
        return;
    }
    fill(site, out);
    delete(site, out);
    swap(site, out);
    if !site.is_python() && site.is_last_expression() {
        return;
    }
    insert(site, out);
}

fn jump(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    let other = match site.node.kind() {
        "break_statement" => "continue",
        "continue_statement" => "break",
        "break_expression" if site.text() == "break" => "continue",
        "continue_expression" if site.text() == "continue" => "break",
        _ => return,
    };
    site.replace(site.node, Kind::Jump, [other], out);
}

/// A `pass` stands where something was forgotten.
fn fill(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    if let (Some(function), "pass_statement") = (function(site.node), site.node.kind()) {
        site.replace(site.node, Kind::Placeholder, copies(site, function), out);
    }
}

fn delete(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    if !site.is_python() && site.is_last_expression() {
        return;
    }
    let nothing = if site.is_python() { "pass" } else { "" };
    site.replace(site.node, Kind::Deletion, [nothing], out);
}

fn swap(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    let next = site.node.next_named_sibling().filter(|it| is_statement(*it));
    let Some(next) = next.filter(|next| is_simple(site.node) && is_simple(*next)) else { return };
    let between = site.syntax.text.get(site.node.end_byte()..next.start_byte()).unwrap_or_default();
    out.push(Edit {
        range: site.node.start_byte()..next.end_byte(),
        text: format!("{}{between}{}", site.of(next), site.text()),
        line: syntax::line(site.node),
        kind: Kind::Insertion,
        rank: 3,
    });
}

fn is_simple(node: Node<'_>) -> bool {
    matches!(node.kind(), "expression_statement" | "let_declaration")
}

/// Copies of short statements of the same function, and jumps, before and behind this one.
fn insert(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    let Some(function) = function(site.node) else { return };
    let indent = site.syntax.indent(site.node);
    for (rank, text) in copies(site, function).into_iter().take(COPIES_MAX).enumerate() {
        let rank = u32::try_from(rank).unwrap_or(u32::MAX);
        let line = syntax::line(site.node);
        let (start, end) = (site.node.start_byte(), site.node.end_byte());
        if text != site.text() {
            let before = format!("{text}\n{indent}");
            out.push(Edit { range: start..start, text: before, line, kind: Kind::Insertion, rank });
            let behind = format!("\n{indent}{text}");
            out.push(Edit { range: end..end, text: behind, line, kind: Kind::Insertion, rank: rank + 1 });
        }
    }
}

fn copies(site: &Site<'_, '_>, function: Node<'_>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut add = |text: String| {
        if !found.contains(&text) {
            found.push(text);
        }
    };
    let end = if site.is_python() { "" } else { ";" };
    let names = site.scope.readable(site.syntax, site.node);
    for name in site.scope.variables(site.node) {
        let Some(gathered) = gathered(site, function, name) else { continue };
        let others = names.iter().filter(|it| *it != name);
        let others = others.flat_map(|it| match (gathered, site.is_python()) {
            (Gathered::Number, _) => vec![format!("{name} += {it}{end}"), format!("{name} -= {it}{end}")],
            (Gathered::Text, true) => vec![format!("{name} += {it}")],
            (Gathered::Text, false) => vec![format!("{name}.push({it});"), format!("{name}.push_str({it});")],
            (Gathered::List, true) => vec![format!("{name}.append({it})")],
            (Gathered::List, false) => vec![format!("{name}.push({it});")],
        });
        let counted = [format!("{name} += 1{end}"), format!("{name} = 0{end}")];
        counted.into_iter().filter(|_| gathered == Gathered::Number).chain(others).for_each(&mut add);
    }
    for node in site.syntax.nodes() {
        let text = site.syntax.of(node);
        let copied = matches!(node.kind(), "expression_statement" | "return_statement" | "continue_statement");
        if syntax::within(node, function)
            && copied
            && is_statement(node)
            && text.len() <= COPIED_BYTES_MAX
            && !text.starts_with('"')
        {
            add(text.to_owned());
        }
    }
    found
}

/// What comes together in a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gathered {
    Number,
    Text,
    List,
}

/// What is gathered in this variable, as far as one sees: by what it is assigned first.
fn gathered(site: &Site<'_, '_>, function: Node<'_>, name: &str) -> Option<Gathered> {
    let body = site.syntax.text.get(function.byte_range()).unwrap_or_default();
    let assigned = body.lines().find_map(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("let mut ").unwrap_or(line);
        line.strip_prefix(name)?.trim_start().strip_prefix("= ")
    })?;
    // No text that is taken for a beginning has a comment's mark in it.
    let comment = if site.is_python() { "#" } else { "//" };
    let first = assigned.split(comment).next().unwrap_or_default().trim().trim_end_matches(';').trim_end();
    // `inf` and `nan` are names.
    let is_digits = first.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit());
    let is_number = is_digits && first.parse::<f64>().is_ok() || site.scope.constants().iter().any(|it| it == first);
    match first {
        "\"\"" | "''" | "String::new()" => Some(Gathered::Text),
        "[]" | "Vec::new()" | "vec![]" => Some(Gathered::List),
        _ => is_number.then_some(Gathered::Number),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::check, Kind};

    #[test]
    fn jumps_are_exchanged() {
        let source = "def f(a):\n    for x in a:\n        break\n";
        check(source, "break", Kind::Jump, "def f(a):\n    for x in a:\n        continue\n");
    }

    #[test]
    fn what_gathers_texts_lists_and_sums_is_offered_what_there_is() {
        let python = |first: &str, then: &str| {
            format!("STEP = 5\n\n\ndef f(a):\n    n = {first}\n    for x in a:\n        {then}\n    return n\n")
        };
        for (first, then) in [
            ("\"\"", "n += x"),
            ("[]", "n.append(x)"),
            ("STEP", "n += STEP"),
            ("0", "n -= x"),
            ("0.0", "n += x"),
            ("-1", "n += x"),
            ("0  # so far", "n += x"),
            ("[]  # all of them", "n.append(x)"),
        ] {
            check(&python(first, "pass"), "pass", Kind::Placeholder, &python(first, then));
        }
        let rust = |first: &str, then: &str| {
            format!("fn f(a: &[u8]) {{\n    let mut n = {first}\n    for x in a {{\n        g(x);{then}\n    }}\n}}\n")
        };
        for (first, then) in
            [("Vec::new();", "n.push(x);"), ("Vec::new(); // all of them", "n.push(x);"), ("0.0; // so far", "n += x;")]
        {
            check(&rust(first, ""), "g(x);", Kind::Insertion, &rust(first, &format!("\n        {then}")));
        }
    }

    #[test]
    fn statements_are_left_out_copied_and_exchanged() {
        let source = "def f(a):\n    n = 0\n    g(a)\n    return n\n";
        check(source, "g(a)", Kind::Deletion, "def f(a):\n    n = 0\n    pass\n    return n\n");
        check(source, "g(a)", Kind::Insertion, "def f(a):\n    n = 0\n    n += 1\n    g(a)\n    return n\n");
        check(source, "n = 0", Kind::Insertion, "def f(a):\n    g(a)\n    n = 0\n    return n\n");
    }
}
