//! Tools that are not part of a Rust installation: each in one fixed version, from crates.io, in a folder of its own beside
//! what cargo builds.

use std::path::PathBuf;

use crate::steps::{Step, target_dir};

pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
}

pub(crate) const CARGO_DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };
pub(crate) const CARGO_FUZZ: Tool = Tool { name: "cargo-fuzz", version: "0.13.2" };

impl Tool {
    /// Installs it where it is not there yet. Unoptimised: it is built in half the time, and has little to do.
    pub(crate) fn install(&self) -> Step {
        let Self { name, version } = self;
        Step::cargo(&format!("the tool {name} {version}"), &["install", name, "--locked", "--debug", "--version"])
            .args([format!("={version}").as_str(), "--root"])
            .arg(&self.root())
            .unless(self.path())
    }

    /// One of its runs.
    pub(crate) fn run(&self, step: &str, args: &[&str]) -> Step {
        Step::program(step, &self.path().to_string_lossy(), Vec::new()).args(args.iter().copied())
    }

    fn path(&self) -> PathBuf {
        self.root().join("bin").join(self.name)
    }

    fn root(&self) -> PathBuf {
        target_dir().join("tools").join(format!("{}-{}", self.name, self.version))
    }
}
