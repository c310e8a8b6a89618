//! Output cut into lines, with secrets taken out. Pure.
//!
//! A secret that stands on one line is found whole, however the output comes: only whole lines are let go, and of a
//! line that does not end, only what no secret can straddle.

use serde_json::Value;

/// Longer lines are let go in pieces.
const LINE_BYTES_MAX: usize = 16 << 10;
/// Shorter ones would take words out of every text.
const SECRET_BYTES_MIN: usize = 6;
const HIDDEN: &str = "[hidden]";

/// What must not be written down.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// Longest first, so that one that holds another goes whole.
    parts: Vec<String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} secrets", self.parts.len())
    }
}

impl Secrets {
    /// Of a secret of several lines, each line is one.
    pub fn new<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> Self {
        let mut parts: Vec<String> = Vec::new();
        for value in values {
            let lines = value.as_ref().lines().map(str::trim).filter(|line| line.len() >= SECRET_BYTES_MIN);
            parts.extend(lines.map(str::to_owned));
        }
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        parts.dedup();
        Self { parts }
    }

    /// The text without them.
    #[must_use]
    pub fn hide(&self, text: &str) -> String {
        self.parts.iter().fold(text.to_owned(), |text, part| text.replace(part, HIDDEN))
    }

    /// A value without them, wherever they stand in it.
    #[must_use]
    pub fn hide_in(&self, value: Value) -> Value {
        each_text(value, &|text| self.hide(text))
    }

    fn longest(&self) -> usize {
        self.parts.first().map_or(0, String::len)
    }
}

/// A value with each of its texts changed, names of fields included.
pub(super) fn each_text(value: Value, change: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(&text)),
        Value::Array(all) => all.into_iter().map(|it| each_text(it, change)).collect(),
        Value::Object(all) => all.into_iter().map(|(name, it)| (change(&name), each_text(it, change))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// One stream on its way into a transcript.
#[derive(Debug, Default)]
pub(super) struct Lines {
    held: Vec<u8>,
}

impl Lines {
    /// What can be let go now.
    pub(super) fn push(&mut self, bytes: &[u8], secrets: &Secrets) -> Option<String> {
        self.held.extend_from_slice(bytes);
        let whole = self.held.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let end = if self.held.len() - whole > LINE_BYTES_MAX { self.straddled(secrets) } else { whole };
        self.take(end, secrets)
    }

    /// What is left when nothing more comes.
    pub(super) fn finish(&mut self, secrets: &Secrets) -> Option<String> {
        self.take(self.held.len(), secrets)
    }

    fn take(&mut self, end: usize, secrets: &Secrets) -> Option<String> {
        let bytes: Vec<u8> = self.held.drain(..end).collect();
        (!bytes.is_empty()).then(|| secrets.hide(&String::from_utf8_lossy(&bytes)))
    }

    /// Where a line may be cut: before anything that could be the beginning of a secret, and not within one or within
    /// a character.
    fn straddled(&self, secrets: &Secrets) -> usize {
        let mut end = self.held.len() - secrets.longest().min(self.held.len());
        let is_within = |secret: &String, end: usize| {
            let from = end.saturating_sub(secret.len() - 1);
            let to = (end + secret.len() - 1).min(self.held.len());
            self.held[from..to].windows(secret.len()).position(|window| window == secret.as_bytes()).map(|at| from + at)
        };
        while let Some(start) = secrets.parts.iter().find_map(|secret| is_within(secret, end)) {
            end = start;
        }
        while end > 0 && end < self.held.len() && self.held[end] & 0b1100_0000 == 0b1000_0000 {
            end -= 1;
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streamed(pieces: &[&[u8]], secrets: &[&str]) -> Vec<String> {
        let (mut lines, secrets) = (Lines::default(), Secrets::new(secrets));
        let mut all: Vec<String> = pieces.iter().filter_map(|piece| lines.push(piece, &secrets)).collect();
        all.extend(lines.finish(&secrets));
        all
    }

    #[test]
    fn whole_lines_go_and_the_rest_at_the_end() {
        assert_eq!(streamed(&[b"a\nb", b"c\n", b"d"], &[]), ["a\n", "bc\n", "d"]);
        assert_eq!(streamed(&["ü".as_bytes().split_at(1).0, "ü\n".as_bytes().split_at(1).1], &[]), ["ü\n"]);
    }

    #[test]
    fn a_secret_is_hidden_however_it_comes() {
        assert_eq!(streamed(&[b"key=sec", b"ret-token!\n"], &["secret-token"]), ["key=[hidden]!\n"]);
        assert_eq!(streamed(&[b"secret-token-2"], &["secret-token", "secret-token-2"]), ["[hidden]"]);
        assert_eq!(streamed(&[b"abcdefgh\n"], &["key:\nabcdefgh"]), ["[hidden]\n"]);
        assert_eq!(streamed(&[b"no\n"], &["no", ""]), ["no\n"]);
    }

    #[test]
    fn a_line_without_end_is_let_go_without_cutting_a_secret() {
        let secret = "secret-token";
        for before in 0..40 {
            let line = [vec![b'x'; LINE_BYTES_MAX - 20 + before], secret.as_bytes().to_vec(), vec![b'y'; 30]].concat();
            for at in [LINE_BYTES_MAX + 1, LINE_BYTES_MAX + 5, line.len()] {
                let (first, second) = line.split_at(at.min(line.len()));
                let all = streamed(&[first, second], &[secret]).concat();
                assert!(all.contains("[hidden]") && !all.contains("token"), "{before} {at}");
                assert_eq!(all.len(), line.len() - secret.len() + HIDDEN.len());
            }
        }
    }

    #[test]
    fn secrets_are_not_shown_by_debug() {
        assert_eq!(format!("{:?}", Secrets::new(["secret-token"])), "1 secrets");
    }
}
