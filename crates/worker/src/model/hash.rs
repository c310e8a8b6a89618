//! Names of contents: a plan is approved, and a diff checked, by what it is, not by where it is kept.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// SHA-256, as 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContentHash(String);

/// What is not a [`ContentHash`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a content hash: 64 lower-case hexadecimal digits are")]
pub struct InvalidHash(String);

impl ContentHash {
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Of a value's JSON. The value must have a JSON form, as all of the model has.
    #[must_use]
    pub fn of_json(value: &impl Serialize) -> Self {
        Self::of(&serde_json::to_vec(value).expect("the model has no maps with keys that JSON cannot write"))
    }

    /// Enough of it to tell it from others of a run.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl TryFrom<String> for ContentHash {
    type Error = InvalidHash;

    fn try_from(text: String) -> Result<Self, InvalidHash> {
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 64 && text.bytes().all(is_hex) { Ok(Self(text)) } else { Err(InvalidHash(text)) }
    }
}

impl From<ContentHash> for String {
    fn from(it: ContentHash) -> Self {
        it.0
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_that_of_the_standard() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(ContentHash::of(b"").to_string(), empty);
        assert_eq!(ContentHash::of(b"").short(), "e3b0c44298fc");
    }

    #[test]
    fn what_is_no_hash_is_not_read() {
        assert!(serde_json::from_str::<ContentHash>("\"abc\"").is_err());
        assert!(ContentHash::try_from("G".repeat(64)).is_err());
    }
}
