//! What GitHub answers, read.

use serde_json::Value;

use super::Error;
use crate::model::{PullRequest, PullRequestState};

pub(super) fn number(value: &Value) -> Result<u64, Error> {
    number_of(value, "number")
}

pub(super) fn number_of(value: &Value, name: &str) -> Result<u64, Error> {
    value[name].as_u64().ok_or_else(|| nonsense(name))
}

pub(super) fn nonsense(what: &str) -> Error {
    Error::Service(format!("it answers nonsense about {what}"))
}

pub(super) fn pull_request(value: &Value) -> Result<PullRequest, Error> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let is_merged = value["merged"].as_bool() == Some(true) || value["merged_at"].is_string();
    let state = match value["state"].as_str() {
        _ if is_merged => PullRequestState::Merged,
        Some("open") => PullRequestState::Open,
        Some("closed") => PullRequestState::Closed,
        _ => return Err(nonsense("a pull request")),
    };
    let labels = value["labels"].as_array().map(Vec::as_slice).unwrap_or_default();
    let description = text(&value["body"]);
    let description = description.split("\n\n<!-- weft: ").next().unwrap_or_default().to_owned();
    Ok(PullRequest {
        number: number(value)?,
        url: text(&value["html_url"]),
        branch: text(&value["head"]["ref"]),
        base: text(&value["base"]["ref"]),
        title: text(&value["title"]),
        description,
        labels: labels.iter().map(|label| text(&label["name"])).collect(),
        state,
        // Of one that is not merged it is a trial.
        merge_commit: value["merge_commit_sha"].as_str().filter(|_| is_merged).map(str::to_owned),
    })
}

pub(super) fn document_address(value: &Value) -> Result<String, Error> {
    value["html_url"].as_str().map(str::to_owned).ok_or_else(|| nonsense("an issue"))
}
