//! What Temporal's own server answered, kept in `recorded.json`: texts of refusals and other facts too long to type.
//!
//! A run with `--record` against the oracle writes the file; every other run compares with it. A fact that the oracle
//! was never asked for is a failure: a scenario must have passed there first.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use anyhow::{Result, bail};
use serde_json::Value;

type Facts = BTreeMap<String, BTreeMap<String, Value>>;

pub(crate) struct Recording {
    writes: bool,
    expected: Facts,
    seen: Mutex<Facts>,
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("recorded.json")
}

impl Recording {
    pub(crate) fn open(writes: bool) -> Result<Self> {
        let expected = match fs::read(file()) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(_) => Facts::new(),
        };
        Ok(Self { writes, expected, seen: Mutex::default() })
    }

    /// Notes what this server said.
    pub(crate) fn note(&self, scenario: &str, label: &str, fact: Value) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry(scenario.to_owned()).or_default().insert(label.to_owned(), fact);
    }

    /// Fails with all differences of the scenario at once, so that one wrong text does not hide the next.
    pub(crate) fn compare(&self, scenario: &str) -> Result<()> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(seen), false) = (seen.get(scenario), self.writes) else { return Ok(()) };
        let expected = self.expected.get(scenario);
        let mut differences = Vec::new();
        for (label, fact) in seen {
            let wanted = expected.and_then(|facts| facts.get(label)).unwrap_or(&Value::Null);
            if wanted != fact {
                differences.push(format!("{label}: {fact}\n    Temporal: {wanted}"));
            }
        }
        if differences.is_empty() { Ok(()) } else { bail!("not what Temporal answers:\n{}", differences.join("\n")) }
    }

    /// Keeps what the scenarios that passed have seen, in place of what they saw before.
    pub(crate) fn save(&self, passed: &[&str]) -> Result<()> {
        if self.writes {
            let mut kept = self.expected.clone();
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend(
                seen.iter().filter(|(name, _)| passed.contains(&name.as_str())).map(|(k, v)| (k.clone(), v.clone())),
            );
            fs::write(file(), serde_json::to_string_pretty(&kept)? + "\n")?;
        }
        Ok(())
    }
}
