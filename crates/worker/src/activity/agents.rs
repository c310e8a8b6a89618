//! What activities that ask agents have in common: the providers, the record of their calls, and their errors.

use std::{io::ErrorKind, path::Path, time::Duration};

use serde::Serialize;
use tokio_util::sync::CancellationToken;
use weft::{Error, Result};

use super::{
    Site,
    bench::{Bench, ENVIRONMENT, REFUSED, WORK, failure, of_repository},
    journal::Journal,
};
use crate::{
    checks::{self, Checks, Place},
    model::{Billed, CheckKind, CheckOutcome, Finding, Spend},
    provider::{
        self, Provider,
        builtin::plan::{Facts, FailingTest},
        record::{Price, Record},
    },
    repository::Worktree,
    transcript::{Said, Scribe},
};

/// Between looks whether the attempt before has ended.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The record of one step's calls; what they cost is asked of the journal at the end. While an attempt before lives it
/// is waited for: it ends as soon as it hears that nobody wants it.
pub(super) async fn record(
    bench: &Bench,
    Attempt { site, number }: Attempt<'_>,
    agent: &dyn Provider,
    cancel: &CancellationToken,
) -> Result<(Record, Journal)> {
    let journal = free(&bench.calls(site).await?, agent.price(), cancel).await?;
    let recorder = std::sync::Arc::new(journal.clone());
    let scribe = bench.scribe(site, number, agent.name()).await?;
    Ok((Record { step: format!("{}/{}", site.run, site.step), recorder, scribe }, journal))
}

/// Which attempt of which step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt<'a> {
    pub(super) site: &'a Site,
    pub(super) number: u32,
}

/// The journal once no other attempt has it.
async fn free(path: &Path, price: Price, cancel: &CancellationToken) -> Result<Journal> {
    loop {
        match Journal::open(path, Spend::AGENT, price) {
            Ok(journal) => return Ok(journal),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(failure(ENVIRONMENT, format!("{}: {error}", path.display()))),
        }
        if cancel.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_none() {
            return Err(unwanted());
        }
    }
}

/// What an agent says, as long as somebody wants it: one that is dropped makes no more calls.
pub(super) async fn asked<T: Serialize>(
    cancel: &CancellationToken,
    scribe: &Scribe,
    work: impl Future<Output = Result<T, provider::Error>>,
) -> Result<T> {
    let said = match cancel.run_until_cancelled(work).await {
        Some(said) => said.map_err(of_provider),
        None => Err(unwanted()),
    };
    match &said {
        Ok(said) => scribe.say(Said::Came { value: serde_json::to_value(said).unwrap_or_default() }).await,
        Err(error) => scribe.note(error.root().to_string()).await,
    }
    scribe.end().await;
    said
}

fn unwanted() -> Error {
    failure(ENVIRONMENT, "nobody wants it any more")
}

/// One attempt, with what its calls have cost.
pub(super) fn billed<T>(value: T, journal: &Journal) -> Billed<T> {
    let attempt = Billed::attempt(value);
    Billed { spent: attempt.spent.plus(journal.spent()), ..attempt }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn of_provider(error: provider::Error) -> Error {
    let kind = match &error {
        provider::Error::Unsupported { .. } | provider::Error::Refused(_) => REFUSED,
        provider::Error::Environment(_) => ENVIRONMENT,
        provider::Error::Nonsense { .. } => WORK,
    };
    failure(kind, error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub(super) fn of_checks(error: checks::Error) -> Error {
    failure(REFUSED, error.to_string())
}

/// What is known of a commit: its files, and the tests that fail there, which are run for it.
pub(super) async fn facts(
    bench: &Bench,
    site: &Site,
    attempt: u32,
    commit: &str,
    cancel: &CancellationToken,
) -> Result<Facts> {
    let files = bench.repository(site).await?.files(commit).await.map_err(of_repository)?;
    let look = async |worktree: &Worktree| {
        let checks = Checks::of(worktree.path()).map_err(of_checks)?;
        let sandbox = bench.sandbox(worktree);
        let place =
            Place { supervisor: bench.supervisor(), tree: worktree.path(), sandbox: &sandbox, cancel, output: None };
        let mut found = Vec::new();
        for kind in [CheckKind::UnitTests, CheckKind::IntegrationTests] {
            match checks::run(&checks, kind, &place).await.map_err(|error| failure(WORK, error.to_string()))? {
                CheckOutcome::Ran(report) => found.extend(report.findings),
                // Whoever plans does without; the gate will say so.
                CheckOutcome::CouldNotRun { .. } => {}
            }
        }
        let root = worktree.path().display().to_string();
        Ok(found.iter().filter_map(|finding| failing(finding, &root)).collect::<Vec<_>>())
    };
    let found = bench.in_worktree(site, attempt, commit, look).await?;
    let is_known = |file: &String| files.contains(file);
    let failing = found.into_iter().map(|it| FailingTest { file: it.file.filter(is_known), ..it }).collect();
    Ok(Facts { files, failing })
}

/// The test that a finding is about, if it is about one.
fn failing(finding: &Finding, root: &str) -> Option<FailingTest> {
    let name = finding.rule.as_deref()?;
    // `test_above (test_shelf.Clamp.test_above)`
    let name = name.split_once(" (").map_or(name, |(name, _)| name).to_owned();
    let within = |file: &str| file.strip_prefix(root).unwrap_or(file).trim_start_matches(['.', '/']).to_owned();
    Some(FailingTest { name, file: finding.file.as_deref().map(within) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Severity;

    #[test]
    fn a_finding_of_a_test_names_it_and_its_file() {
        let finding = |rule: Option<&str>, file: Option<&str>| Finding {
            severity: Severity::Error,
            message: String::new(),
            file: file.map(str::to_owned),
            line: None,
            rule: rule.map(str::to_owned),
        };
        let rule = Some("test_above (test_shelf.Clamp.test_above)");
        let found = failing(&finding(rule, Some("/tmp/trees/a/tests/test_shelf.py")), "/tmp/trees/a");
        let file = Some("tests/test_shelf.py".to_owned());
        assert_eq!(found, Some(FailingTest { name: "test_above".to_owned(), file }));
        assert_eq!(failing(&finding(None, Some("a.py")), "/tmp"), None);
    }

    #[tokio::test]
    async fn a_journal_that_an_attempt_has_is_waited_for_until_nobody_wants_it() {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let (path, cancel) = (folder.path().join("step.jsonl"), CancellationToken::new());
        let living = free(&path, Price::default(), &cancel).await.expect("nobody has it");
        let mut waiting = std::pin::pin!(free(&path, Price::default(), &cancel));
        assert!(futures::poll!(&mut waiting).is_pending(), "it is locked");
        drop(living);
        drop(free(&path, Price::default(), &cancel).await.expect("it is free again"));

        let _other = free(&path, Price::default(), &cancel).await.expect("nobody has it");
        cancel.cancel();
        let ended = waiting.await.expect_err("nobody wants it");
        assert!(ended.to_string().contains("nobody wants it any more"), "{ended}");
    }

    #[tokio::test]
    async fn an_agent_whose_answer_nobody_wants_makes_no_more_calls() {
        /// Says that it was dropped.
        struct Call<'a>(&'a std::cell::Cell<bool>);
        impl Drop for Call<'_> {
            fn drop(&mut self) {
                self.0.set(true);
            }
        }
        let (cancel, ended, scribe) = (CancellationToken::new(), std::cell::Cell::new(false), Scribe::default());
        let call = Call(&ended);
        let work = async move {
            let _call = call;
            std::future::pending::<Result<(), provider::Error>>().await
        };
        let mut asking = std::pin::pin!(asked(&cancel, &scribe, work));
        assert!(futures::poll!(&mut asking).is_pending());
        cancel.cancel();
        assert!(asking.await.is_err() && ended.get());
    }
}
