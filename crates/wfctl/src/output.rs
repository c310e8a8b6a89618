//! What is printed: tables and lines for people, JSON for programs, notes on standard error.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
};

use clap::ValueEnum;
use comfy_table::{Cell, Color, ContentArrangement, Table, presets};
use serde_json::Value;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    #[default]
    Auto,
    Always,
    Never,
}

/// What a word means, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Busy,
    Bad,
    Faint,
}

/// What others wrote, without what a terminal would obey: it could hide what was said, or write where nobody looks.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().map(|c| if is_obeyed(c) && c != '\t' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The same, line by line.
pub(crate) fn harmless_lines(text: &str) -> String {
    text.split('\n').map(harmless).collect::<Vec<_>>().join("\n")
}

/// Whether a terminal obeys it instead of showing it. Whoever may turn the direction of a line writes one thing and has
/// another read.
pub(crate) fn is_obeyed(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || c.is_control()
}

#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) format: Format,
    color: bool,
    color_stderr: bool,
}

impl Output {
    pub(crate) fn new(format: Format, when: ColorWhen) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colored = |terminal: bool| match when {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => terminal && !plain,
        };
        let color = format == Format::Text && colored(io::stdout().is_terminal());
        Self { format, color, color_stderr: colored(io::stderr().is_terminal()) }
    }

    /// For tests: text without colours.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { format: Format::Text, color: false, color_stderr: false }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    pub(crate) fn line(&self, text: impl Display) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        out.flush()
    }

    /// One JSON document, indented.
    pub(crate) fn json(&self, value: &Value) -> io::Result<()> {
        self.line(format_args!("{value:#}"))
    }

    /// Something for the person, that is not the answer.
    pub(crate) fn note(&self, text: impl Display) {
        if !self.is_json() {
            eprintln!("{} {text}", if self.color_stderr { "\u{1b}[33mnote:\u{1b}[0m" } else { "note:" });
        }
    }

    /// A word on standard error that announces an error.
    pub(crate) fn on_stderr(&self, word: &str) -> String {
        if self.color_stderr { format!("\u{1b}[1;31m{word}\u{1b}[0m") } else { word.to_owned() }
    }

    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Good => "32",
            Tone::Busy => "36",
            Tone::Bad => "31",
            Tone::Faint => "2",
        };
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// A table without lines; a cell's tone is its colour. What a terminal would obey is not in it.
    pub(crate) fn table(&self, header: &[&str], rows: Vec<Vec<(Tone, String)>>) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        if self.color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        if !header.is_empty() {
            table.set_header(header.iter().copied().map(Cell::new));
        }
        for row in rows {
            table.add_row(row.into_iter().map(|(tone, text)| cell(tone, &text)));
        }
        for column in 0..table.column_count() {
            if let Some(column) = table.column_mut(column) {
                column.set_padding((0, 2));
            }
        }
        table.trim_fmt()
    }

    /// Names and values, one per line; absent values are left out.
    pub(crate) fn pairs(&self, pairs: Vec<(&str, String)>) -> String {
        self.pairs_and(("", Tone::Plain), pairs)
    }

    /// The same; the value of one name has a tone.
    pub(crate) fn pairs_and(&self, toned: (&str, Tone), pairs: Vec<(&str, String)>) -> String {
        let rows = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        let tone = |name: &str| if name == toned.0 { toned.1 } else { Tone::Plain };
        self.table(&[], rows.map(|(name, value)| vec![(Tone::Faint, name.to_owned()), (tone(name), value)]).collect())
    }
}

/// A cell of a table that means nothing special.
pub(crate) fn text(text: impl Into<String>) -> (Tone, String) {
    (Tone::Plain, text.into())
}

fn cell(tone: Tone, text: &str) -> Cell {
    let cell = Cell::new(harmless_lines(text));
    match tone {
        Tone::Plain => cell,
        Tone::Good => cell.fg(Color::Green),
        Tone::Busy => cell.fg(Color::Cyan),
        Tone::Bad => cell.fg(Color::Red),
        Tone::Faint => cell.fg(Color::DarkGrey),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_and_has_no_trailing_space() {
        let rows = vec![vec![text("a"), text("1")], vec![text("long"), text("")]];
        assert_eq!(Output::plain().table(&["NAME", "N"], rows), "NAME  N\na     1\nlong");
    }

    #[test]
    fn what_a_terminal_would_obey_is_in_no_table() {
        let hidden =
            ["\u{1b}[2J", "a\u{202e}b", "\u{2066}", "\u{2069}", "\u{200e}", "\u{200f}", "\u{61c}", "\r", "\u{9b}"];
        for text in hidden {
            let shown = Output::plain().table(&["N"], vec![vec![super::text(text)]]);
            assert!(!shown.chars().any(|c| is_obeyed(c) && c != '\n'), "{shown:?}");
            assert!(shown.contains('\u{fffd}'), "{shown:?}");
        }
        let shown = Output::plain().pairs(vec![("Reason", "two\nlines\u{202e}".to_owned())]);
        assert_eq!(shown, "Reason  two\n        lines\u{fffd}");
        let letters = "שלום مرحبا é";
        assert_eq!(harmless(letters), letters, "letters of any direction are none of it");
    }

    #[test]
    fn one_of_the_pairs_is_painted() {
        let color = Output { color: true, ..Output::plain() };
        let shown = color.pairs_and(("Status", Tone::Bad), vec![("Status", "Failed".to_owned())]);
        assert!(shown.contains("Failed") && shown.contains("\u{1b}["), "{shown:?}");
    }

    #[test]
    fn pairs_without_a_value_are_left_out() {
        let pairs = vec![("Status", "Running".to_owned()), ("Closed", String::new()), ("Id", "x".to_owned())];
        assert_eq!(Output::plain().pairs(pairs), "Status  Running\nId      x");
    }

    #[test]
    fn nothing_is_painted_where_colours_are_off() {
        assert_eq!(Output::plain().paint(Tone::Bad, "x"), "x");
        let color = Output { color: true, ..Output::plain() };
        assert_eq!(color.paint(Tone::Bad, "x"), "\u{1b}[31mx\u{1b}[0m");
    }
}
