//! Missing branches: `if there is nothing to do, return`, at the start of a function or of a loop's body; and before what
//! is read at a place, `if there is no such place, return`.

use tree_sitter::Node;

use super::Site;
use crate::provider::builtin::{
    repair::{
        edit::{Edit, Kind},
        pool::is_docstring,
    },
    syntax::{self, function, is_statement, named, statement},
};

/// Most guards that are tried at one place.
const GUARDS_MAX: usize = 60;
/// Most parameters that are compared with each other.
const COMPARED_MAX: usize = 3;
/// Most places of one statement that are looked at, and most answers for each.
const PLACES_MAX: usize = 2;
const ANSWERS_MAX: usize = 6;

pub(super) fn offer(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    if site.node.kind() != "block" {
        return before_places(site, out);
    }
    let Some(owner) = site.node.parent() else { return };
    let is_loop = matches!(owner.kind(), "for_statement" | "while_statement" | "for_expression" | "while_expression");
    let is_function = matches!(owner.kind(), "function_definition" | "function_item");
    let first = named(site.node).into_iter().find(|it| !holds_docstring(*it));
    let Some(first) = first.filter(|_| is_function || is_loop) else { return };
    let Some(function) = function(site.node) else { return };
    let indent = site.syntax.indent(first);
    // A body on the line of its head has no room for a branch.
    if first.start_position().row == owner.start_position().row {
        return;
    }
    let compared = if is_loop { Vec::new() } else { compared(site, function) };
    let guards = if is_loop { of_loop(site, owner) } else { of_function(site, function) };
    let guards = guards.into_iter().take(GUARDS_MAX).enumerate().map(|(rank, guard)| (rank / 6, guard));
    let compared = compared.into_iter().enumerate().map(|(rank, guard)| (rank / 3 + 1, guard));
    for (rank, guard) in guards.chain(compared) {
        before(site, first, indent, (rank, &guard), out);
    }
}

/// A branch before a statement.
fn before(
    site: &Site<'_, '_>,
    statement: Node<'_>,
    indent: &str,
    (rank, (condition, action)): (usize, &(String, String)),
    out: &mut Vec<Edit>,
) {
    let text = if site.is_python() {
        format!("if {condition}:\n{indent}    {action}\n{indent}")
    } else {
        format!("if {condition} {{\n{indent}    {action};\n{indent}}}\n{indent}")
    };
    let rank = u32::try_from(rank).unwrap_or(u32::MAX);
    let at = statement.start_byte();
    out.push(Edit { range: at..at, text, line: syntax::line(statement), kind: Kind::Guard, rank });
}

/// What is read at a place, `items[at]`, may lie behind the end.
fn before_places(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    let is_ours = is_statement(site.node) || !site.is_python() && site.is_last_expression();
    let Some(function) = function(site.node).filter(|it| is_ours && *it != site.node) else { return };
    let indent = site.syntax.indent(site.node);
    let names = parameters(site, function);
    let places = site
        .syntax
        .nodes()
        .into_iter()
        .filter(|it| syntax::within(*it, site.node) && statement(*it).is_none_or(|own| own.id() == site.node.id()));
    let places = places.filter_map(|it| place(site, it)).take(PLACES_MAX);
    for condition in places {
        let answers = actions(site, &names);
        let own = names.iter().map(|it| format!("return {it}"));
        let answers: Vec<String> = own.chain(answers).take(ANSWERS_MAX).collect();
        for (rank, answer) in answers.into_iter().enumerate() {
            before(site, site.node, indent, (rank / 2, &(condition.clone(), answer)), out);
        }
    }
}

/// That the place which a node reads is behind the end. Nobody counts up to a number that stands there.
fn place(site: &Site<'_, '_>, node: Node<'_>) -> Option<String> {
    let (base, at) = match node.kind() {
        "subscript" => (node.child_by_field_name("value")?, node.child_by_field_name("subscript")?),
        "index_expression" => (node.named_child(0)?, node.named_child(1)?),
        _ => return None,
    };
    let is_counted = matches!(at.kind(), "identifier" | "binary_operator" | "binary_expression");
    let (base, at) = (site.syntax.of(base), site.syntax.of(at));
    is_counted.then(|| match site.is_python() {
        true => format!("{at} >= len({base})"),
        false => format!("{at} >= {base}.len()"),
    })
}

/// One parameter beyond another one.
fn compared(site: &Site<'_, '_>, function: Node<'_>) -> Vec<(String, String)> {
    let names: Vec<String> = parameters(site, function).into_iter().take(COMPARED_MAX).collect();
    let mut found = Vec::new();
    for one in &names {
        for other in names.iter().filter(|it| *it != one) {
            for answer in [other, one] {
                found.push((format!("{one} < {other}"), format!("return {answer}")));
            }
        }
    }
    found
}

fn holds_docstring(statement: Node<'_>) -> bool {
    statement.named_child(0).is_some_and(|it| it.kind() == "string" && is_docstring(it))
}

fn of_loop(site: &Site<'_, '_>, owner: Node<'_>) -> Vec<(String, String)> {
    let target = owner.child_by_field_name("left").or(owner.child_by_field_name("pattern"));
    let targets = target.map(|it| site.syntax.of(it).to_owned()).into_iter();
    let conditions = targets.flat_map(|name| empty(site, &name)).chain(site.pool.conditions.iter().cloned());
    conditions.flat_map(|it| [(it.clone(), "continue".to_owned()), (it, "break".to_owned())]).collect()
}

fn parameters(site: &Site<'_, '_>, function: Node<'_>) -> Vec<String> {
    let parameters = function.child_by_field_name("parameters").map(named).unwrap_or_default();
    let names = parameters.into_iter().filter_map(|it| {
        let name = it.child_by_field_name("name").or(it.child_by_field_name("pattern")).unwrap_or(it);
        let name = if name.kind() == "typed_parameter" { name.named_child(0)? } else { name };
        Some(site.syntax.of(name).to_owned())
    });
    names.filter(|it| it != "self" && !it.contains("self")).collect()
}

fn of_function(site: &Site<'_, '_>, function: Node<'_>) -> Vec<(String, String)> {
    let names = parameters(site, function);
    let conditions = names.iter().flat_map(|name| empty(site, name)).chain(site.pool.conditions.iter().cloned());
    let conditions: Vec<String> = conditions.collect();
    let mut guards = Vec::new();
    // What fails is refused first: where tests expect an error, a guard that returns helps nobody.
    for action in actions(site, &names) {
        guards.extend(conditions.iter().map(|it| (it.clone(), action.clone())));
    }
    guards
}

/// The ways in which a value can be none.
fn empty(site: &Site<'_, '_>, name: &str) -> Vec<String> {
    if site.is_python() {
        vec![format!("not {name}"), format!("{name} < 0"), format!("{name} <= 0"), format!("{name} is None")]
    } else {
        vec![format!("{name}.is_empty()"), format!("{name} == 0"), format!("{name} < 0"), format!("{name}.is_none()")]
    }
}

fn actions(site: &Site<'_, '_>, names: &[String]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    if site.is_python() {
        found.extend(site.pool.raised.iter().map(|it| format!("raise {it}(\"invalid value\")")));
        let values = ["None", "0", "[]", "\"\"", "False", "True"].map(str::to_owned).into_iter();
        let values = site.pool.returned.iter().take(4).cloned().chain(values).chain(names.iter().cloned());
        found.extend(values.map(|it| format!("return {it}")));
    } else {
        found.extend(site.pool.raised.iter().take(4).map(|it| format!("return {it}")));
        let values = ["None", "0", "Vec::new()", "String::new()", "false", "true", "0.0", "Ok(())"].map(str::to_owned);
        let values = site.pool.returned.iter().take(4).cloned().chain(values).chain(names.iter().cloned());
        found.extend(values.map(|it| format!("return {it}")));
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|it| seen.insert(it.clone()));
    found
}

#[cfg(test)]
mod tests {
    use super::{super::tests::check, Kind};

    #[test]
    fn a_branch_for_nothing_is_offered() {
        let source = "def f(a):\n    \"\"\"Why.\"\"\"\n    return sum(a) / len(a)\n";
        let body = "\"\"\"Why.\"\"\"\n    return sum(a) / len(a)";
        let wanted =
            "def f(a):\n    \"\"\"Why.\"\"\"\n    if not a:\n        return None\n    return sum(a) / len(a)\n";
        check(source, body, Kind::Guard, wanted);
    }

    #[test]
    fn a_branch_where_one_parameter_is_beyond_another_is_offered() {
        let source = "def f(a, low):\n    return g(a)\n";
        let wanted = "def f(a, low):\n    if a < low:\n        return low\n    return g(a)\n";
        check(source, "return g(a)", Kind::Guard, wanted);
    }

    #[test]
    fn a_branch_before_what_is_read_behind_the_end_is_offered() {
        let source = "def f(at):\n    g(at)\n    return ALL[at + 1]\n";
        let wanted = "def f(at):\n    g(at)\n    if at + 1 >= len(ALL):\n        return at\n    return ALL[at + 1]\n";
        check(source, "return ALL[at + 1]", Kind::Guard, wanted);
        let source = "fn f(a: &[u8], at: usize) -> usize {\n    g();\n    a[at].into()\n}\n";
        let wanted = "fn f(a: &[u8], at: usize) -> usize {\n    g();\n    if at >= a.len() {\n        return at;\n    }\n    a[at].into()\n}\n";
        check(source, "a[at].into()", Kind::Guard, wanted);
    }

    #[test]
    fn a_branch_that_leaves_a_round_of_a_loop_is_offered() {
        let source = "fn f(a: &[u8]) {\n    for x in a {\n        g(x);\n    }\n}\n";
        let wanted = "fn f(a: &[u8]) {\n    for x in a {\n        if x == 0 {\n            continue;\n        }\n        g(x);\n    }\n}\n";
        check(source, "{\n        g(x);\n    }", Kind::Guard, wanted);
    }
}
