//! Rules at work: what each does to one text.

use std::{borrow::Cow, collections::BTreeMap, ops::Range, path::Path};

use tree_sitter::{Language, Parser, Query, QueryCursor, StreamingIterator};

use super::{InvalidPack, Rule};
use crate::model::MigrationRequest;

/// The capture that is replaced.
const WHOLE: &str = "whole";
/// Places within each other beyond this are left; and a rule that finds its own work stops here.
const DEPTH_MAX: usize = 16;

impl Rule {
    /// The text after the rule, and how many places it changed.
    pub(super) fn apply(
        &self,
        path: &str,
        text: &str,
        request: &MigrationRequest,
    ) -> Result<(String, u32), InvalidPack> {
        match self {
            Self::Tree { name, query, replace, needs, .. } => {
                let fault = |reason: String| InvalidPack::Rule { rule: name.clone(), reason };
                let (changed, places) = replaced_deeply(path, text, query, replace).map_err(fault)?;
                Ok((if places > 0 { with_line(&changed, needs.as_deref()) } else { changed }, places))
            }
            Self::Dependency { package, version, .. } => Ok(dependency(text, package, &versions(version, request))),
            Self::Text { find, replace, .. } => {
                let (find, replace) = (versions(find, request), versions(replace, request));
                let places = u32::try_from(text.matches(&find).count()).unwrap_or(u32::MAX);
                Ok((text.replace(&find, &replace), places))
            }
        }
    }

    /// Whether the old interface that it does away with is in a text.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.deprecates().is_some_and(|name| text.contains(name))
    }
}

fn versions(text: &str, request: &MigrationRequest) -> String {
    text.replace("{source}", &request.source_version).replace("{target}", &request.target_version)
}

fn grammar(path: &str) -> Option<Language> {
    match Path::new(path).extension()?.to_str()? {
        "py" => Some(tree_sitter_python::LANGUAGE.into()),
        "rs" => Some(tree_sitter_rust::LANGUAGE.into()),
        "js" | "jsx" | "mjs" => Some(tree_sitter_javascript::LANGUAGE.into()),
        _ => None,
    }
}

/// The grammar of Rust is that of later editions, to which `try` is a keyword and `try!` nothing at all: the parser gets
/// another name of as many bytes. Queries see the text as it is.
fn readable<'t>(path: &str, text: &'t str) -> Cow<'t, str> {
    if path.ends_with(".rs") { text.replace("try!", "tri!").into() } else { text.into() }
}

/// All places that a query finds, and what comes in place of each.
fn found(path: &str, text: &str, query: &str, template: &str) -> Result<Vec<(Range<usize>, String)>, String> {
    let language = grammar(path).ok_or_else(|| format!("there is no grammar for {path}: name other files"))?;
    let query = Query::new(&language, query).map_err(|e| format!("its query is wrong: {e}"))?;
    let names = query.capture_names();
    let whole = names.iter().position(|name| *name == WHOLE).ok_or("its query captures no @whole")?;
    let mut parser = Parser::new();
    parser.set_language(&language).map_err(|e| e.to_string())?;
    let tree = parser.parse(readable(path, text).as_ref(), None).ok_or("the text cannot be parsed")?;
    let mut cursor = QueryCursor::new();
    let mut matches = cursor.matches(&query, tree.root_node(), text.as_bytes());
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    while let Some(found) = matches.next() {
        let mut held: BTreeMap<&str, &str> = BTreeMap::new();
        let mut place = None;
        for capture in found.captures() {
            let index = usize::try_from(capture.index).unwrap_or(usize::MAX);
            let range = capture.node.byte_range();
            held.insert(names.get(index).copied().unwrap_or_default(), text.get(range.clone()).unwrap_or_default());
            if index == whole {
                place = Some(range);
            }
        }
        let overlaps =
            |range: &Range<usize>| edits.iter().any(|(other, _)| range.start < other.end && other.start < range.end);
        // Of two matches within each other the outer one comes first; the inner one is found in the next round.
        if let Some(range) = place.filter(|range| !overlaps(range)) {
            let filled = held
                .iter()
                .fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value));
            if text.get(range.clone()) != Some(filled.as_str()) {
                edits.push((range, filled));
            }
        }
    }
    Ok(edits)
}

/// Until nothing is found any more: places lie within each other.
fn replaced_deeply(path: &str, text: &str, query: &str, template: &str) -> Result<(String, u32), String> {
    let (mut text, mut places) = (text.to_owned(), 0);
    for _ in 0..DEPTH_MAX {
        let edits = found(path, &text, query, template)?;
        if edits.is_empty() {
            break;
        }
        places += u32::try_from(edits.len()).unwrap_or(u32::MAX);
        text = replaced(&text, edits);
    }
    Ok((text, places))
}

fn replaced(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut text = text.to_owned();
    for (range, new) in edits {
        text.replace_range(range, &new);
    }
    text
}

/// Puts a line before all others but comments at the top and directives in quotes, unless it is there.
fn with_line(text: &str, line: Option<&str>) -> String {
    let Some(line) = line.filter(|line| !text.lines().any(|it| it.trim() == *line)) else { return text.to_owned() };
    let is_head = |it: &&str| {
        it.starts_with("#!") || it.starts_with("# -*-") || it.starts_with("'use ") || it.starts_with("\"use ")
    };
    let head: usize = text.split_inclusive('\n').take_while(is_head).map(str::len).sum();
    let (head, rest) = text.split_at(head);
    format!("{head}{line}\n{rest}")
}

/// `"react": "^16.14.0"` → `"react": "^18.2.0"`, at every place where the package has a version.
fn dependency(text: &str, package: &str, version: &str) -> (String, u32) {
    let key = format!("\"{package}\"");
    let (mut out, mut rest, mut places) = (String::new(), text, 0);
    while let Some(at) = rest.find(&key) {
        let after = at + key.len();
        out.push_str(rest.get(..after).unwrap_or_default());
        rest = rest.get(after..).unwrap_or_default();
        let value = rest.trim_start().strip_prefix(':').map(str::trim_start).and_then(|it| it.strip_prefix('"'));
        let Some(value) = value else { continue };
        let Some(end) = value.find('"') else { continue };
        let start = rest.len() - value.len();
        out.push_str(rest.get(..start).unwrap_or_default());
        out.push_str(version);
        places += u32::from(value.get(..end) != Some(version));
        rest = value.get(end..).unwrap_or_default();
    }
    out.push_str(rest);
    (out, places)
}
