//! What makes a node's syncs slow and its clock wrong: a small library in C that the loader puts before the C library's.
//!
//! Invariant: a node reads what is set here at its next sync or look at the clock, and again after it was started anew.
//! Needs a C compiler, and a server that is linked dynamically.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, ensure};

const SOURCE: &str = include_str!("../shim/shim.c");
const DELAY_AT: u64 = 0;
const OFFSET_AT: u64 = 8;

/// The compiled library.
#[derive(Clone, Debug)]
pub(crate) struct Shim(PathBuf);

/// What one node is told.
#[derive(Debug)]
pub(crate) struct Control {
    path: PathBuf,
    file: File,
}

impl Shim {
    /// Compiles it into `dir`.
    pub(crate) fn build(dir: &Path) -> anyhow::Result<Self> {
        let (source, library) = (dir.join("shim.c"), dir.join("shim.so"));
        std::fs::write(&source, SOURCE)?;
        let mut cc = Command::new("cc");
        cc.args(["-O1", "-Wall", "-Werror", "-fPIC", "-shared", "-o"]).arg(&library).arg(&source).arg("-ldl");
        let said = cc.output().context("there is no C compiler `cc`")?;
        ensure!(said.status.success(), "cc failed: {}", String::from_utf8_lossy(&said.stderr));
        Ok(Self(library))
    }

    /// What a process is given so that it listens to `control`.
    pub(crate) fn environment<'a>(&'a self, control: &'a Control) -> [(&'static str, &'a Path); 2] {
        [("LD_PRELOAD", &self.0), ("WEFT_CHAOS_CONTROL", &control.path)]
    }
}

impl Control {
    /// With nothing wrong yet.
    pub(crate) fn create(path: PathBuf) -> anyhow::Result<Self> {
        let file = File::options().create(true).write(true).truncate(true).open(&path)?;
        file.write_all_at(&[0; 16], 0)?;
        Ok(Self { path, file })
    }

    /// How much longer each sync takes from now on.
    pub(crate) fn delay_syncs(&self, by: Duration) -> anyhow::Result<()> {
        self.set(DELAY_AT, i64::try_from(by.as_nanos())?)
    }

    /// How far the wall clock is ahead from now on.
    pub(crate) fn set_clock(&self, ahead_ms: i64) -> anyhow::Result<()> {
        self.set(OFFSET_AT, ahead_ms.saturating_mul(1_000_000))
    }

    fn set(&self, at: u64, nanos: i64) -> anyhow::Result<()> {
        Ok(self.file.write_all_at(&nanos.to_ne_bytes(), at)?)
    }
}

#[cfg(test)]
mod tests {
    use weft_env::{Clock, RealClock};

    use super::*;

    /// What `date` says, in milliseconds ahead of this process.
    fn date_ahead_ms(shim: &Shim, control: &Control) -> i64 {
        let said = Command::new("date").arg("+%s%3N").envs(shim.environment(control)).output();
        let said = String::from_utf8(said.expect("date runs").stdout).expect("it prints digits");
        said.trim().parse::<i64>().expect("a number") - RealClock::new().now().0 / 1_000_000
    }

    #[test]
    fn a_clock_is_as_wrong_as_was_said() {
        let dir = tempfile::tempdir().expect("a folder");
        let shim = Shim::build(dir.path()).expect("it compiles");
        let control = Control::create(dir.path().join("control")).expect("a file");
        assert!(date_ahead_ms(&shim, &control).abs() < 60_000);
        for ahead_ms in [3_600_500, -3_600_500] {
            control.set_clock(ahead_ms).expect("it is written");
            assert!((date_ahead_ms(&shim, &control) - ahead_ms).abs() < 60_000, "{ahead_ms}");
        }
    }

    #[test]
    fn a_sync_takes_as_long_as_was_said() {
        let dir = tempfile::tempdir().expect("a folder");
        let shim = Shim::build(dir.path()).expect("it compiles");
        let control = Control::create(dir.path().join("control")).expect("a file");
        control.delay_syncs(Duration::from_millis(300)).expect("it is written");
        let clock = RealClock::new();
        let began = clock.monotonic();
        let mut sync = Command::new("sync");
        sync.arg("--data").arg(dir.path().join("shim.c")).envs(shim.environment(&control));
        assert!(sync.status().expect("sync runs").success());
        assert!(clock.monotonic() - began >= Duration::from_millis(300));
    }
}
