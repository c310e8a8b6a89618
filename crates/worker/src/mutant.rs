//! Faults for trying out whoever mends them: a seed chooses a kind of mistake and a place for it.
//!
//! Pure: text and seed in, text out. The kinds are those of the literature on mutation testing and of everyday mistakes;
//! some of them remove code, which no exchange of operators brings back. Whoever repairs knows nothing of this module.

use std::{collections::BTreeMap, ops::Range};

use tree_sitter::Node;

use crate::provider::builtin::syntax::{Language, Syntax, enclosing, function, is_statement, line, named};

/// A kind of mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mistake {
    /// `<` for `<=`, `==` for `!=`.
    Relation,
    /// `+` for `-`.
    Arithmetic,
    /// `and` for `or`.
    Connective,
    /// A number that is one off, zero, or ten times too large.
    Number,
    /// `True` for `False`.
    Truth,
    /// Another string of the file, or none.
    Text,
    /// A condition turned round.
    Negated,
    /// A part of a condition that was forgotten.
    Conjunct,
    /// A branch that was forgotten.
    Branch,
    /// A statement that was forgotten.
    Statement,
    /// Two arguments in the wrong order.
    Arguments,
    /// An index or a bound that is one off.
    Bound,
    /// Another variable of the same function.
    Variable,
    /// `min` for `max`.
    Relative,
}

/// A text with one mistake in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    pub text: String,
    pub mistake: Mistake,
    /// Counted from 1.
    pub line: u32,
}

/// One way to go wrong.
struct Slip {
    mistake: Mistake,
    range: Range<usize>,
    text: String,
    line: u32,
}

/// Plants one mistake: its kind first, so that rare kinds are as frequent as others, then its place. `None` where the
/// text offers none.
#[must_use]
pub fn plant(source: &str, language: Language, seed: u64) -> Option<Mutant> {
    let syntax = Syntax::parse(source, language)?;
    let mut slips: BTreeMap<Mistake, Vec<Slip>> = BTreeMap::new();
    for node in syntax.nodes() {
        if is_code(&syntax, node) {
            for slip in slips_of(&syntax, node) {
                slips.entry(slip.mistake).or_default().push(slip);
            }
        }
    }
    let mut dice = Dice(seed);
    let mut kinds: Vec<Mistake> = slips.keys().copied().collect();
    while !kinds.is_empty() {
        let kind = kinds.swap_remove(dice.below(kinds.len()));
        let of_kind = slips.get(&kind).map(Vec::as_slice).unwrap_or_default();
        let Some(slip) = of_kind.get(dice.below(of_kind.len())) else { continue };
        let text = spliced(source, &slip.range, &slip.text);
        if Syntax::parse(&text, language).is_some_and(|it| it.is_sound()) {
            return Some(Mutant { text, mistake: slip.mistake, line: slip.line });
        }
    }
    None
}

fn spliced(source: &str, range: &Range<usize>, text: &str) -> String {
    let before = source.get(..range.start).unwrap_or_default();
    format!("{before}{text}{}", source.get(range.end..).unwrap_or_default())
}

/// SplitMix64: equal seeds, equal mistakes, on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let bound = u64::try_from(bound.max(1)).unwrap_or(1);
        usize::try_from(mixed % bound).unwrap_or(0)
    }
}

/// Code of functions, outside of tests.
fn is_code(syntax: &Syntax<'_>, node: Node<'_>) -> bool {
    let module = enclosing(node, &["mod_item"]).and_then(|it| it.prev_named_sibling());
    let tests = module.is_some_and(|it| syntax.of(it).contains("cfg(test)"));
    !tests && function(node).is_some_and(|it| it != node)
}

fn slips_of(syntax: &Syntax<'_>, node: Node<'_>) -> Vec<Slip> {
    let slip = |mistake, at: Node<'_>, text: String| Slip { mistake, range: at.byte_range(), text, line: line(at) };
    let mut found = Vec::new();
    if !node.is_named() {
        found.extend(token(node.kind(), node).map(|(mistake, text)| slip(mistake, node, text.to_owned())));
        return found;
    }
    found.extend(literal(syntax, node).into_iter().map(|(mistake, text)| slip(mistake, node, text)));
    if let Some(condition) = node.child_by_field_name("condition").filter(|it| !it.kind().starts_with("let_")) {
        let text = syntax.of(condition);
        let python = syntax.language == Language::Python;
        let turned = if python { format!("not ({text})") } else { format!("!({text})") };
        found.push(slip(Mistake::Negated, condition, turned));
    }
    found.extend(parts(syntax, node).into_iter().map(|text| slip(Mistake::Conjunct, node, text)));
    if let Some(mistake) = forgotten(node) {
        let nothing = if syntax.language == Language::Python { "pass" } else { "" };
        found.push(slip(mistake, node, nothing.to_owned()));
    }
    found.extend(called(syntax, node));
    found.extend(variable(syntax, node).map(|text| slip(Mistake::Variable, node, text)));
    found
}

fn token(text: &str, node: Node<'_>) -> Option<(Mistake, &'static str)> {
    let within = node.parent().map_or("", |it| it.kind());
    if !(within.contains("operator") || within.contains("binary") || within.contains("assignment")) {
        return (text == ".." && within == "range_expression").then_some((Mistake::Bound, "..="));
    }
    Some(match text {
        "<" => (Mistake::Relation, "<="),
        "<=" => (Mistake::Relation, "<"),
        ">" => (Mistake::Relation, ">="),
        ">=" => (Mistake::Relation, "<"),
        "==" => (Mistake::Relation, "!="),
        "!=" => (Mistake::Relation, "=="),
        "+" => (Mistake::Arithmetic, "-"),
        "-" => (Mistake::Arithmetic, "+"),
        "*" => (Mistake::Arithmetic, "+"),
        "/" => (Mistake::Arithmetic, "*"),
        "//" => (Mistake::Arithmetic, "%"),
        "%" => (Mistake::Arithmetic, "/"),
        "+=" => (Mistake::Arithmetic, "-="),
        "-=" => (Mistake::Arithmetic, "+="),
        "and" => (Mistake::Connective, "or"),
        "or" => (Mistake::Connective, "and"),
        "&&" => (Mistake::Connective, "||"),
        "||" => (Mistake::Connective, "&&"),
        _ => return None,
    })
}

fn literal(syntax: &Syntax<'_>, node: Node<'_>) -> Vec<(Mistake, String)> {
    let text = syntax.of(node);
    match node.kind() {
        "integer" | "integer_literal" => match text.parse::<u64>() {
            Ok(value) => [value.saturating_add(1), value.saturating_mul(10), value / 2]
                .into_iter()
                .filter(|it| *it != value)
                .map(|it| (Mistake::Number, it.to_string()))
                .collect(),
            Err(_) => Vec::new(),
        },
        "true" => vec![(Mistake::Truth, "False".to_owned())],
        "false" => vec![(Mistake::Truth, "True".to_owned())],
        "boolean_literal" => vec![(Mistake::Truth, (text != "true").to_string())],
        "string" | "string_literal" if text.len() > 2 && !is_alone(node) => {
            let quote = text.chars().next().filter(|it| matches!(it, '"' | '\''));
            quote.map(|quote| (Mistake::Text, format!("{quote}{quote}"))).into_iter().collect()
        }
        "slice" => slice(text).into_iter().map(|text| (Mistake::Bound, text)).collect(),
        _ => Vec::new(),
    }
}

fn is_alone(node: Node<'_>) -> bool {
    node.parent().is_some_and(|it| it.kind() == "expression_statement")
}

fn slice(text: &str) -> Option<String> {
    let (from, to) = text.split_once(':')?;
    Some(if from.trim().is_empty() { format!("1:{to}") } else { format!(":{to}") })
}

/// The sides of a condition in two parts.
fn parts(syntax: &Syntax<'_>, node: Node<'_>) -> Vec<String> {
    let joined = node.child_by_field_name("operator").is_some_and(|it| matches!(it.kind(), "and" | "or" | "&&" | "||"));
    if !joined {
        return Vec::new();
    }
    ["left", "right"]
        .into_iter()
        .filter_map(|side| node.child_by_field_name(side))
        .map(|it| syntax.of(it).to_owned())
        .collect()
}

/// Statements whose absence still leaves a program.
fn forgotten(node: Node<'_>) -> Option<Mistake> {
    if !is_statement(node) {
        return None;
    }
    let inner = named(node).first().map_or("", |it| it.kind());
    match node.kind() {
        "if_statement" if node.child_by_field_name("alternative").is_none() => Some(Mistake::Branch),
        "expression_statement" if inner == "if_expression" => Some(Mistake::Branch),
        "expression_statement" if !matches!(inner, "string" | "assignment" | "return_expression") => {
            Some(Mistake::Statement)
        }
        _ => None,
    }
}

fn called(syntax: &Syntax<'_>, node: Node<'_>) -> Option<Slip> {
    let (function, arguments) = (node.child_by_field_name("function")?, node.child_by_field_name("arguments")?);
    let all = named(arguments);
    if let [first, second, ..] = all.as_slice()
        && [first, second].iter().all(|it| it.kind() != "keyword_argument")
    {
        let range = first.start_byte()..second.end_byte();
        let text = format!("{}, {}", syntax.of(*second), syntax.of(*first));
        return Some(Slip { mistake: Mistake::Arguments, range, text, line: line(node) });
    }
    let fields = ["attribute", "field"].into_iter().find_map(|it| function.child_by_field_name(it));
    let name = fields.unwrap_or(function);
    let other = match syntax.of(name) {
        "min" => "max",
        "max" => "min",
        "any" => "all",
        "all" => "any",
        "lower" => "upper",
        "startswith" => "endswith",
        "is_some" => "is_none",
        "is_none" => "is_some",
        "first" => "last",
        "last" => "first",
        _ => return None,
    };
    Some(Slip { mistake: Mistake::Relative, range: name.byte_range(), text: other.to_owned(), line: line(node) })
}

/// The name before this one in the same statement list of the function, where this one is read as an operand.
fn variable(syntax: &Syntax<'_>, node: Node<'_>) -> Option<String> {
    let within = node.parent()?.kind();
    if node.kind() != "identifier"
        || !(within.contains("operator") || within.contains("binary") || within == "return_statement")
    {
        return None;
    }
    let parameters = function(node)?.child_by_field_name("parameters")?;
    let own = syntax.of(node);
    let names = named(parameters).into_iter().map(|it| it.child_by_field_name("pattern").unwrap_or(it));
    let mut others = names.map(|it| syntax.of(it)).filter(|it| *it != own && *it != "self" && *it != "&self");
    others.find(|it| it.chars().all(|c| c.is_alphanumeric() || c == '_')).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const SOURCE: &str =
        "def f(a, b):\n    if a < b and b != 7:\n        return max(a, b)\n    log(a)\n    return a - b\n";

    #[test]
    fn a_seed_is_one_mistake() {
        for seed in 0..50 {
            let one = plant(SOURCE, Language::Python, seed).expect("there are places");
            assert_eq!(plant(SOURCE, Language::Python, seed), Some(one.clone()));
            assert_ne!(one.text, SOURCE, "seed {seed}");
        }
    }

    #[test]
    fn seeds_reach_many_kinds() {
        let kinds: BTreeSet<Mistake> =
            (0..200).filter_map(|seed| plant(SOURCE, Language::Python, seed)).map(|it| it.mistake).collect();
        assert!(kinds.len() >= 8, "{kinds:?}");
        assert!(kinds.contains(&Mistake::Branch) && kinds.contains(&Mistake::Statement));
    }

    #[test]
    fn tests_are_left_alone() {
        let source = "const N: u8 = 1;\n#[cfg(test)]\nmod tests {\n    fn t() {\n        assert!(1 < 2);\n    }\n}\n";
        assert_eq!(plant(source, Language::Rust, 1), None);
    }
}
