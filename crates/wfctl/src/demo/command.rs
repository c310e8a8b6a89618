//! One command of the operating system, run to its end.
//!
//! Invariant: that a command could not run (it is not installed, it was killed, it took too long) is never mistaken for
//! what it found: the first is [`CouldNotRun`], the second is [`Ran`]. No shell stands between.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{io::AsyncWriteExt, process::Command};

/// A command that takes longer is ended.
const LIMIT: Duration = Duration::from_secs(60);
/// Longer arguments and complaints are cut.
const EXCERPT_CHARS_MAX: usize = 200;

/// Why there is no finding.
#[derive(Debug)]
pub(super) struct CouldNotRun {
    pub(super) says: String,
    /// Trying again cannot help.
    pub(super) for_good: bool,
}

impl CouldNotRun {
    pub(super) fn for_good(says: impl Into<String>) -> Self {
        Self { says: says.into(), for_good: true }
    }

    fn passing(says: impl Into<String>) -> Self {
        Self { says: says.into(), for_good: false }
    }
}

/// What a command that ended by itself left.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) code: i32,
    pub(super) stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// The command, as a person would type it.
    pub(super) line: String,
}

impl Ran {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.text().lines().map(str::to_owned).collect()
    }

    pub(super) fn is_silent(&self) -> bool {
        self.stdout.is_empty()
    }

    /// The command ended in a way that is no finding: it says why itself.
    pub(super) fn trouble(&self) -> CouldNotRun {
        let says = String::from_utf8_lossy(&self.stderr);
        let first = says.lines().find(|line| !line.trim().is_empty()).unwrap_or("it does not say why");
        let first: String = first.chars().take(EXCERPT_CHARS_MAX).collect();
        CouldNotRun::for_good(format!("`{}` ended with code {}: {first}", self.line, self.code))
    }

    /// The complaints of a command that found something.
    pub(super) fn complaints(&self) -> Vec<String> {
        let both = [self.stdout.as_slice(), &self.stderr].concat();
        String::from_utf8_lossy(&both).lines().map(str::to_owned).collect()
    }
}

/// A working tree in which commands run.
#[derive(Clone, Debug)]
pub(super) struct Repo {
    pub(super) path: PathBuf,
}

impl Repo {
    pub(super) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Git without anything that the repository or the user configured to be run.
    pub(super) async fn git(&self, args: &[&str]) -> Result<Ran, CouldNotRun> {
        let safe = ["--no-pager", "--no-optional-locks", "-c", "core.fsmonitor=false"];
        let mut ran = self.run("git", &[&safe, args].concat(), &[]).await?;
        ran.line = shown("git", args);
        Ok(ran)
    }

    /// Tracked files that match one of the patterns and are there.
    pub(super) async fn files(&self, patterns: &[&str]) -> Result<Vec<String>, CouldNotRun> {
        let listed = self.git(&[&["ls-files", "-z", "--"], patterns].concat()).await?;
        if listed.code != 0 {
            return Err(listed.trouble());
        }
        let names = listed.text();
        let names = names.split('\0').filter(|name| !name.is_empty() && self.path.join(name).is_file());
        Ok(names.map(str::to_owned).collect())
    }

    /// Whether anything was committed.
    pub(super) async fn has_commit(&self) -> Result<bool, CouldNotRun> {
        Ok(self.git(&["rev-parse", "--verify", "--quiet", "HEAD"]).await?.code == 0)
    }

    pub(super) async fn run(&self, program: &str, args: &[&str], input: &[u8]) -> Result<Ran, CouldNotRun> {
        let mut child = prepare(program, args, &self.path).spawn().map_err(|error| not_started(program, &error))?;
        let stdin = child.stdin.take();
        let feed = async {
            if let Some(mut stdin) = stdin {
                // One that reads no further has decided already; how it ends tells.
                let _ = stdin.write_all(input).await;
            }
        };
        let both = async { tokio::join!(feed, child.wait_with_output()).1 };
        let line = shown(program, args);
        // Dropped when the limit is reached, which ends the process.
        let Ok(ended) = tokio::time::timeout(LIMIT, both).await else {
            return Err(CouldNotRun::for_good(format!("`{line}` took longer than {} s", LIMIT.as_secs())));
        };
        let output = ended.map_err(|error| CouldNotRun::passing(format!("`{line}`: {error}")))?;
        let Some(code) = output.status.code() else {
            return Err(CouldNotRun::passing(format!("`{line}` was ended: {}", output.status)));
        };
        Ok(Ran { code, stdout: output.stdout, stderr: output.stderr, line })
    }
}

fn prepare(program: &str, args: &[&str], dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(dir).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Messages are read, so they are in one language; nothing is asked and nothing is fetched.
    command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0");
    command.env("RUSTUP_AUTO_INSTALL", "0").env("CARGO_NET_OFFLINE", "true");
    // Set where this runs inside a git hook, and they would name another repository.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(name);
    }
    command
}

fn not_started(program: &str, error: &std::io::Error) -> CouldNotRun {
    match error.kind() {
        ErrorKind::NotFound => CouldNotRun::for_good(format!("{program} is not installed")),
        ErrorKind::PermissionDenied => CouldNotRun::for_good(format!("{program} may not be run")),
        _ => CouldNotRun::passing(format!("{program} cannot be started: {error}")),
    }
}

/// Long or many-lined arguments are left out.
fn shown(program: &str, args: &[&str]) -> String {
    let short =
        |arg: &&str| if arg.contains('\n') || arg.len() > EXCERPT_CHARS_MAX { "…".to_owned() } else { quoted(arg) };
    [program.to_owned()].into_iter().chain(args.iter().map(short)).collect::<Vec<_>>().join(" ")
}

fn quoted(arg: &str) -> String {
    let plain = |character: char| character.is_alphanumeric() || "-_./=:,@".contains(character);
    if !arg.is_empty() && arg.chars().all(plain) { arg.to_owned() } else { format!("'{}'", arg.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_missing_program_is_no_finding() {
        let repo = Repo::new(std::env::temp_dir());
        let trouble = repo.run("weft-no-such-program", &[], &[]).await.expect_err("it is not there");
        assert_eq!((trouble.says.as_str(), trouble.for_good), ("weft-no-such-program is not installed", true));
    }

    #[tokio::test]
    async fn input_reaches_the_program_and_its_output_comes_back() {
        let ran = Repo::new(std::env::temp_dir()).run("cat", &["-"], b"a\nb\n").await.expect("cat runs");
        assert_eq!((ran.code, ran.lines()), (0, vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        assert_eq!(shown("git", &["grep", "-e", "a b"]), "git grep -e 'a b'");
        assert_eq!(shown("python3", &["-c", "import sys\n"]), "python3 -c …");
    }
}
