//! `cargo xtask upgrade`: a cluster of an earlier build becomes one of this build, node by node, under load.
//!
//! The earlier commit is named by `tests/chaos/upgrade-from`. It is built once, in a folder of its own: cargo tells two trees
//! of the same layout apart by the times of their files alone, and would take one's crates for the other's. Its binary is
//! kept, and taken again as long as the file names it.

use std::fs;

use crate::steps::{Step, binaries, target_dir};

/// Names the commit on its first line.
const FROM: &str = "tests/chaos/upgrade-from";

/// Puts the sources of commit `$0` into the folder `$1`.
const SOURCES: &str = r#"git cat-file -e "$0^{commit}" || {
    echo "the commit $0, which tests/chaos/upgrade-from names, is not in this clone: git fetch --unshallow" >&2
    exit 1
}
rm -rf "$1" && mkdir -p "$1" && git archive "$0" | tar -x -C "$1""#;

/// Keeps the binary `$0` as `$1`, whole or not at all, and nothing else of the folder `$2` where it was built.
const KEEP: &str = r#"cp "$0" "$1.unfinished" && mv "$1.unfinished" "$1" && rm -rf "$2""#;

pub(crate) fn steps() -> Vec<Step> {
    // Where the file is missing, git says so of an empty name.
    let from = fs::read_to_string(crate::root().join(FROM)).unwrap_or_default();
    let commit = from.lines().next().unwrap_or_default().trim().to_owned();
    let earlier = target_dir().join("earlier");
    let (sources, kept) = (earlier.join(&commit), earlier.join(format!("weft-server-{commit}")));
    let building = earlier.join("target");
    let [built, server] = [building.clone(), target_dir()].map(|target| target.join("debug/weft-server"));
    let manifest = sources.join("Cargo.toml");
    let build = ["build", "--locked", "-p", "weft-server", "--bin", "weft-server", "--manifest-path"];
    let run = ["run", "-p", "weft-chaos", "--", "--server"];
    vec![
        shell("the sources of an earlier build", SOURCES).args([commit.as_str()]).arg(&sources).unless(kept.clone()),
        Step::cargo("the server of an earlier build", &build)
            .arg(&manifest)
            .env("CARGO_TARGET_DIR", building.to_string_lossy())
            .unless(kept.clone()),
        shell("the earlier server, kept", KEEP).arg(&built).arg(&kept).arg(&building).unless(kept.clone()),
        binaries(),
        Step::cargo("rolling upgrade", &run).arg(&server).args(["--upgrade-from"]).arg(&kept),
    ]
}

fn shell(name: &str, script: &str) -> Step {
    Step::program(name, "sh", vec!["-c".into(), script.into()])
}
