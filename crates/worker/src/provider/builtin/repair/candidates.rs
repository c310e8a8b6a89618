//! All edits of a file that could mend it, the likeliest first.
//!
//! Pure: source text and suspicion in, a ranked list out; equal input gives an equal list. An edit that breaks the
//! grammar of a text that followed it is left out.

use std::{collections::BTreeSet, ops::RangeInclusive};

use tree_sitter::Node;

use super::{
    edit::{Edit, Kind},
    operators::{Scope, Site, offer},
    pool::Pool,
    spectrum::Suspicion,
};
use crate::provider::builtin::syntax::{Language, Syntax, enclosing, function, last_line, line, statement};

/// What is left of a kind's weight with each further alternative at the same place.
const RANK_DECAY: f64 = 0.9;
/// How much of the suspicion of the code that reads it a constant of the file has.
const CONSTANT_SHARE: f64 = 0.8;

/// An edit of a file and how likely it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub file: String,
    pub edit: Edit,
    /// From 0 to 1.
    pub score: f64,
}

/// A file of the program, and the text of the tests that fail.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    pub file: &'a str,
    pub source: &'a str,
    pub language: Language,
    pub tests: &'a str,
}

/// All candidates of one file.
#[must_use]
pub fn candidates(target: Target<'_>, suspicion: &Suspicion) -> Vec<Candidate> {
    let Some(syntax) = Syntax::parse(target.source, target.language) else { return Vec::new() };
    let pool = Pool::gather(&syntax, target.tests);
    let scope = Scope::gather(&syntax);
    let mut found = Vec::new();
    let mut edits = Vec::new();
    for node in syntax.nodes() {
        let suspicious = suspicious(&syntax, node, target.file, suspicion);
        if suspicious > 0.0 && !is_test(&syntax, node) {
            offer(&Site { syntax: &syntax, pool: &pool, scope: &scope, node }, &mut edits);
            found.extend(edits.drain(..).map(|edit| Candidate {
                file: target.file.to_owned(),
                score: suspicious * edit.kind.weight() * RANK_DECAY.powf(f64::from(edit.rank)),
                edit,
            }));
        }
    }
    rank(&mut found);
    let mut seen = BTreeSet::from([target.source.to_owned()]);
    let sound = syntax.is_sound();
    found.retain(|it| is_new(it, target, sound, &mut seen));
    found
}

/// The likeliest first; equal ones in the order of the text.
pub fn rank(candidates: &mut [Candidate]) {
    candidates.sort_by(|one, other| {
        let place = |it: &Candidate| (it.edit.range.start, it.edit.range.end);
        other
            .score
            .total_cmp(&one.score)
            .then_with(|| one.file.cmp(&other.file))
            .then_with(|| place(one).cmp(&place(other)))
    });
}

fn is_new(candidate: &Candidate, target: Target<'_>, sound: bool, seen: &mut BTreeSet<String>) -> bool {
    let text = candidate.edit.apply(target.source);
    if seen.contains(&text) {
        return false;
    }
    let follows = Syntax::parse(&text, target.language).is_some_and(|it| it.is_sound());
    seen.insert(text);
    follows || !sound
}

/// How suspicious a node is: as its own line, or as the statement that it belongs to.
fn suspicious(syntax: &Syntax<'_>, node: Node<'_>, file: &str, suspicion: &Suspicion) -> f64 {
    if node.kind() == "block" {
        return suspicion.most(file, line(node)..=last_line(node));
    }
    let own = suspicion.of(file, line(node)).max(of_default(node, file, suspicion));
    if own > 0.0 {
        return own;
    }
    if let Some(constant) = constant(syntax, node) {
        return CONSTANT_SHARE * of_readers(syntax, constant, file, suspicion);
    }
    statement(node).map_or(0.0, |it| suspicion.most(file, head(it)))
}

/// The lines of a statement without the blocks within it.
fn head(statement: Node<'_>) -> RangeInclusive<u32> {
    let body = ["body", "consequence"].into_iter().find_map(|name| statement.child_by_field_name(name));
    let end = body.map_or_else(|| last_line(statement), |body| line(body).saturating_sub(1).max(line(statement)));
    line(statement)..=end
}

/// What a parameter is where nothing is given is read by the function, though it is executed before any test.
fn of_default(node: Node<'_>, file: &str, suspicion: &Suspicion) -> f64 {
    let default = enclosing(node, &["default_parameter", "typed_default_parameter"]);
    let function = default.and_then(function);
    function.map_or(0.0, |it| CONSTANT_SHARE * suspicion.most(file, line(it)..=last_line(it)))
}

/// The name of the constant of the file within whose value the node stands.
fn constant<'s>(syntax: &Syntax<'s>, node: Node<'_>) -> Option<&'s str> {
    if function(node).is_some() {
        return None;
    }
    let item = enclosing(node, &["const_item", "static_item", "assignment"])?;
    let name = item.child_by_field_name("name").or(item.child_by_field_name("left"))?;
    Some(syntax.of(name))
}

fn of_readers(syntax: &Syntax<'_>, constant: &str, file: &str, suspicion: &Suspicion) -> f64 {
    let readers = syntax.nodes().into_iter().filter(|it| it.kind() == "identifier" && syntax.of(*it) == constant);
    readers.map(|it| suspicion.of(file, line(it))).fold(0.0, f64::max)
}

/// Tests that stand in the file itself are not mended.
fn is_test(syntax: &Syntax<'_>, node: Node<'_>) -> bool {
    let module = enclosing(node, &["mod_item"]);
    let attribute = module.and_then(|it| it.prev_named_sibling()).map(|it| syntax.of(it)).unwrap_or_default();
    let tested = function(node).and_then(|it| it.prev_named_sibling()).map(|it| syntax.of(it)).unwrap_or_default();
    attribute.contains("cfg(test)") || tested.contains("#[test]")
}

/// One sentence on an edit: `changes a constant in line 3: 1 → 2`.
#[must_use]
pub fn describe(edit: &Edit, source: &str) -> String {
    let before = source.get(edit.range.clone()).unwrap_or_default();
    let short = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let words = match edit.kind {
        Kind::Guard | Kind::Insertion if before.is_empty() => "adds ",
        Kind::Deletion => "removes ",
        _ => "changes ",
    };
    let (before, after) = (short(before), short(&edit.text));
    match before.is_empty() {
        true => format!("{words}{} in line {}: {after}", edit.kind.words(), edit.line),
        false => format!("{words}{} in line {}: {before} → {after}", edit.kind.words(), edit.line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "LIMIT = 10\n\ndef clamp(x, low):\n    if x <= low:\n        return x\n    return low\n";

    fn ranked(lines: &[(u32, f64)]) -> Vec<Candidate> {
        let mut suspicion = Suspicion::default();
        lines.iter().for_each(|(line, value)| suspicion.raise("a.py", *line, *value));
        let target = Target { file: "a.py", source: SOURCE, language: Language::Python, tests: "" };
        candidates(target, &suspicion)
    }

    #[test]
    fn the_likeliest_edit_of_the_most_suspicious_line_comes_first() {
        let all = ranked(&[(4, 1.0), (6, 0.5)]);
        let first = all.first().expect("there are candidates");
        assert_eq!(describe(&first.edit, SOURCE), "changes whether a boundary is included in line 4: <= → <");
        assert!(all.is_sorted_by(|one, other| one.score >= other.score));
        assert!(all.iter().any(|it| it.edit.line == 6));
    }

    #[test]
    fn what_nobody_suspects_is_left_alone() {
        assert!(ranked(&[(6, 1.0)]).iter().all(|it| it.edit.line >= 4), "the block of the function begins in line 4");
        assert!(ranked(&[]).is_empty());
    }

    #[test]
    fn every_candidate_is_a_different_text_that_follows_the_grammar() {
        let all = ranked(&[(4, 1.0), (5, 1.0), (6, 1.0)]);
        let texts: BTreeSet<String> = all.iter().map(|it| it.edit.apply(SOURCE)).collect();
        assert!(all.len() > 30, "{}", all.len());
        assert_eq!(texts.len(), all.len());
        assert!(texts.iter().all(|text| Syntax::parse(text, Language::Python).is_some_and(|it| it.is_sound())));
    }

    /// The line is executed once, before any test, so that by itself it is hardly suspicious.
    #[test]
    fn a_default_is_nearly_as_suspicious_as_the_function_that_reads_it() {
        let source = "def f(a, fast=True):\n    if fast:\n        return a\n    return 0\n";
        let mut suspicion = Suspicion::default();
        [(1, 0.1), (2, 1.0), (3, 1.0)].iter().for_each(|(line, value)| suspicion.raise("a.py", *line, *value));
        let all = candidates(Target { file: "a.py", source, language: Language::Python, tests: "" }, &suspicion);
        let default = all.iter().find(|it| it.edit.line == 1 && it.edit.text == "False").expect("it is offered");
        assert!(default.score > 0.5, "{default:?}");
    }

    #[test]
    fn a_constant_is_as_suspicious_as_those_who_read_it() {
        let source = "const LIMIT: u32 = 10;\n\nfn over(x: u32) -> bool {\n    x > LIMIT\n}\n\n#[cfg(test)]\nmod tests {\n    \
                      #[test]\n    fn t() {\n        assert!(super::over(9 + 1));\n    }\n}\n";
        let mut suspicion = Suspicion::default();
        [4, 11].iter().for_each(|line| suspicion.raise("a.rs", *line, 1.0));
        let target = Target { file: "a.rs", source, language: Language::Rust, tests: "" };
        let all = candidates(target, &suspicion);
        assert!(all.iter().any(|it| it.edit.line == 1 && it.edit.text == "9"), "the constant may be one less");
        assert!(all.iter().all(|it| it.edit.line != 11), "tests are not mended");
    }
}
