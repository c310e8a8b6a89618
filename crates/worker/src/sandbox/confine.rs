//! Confines the calling thread, and with it every process that it starts.
//!
//! Only the supervisor of a command calls this, on a thread that does nothing else: what is given up cannot be had back.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, Scope, path_beneath_rules,
};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

use super::{Confinement, Mode, Network};

/// Before this one, files outside could be truncated.
const REQUIRED: ABI = ABI::V3;
/// From here on, devices are kept from being commanded; more is not asked for.
const WANTED: ABI = ABI::V6;
/// What every program expects to write to.
const DEVICES: [&str; 4] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/tty"];

/// Why commands cannot be confined.
#[derive(Debug, thiserror::Error)]
pub enum Unsupported {
    #[error(
        "this kernel cannot confine commands (Landlock of Linux 6.2 or later is needed, 6.7 to deny TCP): use another \
         kernel, or set sandbox = \"off\" where commands may do as they like: {0}"
    )]
    Kernel(#[source] RulesetError),
    #[error("{path} cannot be written to by a command: {reason}")]
    Path { path: PathBuf, reason: String },
    #[error("privileges could not be given up: {0}")]
    Privileges(#[source] rustix::io::Errno),
}

/// Whether this kernel can do what is asked for.
pub fn support(network: Network) -> Result<(), Unsupported> {
    ruleset(network).map(drop).map_err(Unsupported::Kernel)
}

/// Confines the calling thread for good.
pub(crate) fn confine(confinement: &Confinement) -> Result<(), Unsupported> {
    match confinement.mode {
        Mode::Off => Ok(()),
        Mode::Enforced => {
            let ruleset = ruleset(confinement.network).map_err(Unsupported::Kernel)?;
            let ruleset = reading(ruleset, &confinement.hidden).map_err(Unsupported::Kernel)?;
            let ruleset = writing(ruleset, &confinement.writable)?;
            ruleset.restrict_self().map_err(Unsupported::Kernel)?;
            // Without new privileges, which the line above forbade, a program of root gets no more than it has.
            give_up_privileges().map_err(Unsupported::Privileges)
        }
    }
}

fn ruleset(network: Network) -> Result<RulesetCreated, RulesetError> {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(REQUIRED))?;
    let ruleset = match network {
        Network::Allowed => ruleset,
        Network::Denied => ruleset.handle_access(AccessNet::from_all(ABI::V4))?,
    };
    ruleset
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WANTED))?
        .scope(Scope::AbstractUnixSocket | Scope::Signal)?
        .create()
}

fn reading(mut ruleset: RulesetCreated, hidden: &[PathBuf]) -> Result<RulesetCreated, RulesetError> {
    let hidden: BTreeSet<PathBuf> = hidden.iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
    let (everywhere, content) = (BitFlags::from(AccessFs::ReadDir), AccessFs::ReadFile | AccessFs::Execute);
    ruleset = ruleset.add_rules(path_beneath_rules(["/"], everywhere))?;
    ruleset.add_rules(path_beneath_rules(around(&hidden), content))
}

fn writing(mut ruleset: RulesetCreated, writable: &[PathBuf]) -> Result<RulesetCreated, Unsupported> {
    // A device made by root would be a way around everything.
    let access = AccessFs::from_all(WANTED) & !(AccessFs::MakeBlock | AccessFs::MakeChar | AccessFs::IoctlDev);
    for path in writable {
        let reason = |reason: String| Unsupported::Path { path: path.clone(), reason };
        let folder = PathFd::new(path).map_err(|e| reason(e.to_string()))?;
        ruleset = ruleset.add_rule(PathBeneath::new(folder, access)).map_err(|e| reason(e.to_string()))?;
    }
    let access = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev;
    ruleset.add_rules(path_beneath_rules(DEVICES, access)).map_err(Unsupported::Kernel)
}

/// The largest trees that hold none of the hidden paths. Landlock only grants: what is to be hidden is left out, and
/// so is what later appears beside it.
fn around(hidden: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let mut trees = Vec::new();
    let mut open = vec![PathBuf::from("/")];
    while let Some(folder) = open.pop() {
        if !hidden.iter().any(|path| path.starts_with(&folder)) {
            trees.push(folder);
        } else if !hidden.contains(&folder) {
            open.extend(entries(&folder));
        }
    }
    trees
}

/// What is in a folder, links left out: what they lead to has its own place.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().filter(|e| e.file_type().is_ok_and(|kind| !kind.is_symlink())).map(|e| e.path()).collect()
}

/// Keeps of root's powers those over its own files, which installers and archives need.
fn give_up_privileges() -> rustix::io::Result<()> {
    let kept = CapabilitySet::CHOWN | CapabilitySet::DAC_OVERRIDE | CapabilitySet::FOWNER | CapabilitySet::FSETID;
    let now = rustix::thread::capabilities(None)?;
    let permitted = now.permitted & kept;
    set_capabilities(None, CapabilitySets { effective: permitted, permitted, inheritable: CapabilitySet::empty() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_the_hidden_is_around_it() -> anyhow::Result<()> {
        let root = tempfile::tempdir()?;
        let root_path = root.path().canonicalize()?;
        for file in ["a/secret/key", "a/open", "b/open"] {
            fs::create_dir_all(root_path.join(file).parent().expect("each has a folder"))?;
            fs::write(root_path.join(file), "x")?;
        }
        std::os::unix::fs::symlink(root_path.join("a/secret"), root_path.join("link"))?;
        let hidden = BTreeSet::from([root_path.join("a/secret")]);
        let mut below: Vec<PathBuf> = around(&hidden).into_iter().filter(|tree| tree.starts_with(&root_path)).collect();
        below.sort();
        assert_eq!(below, [root_path.join("a/open"), root_path.join("b")]);
        Ok(())
    }

    #[test]
    fn nothing_hidden_is_one_tree() {
        assert_eq!(around(&BTreeSet::new()), [PathBuf::from("/")]);
    }
}
