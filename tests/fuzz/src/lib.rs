//! Fuzz targets: everything that reads bytes of strangers (tokens, filters) or of a disk (keys, rows, log), each as a
//! function of bytes that panics when something does not hold.
//!
//! The workspace `fuzz/` hands them to libFuzzer (`cargo xtask fuzz`). The test of this crate replays the seeds, what
//! fuzzing once found (`regressions/`), and seeded mutations of both, so every test run knows that they still hold.
//!
//! Deliberately not here: judgement of what the bytes mean; a target asserts what holds for all bytes.

mod mutate;
mod seeds;
mod targets;

pub use mutate::Mutator;
pub use targets::{TARGETS, Target};

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Runs a target by its name.
///
/// # Panics
/// When there is no such target, or something does not hold for these bytes.
pub fn fuzz(name: &str, bytes: &[u8]) {
    let target = Target::named(name).unwrap_or_else(|| panic!("there is no target {name}"));
    (target.run)(bytes);
}

/// The inputs that once made a target fail, each kept for ever: `regressions/TARGET/NAME`.
///
/// # Errors
/// When the folder cannot be read.
pub fn regressions(target: &Target) -> io::Result<Vec<(String, Vec<u8>)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions").join(target.name);
    let mut found = Vec::new();
    if !folder.exists() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder)? {
        let path: PathBuf = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        found.push((name, fs::read(path)?));
    }
    found.sort();
    Ok(found)
}
