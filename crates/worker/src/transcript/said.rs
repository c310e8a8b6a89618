//! What stands on the lines of a transcript. Pure.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Secrets, lines::each_text};
use crate::process::Stream;

/// One line of a transcript.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counted from 0 in each transcript; none is left out.
    pub number: u64,
    pub unix_ms: i64,
    #[serde(flatten)]
    pub said: Said,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Said {
    /// Who begins what: the first entry.
    Began {
        step: String,
        attempt: u32,
        /// The provider that is asked, or what else works.
        by: String,
    },
    /// What an agent is told.
    Told { text: String },
    /// What a model answers.
    Answered {
        text: String,
        input_tokens: u64,
        output_tokens: u64,
        /// By the record of an attempt before: the model was not asked.
        recorded: bool,
    },
    /// A tool that a model calls.
    Called { tool: String, arguments: Value },
    /// What the tool says.
    Replied { tool: String, text: String, failed: bool, recorded: bool },
    /// Whole lines that a command printed, or the rest of its output.
    Printed { stream: Stream, text: String },
    /// A word of the worker's or of an agent's.
    Note { text: String },
    /// What came of it.
    Came { value: Value },
    /// Something is missing here.
    Gap { gap: Gap },
    /// Nothing follows.
    End,
}

/// Why something is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Gap {
    /// Whoever wrote died; what was said until somebody went on is not known.
    WriterDied,
    /// The transcript was full.
    Full { lost_bytes: u64 },
    /// The reader's place is not in this file: it is read from its beginning.
    Replaced,
    /// What was read before is not there any more, so nothing follows of it.
    Removed,
}

/// Longer texts are cut in the middle.
const TEXT_CHARS_MAX: usize = 60_000;

impl Said {
    /// Without secrets, and no longer than a line should be.
    pub(super) fn clean(self, secrets: &Secrets) -> Self {
        let text = |text: String| cut(secrets.hide(&text));
        match self {
            Self::Told { text: it } => Self::Told { text: text(it) },
            Self::Answered { text: it, input_tokens, output_tokens, recorded } => {
                Self::Answered { text: text(it), input_tokens, output_tokens, recorded }
            }
            Self::Called { tool, arguments } => {
                Self::Called { tool: text(tool), arguments: clean_value(arguments, secrets) }
            }
            Self::Replied { tool, text: it, failed, recorded } => {
                Self::Replied { tool: text(tool), text: text(it), failed, recorded }
            }
            Self::Note { text: it } => Self::Note { text: text(it) },
            Self::Came { value } => Self::Came { value: clean_value(value, secrets) },
            // Printed lines are cleaned where they are cut out of the stream.
            Self::Began { .. } | Self::Printed { .. } | Self::Gap { .. } | Self::End => self,
        }
    }

    /// How much is lost if it is left out.
    pub(super) fn bytes(&self) -> u64 {
        let bytes = match self {
            Self::Printed { text, .. }
            | Self::Note { text }
            | Self::Told { text }
            | Self::Answered { text, .. }
            | Self::Replied { text, .. } => text.len(),
            Self::Called { arguments: value, .. } | Self::Came { value } => value.to_string().len(),
            Self::Began { .. } | Self::Gap { .. } | Self::End => 0,
        };
        bytes as u64
    }
}

fn clean_value(value: Value, secrets: &Secrets) -> Value {
    each_text(value, &|text| cut(secrets.hide(text)))
}

fn cut(text: String) -> String {
    let surplus = text.chars().count().saturating_sub(TEXT_CHARS_MAX);
    if surplus == 0 {
        return text;
    }
    let start: String = text.chars().take(TEXT_CHARS_MAX / 2).collect();
    let end: String = text.chars().skip(TEXT_CHARS_MAX / 2 + surplus).collect();
    format!("{start}\n[{surplus} characters are left out]\n{end}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_hidden_wherever_they_stand_in_a_value() {
        let secrets = Secrets::new(["secret\"token"]);
        let arguments = json!({ "a": ["x secret\"token", 1], "secret\"token": null });
        let said = Said::Called { tool: "write_file".to_owned(), arguments }.clean(&secrets);
        let arguments = json!({ "a": ["x [hidden]", 1], "[hidden]": null });
        assert_eq!(said, Said::Called { tool: "write_file".to_owned(), arguments });
    }

    #[test]
    fn a_long_text_says_how_much_of_it_is_left_out() {
        let Said::Told { text } = (Said::Told { text: "ü".repeat(70_000) }).clean(&Secrets::default()) else {
            panic!("it is told");
        };
        assert!(text.contains("[10000 characters are left out]"));
    }
}
