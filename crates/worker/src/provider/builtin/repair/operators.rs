//! What could have been meant at one place of a text: each operator looks at one node and offers edits.
//!
//! Pure. Operators know nothing of tests and of how likely a place is; they order what they offer by [`Edit::rank`].

mod bounds;
mod calls;
mod conditions;
mod guards;
mod literals;
mod names;
mod statements;
mod tokens;

use tree_sitter::Node;

use super::{
    edit::{Edit, Kind},
    pool::Pool,
};
use crate::provider::builtin::syntax::{self, Language, Syntax};

/// A node in its file.
pub(super) struct Site<'a, 't> {
    pub syntax: &'a Syntax<'a>,
    pub pool: &'a Pool,
    pub scope: &'a Scope,
    pub node: Node<'t>,
}

/// All that could be meant at this node.
pub(super) fn offer(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    tokens::offer(site, out);
    literals::offer(site, out);
    conditions::offer(site, out);
    bounds::offer(site, out);
    calls::offer(site, out);
    names::offer(site, out);
    statements::offer(site, out);
    guards::offer(site, out);
}

pub(super) use names::Scope;

impl<'t> Site<'_, 't> {
    fn text(&self) -> &str {
        self.syntax.of(self.node)
    }

    fn of(&self, node: Node<'t>) -> &str {
        self.syntax.of(node)
    }

    fn field(&self, name: &str) -> Option<Node<'t>> {
        self.node.child_by_field_name(name)
    }

    fn is_python(&self) -> bool {
        self.syntax.language == Language::Python
    }

    /// Puts texts in place of a node, the likeliest first.
    fn replace<S: Into<String>>(
        &self,
        node: Node<'t>,
        kind: Kind,
        texts: impl IntoIterator<Item = S>,
        out: &mut Vec<Edit>,
    ) {
        let before = self.of(node);
        let mut rank = 0;
        for text in texts {
            let text = text.into();
            if text != before {
                out.push(Edit { range: node.byte_range(), text, line: syntax::line(node), kind, rank });
                rank += 1;
            }
        }
    }

    /// Whether the node is an expression that is read, so that another expression could stand there.
    fn is_read(&self) -> bool {
        let Some(parent) = self.node.parent() else { return false };
        let is = |field: &str| parent.child_by_field_name(field) == Some(self.node);
        match parent.kind() {
            "binary_operator"
            | "binary_expression"
            | "comparison_operator"
            | "boolean_operator"
            | "argument_list"
            | "arguments"
            | "return_statement"
            | "return_expression"
            | "expression_list"
            | "tuple"
            | "list"
            | "tuple_expression"
            | "array_expression"
            | "slice"
            | "range_expression"
            | "unary_operator"
            | "unary_expression"
            | "not_operator"
            | "parenthesized_expression"
            | "conditional_expression"
            | "reference_expression"
            | "if_clause"
            | "list_comprehension"
            | "generator_expression" => true,
            "assignment" | "augmented_assignment" | "assignment_expression" | "compound_assignment_expr" => is("right"),
            "keyword_argument"
            | "let_declaration"
            | "field_initializer"
            | "pair"
            | "type_cast_expression"
            | "const_item"
            | "static_item"
            | "default_parameter"
            | "match_arm" => is("value"),
            "subscript" => is("subscript"),
            "index_expression" => parent.named_child(1) == Some(self.node),
            "for_statement" | "for_in_clause" => is("right"),
            "for_expression" | "match_expression" => is("value"),
            "if_statement" | "elif_clause" | "while_statement" | "if_expression" | "while_expression" => {
                is("condition")
            }
            "block" => parent.kind() == "block" && !self.is_python() && self.is_last_expression(),
            _ => false,
        }
    }

    /// What a Rust block comes to.
    fn is_last_expression(&self) -> bool {
        let Some(block) = self.node.parent() else { return false };
        let kind = self.node.kind();
        syntax::named(block).last() == Some(&self.node) && !kind.ends_with("_statement") && !kind.ends_with("_item")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What is offered for the nodes that read `at`, as the whole texts that come of it, by kind.
    pub(super) fn offered(text: &str, language: Language, at: &str, kind: Kind) -> Vec<String> {
        let syntax = Syntax::parse(text, language).expect("the grammar fits");
        let pool = Pool::gather(&syntax, "");
        let scope = Scope::gather(&syntax);
        let mut edits = Vec::new();
        for node in syntax.nodes() {
            if syntax.of(node).trim() == at {
                offer(&Site { syntax: &syntax, pool: &pool, scope: &scope, node }, &mut edits);
            }
        }
        edits.retain(|edit| edit.kind == kind);
        edits.iter().map(|edit| edit.apply(text)).collect()
    }

    pub(super) fn check(text: &str, at: &str, kind: Kind, wanted: &str) {
        let language = if text.contains("def ") { Language::Python } else { Language::Rust };
        let all = offered(text, language, at, kind);
        assert!(all.iter().any(|it| it == wanted), "{wanted:?} is not among {all:#?}");
    }
}
