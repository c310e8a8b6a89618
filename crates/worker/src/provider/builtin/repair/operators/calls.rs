//! Calls: arguments exchanged or left out, and a relative called instead.

use super::Site;
use crate::provider::builtin::{
    repair::edit::{Edit, Kind},
    syntax::named,
};

/// Functions and methods that are taken for one another.
const FAMILIES: &[&[&str]] = &[
    &["min", "max"],
    &["min_by_key", "max_by_key"],
    &["any", "all"],
    &["floor", "ceil", "round", "trunc"],
    &["lower", "upper", "title", "capitalize"],
    &["to_lowercase", "to_uppercase"],
    &["to_ascii_lowercase", "to_ascii_uppercase"],
    &["startswith", "endswith"],
    &["starts_with", "ends_with"],
    &["lstrip", "rstrip", "strip"],
    &["trim", "trim_start", "trim_end"],
    &["append", "extend", "remove"],
    &["push", "push_front", "push_back"],
    &["pop", "popleft"],
    &["pop_front", "pop_back"],
    &["add", "discard", "remove"],
    &["insert", "remove"],
    &["is_some", "is_none"],
    &["is_ok", "is_err"],
    &["first", "last"],
    &["front", "back"],
    &["take", "skip"],
    &["take_while", "skip_while"],
    &["find", "rfind"],
    &["index", "rindex"],
    &["split", "rsplit"],
    &["keys", "values", "items"],
    &["sorted", "list", "reversed"],
    &["sum", "len", "max", "min"],
    &["union", "intersection", "difference"],
    &["checked_add", "checked_sub", "checked_mul"],
    &["saturating_add", "saturating_sub", "saturating_mul"],
    &["wrapping_add", "wrapping_sub", "wrapping_mul"],
    &["isdigit", "isalpha", "isalnum", "isspace", "isupper", "islower"],
    &["is_alphabetic", "is_numeric", "is_alphanumeric", "is_whitespace"],
    &["is_ascii_digit", "is_ascii_alphabetic", "is_ascii_alphanumeric"],
    &["int", "float", "str", "round"],
];

pub(super) fn offer(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    match site.node.kind() {
        "argument_list" | "arguments" => arguments(site, out),
        "call" | "call_expression" => callee(site, out),
        _ => {}
    }
}

fn arguments(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    let all = named(site.node);
    for (at, pair) in all.windows(2).enumerate() {
        let [first, second] = pair else { continue };
        let mut texts: Vec<&str> = all.iter().map(|it| site.of(*it)).collect();
        if [first, second].iter().all(|it| it.kind() != "keyword_argument") {
            texts.swap(at, at + 1);
            site.replace(site.node, Kind::Argument, [format!("({})", texts.join(", "))], out);
        }
    }
    if site.is_python() && all.len() > 1 {
        for left_out in 0..all.len() {
            let rest = all.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, it)| site.of(*it));
            let rest: Vec<&str> = rest.collect();
            site.replace(site.node, Kind::Argument, [format!("({})", rest.join(", "))], out);
        }
    }
}

fn callee(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    let Some(function) = site.field("function") else { return };
    let name = function.child_by_field_name("attribute").or(function.child_by_field_name("field"));
    let name = name.or(function.child_by_field_name("name")).unwrap_or(function);
    let text = site.of(name);
    for family in FAMILIES.iter().filter(|family| family.contains(&text)) {
        site.replace(name, Kind::Callee, family.iter().copied(), out);
    }
    let count = site.field("arguments").map_or(0, |it| named(it).len());
    let others = site.scope.functions.iter().filter(|other| other.parameters == count && other.name != text);
    if site.scope.functions.iter().any(|it| it.name == text) {
        site.replace(name, Kind::Callee, others.map(|it| it.name.clone()), out);
    }
    // `f(x)` where `x` was meant, as in `reversed(x)`.
    if let Some([only]) = site.field("arguments").map(named).as_deref() {
        site.replace(site.node, Kind::Operand, [site.of(*only).to_owned()], out);
    }
    unwrapped(site, out);
}

/// `x.rev()` where `x` was meant: one step of a chain too many.
fn unwrapped(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    let function = site.field("function");
    let object = function.and_then(|it| it.child_by_field_name("object").or(it.child_by_field_name("value")));
    let Some(object) = object.filter(|it| matches!(it.kind(), "call" | "call_expression" | "identifier" | "subscript"))
    else {
        return;
    };
    site.replace(site.node, Kind::Operand, [site.of(object).to_owned()], out);
}

#[cfg(test)]
mod tests {
    use super::{super::tests::check, Kind};

    #[test]
    fn arguments_are_exchanged_and_left_out() {
        let source = "def f(a, b):\n    return g(a, b)\n";
        check(source, "(a, b)", Kind::Argument, "def f(a, b):\n    return g(b, a)\n");
        check(source, "(a, b)", Kind::Argument, "def f(a, b):\n    return g(b)\n");
    }

    #[test]
    fn a_relative_is_called_instead() {
        check("def f(a):\n    return max(a)\n", "max(a)", Kind::Callee, "def f(a):\n    return min(a)\n");
        let source = "fn f(a: &[u8]) -> bool { a.first().is_some() }";
        check(source, "a.first().is_some()", Kind::Callee, "fn f(a: &[u8]) -> bool { a.first().is_none() }");
        check(source, "a.first()", Kind::Callee, "fn f(a: &[u8]) -> bool { a.last().is_some() }");
    }
}
