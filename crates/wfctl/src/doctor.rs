//! `wfctl doctor`: one check after the other, each with what to do where it fails.

mod checks;

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::{
    exit::{Exit, Failure},
    output::{Output, Tone, text},
    session::{Session, runtime},
};

#[derive(clap::Args, Debug)]
#[command(after_help = "Exit code 1 says that a check failed; warnings do not count.\n\n\
    Examples:\n  wfctl doctor\n  wfctl doctor --task-queue orders\n  wfctl doctor --data /var/lib/weft")]
pub(crate) struct Args {
    /// Is a worker polling this task queue?
    #[arg(short, long, value_name = "QUEUE")]
    task_queue: Option<String>,
    /// Look at this data directory too
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    says: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    Warning,
    Failed,
}

impl Check {
    fn new(name: &'static str, verdict: Verdict, says: impl Into<String>) -> Self {
        Self { name, verdict, says: says.into() }
    }

    fn ok(name: &'static str, says: impl Into<String>) -> Self {
        Self::new(name, Verdict::Ok, says)
    }

    fn warning(name: &'static str, says: impl Into<String>) -> Self {
        Self::new(name, Verdict::Warning, says)
    }

    fn failed(name: &'static str, says: impl Into<String>) -> Self {
        Self::new(name, Verdict::Failed, says)
    }
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }

    fn tone(self) -> Tone {
        match self {
            Self::Ok => Tone::Good,
            Self::Warning => Tone::Busy,
            Self::Failed => Tone::Bad,
        }
    }
}

pub(crate) fn run(session: anyhow::Result<Session>, args: &Args, output: &Output) -> anyhow::Result<()> {
    let mut found = Vec::new();
    match session {
        Ok(session) => {
            runtime()?.block_on(checks::server(&session, args.task_queue.as_deref(), &mut found));
            checks::operations(&session, &mut found);
        }
        Err(error) => found.push(Check::failed("settings", format!("{error:#}"))),
    }
    if let Some(data) = &args.data {
        checks::data_directory(data, &mut found);
    }
    print(&found, output)?;
    if found.iter().any(|check| check.verdict == Verdict::Failed) {
        return Err(Failure::new(Exit::Refused, "").into());
    }
    Ok(())
}

fn print(found: &[Check], output: &Output) -> anyhow::Result<()> {
    if output.is_json() {
        let checks = found.iter().map(|it| json!({ "check": it.name, "verdict": it.verdict.word(), "says": it.says }));
        return Ok(output.json(&checks.collect::<Value>())?);
    }
    let rows =
        found.iter().map(|it| vec![(it.verdict.tone(), it.verdict.word().to_owned()), text(it.name), text(&it.says)]);
    Ok(output.line(output.table(&[], rows.collect()))?)
}
