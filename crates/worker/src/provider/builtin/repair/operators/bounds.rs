//! Off by one, and operands too many: `n` where `n - 1` was meant, `a + b` where `a` was.

use super::Site;
use crate::provider::builtin::{
    repair::edit::{Edit, Kind},
    syntax::named,
};

pub(super) fn offer(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    if is_bound(site) && !is_number(site.node.kind()) {
        let text = site.text();
        site.replace(site.node, Kind::OffByOne, [format!("{text} - 1"), format!("{text} + 1")], out);
    }
    match site.node.kind() {
        "binary_operator" => operands(site, out),
        "binary_expression" if is_arithmetic(site) => operands(site, out),
        "slice" => open_slice(site, out),
        _ => {}
    }
}

fn is_number(kind: &str) -> bool {
    matches!(kind, "integer" | "float" | "integer_literal" | "float_literal" | "string" | "string_literal" | "slice")
}

/// Where positions, lengths and limits stand. A sum at any place may lack its last summand.
fn is_bound(site: &Site<'_, '_>) -> bool {
    let Some(parent) = site.node.parent() else { return false };
    let is = |field: &str| parent.child_by_field_name(field) == Some(site.node);
    let called = |node: tree_sitter::Node<'_>| {
        node.parent().and_then(|call| call.child_by_field_name("function")).map(|it| site.syntax.of(it).to_owned())
    };
    let is_sum =
        matches!(site.node.kind(), "identifier" | "attribute" | "call" | "binary_operator" | "call_expression")
            || matches!(site.node.kind(), "binary_expression" | "field_expression" | "subscript" | "index_expression");
    match parent.kind() {
        "comparison_operator" => is_sum,
        "binary_expression" => {
            is_sum && !matches!(parent.child_by_field_name("operator").map(|it| it.kind()), Some("&&" | "||"))
        }
        "slice" | "range_expression" => is_sum,
        "subscript" => is_sum && is("subscript"),
        "index_expression" => is_sum && parent.named_child(1) == Some(site.node),
        "argument_list" => is_sum && called(parent).is_some_and(|name| name == "range"),
        "return_statement" | "return_expression" => is_sum && !matches!(site.node.kind(), "binary_expression"),
        "assignment" | "let_declaration" => is_sum && (is("right") || is("value")),
        "block" => is_sum && !site.is_python() && site.is_last_expression() && !is_truth(site),
        _ => false,
    }
}

fn is_truth(site: &Site<'_, '_>) -> bool {
    site.node.kind() == "binary_expression" && !is_arithmetic(site)
}

fn is_arithmetic(site: &Site<'_, '_>) -> bool {
    site.field("operator").is_some_and(|it| matches!(it.kind(), "+" | "-" | "*" | "/" | "%"))
}

/// One side of `a + b` alone, and the two sides exchanged where that makes a difference.
fn operands(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    let (Some(left), Some(right)) = (site.field("left"), site.field("right")) else { return };
    let (left, right) = (site.of(left).to_owned(), site.of(right).to_owned());
    let operator = site.field("operator").map(|it| site.of(it).to_owned()).unwrap_or_default();
    let mut sides = vec![left.clone(), right.clone()];
    if !matches!(operator.as_str(), "+" | "*") {
        sides.push(format!("{right} {operator} {left}"));
    }
    site.replace(site.node, Kind::Operand, sides, out);
}

/// `a[1:n]` without one of its bounds, `a[1:]` with one.
fn open_slice(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    let text = site.text();
    let Some((from, to)) = text.split_once(':') else { return };
    if to.contains(':') {
        return;
    }
    let mut others = Vec::new();
    match (from.trim(), to.trim()) {
        ("", "") => others.extend(["1:".to_owned(), ":-1".to_owned(), "::-1".to_owned()]),
        (from, "") => others.extend([":".to_owned(), format!("{from}:-1"), format!(":{from}")]),
        ("", to) => others.extend([":".to_owned(), format!("1:{to}"), format!("{to}:")]),
        (from, to) => others.extend([format!("{from}:"), format!(":{to}")]),
    }
    for number in &site.pool.integers {
        others.extend([format!("{number}:"), format!(":{number}"), format!("-{number}:"), format!(":-{number}")]);
    }
    debug_assert!(named(site.node).len() <= 3, "a slice has at most three parts");
    site.replace(site.node, Kind::OffByOne, others, out);
}

#[cfg(test)]
mod tests {
    use super::{super::tests::check, Kind};

    #[test]
    fn bounds_are_moved_by_one() {
        check("def f(a, n):\n    return a[n]\n", "n", Kind::OffByOne, "def f(a, n):\n    return a[n - 1]\n");
        check("def f(n):\n    return range(1, n)\n", "n", Kind::OffByOne, "def f(n):\n    return range(1, n + 1)\n");
        check("fn f(n: u8) { for i in 0..n {} }", "n", Kind::OffByOne, "fn f(n: u8) { for i in 0..n - 1 {} }");
        check("def f(a):\n    return a[1:]\n", "1:", Kind::OffByOne, "def f(a):\n    return a[:]\n");
    }

    #[test]
    fn operands_are_dropped_and_exchanged() {
        check("def f(a, b):\n    return a - b\n", "a - b", Kind::Operand, "def f(a, b):\n    return b - a\n");
        check("fn f(a: u8) -> u8 { a + 1 }", "a + 1", Kind::Operand, "fn f(a: u8) -> u8 { a }");
    }
}
