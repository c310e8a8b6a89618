//! `founders.toml`: which data directories founded a cluster together with this one.
//!
//! ```text
//! own = "…"        UUID of this directory
//! met = true       all founders know each other; before that nobody of them votes
//! [others]
//! 2 = "…"          UUID of the directory of node 2, the first one that said that it is
//! ```
//!
//! Invariant: of each other node the first directory is known for ever, durably before anybody is told so. So a directory
//! that was lost is told from the empty one that takes its place, by any other founder.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml::{Table, Value};
use uuid::Uuid;

use super::{Error, write_durably};

const FILE: &str = "founders.toml";
const UNFINISHED_FILE: &str = "founders.toml.new";

/// What a data directory knows of those that founded its cluster with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Founders {
    dir: PathBuf,
    own: Uuid,
    has_met: bool,
    others: BTreeMap<u32, Uuid>,
}

impl Founders {
    /// What a data directory has of it; none if it was made for joining, or by a version that did not note it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(dir: &Path) -> Result<Option<Self>, Error> {
        let path = dir.join(FILE);
        match fs::read_to_string(&path) {
            Ok(text) => Self::decode(&text, dir).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", &path, error)),
        }
    }

    /// The data directory is this one from now on.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin(dir: &Path, own: Uuid) -> Result<Self, Error> {
        let founders = Self { dir: dir.to_owned(), own, has_met: false, others: BTreeMap::new() };
        founders.write()?;
        Ok(founders)
    }

    #[must_use]
    pub fn own(&self) -> Uuid {
        self.own
    }

    /// All others knew this directory when it asked.
    #[must_use]
    pub fn has_met(&self) -> bool {
        self.has_met
    }

    /// The directory of another founder, once it is known.
    #[must_use]
    pub fn of(&self, node: u32) -> Option<Uuid> {
        self.others.get(&node).copied()
    }

    /// Whether this is the directory of that node: the first one that says so is.
    ///
    /// # Errors
    /// When it cannot be noted.
    pub fn is_known(&mut self, node: u32, directory: Uuid) -> Result<bool, Error> {
        if let Some(known) = self.others.get(&node) {
            return Ok(*known == directory);
        }
        let mut next = self.clone();
        next.others.insert(node, directory);
        next.write()?;
        *self = next;
        Ok(true)
    }

    /// # Errors
    /// When it cannot be noted.
    pub fn note_met(&mut self) -> Result<(), Error> {
        let next = Self { has_met: true, ..self.clone() };
        next.write()?;
        *self = next;
        Ok(())
    }

    fn write(&self) -> Result<(), Error> {
        write_durably(&self.dir, UNFINISHED_FILE, FILE, &self.encode())
    }

    fn encode(&self) -> String {
        let Self { dir: _, own, has_met, others } = self;
        let others: String = others.iter().map(|(node, directory)| format!("{node} = \"{directory}\"\n")).collect();
        format!(
            "# Written by weft-server: who founded the cluster together with this directory. Do not edit.\n\
             own = \"{own}\"\nmet = {has_met}\n[others]\n{others}"
        )
    }

    fn decode(text: &str, dir: &Path) -> Result<Self, Error> {
        let damaged = |why: &str| Error::Damaged { path: dir.join(FILE), why: why.to_owned() };
        let table: Table = text.parse().map_err(|_| damaged("it is not TOML"))?;
        let uuid = |value: &Value| value.as_str().and_then(|text| Uuid::try_parse(text).ok());
        let own = table.get("own").and_then(uuid).ok_or_else(|| damaged("it does not say whose it is"))?;
        let has_met = table.get("met").and_then(Value::as_bool).ok_or_else(|| damaged("it does not say who met"))?;
        let others = table.get("others").and_then(Value::as_table).ok_or_else(|| damaged("it names nobody"))?;
        let other = |(node, directory): (&String, &Value)| Some((node.parse().ok()?, uuid(directory)?));
        let others: Option<BTreeMap<u32, Uuid>> = others.iter().map(other).collect();
        let others = others.ok_or_else(|| damaged("it names a node that is none"))?;
        Ok(Self { dir: dir.to_owned(), own, has_met, others })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);
    const THIRD: Uuid = Uuid::from_u128(3);

    #[test]
    fn the_first_directory_of_a_node_is_known_for_ever() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(Founders::read(dir.path()).expect("it is read"), None);
        let mut founders = Founders::begin(dir.path(), OWN).expect("it is written");
        assert!(founders.is_known(2, OTHER).expect("it is written"));
        assert!(founders.is_known(3, THIRD).expect("it is written"));
        founders.note_met().expect("it is written");
        let mut again = Founders::read(dir.path()).expect("it is read").expect("it is there");
        assert_eq!(again, founders);
        assert_eq!((again.own(), again.has_met(), again.of(2), again.of(4)), (OWN, true, Some(OTHER), None));
        assert!(again.is_known(2, OTHER).expect("nothing is written"));
        assert!(!again.is_known(2, THIRD).expect("nothing is written"), "it is another one");
        assert_eq!(Founders::read(dir.path()).expect("it is read"), Some(again));
    }

    #[test]
    fn what_is_damaged_is_refused_saying_what_is_wrong() {
        let dir = tempfile::tempdir().expect("a directory");
        let whole = Founders::begin(dir.path(), OWN).expect("it is written").encode();
        let check = |text: String, why: &str| {
            fs::write(dir.path().join(FILE), text).expect("it is written");
            let refused = Founders::read(dir.path()).expect_err("it is damaged").to_string();
            assert!(refused.contains(why) && refused.contains(FILE), "{refused}");
        };
        check("own = ".to_owned(), "it is not TOML");
        check(whole.replace("own = \"0", "own = \"x"), "does not say whose it is");
        check(whole.replace("met = false", "met = 3"), "does not say who met");
        check(whole.replace("[others]", "[others]\nx = \"y\""), "names a node that is none");
    }
}
