//! Operators that are written as one token: `<`, `+`, `and`, `+=`, `..`.

use super::Site;
use crate::provider::builtin::repair::edit::{Edit, Kind};

/// Node kinds whose tokens are operators, not brackets of generics or parts of patterns.
const EXPRESSIONS: [&str; 10] = [
    "comparison_operator",
    "binary_operator",
    "boolean_operator",
    "augmented_assignment",
    "assignment",
    "binary_expression",
    "compound_assignment_expr",
    "assignment_expression",
    "range_expression",
    "unary_operator",
];

pub(super) fn offer(site: &Site<'_, '_>, out: &mut Vec<Edit>) {
    if site.node.is_named() || !site.node.parent().is_some_and(|it| EXPRESSIONS.contains(&it.kind())) {
        return;
    }
    let python = site.is_python();
    let spelled = |token: &&&str| match **token {
        "//" | "**" | "//=" | "**=" => python,
        _ => true,
    };
    for (kind, tokens) in alternatives(site.text()) {
        // `a[..=]` is no range.
        let open = site.text() == ".." && site.node.next_sibling().is_none_or(|it| !it.is_named());
        if !open {
            site.replace(site.node, *kind, tokens.iter().filter(spelled).copied(), out);
        }
    }
}

type Alternatives = &'static [(Kind, &'static [&'static str])];

/// What else could stand there, the likeliest first.
fn alternatives(token: &str) -> Alternatives {
    use Kind::{Arithmetic, Boundary, Comparison, Logic, Update};
    match token {
        "<" => &[(Boundary, &["<="]), (Comparison, &[">", ">=", "==", "!="])],
        "<=" => &[(Boundary, &["<"]), (Comparison, &[">=", ">", "==", "!="])],
        ">" => &[(Boundary, &[">="]), (Comparison, &["<", "<=", "==", "!="])],
        ">=" => &[(Boundary, &[">"]), (Comparison, &["<=", "<", "==", "!="])],
        "==" => &[(Comparison, &["!=", ">=", "<=", ">", "<"])],
        "!=" => &[(Comparison, &["==", "<", ">", "<=", ">="])],
        "in" => &[(Comparison, &["not in"])],
        "not in" => &[(Comparison, &["in"])],
        "is" => &[(Comparison, &["is not", "=="])],
        "is not" => &[(Comparison, &["is", "!="])],
        ".." => &[(Boundary, &["..="])],
        "..=" => &[(Boundary, &[".."])],
        "and" => &[(Logic, &["or"])],
        "or" => &[(Logic, &["and"])],
        "&&" => &[(Logic, &["||"])],
        "||" => &[(Logic, &["&&"])],
        "+" => &[(Arithmetic, &["-", "*", "/", "//"])],
        "-" => &[(Arithmetic, &["+", "*", "/", "%", "//"])],
        "*" => &[(Arithmetic, &["/", "+", "**", "//", "-", "%"])],
        "/" => &[(Arithmetic, &["*", "//", "%", "-", "+"])],
        "//" => &[(Arithmetic, &["/", "%", "*", "-", "+"])],
        "%" => &[(Arithmetic, &["/", "//", "*", "+", "-"])],
        "**" => &[(Arithmetic, &["*", "+"])],
        "<<" => &[(Arithmetic, &[">>"])],
        ">>" => &[(Arithmetic, &["<<"])],
        "&" => &[(Arithmetic, &["|", "^"])],
        "|" => &[(Arithmetic, &["&", "^"])],
        "^" => &[(Arithmetic, &["|", "&"])],
        "+=" => &[(Update, &["-=", "=", "*="])],
        "-=" => &[(Update, &["+=", "=", "/="])],
        "*=" => &[(Update, &["/=", "+=", "=", "-=", "//="])],
        "/=" => &[(Update, &["*=", "-=", "=", "//=", "%="])],
        "//=" => &[(Update, &["/=", "*=", "-=", "%="])],
        "%=" => &[(Update, &["/=", "*=", "//="])],
        "=" => &[(Update, &["+=", "-=", "*="])],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::check, Kind};

    #[test]
    fn an_operator_gives_way_to_its_relatives() {
        check("def f(a):\n    return a < 1\n", "<", Kind::Boundary, "def f(a):\n    return a <= 1\n");
        check("fn f(a: u8) -> bool { a != 1 }", "!=", Kind::Comparison, "fn f(a: u8) -> bool { a == 1 }");
        check("def f(a, b):\n    return a not in b\n", "not in", Kind::Comparison, "def f(a, b):\n    return a in b\n");
        check("fn f() { for i in 0..9 {} }", "..", Kind::Boundary, "fn f() { for i in 0..=9 {} }");
        check("fn f(mut a: u8) { a = 1; }", "=", Kind::Update, "fn f(mut a: u8) { a += 1; }");
    }

    #[test]
    fn brackets_of_generics_are_no_comparisons() {
        use super::super::tests::offered;
        let offers =
            offered("fn f(a: Vec<u8>) {}", crate::provider::builtin::syntax::Language::Rust, "<", Kind::Boundary);
        assert!(offers.is_empty(), "{offers:?}");
    }
}
