//! A repository with a fault: a small Python module that is right, in which the seed plants one mistake that its tests
//! notice. The repository's history begins with the mistake, so that the repair stands nowhere in it.

use std::{fs, path::Path, process::Stdio, time::Duration};

use anyhow::{Context, bail};
use tokio::{process::Command, time::timeout};
use weft_worker::{mutant::plant, provider::builtin::syntax::Language};

use super::git;

const MODULE: &str = include_str!("sample/shelf.py");
const TESTS: &str = include_str!("sample/test_shelf.py");
/// A mistake may make the tests run for ever.
const TESTS_WITHIN: Duration = Duration::from_secs(10);
/// Not every mistake is noticed by the tests; one of so many is.
const SEEDS_MAX: u64 = 50;

/// Makes the repository, and a bare one of it; says what was changed.
pub(super) async fn make(tree: &Path, bare: &Path, seed: u64) -> anyhow::Result<String> {
    fs::create_dir(tree).with_context(|| format!("cannot make {}", tree.display()))?;
    write(tree, "test_shelf.py", TESTS)?;
    for seed in (0..SEEDS_MAX).map(|turn| seed.wrapping_add(turn)) {
        let Some(mutant) = plant(MODULE, Language::Python, seed) else { continue };
        write(tree, "shelf.py", &mutant.text)?;
        if tests_pass(tree).await? {
            continue;
        }
        git(tree, &["init", "--quiet", "--initial-branch=main"]).await?;
        git(tree, &["add", "--all"]).await?;
        git(tree, &["commit", "--quiet", "--message", "Keep a shelf"]).await?;
        let text = bare.to_str().context("the path is not UTF-8")?;
        git(tree, &["clone", "--quiet", "--bare", ".", text]).await?;
        return Ok(changed(mutant.line, &mutant.text));
    }
    bail!("no change of the sample is noticed by its tests")
}

/// The line as it is, and as it was.
fn changed(number: u32, text: &str) -> String {
    let at = usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
    let line = |text: &str| text.lines().nth(at).unwrap_or_default().trim().to_owned();
    format!("shelf.py:{number}: `{}` became `{}`", line(MODULE), line(text))
}

async fn tests_pass(tree: &Path) -> anyhow::Result<bool> {
    let mut command = Command::new("python3");
    command.args(["-m", "unittest", "-q"]).current_dir(tree).env("PYTHONDONTWRITEBYTECODE", "1");
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    match timeout(TESTS_WITHIN, command.status()).await {
        Ok(status) => Ok(status.context("the demo needs python3")?.success()),
        Err(_) => Ok(false),
    }
}

fn write(tree: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    fs::write(tree.join(name), text).with_context(|| format!("cannot write {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_sample_is_right_and_a_seed_makes_it_wrong_the_same_way_each_time() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let mut made = Vec::new();
        for name in ["a", "b"] {
            let (tree, bare) = (folder.path().join(name), folder.path().join(format!("{name}.git")));
            made.push(make(&tree, &bare, 7).await?);
            assert!(!tests_pass(&tree).await?);
            assert_eq!(git(&bare, &["rev-list", "--count", "main"]).await?, "1");
            write(&tree, "shelf.py", MODULE)?;
            assert!(tests_pass(&tree).await?);
        }
        assert_eq!(made[0], made[1]);
        Ok(())
    }
}
