//! The provider that is a command: any coding agent that is started in a worktree and changes it.
//!
//! `{prompt}` among its words stands for what it is told; without one it reads that from its standard input. Its patch is
//! what git sees of the worktree afterwards, whatever it says. Its review is a JSON object among what it prints. It has no
//! other role. What is told of what it prints goes into histories and commits, so the values of its environment are
//! hidden in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use futures_util::future::BoxFuture;

use super::{
    DiagnoseTask, Error, PatchTask, Patched, PlanTask, Provider, ReviewTask, Role, Unable,
    builtin::plan::Design,
    llm::Key,
    prompt,
    record::Record,
    shell::{Call, Ended, Shell},
};
use crate::{
    model::{Diagnosis, Plan, Review},
    transcript::{Said, Secrets},
};

/// What stands for the prompt among a command's words.
const PROMPT: &str = "{prompt}";
/// How much of what a command printed last is told.
const SAID_CHARS: usize = 400;

/// A command that does the work of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub name: String,
    pub words: Vec<String>,
    pub time: Duration,
    /// What it sees beside what all commands see: its keys.
    pub environment: BTreeMap<String, Key>,
}

/// What came of a command.
struct Told {
    ended: Ended,
    /// The last of it, without secrets.
    said: String,
    /// Why it came to nothing.
    fault: Option<String>,
}

impl Command {
    fn call(&self, prompt: &str, directory: &Path) -> Call {
        let told = self.words.iter().any(|word| word.contains(PROMPT));
        let words: Vec<String> = self.words.iter().map(|word| word.replace(PROMPT, prompt)).collect();
        let mut call = Call::new(&words, directory, self.time);
        for (name, value) in &self.environment {
            call = call.env(name, value.reveal());
        }
        if !told {
            prompt.clone_into(&mut call.input);
        }
        call
    }

    async fn change(&self, task: PatchTask) -> Result<Patched, Error> {
        let shell = task.shell.as_ref();
        let before = changed(shell, &task.worktree).await?;
        if let Some(file) = before.first() {
            return Err(Error::Environment(format!("the worktree is not clean before the agent starts: {file}")));
        }
        let told = self.told(shell, &task.record, &prompt::patch(&task), &task.worktree).await?;
        if let Some(fault) = told.fault {
            return Ok(self.unable(fault));
        }
        let (said, files) = (told.said, changed(shell, &task.worktree).await?);
        if files.is_empty() {
            return Ok(self.unable(format!("it changed nothing: {said}")));
        }
        Ok(Patched::Made { summary: first_line(&said, &task.issue.title), files, tried: 1 })
    }

    /// Its answer is the first JSON object of this form among what it prints.
    async fn look(&self, task: ReviewTask) -> Result<Review, Error> {
        let told = self.told(task.shell.as_ref(), &task.record, &prompt::review(&task), &task.worktree).await?;
        if let Some(fault) = told.fault {
            return Err(Error::Environment(format!("{}: {fault}", self.name)));
        }
        let nonsense = |reason| Error::Nonsense { provider: self.name.clone(), reason };
        // It goes into histories and to forges.
        let review: Review = prompt::value(&self.secrets().hide(&told.ended.stdout)).map_err(nonsense)?;
        Ok(Review { by: self.name.clone(), ..review })
    }

    /// Runs it, and takes down what it is told.
    async fn told(&self, shell: &dyn Shell, record: &Record, prompt: &str, worktree: &Path) -> Result<Told, Error> {
        let scribe = record.scribe.clone();
        scribe.say(Said::Told { text: prompt.to_owned() }).await;
        let ended = shell.run(Call { scribe, ..self.call(prompt, worktree) }).await?;
        let said = last_words(&ended, &self.secrets());
        let fault = match (ended.timed_out, ended.success) {
            (true, _) => Some(format!("it did not end within {} s", self.time.as_secs())),
            (false, false) => Some(format!("it failed: {said}")),
            (false, true) => None,
        };
        Ok(Told { ended, said, fault })
    }

    fn secrets(&self) -> Secrets {
        Secrets::new(self.environment.values().map(Key::reveal))
    }

    fn unable(&self, reason: String) -> Patched {
        Patched::Unable(Unable { reason: format!("{}: {reason}", self.name), tried: 1 })
    }

    fn unsupported(&self, role: Role) -> Error {
        Error::Unsupported { provider: self.name.clone(), role }
    }
}

/// Files that differ from the last commit, new ones included; ignored ones are not a patch's.
async fn changed(shell: &dyn Shell, worktree: &Path) -> Result<BTreeSet<String>, Error> {
    let words = ["git", "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames"].map(str::to_owned);
    let ended = shell.run(Call::new(&words, worktree, Duration::from_secs(60))).await?;
    if !ended.success {
        return Err(Error::Environment(format!(
            "git cannot say what has changed: {}",
            last_words(&ended, &Secrets::default())
        )));
    }
    let entries = ended.stdout.split('\0').filter_map(|entry| entry.get(3..)).filter(|path| !path.is_empty());
    Ok(entries.map(str::to_owned).collect())
}

/// Hidden first, and cut then: half a secret would not be found.
fn last_words(ended: &Ended, secrets: &Secrets) -> String {
    let output = secrets.hide(&ended.output());
    let text = output.trim();
    let skipped = text.chars().count().saturating_sub(SAID_CHARS);
    text.chars().skip(skipped).collect()
}

fn first_line(said: &str, otherwise: &str) -> String {
    said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or(otherwise).to_owned()
}

impl Provider for Command {
    fn name(&self) -> &str {
        &self.name
    }

    fn design(&self, _: PlanTask) -> BoxFuture<'_, Result<Design, Error>> {
        Box::pin(async { Err(self.unsupported(Role::Design)) })
    }

    fn plan(&self, _: PlanTask) -> BoxFuture<'_, Result<Plan, Error>> {
        Box::pin(async { Err(self.unsupported(Role::Plan)) })
    }

    fn patch(&self, task: PatchTask) -> BoxFuture<'_, Result<Patched, Error>> {
        Box::pin(self.change(task))
    }

    fn diagnose(&self, _: DiagnoseTask) -> BoxFuture<'_, Result<Diagnosis, Error>> {
        Box::pin(async { Err(self.unsupported(Role::Diagnose)) })
    }

    fn review(&self, task: ReviewTask) -> BoxFuture<'_, Result<Review, Error>> {
        Box::pin(self.look(task))
    }
}
