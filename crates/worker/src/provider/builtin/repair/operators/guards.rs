//! Missing branches: `if there is nothing to do, return`, at the start of a function or of a loop's body.

use tree_sitter::Node;

use super::Site;
use crate::provider::builtin::{
    repair::{
        edit::{Edit, Kind},
        pool::is_docstring,
    },
    syntax::{self, function, named},
};

/// Most guards that are tried at one place.
const GUARDS_MAX: usize = 60;

pub(super) fn offer(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    if site.node.kind() != "block" {
        return;
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
    let guards = if is_loop { of_loop(site, owner) } else { of_function(site, function) };
    for (rank, (condition, action)) in guards.into_iter().take(GUARDS_MAX).enumerate() {
        let text = if site.is_python() {
            format!("if {condition}:\n{indent}    {action}\n{indent}")
        } else {
            format!("if {condition} {{\n{indent}    {action};\n{indent}}}\n{indent}")
        };
        let rank = u32::try_from(rank / 6).unwrap_or(u32::MAX);
        let at = first.start_byte();
        out.push(Edit { range: at..at, text, line: syntax::line(first), kind: Kind::Guard, rank });
    }
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

fn of_function(site: &Site<'_, '_>, function: Node<'_>) -> Vec<(String, String)> {
    let parameters = function.child_by_field_name("parameters").map(named).unwrap_or_default();
    let names = parameters.into_iter().filter_map(|it| {
        let name = it.child_by_field_name("name").or(it.child_by_field_name("pattern")).unwrap_or(it);
        let name = if name.kind() == "typed_parameter" { name.named_child(0)? } else { name };
        Some(site.syntax.of(name).to_owned())
    });
    let names: Vec<String> = names.filter(|it| it != "self" && !it.contains("self")).collect();
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
    fn a_branch_that_leaves_a_round_of_a_loop_is_offered() {
        let source = "fn f(a: &[u8]) {\n    for x in a {\n        g(x);\n    }\n}\n";
        let wanted = "fn f(a: &[u8]) {\n    for x in a {\n        if x == 0 {\n            continue;\n        }\n        g(x);\n    }\n}\n";
        check(source, "{\n        g(x);\n    }", Kind::Guard, wanted);
    }
}
