//! What the demo prints while it runs: a line per thing that happened, with the time since the beginning.

use std::{fmt::Display, sync::Arc, time::Duration};

use weft_env::Clock;

use super::score::Outcome;
use crate::output::{Output, Tone};

/// The narrowest terminal that is reckoned with.
pub(super) const COLUMNS: usize = 80;

#[derive(Clone)]
pub(super) struct Screen {
    output: Output,
    clock: Arc<dyn Clock>,
    begun: Duration,
}

impl Screen {
    pub(super) fn new(output: Output, clock: Arc<dyn Clock>) -> Self {
        let begun = clock.monotonic();
        Self { output, clock, begun }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.clock.monotonic() - self.begun
    }

    /// `  1.23 s  what   the rest`. Nothing where the output is for a program.
    pub(super) fn step(&self, tone: Tone, what: &str, rest: impl Display) {
        let time = format!("{:>6.2} s", self.elapsed().as_secs_f64());
        let rest = cut(&rest.to_string(), COLUMNS - 26);
        let (time, what) = (self.output.paint(Tone::Faint, &time), self.output.paint(tone, &format!("{what:<14}")));
        self.line(format!("{time}  {what}  {rest}").trim_end());
    }

    /// A check whose outcome the server has taken.
    pub(super) fn check(&self, name: &str, outcome: &Outcome, was_away: bool) {
        let (word, summary) = outcome.says();
        let again = if was_away { " (sent again)" } else { "" };
        self.step(tone(outcome), word, format_args!("{name}{again}: {summary}"));
    }

    pub(super) fn heading(&self, text: &str) {
        self.line(&format!("\n{text}\n"));
    }

    pub(super) fn line(&self, text: &str) {
        if !self.output.is_json() {
            // Whoever closed the pipe has seen enough; the demo still cleans up behind itself.
            let _ = self.output.line(text);
        }
    }

    pub(super) fn paint(&self, tone: Tone, text: &str) -> String {
        self.output.paint(tone, text)
    }
}

pub(super) fn tone(outcome: &Outcome) -> Tone {
    match outcome.says().0 {
        "passed" => Tone::Good,
        "not applicable" => Tone::Faint,
        _ => Tone::Bad,
    }
}

/// At most so many characters, on one line.
pub(super) fn cut(text: &str, columns: usize) -> String {
    let text = text.replace(['\n', '\t'], " ");
    if text.chars().count() <= columns {
        return text;
    }
    text.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
}
