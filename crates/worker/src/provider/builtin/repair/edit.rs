//! One small change of a text.

use std::ops::Range;

/// What a change does. The weight says how often faults are of that kind: a change that is likely is tried first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Comparison,
    Boundary,
    Arithmetic,
    Logic,
    Negation,
    Constant,
    OffByOne,
    Operand,
    Argument,
    Name,
    Callee,
    Update,
    Jump,
    Condition,
    Placeholder,
    Guard,
    Insertion,
    Deletion,
}

impl Kind {
    pub const ALL: [Self; 18] = [
        Self::Comparison,
        Self::Boundary,
        Self::Arithmetic,
        Self::Logic,
        Self::Negation,
        Self::Constant,
        Self::OffByOne,
        Self::Operand,
        Self::Argument,
        Self::Name,
        Self::Callee,
        Self::Update,
        Self::Jump,
        Self::Condition,
        Self::Placeholder,
        Self::Guard,
        Self::Insertion,
        Self::Deletion,
    ];

    /// From 0 to 1.
    #[must_use]
    pub fn weight(self) -> f64 {
        match self {
            Self::Boundary => 1.0,
            Self::Comparison | Self::Logic | Self::Update => 0.95,
            Self::Negation | Self::Arithmetic => 0.9,
            Self::Jump | Self::Placeholder => 0.85,
            Self::Constant | Self::Argument => 0.8,
            Self::OffByOne | Self::Callee => 0.7,
            Self::Operand | Self::Name => 0.6,
            Self::Condition => 0.5,
            Self::Guard => 0.45,
            Self::Insertion | Self::Deletion => 0.35,
        }
    }

    /// As people read it, after "changes".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Comparison => "a comparison",
            Self::Boundary => "whether a boundary is included",
            Self::Arithmetic => "an arithmetic operator",
            Self::Logic => "how conditions are joined",
            Self::Negation => "a negation",
            Self::Constant => "a constant",
            Self::OffByOne => "a bound by one",
            Self::Operand => "an operand",
            Self::Argument => "the arguments of a call",
            Self::Name => "a name",
            Self::Callee => "what is called",
            Self::Update => "how a variable is updated",
            Self::Jump => "a jump",
            Self::Condition => "a condition",
            Self::Placeholder => "a placeholder",
            Self::Guard => "a missing branch",
            Self::Insertion => "a missing statement",
            Self::Deletion => "a statement too many",
        }
    }
}

/// A text in place of a range of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub range: Range<usize>,
    pub text: String,
    /// Where it is seen, counted from 1.
    pub line: u32,
    pub kind: Kind,
    /// Of several of a kind at one place, the earlier ones are likelier; counted from 0.
    pub rank: u32,
}

impl Edit {
    /// The text with this change. A range that does not fit the text changes nothing.
    #[must_use]
    pub fn apply(&self, source: &str) -> String {
        match (source.get(..self.range.start), source.get(self.range.end..)) {
            (Some(before), Some(after)) => format!("{before}{}{after}", self.text),
            (_, _) => source.to_owned(),
        }
    }
}
