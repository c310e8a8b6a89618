//! `result`: the end of a workflow, and an exit code that says whether it is the wanted one.

use serde_json::{Value, json};
use weft_client::{Close, Outcome, Run, api::common::Payload};
use weft_protocol::json::to_json;

use super::target::Target;
use crate::{
    exit::{Exit, Failure},
    head,
    render::{failure, payload},
    session::Connected,
};

#[derive(clap::Args, Debug)]
#[command(after_help = "The result goes to standard output, a failure to standard error with exit code 4.\n\n\
    Examples:\n  wfctl workflow result order-17\n  wfctl workflow result order-17 --output json | jq .result")]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
}

pub(crate) async fn result(session: &Connected, args: &Args) -> anyhow::Result<()> {
    wait(session, &args.target.run()).await
}

pub(crate) async fn wait(session: &Connected, run: &Run) -> anyhow::Result<()> {
    let outcome = session.client.result(run).await?;
    let output = &session.output;
    if output.is_json() {
        let mut json = json(&outcome)?;
        if let Some(head) = head::of(session, &outcome.run).await?.and_then(|history| history.head) {
            json["historyHead"] = head::json(&head);
        }
        output.json(&json)?;
    } else if let Close::Completed(result) = &outcome.close {
        for payload in result {
            output.line(payload::pretty(payload))?;
        }
    }
    match sentence(&outcome) {
        None => Ok(()),
        // Programs have read it already.
        Some(_) if output.is_json() => Err(Failure::new(Exit::NotCompleted, "").into()),
        Some(says) => Err(Failure::new(Exit::NotCompleted, says).into()),
    }
}

fn json(outcome: &Outcome) -> anyhow::Result<Value> {
    let mut json = json!({ "workflowId": outcome.run.workflow_id, "runId": outcome.run.run_id });
    match &outcome.close {
        Close::Completed(result) => {
            json["status"] = "COMPLETED".into();
            json["result"] = values(result);
        }
        Close::Failed(failure) => {
            json["status"] = "FAILED".into();
            json["failure"] = failure.as_deref().map(to_json).transpose()?.into();
        }
        Close::Canceled(details) => {
            json["status"] = "CANCELED".into();
            json["details"] = values(details);
        }
        Close::Terminated { reason, details } => {
            json["status"] = "TERMINATED".into();
            json["reason"] = reason.as_str().into();
            json["details"] = values(details);
        }
        Close::TimedOut => json["status"] = "TIMED_OUT".into(),
    }
    Ok(json)
}

fn values(payloads: &[Payload]) -> Value {
    payloads.iter().map(payload::value).collect()
}

/// Why it is not the wanted end.
fn sentence(outcome: &Outcome) -> Option<String> {
    let workflow = &outcome.run.workflow_id;
    match &outcome.close {
        Close::Completed(_) => None,
        Close::Failed(None) => Some(format!("{workflow} failed")),
        Close::Failed(Some(failure)) => Some(format!("{workflow} failed: {}", failure::chain(failure))),
        Close::Canceled(_) => Some(format!("{workflow} was canceled")),
        Close::Terminated { reason, .. } if reason.is_empty() => Some(format!("{workflow} was terminated")),
        Close::Terminated { reason, .. } => Some(format!("{workflow} was terminated: {reason}")),
        Close::TimedOut => Some(format!("{workflow} timed out")),
    }
}

#[cfg(test)]
mod tests {
    use weft_protocol::payload::json_plain;

    use super::*;

    fn ended(close: Close) -> Outcome {
        Outcome { run: Run { workflow_id: "w".to_owned(), run_id: "r".to_owned() }, close }
    }

    #[test]
    fn the_keys_that_programs_read_are_these() {
        let completed = json(&ended(Close::Completed(vec![json_plain("7")]))).unwrap();
        assert_eq!(completed, json!({ "workflowId": "w", "runId": "r", "status": "COMPLETED", "result": [7] }));
        let terminated = json(&ended(Close::Terminated { reason: "why".to_owned(), details: Vec::new() })).unwrap();
        assert_eq!((&terminated["status"], &terminated["reason"]), (&"TERMINATED".into(), &"why".into()));
        let failed = json(&ended(Close::Failed(Some(Box::default())))).unwrap();
        assert_eq!((&failed["status"], &failed["failure"]), (&"FAILED".into(), &json!({})));
    }

    #[test]
    fn only_a_completed_workflow_is_the_wanted_end() {
        assert_eq!(sentence(&ended(Close::Completed(Vec::new()))), None);
        assert_eq!(sentence(&ended(Close::TimedOut)).as_deref(), Some("w timed out"));
    }
}
