//! What happens in a run, line by line, until its end; then its result.

use std::time::Duration;

use tonic::Code;
use weft_client::{Error, Run};
use weft_worker::{
    progress::{Entry, Status, Timeline},
    workflow::{QualityGateWorkflow as Any, desk::Attended as _},
};

use crate::{
    output::{Output, Tone, harmless_lines},
    session::Connected,
    workflow,
};

/// Between looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Looks in vain, one after the other, until a person is told that nobody answers.
const SILENT_MAX: u32 = 3;
/// Calls that break off before it is given up.
const LOST_MAX: u32 = 5;

pub(crate) async fn follow(session: &Connected, id: &str) -> anyhow::Result<()> {
    let run = Run::latest(id);
    let mut shown = Shown::new(&session.output);
    {
        let mut lost = 0;
        let mut ended = Box::pin(session.client.result(&run));
        loop {
            tokio::select! {
                biased;
                came = &mut ended => match came {
                    Ok(_) => break,
                    // The call was under way when the server went. The next one waits until it is there again.
                    Err(error) if is_broken_off(&error) && lost < LOST_MAX => {
                        lost += 1;
                        ended = Box::pin(session.client.result(&run));
                    }
                    Err(error) => return Err(error.into()),
                },
                () = tokio::time::sleep(LOOK_EVERY) => shown.look(session, id).await?,
            }
        }
    }
    // What came after the last look.
    shown.look(session, id).await?;
    workflow::wait(session, &run).await
}

/// Whether nobody knows what the server would have said.
fn is_broken_off(error: &Error) -> bool {
    matches!(error.code(), Some(Code::Unknown | Code::Internal | Code::Cancelled | Code::Unavailable))
}

/// What has been printed.
struct Shown<'a> {
    output: &'a Output,
    entries: u64,
    began_at_ms: u64,
    status: Status,
    silent: u32,
}

impl<'a> Shown<'a> {
    fn new(output: &'a Output) -> Self {
        Self { output, entries: 0, began_at_ms: 0, status: Status::Running, silent: 0 }
    }

    /// Asks how far it is; one that nobody answers for is asked again later.
    async fn look(&mut self, session: &Connected, id: &str) -> anyhow::Result<()> {
        let handle = session.client.handle::<Any>(id);
        let Ok(timeline) = handle.query(Any::timeline, ()).await else {
            self.silent += 1;
            if self.silent == SILENT_MAX {
                self.output.note(format_args!("no worker answers for {id}: is weft-worker running?"));
            }
            return Ok(());
        };
        self.silent = 0;
        self.print(&timeline)?;
        if let Ok(status) = handle.query(Any::status, ()).await {
            self.tell(id, status);
        }
        Ok(())
    }

    fn print(&mut self, timeline: &Timeline) -> anyhow::Result<()> {
        let skip = usize::try_from(self.entries.saturating_sub(timeline.forgotten)).unwrap_or(usize::MAX);
        for entry in timeline.entries.iter().skip(skip) {
            if self.began_at_ms == 0 {
                self.began_at_ms = entry.at_ms;
            }
            self.line(entry)?;
        }
        self.entries = timeline.forgotten + timeline.entries.len() as u64;
        Ok(())
    }

    /// To programs only the result is printed.
    fn line(&self, entry: &Entry) -> anyhow::Result<()> {
        if self.output.is_json() {
            return Ok(());
        }
        let ms = entry.at_ms.saturating_sub(self.began_at_ms);
        let time = self.output.paint(Tone::Faint, &format!("{:>7}.{} s", ms / 1000, ms % 1000 / 100));
        Ok(self
            .output
            .line(format_args!("{time}  {}", self.output.paint(tone(&entry.what), &harmless_lines(&entry.what))))?)
    }

    /// Says what a person can do where one is waited for.
    fn tell(&mut self, id: &str, status: Status) {
        if status == self.status {
            return;
        }
        self.status = status;
        match status {
            Status::WaitingForApproval => {
                self.output.note(format_args!("it waits for a person: `wfctl approve {id}` or `wfctl reject {id}`"));
            }
            Status::Stopped => {
                let says =
                    format!("it has stopped: `wfctl budget {id}`, then `wfctl resume {id}` or `wfctl abort {id}`");
                self.output.note(says);
            }
            Status::Running | Status::Undoing | Status::Done | Status::Failed => {}
        }
    }
}

fn tone(what: &str) -> Tone {
    if what.starts_with("phase: ") {
        Tone::Busy
    } else if what.contains(" failed") || what.starts_with("failed") || what.starts_with("stopped") {
        Tone::Bad
    } else if what.contains(" done") {
        Tone::Good
    } else {
        Tone::Plain
    }
}
