//! From a requirement to a plan.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use weft::{ActivityCtx, Result, activities};

use super::{
    Site,
    bench::{Bench, alive, of_repository},
    survey,
};
use crate::{
    approval::Note,
    model::{Billed, BranchKind, Issue, IssueId, Plan},
};

/// What is to be designed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesignRequest {
    pub site: Site,
    /// Branch that the work begins at.
    pub base: String,
    pub requirement: String,
    /// What people have added.
    pub notes: Vec<Note>,
}

/// What an architect makes of a requirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Design {
    /// In Markdown.
    pub text: String,
    pub components: Vec<String>,
    /// Where the base was when it was looked at: all work begins there, however the branch goes on.
    pub base_commit: String,
}

/// What is to be planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRequest {
    pub site: Site,
    pub requirement: String,
    pub design: Design,
    pub notes: Vec<Note>,
}

/// Designs and plans, by rules over the files of the repository.
#[derive(Debug)]
pub struct Planning {
    bench: Bench,
}

impl Planning {
    #[must_use]
    pub fn new(bench: Bench) -> Self {
        Self { bench }
    }

    async fn files(&self, site: &Site, commit: &str) -> Result<BTreeSet<String>> {
        self.bench.repository(site).await?.files(commit).await.map_err(of_repository)
    }
}

#[activities]
impl Planning {
    #[activity]
    pub async fn design(&self, ctx: ActivityCtx, request: DesignRequest) -> Result<Billed<Design>> {
        alive(&ctx, |_| async {
            let repository = self.bench.repository(&request.site).await?;
            let base_commit = repository.resolve(&request.base).await.map_err(of_repository)?;
            let files = repository.files(&base_commit).await.map_err(of_repository)?;
            Ok(Billed::attempt(outline(&request.requirement, &request.notes, &files, base_commit)))
        })
        .await
    }

    #[activity]
    pub async fn plan(&self, ctx: ActivityCtx, request: PlanRequest) -> Result<Billed<Plan>> {
        alive(&ctx, |_| async {
            let files = self.files(&request.site, &request.design.base_commit).await?;
            Ok(Billed::attempt(one_issue(&request, &files)))
        })
        .await
    }
}

/// What is there, what is named, and how one will see that it is done.
fn outline(requirement: &str, notes: &[Note], files: &BTreeSet<String>, base_commit: String) -> Design {
    let mut text = format!("## Design\n\n{} files at {}:", files.len(), base_commit.get(..12).unwrap_or(&base_commit));
    for (language, count) in survey::languages(files) {
        text.push_str(&format!(" {count} of {}", language.skill()));
    }
    let named = survey::named(files, requirement);
    if !named.is_empty() {
        let named: Vec<&str> = named.iter().map(String::as_str).collect();
        text.push_str(&format!("\n\nThe requirement names {}.", named.join(", ")));
    }
    match survey::test_command(files) {
        Some(command) => text.push_str(&format!("\n\nIt is done when `{}` passes.", command.join(" "))),
        None => text.push_str("\n\nThere are no tests that could show that it is done."),
    }
    for note in notes {
        text.push_str(&format!("\n\n> {}", note.text));
    }
    let components = files.iter().filter_map(|file| file.split_once('/')).map(|(folder, _)| folder.to_owned());
    let components: BTreeSet<String> = components.filter(|folder| !folder.starts_with('.')).collect();
    Design { text, components: components.into_iter().collect(), base_commit }
}

/// Without a model nobody can tell how a requirement falls apart: one issue, for an agent that knows the language of
/// the files that are named, or of all where none is.
fn one_issue(request: &PlanRequest, files: &BTreeSet<String>) -> Plan {
    let named = survey::named(files, &request.requirement);
    let languages = survey::languages(if named.is_empty() { files } else { &named });
    let main = languages.iter().max_by_key(|(_, count)| **count).map(|(language, _)| language.skill().to_owned());
    let issue = Issue {
        id: IssueId("issue-1".to_owned()),
        title: request.requirement.trim().lines().next().unwrap_or_default().to_owned(),
        description: request.requirement.clone(),
        files: named,
        depends_on: BTreeSet::new(),
        skills: main.into_iter().collect(),
    };
    Plan {
        requirement: request.requirement.clone(),
        branch: BranchKind::of_requirement(&request.requirement),
        design: request.design.text.clone(),
        components: request.design.components.clone(),
        issues: vec![issue],
    }
}
