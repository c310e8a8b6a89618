//! Many candidates in one build: each function that candidates change gets one body for each of them, and picks one by
//! the environment.
//!
//! Pure. A compiler is slow and a test binary is fast, so hundreds of candidates share a build. Those that do not
//! compile are found by where the compiler's errors point to ([`Woven::faulty`]) and left out of the next build.

use std::{collections::BTreeMap, ops::Range};

use tree_sitter::Node;

use crate::provider::builtin::{
    repair::edit::Edit,
    syntax::{Language, Syntax, children},
};

/// What picks a body: `WEFT_CANDIDATE=17`.
pub(in super::super) const CHOICE: &str = "WEFT_CANDIDATE";

/// A file with all its candidates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Woven {
    pub text: String,
    /// Where each candidate's body stands in the text.
    arms: Vec<(Range<usize>, u32)>,
    /// Candidates that change something else than the body of a function that can have several.
    pub left_out: Vec<u32>,
}

impl Woven {
    /// Candidates whose bodies hold one of these places.
    pub(in super::super) fn faulty(&self, bytes: &Range<usize>) -> Option<u32> {
        let holds = |arm: &Range<usize>| arm.start <= bytes.start && bytes.end <= arm.end;
        self.arms.iter().find(|(arm, _)| holds(arm)).map(|(_, id)| *id)
    }

    /// How many candidates are in it.
    pub(in super::super) fn len(&self) -> usize {
        self.arms.len()
    }
}

/// Weaves candidates into a file. Their numbers are above 0; 0 is the file as it is.
pub(in super::super) fn weave(source: &str, edits: &[(u32, &Edit)]) -> Woven {
    let Some(syntax) = Syntax::parse(source, Language::Rust) else { return Woven::default() };
    let bodies: Vec<Range<usize>> = syntax.nodes().into_iter().filter_map(|it| body(&syntax, it)).collect();
    let mut woven = Woven::default();
    let mut of_body: BTreeMap<usize, Vec<(u32, &Edit)>> = BTreeMap::new();
    for (id, edit) in edits {
        let holds = |body: &Range<usize>| body.start < edit.range.start && edit.range.end < body.end;
        match bodies.iter().position(holds) {
            Some(at) => of_body.entry(at).or_default().push((*id, edit)),
            None => woven.left_out.push(*id),
        }
    }
    let mut done = 0;
    for (at, edits) in of_body {
        let Some(body) = bodies.get(at) else { continue };
        woven.text.push_str(source.get(done..body.start).unwrap_or_default());
        woven.function(source, body, &edits);
        done = body.end;
    }
    woven.text.push_str(source.get(done..).unwrap_or_default());
    woven
}

impl Woven {
    fn function(&mut self, source: &str, body: &Range<usize>, edits: &[(u32, &Edit)]) {
        let original = source.get(body.clone()).unwrap_or_default();
        self.text.push_str(&format!(
            "{{ static WEFT_CHOICE: ::std::sync::OnceLock<u32> = ::std::sync::OnceLock::new(); \
             match *WEFT_CHOICE.get_or_init(|| ::std::env::var(\"{CHOICE}\").ok()\
             .and_then(|it| it.parse().ok()).unwrap_or(0)) {{\n"
        ));
        for (id, edit) in edits {
            let range = edit.range.start - body.start..edit.range.end - body.start;
            let changed = Edit { range, ..(*edit).clone() }.apply(original);
            self.text.push_str(&format!("{id}u32 => "));
            let start = self.text.len();
            self.text.push_str(&changed);
            self.arms.push((start..self.text.len(), *id));
            self.text.push('\n');
        }
        self.text.push_str(&format!("_ => {original}\n}} }}"));
    }
}

/// The body of an outermost function that can have several.
fn body(syntax: &Syntax<'_>, node: Node<'_>) -> Option<Range<usize>> {
    let body = node.child_by_field_name("body").filter(|_| node.kind() == "function_item")?;
    let opaque = node.child_by_field_name("return_type").is_some_and(|it| it.kind() == "abstract_type");
    let nested = node.parent().and_then(crate::provider::builtin::syntax::function).is_some();
    let outer = !nested && !opaque && super::is_eligible(syntax, *children(body).first()?);
    outer.then(|| body.byte_range())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::builtin::repair::edit::Kind;

    const SOURCE: &str = "const N: u8 = 1;\nfn f(a: u8) -> u8 { a + N }\nfn g() -> u8 { 2 }\n";

    fn edit(before: &str, text: &str) -> Edit {
        let start = SOURCE.find(before).expect("it stands there");
        Edit { range: start..start + before.len(), text: text.to_owned(), line: 1, kind: Kind::Constant, rank: 0 }
    }

    #[test]
    fn a_function_has_a_body_for_each_candidate_and_its_own() {
        let (minus, times, three, constant) =
            (edit("a + N", "a - N"), edit("a + N", "a * N"), edit("2", "3"), edit("1;", "0;"));
        let woven = weave(SOURCE, &[(1, &minus), (2, &times), (3, &three), (4, &constant)]);
        assert_eq!(woven.left_out, [4]);
        assert_eq!(woven.len(), 3);
        for part in ["1u32 => { a - N }", "2u32 => { a * N }", "_ => { a + N }", "3u32 => { 3 }", "_ => { 2 }"] {
            assert!(woven.text.contains(part), "{part} in {}", woven.text);
        }
        assert!(Syntax::parse(&woven.text, Language::Rust).is_some_and(|it| it.is_sound()));
    }

    #[test]
    fn an_error_names_the_candidate_that_it_stands_in() {
        let (minus, times) = (edit("a + N", "a - N"), edit("a + N", "a * N"));
        let woven = weave(SOURCE, &[(7, &minus), (8, &times)]);
        let at = woven.text.find("a * N").expect("it is woven in");
        assert_eq!(woven.faulty(&(at..at + 5)), Some(8));
        assert_eq!(woven.faulty(&(0..1)), None);
    }
}
