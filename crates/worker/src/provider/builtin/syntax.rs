//! Source text as a syntax tree, for repair and for the mutants that it is tried on.
//!
//! A grammar's node kinds are named here and in the operators only. A text with errors still has a tree: whoever edits
//! asks [`Syntax::is_sound`] before and after.

use std::path::Path;

use tree_sitter::{Node, Parser, Tree};

/// A language whose sources can be taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    Python,
    Rust,
}

impl Language {
    /// By the file's name.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        match Path::new(path).extension()?.to_str()? {
            "py" => Some(Self::Python),
            "rs" => Some(Self::Rust),
            _ => None,
        }
    }

    fn grammar(self) -> tree_sitter::Language {
        match self {
            Self::Python => tree_sitter_python::LANGUAGE.into(),
            Self::Rust => tree_sitter_rust::LANGUAGE.into(),
        }
    }
}

/// A text and its tree.
pub struct Syntax<'s> {
    pub text: &'s str,
    pub language: Language,
    tree: Tree,
}

impl<'s> Syntax<'s> {
    /// `None` where the grammar and the parser do not fit each other, which no text can cause.
    #[must_use]
    pub fn parse(text: &'s str, language: Language) -> Option<Self> {
        let mut parser = Parser::new();
        parser.set_language(&language.grammar()).ok()?;
        Some(Self { text, language, tree: parser.parse(text, None)? })
    }

    /// Whether the text follows the grammar.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        !self.tree.root_node().has_error()
    }

    /// What stands there.
    #[must_use]
    pub fn of(&self, node: Node<'_>) -> &'s str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    /// All nodes, parents before children, in the order of the text.
    #[must_use]
    pub fn nodes(&self) -> Vec<Node<'_>> {
        let mut found = Vec::new();
        let mut open = vec![self.tree.root_node()];
        while let Some(node) = open.pop() {
            found.push(node);
            open.extend(children(node).into_iter().rev());
        }
        found
    }

    /// The spaces that the line of a node begins with.
    #[must_use]
    pub fn indent(&self, node: Node<'_>) -> &'s str {
        let before = self.text.get(..node.start_byte()).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = self.text.get(start..).unwrap_or_default();
        let width = line.len() - line.trim_start_matches([' ', '\t']).len();
        line.get(..width).unwrap_or_default()
    }
}

/// The line that a node begins in, counted from 1.
#[must_use]
pub fn line(node: Node<'_>) -> u32 {
    u32::try_from(node.start_position().row + 1).unwrap_or(u32::MAX)
}

/// The line that a node ends in, counted from 1.
#[must_use]
pub fn last_line(node: Node<'_>) -> u32 {
    u32::try_from(node.end_position().row + 1).unwrap_or(u32::MAX)
}

/// All children, tokens included.
#[must_use]
pub fn children(node: Node<'_>) -> Vec<Node<'_>> {
    (0..node.child_count()).filter_map(|at| node.child(at)).collect()
}

/// The children that are more than tokens, without comments.
#[must_use]
pub fn named(node: Node<'_>) -> Vec<Node<'_>> {
    children(node).into_iter().filter(|child| child.is_named() && !is_comment(*child)).collect()
}

#[must_use]
pub fn is_comment(node: Node<'_>) -> bool {
    matches!(node.kind(), "comment" | "line_comment" | "block_comment")
}

/// Whether a node is a part of another, or is it.
#[must_use]
pub fn within(node: Node<'_>, outer: Node<'_>) -> bool {
    node.start_byte() >= outer.start_byte() && node.end_byte() <= outer.end_byte()
}

/// The nearest node above (or itself) of one of these kinds.
#[must_use]
pub fn enclosing<'t>(node: Node<'t>, kinds: &[&str]) -> Option<Node<'t>> {
    let mut at = Some(node);
    while let Some(node) = at {
        if kinds.contains(&node.kind()) {
            return Some(node);
        }
        at = node.parent();
    }
    None
}

/// The function around a node.
#[must_use]
pub fn function(node: Node<'_>) -> Option<Node<'_>> {
    enclosing(node, &["function_definition", "function_item"])
}

/// Whether a node stands directly in a block, or in the file itself.
#[must_use]
pub fn is_statement(node: Node<'_>) -> bool {
    let within = node.parent().map_or("", |parent| parent.kind());
    node.is_named() && !is_comment(node) && matches!(within, "block" | "module" | "source_file" | "declaration_list")
}

/// The innermost statement around a node.
#[must_use]
pub fn statement(node: Node<'_>) -> Option<Node<'_>> {
    let mut at = Some(node);
    while let Some(node) = at {
        if is_statement(node) {
            return Some(node);
        }
        at = node.parent();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_knows_its_place() {
        let text = "def f(a):\n    # why\n    if a:\n        return 1\n";
        let syntax = Syntax::parse(text, Language::Python).expect("the grammar fits");
        let one = syntax.nodes().into_iter().find(|node| node.kind() == "integer").expect("a number stands there");
        assert!(syntax.is_sound());
        assert_eq!((syntax.of(one), line(one), syntax.indent(one)), ("1", 4, "        "));
        assert_eq!(statement(one).map(|it| it.kind()), Some("return_statement"));
        assert_eq!(function(one).map(line), Some(1));
        let around = function(one).expect("it is around it");
        assert_eq!([within(one, around), within(one, one), within(around, one)], [true, true, false]);
    }

    #[test]
    fn a_text_with_errors_is_not_sound() {
        for (text, language) in [("def f(:\n", Language::Python), ("fn f( {", Language::Rust)] {
            assert!(!Syntax::parse(text, language).expect("the grammar fits").is_sound());
        }
    }
}
