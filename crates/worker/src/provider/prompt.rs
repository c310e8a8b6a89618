//! What an agent that understands words is told, and how its words become values.
//!
//! Pure. What stands in a requirement, an alert or a repository is material for the agent, quoted as such.

use serde::de::DeserializeOwned;

use super::{DiagnoseTask, PatchTask, PlanTask, ReviewTask};
use crate::approval::Note;

/// Most files of a repository that a prompt lists.
const LISTED_MAX: usize = 400;
/// As much of a change a reviewer is shown; the rest it can look up.
const DIFF_BYTES_MAX: usize = 60_000;
/// Most places of an answer at which a value may begin.
const STARTS_MAX: usize = 200;

pub(super) fn design(task: &PlanTask) -> String {
    format!(
        "You are the architect of a software project. Design how to meet this requirement.\n\n\
         <requirement>\n{}\n</requirement>\n\n{}{}\n\
         Answer with one JSON object and nothing else:\n\
         {{\"text\": \"the design in Markdown\", \"components\": [\"parts that change\"]}}",
        task.requirement,
        notes(&task.notes),
        repository(task)
    )
}

pub(super) fn plan(task: &PlanTask) -> String {
    let design = task.design.as_ref().map(|it| format!("<design>\n{}\n</design>\n\n", it.text)).unwrap_or_default();
    format!(
        "You plan the work on a software project. Break this requirement into issues that one developer can do alone.\n\n\
         <requirement>\n{}\n</requirement>\n\n{}{}{}\n\
         Answer with one JSON object and nothing else:\n\
         {{\"requirement\": \"…\", \"branch\": \"feature\" or \"bugfix\", \"design\": \"…\", \"components\": [\"…\"], \
         \"issues\": [{{\"id\": \"issue-1\", \"title\": \"…\", \"description\": \"…\", \"files\": [\"…\"], \
         \"depends_on\": [\"ids\"], \"skills\": [\"…\"]}}]}}",
        task.requirement,
        notes(&task.notes),
        design,
        repository(task)
    )
}

fn notes(notes: &[Note]) -> String {
    let texts: Vec<&str> = notes.iter().map(|note| note.text.as_str()).collect();
    if texts.is_empty() { String::new() } else { format!("<notes>\n{}\n</notes>\n\n", texts.join("\n\n")) }
}

fn repository(task: &PlanTask) -> String {
    let files: Vec<&str> = task.facts.files.iter().take(LISTED_MAX).map(String::as_str).collect();
    let failing: Vec<&str> = task.facts.failing.iter().map(|it| it.name.as_str()).collect();
    format!("<files>\n{}\n</files>\n<failing_tests>\n{}\n</failing_tests>\n", files.join("\n"), failing.join("\n"))
}

pub(super) fn patch(task: &PatchTask) -> String {
    let files: Vec<&str> = task.issue.files.iter().map(String::as_str).collect();
    format!(
        "You work on the repository in the current folder. Do this issue, and add tests for what you change.\n\
         Change files of the repository only. Do not commit.\n\n\
         <issue>\n{}\n\n{}\n</issue>\n{}<files>\n{}\n</files>\n\nThe tests are run by: {}",
        task.issue.title,
        task.issue.description,
        notes(&task.notes),
        files.join("\n"),
        task.tests.join(" ")
    )
}

pub(super) fn diagnose(task: &DiagnoseTask) -> String {
    let alert = serde_json::to_string_pretty(&task.alert).unwrap_or_default();
    format!(
        "You are one of several engineers who find the cause of an incident independently of each other.\n\n\
         <alert>\n{alert}\n</alert>\n\n\
         Answer with one JSON object and nothing else:\n\
         {{\"agent\": \"\", \"cause\": \"short_name_of_the_kind\", \"root_cause\": \"…\", \"confidence\": 0.0 to 1.0, \
         \"evidence_for\": [{{\"statement\": \"…\", \"source\": \"…\"}}], \"evidence_against\": [], \
         \"suggested_fix\": \"…\" or null}}"
    )
}

pub(super) fn review(task: &ReviewTask) -> String {
    let (diff, rest) = shown(&task.diff);
    format!(
        "You review a change of the repository in the current folder, which somebody else has made. Change nothing.\n\
         Look for faults, missing tests, what could break, and whether it does what was asked for.\n\
         Ask for changes only because of what must be mended before it is merged.\n\n\
         <requirement>\n{}\n</requirement>\n\n{}<change>\n{diff}{rest}\n</change>\n\n\
         Answer with one JSON object and nothing else:\n\
         {{\"verdict\": \"approve\" or \"request_changes\", \"summary\": \"…\", \"findings\": [{{\"severity\": \
         \"note\", \"warning\", \"error\" or \"critical\", \"message\": \"…\", \"file\": \"…\", \"line\": 7}}]}}",
        task.requirement,
        notes(&task.notes),
    )
}

/// As much of a change as is shown, and how much more there is.
fn shown(diff: &str) -> (&str, String) {
    let (shown, surplus) = diff.split_at(diff.floor_char_boundary(DIFF_BYTES_MAX));
    let rest =
        if surplus.is_empty() { String::new() } else { format!("\n[{} bytes more are left out]", surplus.len()) };
    (shown, rest)
}

/// The first value of this form in an answer, whatever stands around it.
pub(super) fn value<T: DeserializeOwned>(answer: &str) -> Result<T, String> {
    let mut last = "there is no JSON object in it".to_owned();
    for (at, _) in answer.match_indices('{').take(STARTS_MAX) {
        let rest = answer.get(at..).unwrap_or_default();
        match serde_json::Deserializer::from_str(rest).into_iter::<T>().next() {
            Some(Ok(value)) => return Ok(value),
            Some(Err(error)) if at == 0 || last.starts_with("there is") => last = error.to_string(),
            Some(Err(_)) | None => {}
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::builtin::plan::Design;

    #[test]
    fn a_value_is_found_among_words() {
        let answer = "Sure {not json}:\n```json\n{\"text\": \"x {y}\", \"components\": []}\n```\nAnything else?";
        assert_eq!(value::<Design>(answer).map(|it| it.text), Ok("x {y}".to_owned()));
    }

    #[test]
    fn of_a_change_no_more_is_shown_than_a_command_line_takes() {
        assert_eq!(shown("+ä\n"), ("+ä\n", String::new()));
        let large = format!("+{}", "ä".repeat(40_000));
        let (first, rest) = shown(&large);
        assert_eq!((first.len(), rest.as_str()), (59_999, "\n[20002 bytes more are left out]"));
    }

    #[test]
    fn half_an_answer_is_none() {
        assert!(value::<Design>("{\"text\": \"x").is_err());
        assert_eq!(value::<Design>("I cannot."), Err("there is no JSON object in it".to_owned()));
    }
}
