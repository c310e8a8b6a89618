//! The provider that needs no network and no key: an honest, smaller job by search, rules and statistics.

pub mod diagnose;
pub mod migrate;
pub mod plan;
pub mod repair;
pub mod review;
pub mod syntax;

use std::collections::BTreeSet;

use futures_util::future::{BoxFuture, ready};

use super::{DiagnoseTask, Error, PatchTask, Patched, PlanTask, Provider, ReviewTask, Unable};
use crate::model::{Diagnosis, Plan, Review};
use plan::Design;
use repair::{Limits, Outcome, Task};

/// The provider itself.
#[derive(Clone, Debug, Default)]
pub struct Builtin {
    pub limits: Limits,
}

impl Provider for Builtin {
    fn name(&self) -> &'static str {
        "builtin"
    }

    fn design(&self, task: PlanTask) -> BoxFuture<'_, Result<Design, Error>> {
        let mut design = plan::design(&task.requirement, &task.facts);
        for note in &task.notes {
            design.text.push_str(&format!("\n> {}\n", note.text));
        }
        Box::pin(ready(Ok(design)))
    }

    fn plan(&self, task: PlanTask) -> BoxFuture<'_, Result<Plan, Error>> {
        Box::pin(ready(Ok(plan::plan(&task.requirement, &task.facts))))
    }

    fn patch(&self, task: PatchTask) -> BoxFuture<'_, Result<Patched, Error>> {
        Box::pin(async move {
            if task.tests.is_empty() {
                let reason = "the repository has no tests that could show what is wrong".to_owned();
                return Ok(Patched::Unable(Unable { reason, tried: 0 }));
            }
            let limits = self.limits.clone();
            let search = Task { tree: task.worktree, scratch: task.scratch, command: task.tests, limits };
            match repair::repair(task.shell.as_ref(), &search).await {
                Ok(Outcome::Mended(it)) => {
                    let files = BTreeSet::from([it.file]);
                    Ok(Patched::Made { summary: it.summary, files, tried: it.tried })
                }
                Ok(Outcome::Unable { reason, tried }) => {
                    Ok(Patched::Unable(Unable { reason: reason.to_string(), tried }))
                }
                Err(error) => Err(Error::Environment(error.to_string())),
            }
        })
    }

    fn diagnose(&self, task: DiagnoseTask) -> BoxFuture<'_, Result<Diagnosis, Error>> {
        Box::pin(ready(Ok(diagnose::diagnose(&task.alert, diagnose::View::of_agent(task.agent)))))
    }

    fn review(&self, task: ReviewTask) -> BoxFuture<'_, Result<Review, Error>> {
        Box::pin(ready(Ok(review::review(&task.diff))))
    }
}
