//! From an alert to what agents think of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use weft::{ActivityCtx, Result, activities};

use super::{
    Site,
    agents::{Attempt, asked, billed, record},
    bench::{Bench, WORK, alive, failure, of_process, of_repository},
};
use crate::{
    model::{Alert, Billed, Diagnosis, Series},
    process::{Command, Watch},
    provider::{DiagnoseTask, Providers, Role},
    repository::Worktree,
};

/// An alert of which more is to be known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContextRequest {
    pub site: Site,
    /// Branch whose program is asked.
    pub base: String,
    pub alert: Alert,
}

/// An alert that an agent is to think about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiagnoseRequest {
    pub site: Site,
    pub alert: Alert,
    /// Counted from 0: each looks at something else first.
    pub agent: u32,
}

/// What a repository's own program knows of an alert.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Context {
    metrics: BTreeMap<String, f64>,
    logs: Vec<String>,
    series: BTreeMap<String, Series>,
}

/// The program of a repository that fetches metrics and logs: it reads the alert as JSON, and prints what it knows.
const PROGRAM: &str = ".weft/context";

/// Gathers context, and diagnoses.
pub struct Diagnosing {
    bench: Bench,
    providers: Providers,
}

impl Diagnosing {
    #[must_use]
    pub fn new(bench: Bench, providers: Providers) -> Self {
        Self { bench, providers }
    }

    async fn ask(&self, request: &ContextRequest, attempt: u32, cancel: &CancellationToken) -> Result<Context> {
        let input = serde_json::to_vec(&request.alert)?;
        let ask = async |worktree: &Worktree| {
            let program = worktree.path().join(PROGRAM).display().to_string();
            let command = Command::new(program, worktree.path()).input(input.clone());
            let sandbox = self.bench.sandbox(worktree);
            let ran = self.bench.supervisor().run(&command, &sandbox, Watch::new(cancel)).await.map_err(of_process)?;
            if !ran.succeeded() {
                return Err(failure(WORK, format!("{PROGRAM} {}", ran.describe_end())));
            }
            let bad = |error: serde_json::Error| failure(WORK, format!("what {PROGRAM} prints is no context: {error}"));
            serde_json::from_slice(&ran.stdout.bytes()).map_err(bad)
        };
        self.bench.in_worktree(&request.site, attempt, &request.base, ask).await
    }
}

#[activities]
impl Diagnosing {
    /// The alert with what the repository's program adds, if it has one.
    #[activity]
    pub async fn gather_context(&self, ctx: ActivityCtx, request: ContextRequest) -> Result<Billed<Alert>> {
        let attempt = ctx.info().attempt;
        alive(&ctx, |cancel| async move {
            let repository = self.bench.repository(&request.site).await?;
            repository.refuse_unclean().await.map_err(of_repository)?;
            if !repository.files(&request.base).await.map_err(of_repository)?.contains(PROGRAM) {
                return Ok(Billed::attempt(request.alert));
            }
            let context = self.ask(&request, attempt, &cancel).await?;
            let mut alert = request.alert;
            alert.metrics.extend(context.metrics);
            alert.logs.extend(context.logs);
            alert.series.extend(context.series);
            Ok(Billed::attempt(alert))
        })
        .await
    }

    #[activity]
    pub async fn diagnose(&self, ctx: ActivityCtx, request: DiagnoseRequest) -> Result<Billed<Diagnosis>> {
        let number = ctx.info().attempt;
        alive(&ctx, |cancel| async move {
            let by = self.providers.of(Role::Diagnose);
            let attempt = Attempt { site: &request.site, number };
            let (record, journal) = record(&self.bench, attempt, by, &cancel).await?;
            let scribe = record.scribe.clone();
            let agent = usize::try_from(request.agent).unwrap_or(usize::MAX);
            let task = DiagnoseTask { alert: request.alert, agent, record };
            let diagnosis = asked(&cancel, &scribe, by.diagnose(task)).await?;
            Ok(billed(diagnosis, &journal))
        })
        .await
    }
}
