//! What a step's calls of models and tools answered, on disk: an attempt after a crash repeats none of them.
//!
//! ```text
//! <git directory>/weft/calls/<run>/<step>.jsonl    a line for each call that was begun, settled or released
//! ```
//!
//! It lies with the repository, so that the attempts of all its workers share it. Each line is on the disk before the
//! next thing is done. Half a line at the end is what a crash left of one, and is cut off: nothing was done after it.
//!
//! Invariant: one attempt at a time has it. It is locked while it is open, so whoever opens it sees all that was written
//! and cuts nobody's line; an attempt that nobody wants any more keeps it until it has ended.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, ErrorKind, Read, Write},
    path::Path,
    sync::Arc,
};

use futures::future::BoxFuture;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    model::Spend,
    provider::{
        Error,
        record::{Price, Recorder, Standing, Tokens},
    },
};

/// The calls of one step. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    calls: BTreeMap<String, Known>,
    spent: Spend,
    allowed: Spend,
    price: Price,
}

#[derive(Debug)]
enum Known {
    Begun(Tokens),
    Settled(Value),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Begun {
        call: String,
        most: Tokens,
    },
    Settled {
        call: String,
        answer: Value,
        spent: Tokens,
    },
    Released {
        call: String,
    },
    /// What a crash had left open was lost, and is made again.
    Lost {
        call: String,
    },
}

impl Journal {
    /// Opens it, or begins one. The step may spend what is allowed, over all its attempts. All its calls are of one agent,
    /// whose tokens have this price.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] while another attempt has it.
    pub(super) fn open(path: &Path, allowed: Spend, price: Price) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = File::options().create(true).read(true).append(true).open(path)?;
        file.try_lock()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut inner = Inner { file, calls: BTreeMap::new(), spent: Spend::default(), allowed, price };
        for (index, line) in bytes[..whole].split(|byte| *byte == b'\n').enumerate().filter(|(_, it)| !it.is_empty()) {
            inner.take(serde_json::from_slice(line).map_err(|error| unreadable(index + 1, &error))?);
        }
        inner.file.set_len(whole as u64)?;
        Ok(Self { inner: Arc::new(Mutex::new(inner)) })
    }

    /// By all attempts so far; what was begun and not settled counts as spent.
    pub(super) fn spent(&self) -> Spend {
        let inner = self.inner.lock();
        inner.open().fold(inner.spent, |sum, most| sum.plus(inner.cost(most)))
    }

    /// Off the threads that everything else runs on: each line waits for the disk.
    async fn with<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut Inner) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let inner = Arc::clone(&self.inner);
        let done = tokio::task::spawn_blocking(move || what(&mut inner.lock())).await;
        done.map_err(|error| Error::Environment(error.to_string()))?
    }
}

/// The place without the file, which whoever opens it names.
fn unreadable(line: usize, error: &serde_json::Error) -> io::Error {
    let message = format!(
        "line {line} is no record of a call ({error}): mend the line, or remove the file to let the step make all its \
         calls again"
    );
    io::Error::new(ErrorKind::InvalidData, message)
}

impl Drop for Inner {
    /// A process that is being started at this moment may have the file for as long as that takes: closing it does not
    /// free it then.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

impl Inner {
    /// Tools cost no tokens, models always do.
    fn cost(&self, tokens: Tokens) -> Spend {
        let sum = tokens.input.saturating_add(tokens.output);
        let cost_microdollars = self.price.of(tokens);
        Spend { tokens: sum, cost_microdollars, tool_calls: u64::from(sum == 0), ..Spend::default() }
    }

    fn open(&self) -> impl Iterator<Item = Tokens> {
        self.calls.values().filter_map(|known| match known {
            Known::Begun(most) => Some(*most),
            Known::Settled(_) => None,
        })
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Begun { call, most } => drop(self.calls.insert(call, Known::Begun(most))),
            Line::Settled { call, answer, spent } => {
                self.calls.insert(call, Known::Settled(answer));
                self.spent = self.spent.plus(self.cost(spent));
            }
            Line::Released { call } => drop(self.calls.remove(&call)),
            Line::Lost { call } => {
                if let Some(Known::Begun(most)) = self.calls.remove(&call) {
                    self.spent = self.spent.plus(self.cost(most));
                }
            }
        }
    }

    fn write(&mut self, line: Line) -> Result<(), Error> {
        let environment = |error: io::Error| Error::Environment(format!("the record of calls: {error}"));
        let mut bytes = serde_json::to_vec(&line).map_err(|error| environment(error.into()))?;
        bytes.push(b'\n');
        self.file.write_all(&bytes).and_then(|()| self.file.sync_data()).map_err(environment)?;
        self.take(line);
        Ok(())
    }

    fn begin(&mut self, call: String, most: Tokens) -> Result<Standing, Error> {
        let standing = match self.calls.get(&call) {
            None => Standing::New,
            Some(Known::Settled(answer)) => return Ok(Standing::Settled(answer.clone())),
            Some(Known::Begun(_)) => Standing::Unsettled,
        };
        if standing == Standing::Unsettled {
            self.write(Line::Lost { call: call.clone() })?;
        }
        let would_be = self.open().fold(self.spent, |sum, most| sum.plus(self.cost(most))).plus(self.cost(most));
        if would_be.tokens > self.allowed.tokens || would_be.tool_calls > self.allowed.tool_calls {
            let (tokens, tools) = (self.allowed.tokens, self.allowed.tool_calls);
            return Err(Error::Refused(format!(
                "{call} would bring the step to {} tokens and {} calls of tools: it may have {tokens} and {tools}",
                would_be.tokens, would_be.tool_calls
            )));
        }
        if would_be.cost_microdollars > self.allowed.cost_microdollars {
            return Err(Error::Refused(format!(
                "{call} would bring the step to {} millionths of a dollar: it may cost {}",
                would_be.cost_microdollars, self.allowed.cost_microdollars
            )));
        }
        self.write(Line::Begun { call, most })?;
        Ok(standing)
    }
}

impl Recorder for Journal {
    fn begin(&self, call: &str, most: Tokens) -> BoxFuture<'_, Result<Standing, Error>> {
        let call = call.to_owned();
        Box::pin(self.with(move |inner| inner.begin(call, most)))
    }

    fn settle(&self, call: &str, answer: Value, spent: Tokens) -> BoxFuture<'_, Result<(), Error>> {
        let call = call.to_owned();
        Box::pin(self.with(move |inner| inner.write(Line::Settled { call, answer, spent })))
    }

    fn release(&self, call: &str) -> BoxFuture<'_, Result<(), Error>> {
        let call = call.to_owned();
        Box::pin(self.with(move |inner| inner.write(Line::Released { call })))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MOST: Tokens = Tokens { input: 100, output: 50 };
    const ALLOWED: Spend = Spend { tokens: 400, tool_calls: 2, ..Spend::AGENT };

    fn journal() -> (Journal, std::path::PathBuf, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let path = folder.path().join("calls/run/step.jsonl");
        (Journal::open(&path, ALLOWED, Price::default()).expect("it is begun"), path, folder)
    }

    fn again(path: &Path) -> Journal {
        Journal::open(path, ALLOWED, Price::default()).expect("it is opened again")
    }

    #[tokio::test]
    async fn a_settled_call_is_known_after_a_crash_and_an_open_one_counts_as_spent() -> Result<(), Error> {
        let (journal, path, _folder) = journal();
        assert_eq!(journal.begin("model-0", MOST).await?, Standing::New);
        journal.settle("model-0", json!("yes"), Tokens { input: 10, output: 5 }).await?;
        assert_eq!(journal.begin("model-1", MOST).await?, Standing::New);
        drop(journal);
        // A crash in the middle of the next line.
        let mut file = File::options().append(true).open(&path).expect("it is there");
        file.write_all(b"{\"settled\": {\"call\": \"mod").expect("it is written");

        let journal = again(&path);
        assert_eq!(journal.spent().tokens, 15 + 150);
        assert_eq!(journal.begin("model-0", MOST).await?, Standing::Settled(json!("yes")));
        assert_eq!(journal.begin("model-1", MOST).await?, Standing::Unsettled);
        journal.settle("model-1", json!("no"), MOST).await?;
        drop(journal);
        let journal = again(&path);
        assert_eq!(journal.begin("model-1", MOST).await?, Standing::Settled(json!("no")));
        assert_eq!(journal.spent().tokens, 15 + 150 + 150, "the lost one and the one that was made again");
        Ok(())
    }

    #[tokio::test]
    async fn what_the_budget_does_not_allow_is_not_begun() -> Result<(), Error> {
        let (journal, path, _folder) = journal();
        journal.begin("model-0", MOST).await?;
        journal.begin("model-1", MOST).await?;
        let refused = journal.begin("model-2", MOST).await.expect_err("it would be too much");
        assert!(refused.to_string().contains("model-2 would bring the step to 450 tokens"), "{refused}");
        journal.release("model-1").await?;
        journal.begin("model-2", MOST).await?;
        for tool in ["tool-0", "tool-1"] {
            journal.begin(tool, Tokens::default()).await?;
            journal.settle(tool, json!({}), Tokens::default()).await?;
        }
        assert!(journal.begin("tool-2", Tokens::default()).await.is_err());
        drop(journal);
        let spent = again(&path).spent();
        assert_eq!((spent.tokens, spent.tool_calls), (300, 2));
        Ok(())
    }

    #[tokio::test]
    async fn a_step_does_not_cost_more_money_than_it_may() -> Result<(), Error> {
        let (journal, path, _folder) = journal();
        drop(journal);
        // 100 at 3 and 50 at 15.5 come to 1075.
        let price = Price { input: 3.0, output: 15.5 };
        let allowed = Spend { cost_microdollars: 2000, ..ALLOWED };
        let open = || Journal::open(&path, allowed, price).expect("it is opened");
        let journal = open();
        journal.begin("model-0", MOST).await?;
        assert_eq!(journal.spent().cost_microdollars, 1075);
        let refused = journal.begin("model-1", MOST).await.expect_err("it would be too much");
        assert!(refused.to_string().contains("2150 millionths of a dollar: it may cost 2000"), "{refused}");
        journal.settle("model-0", json!("yes"), Tokens { input: 1, output: 1 }).await?;
        journal.begin("model-1", MOST).await?;
        drop(journal);
        assert_eq!(open().spent().cost_microdollars, 19 + 1075);
        Ok(())
    }

    #[tokio::test]
    async fn while_one_attempt_has_it_no_other_reads_or_cuts_it() -> Result<(), Error> {
        let (living, path, _folder) = journal();
        living.begin("model-0", MOST).await?;
        let refused = Journal::open(&path, ALLOWED, Price::default()).expect_err("it is locked");
        assert_eq!(refused.kind(), ErrorKind::WouldBlock);
        living.settle("model-0", json!("yes"), MOST).await?;
        drop(living);
        assert_eq!(again(&path).begin("model-0", MOST).await?, Standing::Settled(json!("yes")));
        Ok(())
    }

    #[test]
    fn a_line_that_is_no_record_is_named_with_how_to_mend_it() {
        let (journal, path, _folder) = journal();
        drop(journal);
        fs::write(&path, "{\"released\":{\"call\":\"a\"}}\nnonsense\n").expect("it is written");
        let said = Journal::open(&path, ALLOWED, Price::default()).expect_err("it cannot be read").to_string();
        assert!(
            said.starts_with("line 2 is no record of a call") && said.contains("mend the line, or remove"),
            "{said}"
        );
    }
}
