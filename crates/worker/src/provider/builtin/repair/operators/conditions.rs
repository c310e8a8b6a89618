//! Conditions: turned round, joined otherwise, fixed, or with a part of another one added.

use tree_sitter::Node;

use super::Site;
use crate::provider::builtin::{
    repair::edit::{Edit, Kind},
    syntax::named,
};

/// Longest condition that is copied into another one, in bytes.
const COPIED_BYTES_MAX: usize = 60;

pub(super) fn offer(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    if let Some(condition) = condition(site) {
        around(site, condition, out);
    }
    match site.node.kind() {
        "not_operator" => {
            let argument = site.field("argument").map(|it| site.of(it).to_owned());
            site.replace(site.node, Kind::Negation, argument, out);
        }
        "unary_expression" if site.text().starts_with('!') => {
            let argument = site.text().trim_start_matches('!').to_owned();
            site.replace(site.node, Kind::Negation, [argument], out);
        }
        "boolean_operator" => parts(site, out),
        "binary_expression" if matches!(operator(site), "&&" | "||") => parts(site, out),
        _ => {}
    }
}

fn operator<'a>(site: &'a Site<'_, '_>) -> &'a str {
    site.field("operator").map(|it| site.of(it)).unwrap_or_default()
}

/// What decides about a branch, a loop, an assertion or an element of a comprehension; or a truth value that is returned.
fn condition<'t>(site: &Site<'_, 't>) -> Option<Node<'t>> {
    let condition = match site.node.kind() {
        "if_statement" | "elif_clause" | "while_statement" | "if_expression" | "while_expression" => {
            site.field("condition")
        }
        "conditional_expression" => site.node.named_child(1),
        "if_clause" => site.node.named_child(0),
        "return_statement" | "return_expression" => {
            named(site.node).first().copied().filter(|value| is_truth(*value) || value.kind() == "call")
        }
        "match_pattern" => site.field("condition"),
        "closure_expression" | "lambda" => site.field("body").filter(|body| is_truth(*body)),
        _ => is_truth_at_the_end(site).then_some(site.node),
    };
    condition.filter(|it| !matches!(it.kind(), "let_condition" | "let_chain"))
}

fn is_truth(node: Node<'_>) -> bool {
    match node.kind() {
        "comparison_operator" | "boolean_operator" | "not_operator" => true,
        "binary_expression" => node
            .child_by_field_name("operator")
            .is_some_and(|it| matches!(it.kind(), "<" | "<=" | ">" | ">=" | "==" | "!=" | "&&" | "||")),
        "unary_expression" => node.child(0).is_some_and(|it| it.kind() == "!"),
        _ => false,
    }
}

fn is_truth_at_the_end(site: &Site<'_, '_>) -> bool {
    let within = site.node.parent().map_or("", |it| it.kind());
    !site.is_python() && within == "block" && is_truth(site.node) && site.is_last_expression()
}

fn around<'t>(site: &Site<'_, 't>, condition: Node<'t>, out: &mut Vec<Edit>) {
    let text = site.of(condition);
    let (turned, yes, no, and, or) = if site.is_python() {
        (format!("not ({text})"), "True", "False", "and", "or")
    } else {
        (format!("!({text})"), "true", "false", "&&", "||")
    };
    site.replace(condition, Kind::Negation, [turned], out);
    let mut others = vec![no.to_owned(), yes.to_owned()];
    for other in site.pool.conditions.iter().filter(|it| it.as_str() != text && it.len() <= COPIED_BYTES_MAX) {
        others.push(format!("({text}) {and} ({other})"));
        others.push(format!("({text}) {or} ({other})"));
    }
    site.replace(condition, Kind::Condition, others, out);
    let forgotten = site.scope.flags(condition).iter().filter(|flag| !text.contains(flag.as_str()));
    let not = if site.is_python() { "not " } else { "!" };
    let joined = forgotten.flat_map(|flag| {
        let flags = [format!("{not}{flag}"), flag.clone()];
        flags.into_iter().flat_map(|flag| [format!("({text}) {and} {flag}"), format!("({text}) {or} {flag}")])
    });
    site.replace(condition, Kind::Condition, joined.collect::<Vec<_>>(), out);
}

/// One side of `a and b` alone, or one side turned round.
fn parts(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    let (Some(left), Some(right)) = (site.field("left"), site.field("right")) else { return };
    let sides = [site.of(left).to_owned(), site.of(right).to_owned()];
    site.replace(site.node, Kind::Operand, sides, out);
    for side in [left, right] {
        let text = site.of(side);
        let turned = if site.is_python() { format!("not ({text})") } else { format!("!({text})") };
        site.replace(side, Kind::Negation, [turned], out);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::check, Kind};

    #[test]
    fn a_flag_that_a_condition_forgets_is_added() {
        let source = "def f(a, fast=False):\n    if a > 1:\n        return 1\n";
        let whole = "if a > 1:\n        return 1";
        let wanted = "def f(a, fast=False):\n    if (a > 1) and not fast:\n        return 1\n";
        check(source, whole, Kind::Condition, wanted);
        let source = "fn f(a: u8, fast: bool) -> bool { a > 1 }";
        check(source, "a > 1", Kind::Condition, "fn f(a: u8, fast: bool) -> bool { (a > 1) || fast }");
    }

    #[test]
    fn conditions_are_turned_round_and_taken_apart() {
        let source = "def f(a, b):\n    if a and b:\n        return 1\n";
        let whole = source.lines().skip(1).map(str::trim_start).collect::<Vec<_>>().join("\n        ");
        check(source, &whole, Kind::Negation, "def f(a, b):\n    if not (a and b):\n        return 1\n");
        check(source, "a and b", Kind::Operand, "def f(a, b):\n    if b:\n        return 1\n");
        check("def f(a):\n    return not a\n", "not a", Kind::Negation, "def f(a):\n    return a\n");
        check("fn f(a: bool) -> bool { !a }", "!a", Kind::Negation, "fn f(a: bool) -> bool { a }");
        check("fn f(a: u8) -> bool { a > 1 }", "a > 1", Kind::Negation, "fn f(a: u8) -> bool { !(a > 1) }");
    }
}
