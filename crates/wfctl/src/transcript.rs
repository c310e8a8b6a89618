//! `wfctl transcript`: what agents and checks of a run say, as they say it.
//!
//! Transcripts lie with the repository, not in the history. Which repository it is, the run's own request says. What
//! was read is not printed again by whoever gives back the place that was printed last.

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use weft_client::{
    Run,
    api::{enums::WorkflowExecutionStatus, history::history_event::Attributes},
};
use weft_worker::{
    process::Stream,
    repository::Repository,
    transcript::{Bookmark, Gap, Heard, RunReader, Said, Transcripts},
};

use crate::{
    dev::Signals,
    exit::Failure,
    output::{Output, Tone, harmless},
    session::Connected,
};

/// Between looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

#[derive(Args, Debug)]
pub(crate) struct TranscriptArgs {
    /// The workflow
    #[arg(value_name = "WORKFLOW_ID")]
    workflow_id: String,
    /// Only this step, such as patch/issue-1/1, through all its attempts
    #[arg(long, value_name = "STEP")]
    step: Option<String>,
    /// Go on until the run has ended
    #[arg(short, long)]
    follow: bool,
    /// Go on at the place that was printed
    #[arg(long, value_name = "CURSOR")]
    from: Option<String>,
    /// Git repository where the transcripts lie [default: the one that the run was given]
    #[arg(long, value_name = "PATH")]
    repo: Option<PathBuf>,
}

pub(crate) async fn transcript(session: &Connected, args: TranscriptArgs) -> anyhow::Result<()> {
    let from: Bookmark = match &args.from {
        Some(text) => text.parse().map_err(|error| Failure::usage(format!("--from: {error}")))?,
        None => Bookmark::default(),
    };
    let started = started(session, &args.workflow_id).await?;
    let path = match (&args.repo, &started.repository) {
        (Some(path), _) => path.clone(),
        (None, Some(path)) => PathBuf::from(path),
        (None, None) => {
            let id = &args.workflow_id;
            return Err(Failure::usage(format!("{id} was given no repository: name one with --repo")).into());
        }
    };
    let repository = Repository::open(&path).await.map_err(|error| {
        Failure::usage(format!("{error}; transcripts lie with the repository: ask where it is, or name it with --repo"))
    })?;
    let transcripts = Transcripts::of(repository.git_dir());
    let run = format!("{}/{}", args.workflow_id, started.first_run_id);
    // From here on an interrupt ends in words: from where to go on.
    let mut signals = Signals::listen()?;
    let mut reader = tokio::select! {
        reader = begun(session, &args, &transcripts, (&run, from)) => reader?,
        () = signals.next() => return Ok(()),
    };
    let mut shown = false;
    tokio::select! {
        done = show(session, &args, &mut reader, &mut shown) => done?,
        () = signals.next() => {}
    }
    say_where(&session.output, &args, &mut reader, shown)
}

/// A reader, once there is something to read: a run that has just been started has said nothing yet.
async fn begun(
    session: &Connected,
    args: &TranscriptArgs,
    transcripts: &Transcripts,
    (run, from): (&str, Bookmark),
) -> anyhow::Result<RunReader> {
    loop {
        match transcripts.read_run(run, args.step.as_deref(), from.clone()) {
            Ok(reader) => return Ok(reader),
            Err(_) if args.follow && !is_over(session, &args.workflow_id).await? => {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            Err(error) => return Err(Failure::refused(error.to_string()).into()),
        }
    }
}

/// Of the first event.
struct Started {
    first_run_id: String,
    repository: Option<String>,
}

async fn started(session: &Connected, id: &str) -> anyhow::Result<Started> {
    let events = session.client.history(&Run::latest(id), false).next().await?.unwrap_or_default();
    let first = events.into_iter().next().and_then(|event| event.attributes);
    let Some(Attributes::WorkflowExecutionStartedEventAttributes(first)) = first else {
        anyhow::bail!("the history of {id} does not begin with its start");
    };
    let request = first.input.and_then(|input| input.payloads.into_iter().next());
    let request: Option<Value> = request.and_then(|payload| serde_json::from_slice(&payload.data).ok());
    let repository = request.and_then(|it| Some(it["repository"].as_str()?.to_owned()));
    Ok(Started { first_run_id: first.first_execution_run_id, repository })
}

async fn is_over(session: &Connected, id: &str) -> anyhow::Result<bool> {
    let info = session.client.describe(&Run::latest(id)).await?.workflow_execution_info;
    let status = info.context("the server says nothing of the run")?.status;
    Ok(status != i32::from(WorkflowExecutionStatus::Running))
}

async fn show(
    session: &Connected,
    args: &TranscriptArgs,
    reader: &mut RunReader,
    shown: &mut bool,
) -> anyhow::Result<()> {
    // Known before a page is read: what was said before the end is on it.
    let mut run_is_over = false;
    loop {
        let page = reader.page(run_is_over)?;
        for heard in &page.heard {
            print(&session.output, heard)?;
        }
        if !page.heard.is_empty() {
            *shown = true;
            // However much there is to show, an interrupt is heard.
            tokio::task::yield_now().await;
        } else if run_is_over {
            return Ok(());
        } else if is_over(session, &args.workflow_id).await? {
            run_is_over = true;
        } else if args.follow {
            tokio::time::sleep(LOOK_EVERY).await;
        } else {
            return Ok(());
        }
    }
}

/// The place from which to go on.
fn say_where(output: &Output, args: &TranscriptArgs, reader: &mut RunReader, shown: bool) -> anyhow::Result<()> {
    if output.is_json() {
        return Ok(output.line(json!({ "cursor": reader.bookmark().to_string() }))?);
    }
    if let Some(step) = args.step.as_ref().filter(|_| !shown && args.from.is_none()) {
        let steps: Vec<String> = reader.steps()?.into_keys().collect();
        output.note(format_args!("nothing was said in {step}; there are {}", harmless(&steps.join(", "))));
    }
    output.note(format_args!("to go on from here: --from {}", harmless(&reader.bookmark().to_string())));
    Ok(())
}

/// To programs an entry is a line.
fn print(output: &Output, heard: &Heard) -> anyhow::Result<()> {
    if output.is_json() {
        let mut value = serde_json::to_value(&heard.entry)?;
        value["of"] = json!({ "step": heard.step, "attempt": heard.attempt });
        return Ok(output.line(value)?);
    }
    let place = output.paint(Tone::Faint, &place(heard));
    let (tone, lines) = lines(&heard.entry.said);
    for line in lines {
        output.line(format_args!("{place}  {}", output.paint(tone, &line)))?;
    }
    Ok(())
}

fn place(heard: &Heard) -> String {
    harmless(&format!("{}#{}", heard.step, heard.attempt))
}

/// As people see them: agents and commands print what they like.
fn lines(said: &Said) -> (Tone, Vec<String>) {
    let (tone, text) = words(said);
    let lines = text.trim_end_matches(['\n', '\r']).split('\n');
    (tone, lines.map(|line| harmless(line.trim_end_matches('\r'))).collect())
}

fn words(said: &Said) -> (Tone, String) {
    let again = |recorded: bool| if recorded { " (recorded before, not asked again)" } else { "" };
    match said {
        Said::Began { by, attempt, .. } => (Tone::Busy, format!("{by} begins, attempt {attempt}")),
        Said::Told { text } => (Tone::Faint, format!("told: {text}")),
        Said::Answered { text, input_tokens, output_tokens, recorded } => {
            let told = format!("{input_tokens} + {output_tokens} tokens{}", again(*recorded));
            (Tone::Plain, format!("answered, {told}: {text}"))
        }
        Said::Called { tool, arguments } => (Tone::Plain, format!("calls {tool} {arguments}")),
        Said::Replied { tool, text, failed, recorded } => {
            let tone = if *failed { Tone::Bad } else { Tone::Plain };
            (tone, format!("{tool} says{}: {text}", again(*recorded)))
        }
        Said::Printed { stream: Stream::Stdout, text } => (Tone::Plain, text.clone()),
        Said::Printed { stream: Stream::Stderr, text } => (Tone::Bad, text.clone()),
        Said::Note { text } => (Tone::Plain, text.clone()),
        Said::Came { value } => (Tone::Good, format!("comes to {value:#}")),
        Said::Gap { gap } => (Tone::Bad, format!("-- gap: {} --", why(gap))),
        Said::End => (Tone::Busy, "ends".to_owned()),
    }
}

fn why(gap: &Gap) -> String {
    match gap {
        Gap::WriterDied => "the worker died or gave up; what was said until then and not written is lost".to_owned(),
        Gap::Full { lost_bytes } => format!("the transcript was full; {lost_bytes} bytes are missing"),
        Gap::Replaced => "this is another file than the one that was read before; from its beginning".to_owned(),
        Gap::Removed => "what was read before was removed; what followed is lost".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use weft_worker::transcript::Entry;

    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_that_others_wrote() {
        let text = "\tone\r\n\u{1b}]0;title\u{7}two\u{1b}[2J\rthree\u{9b}1m\r\n".to_owned();
        let said = Said::Printed { stream: Stream::Stdout, text };
        assert_eq!(lines(&said).1, ["\tone", "\u{fffd}]0;title\u{fffd}two\u{fffd}[2J\u{fffd}three\u{fffd}1m"]);
        let entry = Entry { number: 0, unix_ms: 0, said };
        let heard = Heard { step: "patch\u{1b}[2J".to_owned(), attempt: 1, entry };
        assert_eq!(place(&heard), "patch\u{fffd}[2J#1");
    }
}
