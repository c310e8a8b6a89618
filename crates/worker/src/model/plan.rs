//! A plan: a requirement broken into issues that depend on each other. It can be shown, edited and approved, and
//! everything that is made for it names its [`ContentHash`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{BranchKind, ContentHash};

/// Names an issue within its plan: `issue-1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IssueId(pub String);

impl fmt::Display for IssueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One piece of work that one agent can do alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    pub id: IssueId,
    pub title: String,
    /// What is to be done, and how one sees that it is done.
    pub description: String,
    /// Paths within the repository that the issue is about, as far as they are known.
    #[serde(default)]
    pub files: BTreeSet<String>,
    /// Issues whose patches this one builds on.
    #[serde(default)]
    pub depends_on: BTreeSet<IssueId>,
    /// What an agent must know: `python`, `frontend`.
    #[serde(default)]
    pub skills: BTreeSet<String>,
}

/// What is to be done for a requirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub requirement: String,
    pub branch: BranchKind,
    /// The design document, in Markdown.
    pub design: String,
    /// Parts of the system that are touched: `backend`, `storage`.
    #[serde(default)]
    pub components: Vec<String>,
    pub issues: Vec<Issue>,
}

/// Why something is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanFault {
    #[error("the plan has no issue: give it at least one")]
    Empty,
    #[error("two issues of the plan are called {0}: give each an id of its own")]
    SameId(IssueId),
    #[error("{issue} depends on {on}, which is not in the plan")]
    Unknown { issue: IssueId, on: IssueId },
    #[error("issues depend on each other in a circle: {}", list(.0))]
    Circle(Vec<IssueId>),
}

fn list(ids: &[IssueId]) -> String {
    ids.iter().map(|id| id.0.as_str()).collect::<Vec<_>>().join(", ")
}

impl Plan {
    /// Names the plan by all that it says.
    #[must_use]
    pub fn hash(&self) -> ContentHash {
        ContentHash::of_json(self)
    }

    /// The issues in waves: those of a wave depend only on issues of waves before it, and may be worked on at once.
    ///
    /// # Errors
    ///
    /// What keeps this from being a plan.
    pub fn waves(&self) -> Result<Vec<Vec<&Issue>>, PlanFault> {
        let mut left: BTreeMap<&IssueId, &Issue> = BTreeMap::new();
        for issue in &self.issues {
            if left.insert(&issue.id, issue).is_some() {
                return Err(PlanFault::SameId(issue.id.clone()));
            }
        }
        for issue in &self.issues {
            if let Some(on) = issue.depends_on.iter().find(|on| !left.contains_key(on)) {
                return Err(PlanFault::Unknown { issue: issue.id.clone(), on: on.clone() });
            }
        }
        if left.is_empty() {
            return Err(PlanFault::Empty);
        }
        let mut waves = Vec::new();
        while !left.is_empty() {
            let is_ready = |issue: &&Issue| {
                left.contains_key(&issue.id) && !issue.depends_on.iter().any(|on| left.contains_key(on))
            };
            let wave: Vec<&Issue> = self.issues.iter().filter(is_ready).collect();
            if wave.is_empty() {
                return Err(PlanFault::Circle(left.keys().map(|id| (*id).clone()).collect()));
            }
            for issue in &wave {
                left.remove(&issue.id);
            }
            waves.push(wave);
        }
        Ok(waves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issue(id: &str, on: &[&str]) -> Issue {
        let depends_on = on.iter().map(|id| IssueId((*id).to_owned())).collect();
        let (title, description) = (format!("do {id}"), String::new());
        Issue { id: IssueId(id.to_owned()), title, description, files: [].into(), depends_on, skills: [].into() }
    }

    fn plan(issues: &[(&str, &[&str])]) -> Plan {
        let issues = issues.iter().map(|(id, on)| issue(id, on)).collect();
        let (requirement, design) = ("a thing".to_owned(), String::new());
        Plan { requirement, branch: BranchKind::Feature, design, components: Vec::new(), issues }
    }

    fn check(issues: &[(&str, &[&str])], expected: Result<&[&[&str]], &str>) {
        let plan = plan(issues);
        let waves = plan.waves().map_err(|fault| fault.to_string());
        let ids = waves.map(|waves| -> Vec<Vec<String>> {
            waves.into_iter().map(|wave| wave.into_iter().map(|issue| issue.id.0.clone()).collect()).collect()
        });
        let expected =
            expected.map(|waves| waves.iter().map(|wave| wave.iter().map(|&id| id.to_owned()).collect()).collect());
        assert_eq!(ids, expected.map_err(str::to_owned));
    }

    #[test]
    fn issues_wait_for_those_that_they_build_on() {
        check(&[("c", &["a", "b"]), ("a", &[]), ("b", &[])], Ok(&[&["a", "b"], &["c"]]));
    }

    #[test]
    fn what_cannot_be_done_is_no_plan() {
        check(&[], Err("the plan has no issue: give it at least one"));
        check(&[("a", &[]), ("a", &[])], Err("two issues of the plan are called a: give each an id of its own"));
        check(&[("a", &["b"])], Err("a depends on b, which is not in the plan"));
        let circle: &[(&str, &[&str])] = &[("a", &["b"]), ("b", &["a"]), ("c", &[])];
        check(circle, Err("issues depend on each other in a circle: a, b"));
    }

    #[test]
    fn an_edited_plan_has_another_hash() {
        let (one, mut other) = (plan(&[("a", &[])]), plan(&[("a", &[])]));
        assert_eq!(one.hash(), other.hash());
        other.issues[0].title.push('!');
        assert_ne!(one.hash(), other.hash());
    }
}
