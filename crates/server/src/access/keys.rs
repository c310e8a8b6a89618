//! API keys: a file with one a line.
//!
//! Invariant: only hashes are kept, and how long a comparison takes tells nothing of a key.

use std::path::Path;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::{
    Error,
    files::{FromFiles, Source},
};

/// Shorter ones could be guessed.
const KEY_BYTES_MIN: usize = 16;
const KEYS_MAX: usize = 1000;

/// SHA-256 of each key.
pub(crate) struct Keys(Vec<[u8; 32]>);

pub(super) fn from_file(path: &Path) -> Result<FromFiles<Keys>, Error> {
    FromFiles::load(vec![Source::secret("the file of API keys", path)], |contents| {
        Keys::parse(&contents[0].bytes).map_err(|why| contents[0].wrong(why))
    })
}

impl Keys {
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "is not text".to_owned())?;
        let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim()));
        let mut keys = Vec::new();
        for (number, key) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            // The key itself is not shown: this goes to a log.
            if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(format!("has a key with other than visible ASCII characters in line {number}"));
            }
            if key.len() < KEY_BYTES_MIN {
                return Err(format!("has a key of less than {KEY_BYTES_MIN} characters in line {number}"));
            }
            keys.push(Sha256::digest(key).into());
        }
        match keys.len() {
            0 => Err("has no key in it: write one a line".to_owned()),
            count if count > KEYS_MAX => Err(format!("has {count} keys, and {KEYS_MAX} is the most")),
            _ => Ok(Self(keys)),
        }
    }

    /// Whether this is one of the keys.
    pub(super) fn admit(&self, key: &[u8]) -> bool {
        let hash: [u8; 32] = Sha256::digest(key).into();
        let found = self.0.iter().fold(Choice::from(0), |found, known| found | known.ct_eq(&hash));
        found.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_the_whole_of_it() {
        let keys = Keys::parse(b"# of the team\n\nfirst-key-0123456789\r\n  second-key-0123456789 \n").unwrap();
        assert!(keys.admit(b"first-key-0123456789") && keys.admit(b"second-key-0123456789"));
        for wrong in ["", "first-key-012345678", "first-key-01234567890", "# of the team"] {
            assert!(!keys.admit(wrong.as_bytes()), "{wrong}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_meant_is_refused_without_showing_a_key() {
        let refused = |text: &[u8]| Keys::parse(text).err().unwrap();
        assert_eq!(refused(b"# none\n"), "has no key in it: write one a line");
        assert_eq!(refused(b"good-key-0123456789\nshort"), "has a key of less than 16 characters in line 2");
        assert!(refused(b"two words are not a key").contains("in line 1"));
        assert_eq!(refused(&[0xff, 0xfe]), "is not text");
        assert!(refused("sixteen-or-more-x\n".repeat(1001).as_bytes()).contains("1000 is the most"));
    }
}
