//! What is logged: lines become templates, and frequent or alarming templates point to causes.
//!
//! A template is a line with its variable parts masked; lines of the same length that agree in most words share one.

use super::{Cause, Clue, Kind};
use crate::model::Alert;

/// Two lines of which this share of the words is equal have the same template.
const SIMILAR: f64 = 0.6;
/// What stands for a variable part.
const VARIABLE: &str = "<*>";
/// Most lines that are looked at.
const LINES_MAX: usize = 10_000;
/// A template in this share of all alarming lines is as strong as one can be.
const DOMINANT: f64 = 0.3;

/// Lines that differ in variable parts only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    words: Vec<String>,
    pub count: u32,
    /// It says that something went wrong.
    pub alarming: bool,
    /// The first of its lines.
    pub example: String,
}

impl Template {
    #[must_use]
    pub fn text(&self) -> String {
        self.words.join(" ")
    }

    fn absorb(&mut self, words: &[String]) {
        for (own, other) in self.words.iter_mut().zip(words) {
            if own != other {
                VARIABLE.clone_into(own);
            }
        }
        self.count += 1;
    }

    fn is_like(&self, words: &[String]) -> bool {
        let equal = self.words.iter().zip(words).filter(|(one, other)| one == other).count();
        let fixed = f64::from(u32::try_from(equal).unwrap_or(u32::MAX));
        let all = f64::from(u32::try_from(words.len()).unwrap_or(u32::MAX));
        self.words.len() == words.len() && fixed >= SIMILAR * all
    }
}

/// The templates of some lines, the most frequent first.
#[must_use]
pub fn templates(lines: &[String]) -> Vec<Template> {
    let mut found: Vec<Template> = Vec::new();
    for line in lines.iter().take(LINES_MAX) {
        let words: Vec<String> = line.split_whitespace().map(masked).collect();
        if words.is_empty() {
            continue;
        }
        match found.iter_mut().find(|it| it.is_like(&words)) {
            Some(template) => template.absorb(&words),
            None => {
                let alarming = is_alarming(line);
                found.push(Template { words, count: 1, alarming, example: line.clone() });
            }
        }
    }
    found.sort_by_key(|it| std::cmp::Reverse(it.count));
    found
}

/// Numbers, addresses, ids and times are masked; a status of HTTP that tells of an error says something, and stays.
fn masked(word: &str) -> String {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let is_status = word.len() == 3 && digits == 3 && word.starts_with(['4', '5']);
    let is_hexadecimal = word.len() >= 8 && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    if !is_status && (is_hexadecimal || digits * 2 >= word.len() && digits > 0) {
        return VARIABLE.to_owned();
    }
    match word.split_once('=') {
        Some((name, value)) if value.contains(|c: char| c.is_ascii_digit()) => format!("{name}={VARIABLE}"),
        _ => word.to_owned(),
    }
}

fn is_alarming(line: &str) -> bool {
    let line = line.to_lowercase();
    ["error", "fatal", "critical", "panic", "fail", "exception", "refused", "timeout", "timed out", "warn", "exhausted"]
        .iter()
        .any(|word| line.contains(word))
}

pub(super) fn clues(alert: &Alert) -> Vec<Clue> {
    let templates = templates(&alert.logs);
    let alarming: u32 = templates.iter().filter(|it| it.alarming).map(|it| it.count).sum();
    let mut found = Vec::new();
    for cause in Cause::ALL {
        // Of several templates that say the same, the most frequent one counts.
        let named = templates.iter().find_map(|it| Some((it, cause.named_in(&it.example)?)));
        if let Some((template, words)) = named {
            let share = f64::from(template.count) / f64::from(alarming.max(template.count));
            let weight = 0.35 + 0.35 * (share / DOMINANT).min(1.0);
            let statement = format!("{} log lines say \"{words}\": {}", template.count, template.text());
            found.push(Clue::new(cause, Kind::Logs, weight, statement, "logs"));
        } else if alarming >= 20 {
            let statement = format!("none of {alarming} alarming log lines points to it");
            found.push(Clue::new(cause, Kind::Logs, -0.3, statement, "logs"));
        }
    }
    found
}
