//! One variable or field where another was meant.

use std::collections::{BTreeMap, BTreeSet};

use tree_sitter::Node;

use super::Site;
use crate::provider::builtin::{
    repair::edit::{Edit, Kind},
    syntax::{Syntax, function, named},
};

/// Most names that are tried at one place.
const NAMES_MAX: usize = 8;

/// What has a name in a file.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Scope {
    /// Parameters and variables of each function, by where it starts, in the order in which they appear.
    locals: BTreeMap<usize, Vec<String>>,
    /// Parameters of each function that are true or false.
    flags: BTreeMap<usize, Vec<String>>,
    /// Fields by what they are read of: `self` → `rate`, `limit`.
    fields: BTreeMap<String, BTreeSet<String>>,
    /// Constants of the file.
    constants: Vec<String>,
    pub functions: Vec<Function>,
}

/// A function of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Function {
    pub name: String,
    /// How many arguments it takes, without the object that it is called on.
    pub parameters: usize,
}

impl Scope {
    #[must_use]
    pub(in super::super) fn gather(syntax: &Syntax<'_>) -> Self {
        let mut scope = Self::default();
        for node in syntax.nodes() {
            match node.kind() {
                "function_definition" | "function_item" => scope.function(syntax, node),
                "attribute" => scope.field(syntax, node, "object", "attribute"),
                "field_expression" => scope.field(syntax, node, "value", "field"),
                "const_item" | "static_item" => {
                    node.child_by_field_name("name")
                        .into_iter()
                        .for_each(|it| scope.constants.push(syntax.of(it).to_owned()));
                }
                "assignment" if function(node).is_none() => scope.constant(syntax, node),
                "identifier" if is_bound(node) => scope.local(syntax, node),
                _ => {}
            }
        }
        scope
    }

    fn function(&mut self, syntax: &Syntax<'_>, node: Node<'_>) {
        let Some(name) = node.child_by_field_name("name") else { return };
        let parameters = node.child_by_field_name("parameters").map(named).unwrap_or_default();
        let flags = parameters.iter().filter_map(|it| flag(syntax, *it)).collect();
        self.flags.insert(node.start_byte(), flags);
        let own = parameters.iter().filter(|it| it.kind() != "self_parameter" && syntax.of(**it) != "self");
        self.functions.push(Function { name: syntax.of(name).to_owned(), parameters: own.count() });
    }

    fn field(&mut self, syntax: &Syntax<'_>, node: Node<'_>, object: &str, field: &str) {
        let called = node.parent().is_some_and(|it| it.child_by_field_name("function") == Some(node));
        if let (Some(object), Some(field), false) =
            (node.child_by_field_name(object), node.child_by_field_name(field), called)
        {
            let fields = self.fields.entry(syntax.of(object).to_owned()).or_default();
            fields.insert(syntax.of(field).to_owned());
        }
    }

    fn constant(&mut self, syntax: &Syntax<'_>, node: Node<'_>) {
        let name = node.child_by_field_name("left").filter(|it| it.kind() == "identifier");
        name.into_iter().for_each(|it| self.constants.push(syntax.of(it).to_owned()));
    }

    fn local(&mut self, syntax: &Syntax<'_>, node: Node<'_>) {
        let Some(function) = function(node) else { return };
        let name = syntax.of(node);
        let locals = self.locals.entry(function.start_byte()).or_default();
        if name != "self" && name != "_" && !locals.iter().any(|it| it == name) {
            locals.push(name.to_owned());
        }
    }

    /// Variables and constants that the function around a node mentions, in their order.
    pub(super) fn readable(&self, syntax: &Syntax<'_>, node: Node<'_>) -> Vec<String> {
        let body = function(node).map(|it| syntax.of(it)).unwrap_or_default();
        let constants = self.constants.iter().filter(|name| body.contains(name.as_str()));
        self.variables(node).iter().chain(constants).cloned().collect()
    }

    /// Parameters of the function around a node that are true or false.
    pub(super) fn flags(&self, node: Node<'_>) -> &[String] {
        let flags = function(node).and_then(|it| self.flags.get(&it.start_byte()));
        flags.map(Vec::as_slice).unwrap_or_default()
    }

    /// Constants of the file.
    pub(super) fn constants(&self) -> &[String] {
        &self.constants
    }

    /// Variables that may be read at a node.
    pub(super) fn variables(&self, node: Node<'_>) -> &[String] {
        let locals = function(node).and_then(|it| self.locals.get(&it.start_byte()));
        locals.map(Vec::as_slice).unwrap_or_default()
    }
}

/// The name of a parameter whose type or default says that it is true or false.
fn flag(syntax: &Syntax<'_>, parameter: Node<'_>) -> Option<String> {
    let text = |field: &str| parameter.child_by_field_name(field).map(|it| syntax.of(it));
    let is_flag = text("type") == Some("bool") || matches!(text("value"), Some("True" | "False"));
    let name = text("name").or(text("pattern")).or(parameter.named_child(0).map(|it| syntax.of(it)))?;
    is_flag.then(|| name.to_owned())
}

/// Whether this name comes to be here: a parameter, a variable that is assigned, a pattern.
fn is_bound(node: Node<'_>) -> bool {
    let Some(parent) = node.parent() else { return false };
    let is = |field: &str| parent.child_by_field_name(field) == Some(node);
    match parent.kind() {
        "parameters"
        | "lambda_parameters"
        | "closure_parameters"
        | "typed_parameter"
        | "pattern_list"
        | "tuple_pattern"
        | "list_pattern"
        | "tuple_struct_pattern"
        | "captured_pattern" => true,
        "default_parameter" | "typed_default_parameter" => is("name"),
        "parameter" | "let_declaration" | "for_expression" | "let_condition" | "match_pattern" => {
            is("pattern") || parent.kind() == "match_pattern"
        }
        "assignment" | "for_statement" | "for_in_clause" => is("left"),
        _ => false,
    }
}

pub(super) fn offer(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    match site.node.kind() {
        "identifier" if site.is_read() => {
            let locals = site.scope.variables(site.node).iter();
            let is_constant = site.scope.constants.iter().any(|it| it == site.text());
            let constants = site.scope.constants.iter().filter(|_| is_constant);
            site.replace(site.node, Kind::Name, constants.chain(locals).take(NAMES_MAX).cloned(), out);
        }
        "identifier" if is_target(site) => {
            let locals = site.scope.variables(site.node).iter();
            site.replace(site.node, Kind::Name, locals.take(NAMES_MAX).cloned(), out);
        }
        // `return None` may stand for a value that was forgotten.
        "none" if site.is_read() => {
            let locals = site.scope.variables(site.node).iter().cloned();
            let returned = site.pool.returned.iter().cloned();
            site.replace(site.node, Kind::Name, locals.chain(returned).take(2 * NAMES_MAX), out);
        }
        "attribute" => fields(site, "object", "attribute", out),
        "field_expression" => fields(site, "value", "field", out),
        _ => {}
    }
}

/// What `x += 1` changes.
fn is_target(site: &Site<'_, '_>) -> bool {
    site.node.parent().is_some_and(|parent| {
        matches!(parent.kind(), "augmented_assignment" | "compound_assignment_expr" | "assignment_expression")
            && parent.child_by_field_name("left") == Some(site.node)
    })
}

fn fields<'t>(site: &Site<'_, 't>, object: &str, field: &str, out: &mut Vec<Edit>) {
    let called = site.node.parent().is_some_and(|it| it.child_by_field_name("function") == Some(site.node));
    let (Some(object), Some(field), false) = (site.field(object), site.field(field), called) else { return };
    let others = site.scope.fields.get(site.of(object)).into_iter().flatten();
    site.replace(field, Kind::Name, others.take(NAMES_MAX).cloned(), out);
}

#[cfg(test)]
mod tests {
    use super::{super::tests::check, Kind};

    #[test]
    fn a_variable_gives_way_to_others_of_its_function() {
        let source = "def f(a, b):\n    c = a\n    return c + b\n\ndef g(d):\n    return d\n";
        check(source, "c", Kind::Name, "def f(a, b):\n    c = a\n    return a + b\n\ndef g(d):\n    return d\n");
        let foreign =
            super::super::tests::offered(source, crate::provider::builtin::syntax::Language::Python, "d", Kind::Name);
        assert!(foreign.is_empty(), "{foreign:?}");
        let source = "fn f(a: u8, b: u8) -> u8 { a - b }";
        check(source, "b", Kind::Name, "fn f(a: u8, b: u8) -> u8 { a - a }");
    }

    #[test]
    fn a_field_gives_way_to_others_of_its_object() {
        let source = "fn f(s: &S) -> u8 { s.low + s.high }";
        check(source, "s.low", Kind::Name, "fn f(s: &S) -> u8 { s.high + s.high }");
    }
}
