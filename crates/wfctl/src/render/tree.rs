//! A history as a tree: what happened, what caused it, how long it took.
//!
//! Workflow tasks of which nothing came are folded into one line; whatever a task's commands began stands below it, one
//! line each, with its end. The events themselves are what `--detailed` shows.

mod build;

use weft_client::api::{Timestamp, history::HistoryEvent};

use crate::{output::Tone, span};

/// One thing that happened, with what came of it.
#[derive(Debug, Default)]
struct Node {
    kind: Kind,
    /// The event that began it.
    event: i64,
    began: Option<Timestamp>,
    ended: Option<Timestamp>,
    what: String,
    /// How it ended, or that it has not.
    end: String,
    went: Went,
    parts: Vec<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    Task,
    /// Takes time: activities, timers, children, updates, signals to others.
    Work,
    /// Is over as it happens.
    #[default]
    Moment,
}

/// How it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Went {
    #[default]
    Open,
    Well,
    Badly,
}

/// A part of a line, and how to paint it.
pub(crate) type Piece = (Tone, String);

/// The lines of a whole history.
pub(crate) fn lines(events: &[HistoryEvent]) -> Vec<Vec<Piece>> {
    let tree = build::tree(events);
    let start = tree.nodes.first().and_then(|node| node.began);
    let mut lines = Vec::new();
    let mut rest = tree.roots.as_slice();
    while let Some((first, others)) = rest.split_first() {
        let folded = 1 + others.iter().take_while(|_| tree.folds(*first)).take_while(|at| tree.folds(**at)).count();
        let (group, after) = rest.split_at(folded);
        let last = after.is_empty();
        if folded > 1 {
            lines.push(line(&start, "", last, &tree.summary(group)));
        } else {
            tree.draw(*first, &start, "", last, &mut lines);
        }
        rest = after;
    }
    lines
}

/// All nodes, and which of them nothing in the history caused.
#[derive(Default)]
struct Tree {
    nodes: Vec<Node>,
    roots: Vec<usize>,
}

impl Tree {
    /// A task of which nothing came and that went well says nothing by itself.
    fn folds(&self, at: usize) -> bool {
        let node = &self.nodes[at];
        node.kind == Kind::Task && node.parts.is_empty() && node.went == Went::Well
    }

    /// Several such tasks as one.
    fn summary(&self, group: &[usize]) -> Node {
        let (first, last) = (&self.nodes[group[0]], &self.nodes[group[group.len() - 1]]);
        Node {
            kind: Kind::Task,
            event: first.event,
            began: first.began,
            ended: last.ended,
            what: format!("{} workflow tasks", group.len()),
            went: Went::Well,
            ..Node::default()
        }
    }

    fn draw(&self, at: usize, start: &Option<Timestamp>, indent: &str, last: bool, lines: &mut Vec<Vec<Piece>>) {
        let node = &self.nodes[at];
        lines.push(line(start, indent, last, node));
        let indent = format!("{indent}{}", if last { "   " } else { "│  " });
        for (place, part) in node.parts.iter().enumerate() {
            self.draw(*part, start, &indent, place + 1 == node.parts.len(), lines);
        }
    }
}

/// `   5  +1.204s  ├─ charge 5  input=[7]  done after 204ms`
fn line(start: &Option<Timestamp>, indent: &str, last: bool, node: &Node) -> Vec<Piece> {
    let branch = if last { "└─" } else { "├─" };
    let at = node.began.zip(*start).map(|(began, start)| format!("+{}", between(&start, &began))).unwrap_or_default();
    let mut pieces = vec![
        (Tone::Faint, format!("{:>4}  {at:>12}  {indent}{branch} ", node.event)),
        (Tone::Plain, node.what.clone()),
    ];
    let took = match (&node.began, &node.ended, node.kind) {
        (Some(began), Some(ended), Kind::Task | Kind::Work) => between(began, ended),
        _ => String::new(),
    };
    let (tone, word) = match (node.went, node.kind) {
        (Went::Badly, _) => (Tone::Bad, node.end.clone()),
        (Went::Open, Kind::Task | Kind::Work) => (Tone::Busy, open(&node.end)),
        (Went::Open | Went::Well, _) => (Tone::Good, node.end.clone()),
    };
    if !word.is_empty() {
        pieces.push((tone, format!("  {word}")));
    }
    if !took.is_empty() {
        pieces.push((Tone::Faint, format!("  {took}")));
    }
    pieces
}

fn open(end: &str) -> String {
    if end.is_empty() { "pending".to_owned() } else { end.to_owned() }
}

/// The time from one moment to another, as people write it.
fn between(from: &Timestamp, to: &Timestamp) -> String {
    let nanos = i128::from(to.seconds - from.seconds) * 1_000_000_000 + i128::from(to.nanos - from.nanos);
    let nanos = nanos.max(0);
    let seconds = i64::try_from(nanos / 1_000_000_000).unwrap_or(i64::MAX);
    // Less than a millisecond is nothing to people.
    let nanos = i32::try_from(nanos % 1_000_000_000).unwrap_or(0) / 1_000_000 * 1_000_000;
    if (seconds, nanos) == (0, 0) { "0ms".to_owned() } else { span::show(seconds, nanos) }
}

#[cfg(test)]
mod tests;
