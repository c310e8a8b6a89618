//! Rust: builds with probes or with many candidates at once, and the test binaries that come of them.

pub(super) mod cargo;
pub(super) mod probes;
pub(super) mod schemata;
mod search;

use tree_sitter::Node;

pub(super) use search::search;

use super::super::syntax::{Syntax, enclosing};

/// Whether code may be added around a node: it belongs to a function that runs at run time, and to no test.
fn is_eligible(syntax: &Syntax<'_>, node: Node<'_>) -> bool {
    let Some(function) = enclosing(node, &["function_item"]) else { return false };
    // Everything between the attributes and the name: `pub const unsafe fn`.
    let name = function.child_by_field_name("name").map_or(function.end_byte(), |it| it.start_byte());
    let head = syntax.text.get(function.start_byte()..name).unwrap_or_default();
    let tested = |node: Node<'_>| {
        let mut before = node.prev_named_sibling();
        while let Some(attribute) = before.filter(|it| it.kind() == "attribute_item") {
            let text = syntax.of(attribute);
            if text.contains("cfg(test)") || text == "#[test]" {
                return true;
            }
            before = attribute.prev_named_sibling();
        }
        false
    };
    let module = enclosing(function, &["mod_item"]);
    let within = enclosing(node, &["const_item", "static_item", "const_block", "macro_definition", "array_type"]);
    !head.split_whitespace().any(|word| word == "const")
        && !tested(function)
        && !module.is_some_and(tested)
        && within.is_none()
}
