//! What the failing tests and the file itself offer to put in a fault's place: numbers, strings, names, conditions.
//!
//! A repair must come from somewhere. Values that tests expect, and values that stand elsewhere in the file, are the
//! likeliest; nothing is drawn by chance.

use crate::provider::builtin::syntax::{Language, Syntax, function, named, statement};

/// Most of a kind that are tried at one place.
const NUMBERS_MAX: usize = 8;
const STRINGS_MAX: usize = 12;
const CONDITIONS_MAX: usize = 8;
const VALUES_MAX: usize = 12;

/// Values to try, the likeliest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pool {
    /// As they are written, without a suffix.
    pub integers: Vec<String>,
    pub floats: Vec<String>,
    /// With their quotes.
    pub strings: Vec<String>,
    /// What calls that tests expect to fail raise, by name.
    pub raised: Vec<String>,
    /// Conditions of the file.
    pub conditions: Vec<String>,
    /// What functions of the file return.
    pub returned: Vec<String>,
}

impl Pool {
    /// From the source that is mended and the text of the tests that fail (whole files, or what is left of them).
    #[must_use]
    pub(super) fn gather(source: &Syntax<'_>, tests: &str) -> Self {
        let mut pool = Self::default();
        if let Some(tests) = Syntax::parse(tests, source.language) {
            pool.literals(&tests);
        }
        pool.raised = raised(tests, source);
        pool.literals(source);
        pool.parts(source);
        pool.integers.truncate(NUMBERS_MAX);
        pool.floats.truncate(NUMBERS_MAX);
        pool.strings.truncate(STRINGS_MAX);
        pool.conditions.truncate(CONDITIONS_MAX);
        pool.returned.truncate(VALUES_MAX);
        pool
    }

    fn literals(&mut self, syntax: &Syntax<'_>) {
        for node in syntax.nodes() {
            let text = syntax.of(node);
            match node.kind() {
                "integer" | "integer_literal" => add(&mut self.integers, bare(text)),
                "float" | "float_literal" => add(&mut self.floats, bare(text)),
                "string" | "string_literal" if !is_docstring(node) && !text.contains('\n') => {
                    add(&mut self.strings, text);
                }
                _ => {}
            }
        }
    }

    fn parts(&mut self, syntax: &Syntax<'_>) {
        for node in syntax.nodes() {
            if function(node).is_none() {
                continue;
            }
            if let Some(condition) = node.child_by_field_name("condition").filter(|it| it.kind() != "let_condition") {
                add(&mut self.conditions, syntax.of(condition));
            }
            if let "return_statement" | "return_expression" = node.kind() {
                named(node).first().into_iter().for_each(|value| add(&mut self.returned, syntax.of(*value)));
            }
            // The last expression of a block is what a Rust function returns.
            if node.kind() == "block" && syntax.language == Language::Rust {
                let last = named(node).last().copied().filter(|last| !last.kind().ends_with("statement"));
                let short = last.map(|last| syntax.of(last)).filter(|text| text.len() < 40 && !text.contains('\n'));
                short.into_iter().for_each(|text| add(&mut self.returned, text));
            }
        }
    }
}

fn add(list: &mut Vec<String>, text: &str) {
    if !text.is_empty() && !list.iter().any(|it| it == text) {
        list.push(text.to_owned());
    }
}

/// A number without the suffix of its type.
pub(super) fn bare(number: &str) -> &str {
    if number.starts_with("0x") || number.starts_with("0b") || number.starts_with("0o") {
        return number;
    }
    let end = number.find(['i', 'u', 'f', 'j']).unwrap_or(number.len());
    number.get(..end).unwrap_or(number).trim_end_matches('_')
}

/// A string that stands as a statement of its own.
pub(super) fn is_docstring(node: tree_sitter::Node<'_>) -> bool {
    node.parent().is_some_and(|parent| parent.kind() == "expression_statement" && parent.named_child_count() == 1)
        && statement(node).is_some_and(|it| it.byte_range() == node.byte_range())
}

/// `assertRaises(E`, `pytest.raises(E`; in Rust each `Err(..)` that stands anywhere.
fn raised(tests: &str, source: &Syntax<'_>) -> Vec<String> {
    let mut found = Vec::new();
    match source.language {
        Language::Python => {
            for marker in ["assertRaises(", "assertRaisesRegex(", "raises("] {
                for (at, _) in tests.match_indices(marker) {
                    let rest = tests.get(at + marker.len()..).unwrap_or_default();
                    let name: String =
                        rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == '.').collect();
                    // Tests name it through the module that they import; the module itself does not.
                    add(&mut found, name.rsplit('.').next().unwrap_or_default());
                }
            }
        }
        Language::Rust => {
            for node in source.nodes() {
                let text = source.of(node);
                if node.kind() == "call_expression" && text.starts_with("Err(") && text.len() < 60 {
                    add(&mut found, text);
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tests_expect_comes_first() {
        let source = "def f(n):\n    if n > 7:\n        return 'big'\n    return n\n";
        let syntax = Syntax::parse(source, Language::Python).expect("the grammar fits");
        let tests = "def test():\n    assert f(3) == 'small'\n    with pytest.raises(m.Bad):\n        f(-1)\n";
        let pool = Pool::gather(&syntax, tests);
        assert_eq!(pool.integers, ["3", "1", "7"]);
        assert_eq!(pool.strings, ["'small'", "'big'"]);
        assert_eq!(pool.raised, ["Bad"]);
        assert_eq!(pool.conditions, ["n > 7"]);
        assert_eq!(pool.returned, ["'big'", "n"]);
    }

    #[test]
    fn numbers_lose_their_suffix() {
        assert_eq!(["10u32", "1_000", "0xff", "2.5f64"].map(bare), ["10", "1_000", "0xff", "2.5"]);
    }
}
