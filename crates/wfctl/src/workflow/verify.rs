//! `verify`: whether a stored history is what was written, and an exit code that says so.

use serde_json::{Value, json};
use weft_client::own::{HistoryProblem, VerifyHistoryResponse};

use super::target::Target;
use crate::{
    exit::{Exit, Failure},
    head,
    session::Connected,
};

#[derive(clap::Args, Debug)]
#[command(
    after_help = "The server reads every stored batch of events and computes the chain of hashes anew. That finds \
    damage; who can write\nto the store can compute the chain too, so against forgery keep heads elsewhere and give \
    them with --head.\nExit code 1 says that the history is not what was written.\n\n\
    Examples:\n  wfctl workflow verify order-17\n  \
    wfctl workflow verify order-17 --head 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// A head that was kept elsewhere, as `describe` shows it; the history may have grown since
    #[arg(long, value_name = "HASH", value_parser = parse_hash)]
    head: Option<Kept>,
}

/// A head's hash.
#[derive(Clone, Debug, PartialEq)]
struct Kept(Vec<u8>);

fn parse_hash(text: &str) -> Result<Kept, String> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    match digits {
        Some(digits) if digits.len() == 64 => {
            Ok(Kept(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()))
        }
        Some(_) | None => Err("a head is 64 hexadecimal digits".to_owned()),
    }
}

pub(crate) async fn verify(session: &Connected, args: &Args) -> anyhow::Result<()> {
    let kept = args.head.clone().map(|Kept(hash)| hash).unwrap_or_default();
    let has_kept = !kept.is_empty();
    let checked = session.client.verify_history(&args.target.run(), kept).await?;
    let verdict = verdict(&checked, has_kept);
    let output = &session.output;
    if output.is_json() {
        output.json(&json(&checked, verdict.is_ok()))?;
    } else if let Ok(says) = &verdict {
        output.line(says)?;
    }
    match verdict {
        Ok(_) => Ok(()),
        // Programs have read it already.
        Err(_) if output.is_json() => Err(Failure::new(Exit::Refused, "").into()),
        Err(says) => Err(Failure::refused(says).into()),
    }
}

/// What is to be said of it; an error if it is not what was written.
fn verdict(it: &VerifyHistoryResponse, has_kept: bool) -> Result<String, String> {
    let workflow = it.execution.as_ref().map_or("", |it| &it.workflow_id);
    if let Some(problem) = &it.problem {
        let holds = it.computed.as_ref().map_or(0, |head| head.event_count);
        let intact = if holds > 0 { format!("; up to event {holds} the chain holds") } else { String::new() };
        return Err(format!("the history of {workflow} is not what was written, {}{intact}", place(problem)));
    }
    let head = it.computed.clone().unwrap_or_default();
    if has_kept && it.kept_after_event == 0 {
        return Err(format!(
            "the history of {workflow} is whole in itself, but the given head stands nowhere in it: it was written \
             anew, or the head is another run's; it ends with {}",
            head::line(&head)
        ));
    }
    let grown = head.event_count - it.kept_after_event;
    let kept = match (has_kept, grown) {
        (false, _) => String::new(),
        (true, 0) => ", which is the given one".to_owned(),
        (true, grown) => format!("; the given head stands after event {}, {grown} events ago", it.kept_after_event),
    };
    Ok(format!(
        "{workflow} verified: {} events in {} batches, head {}{kept}",
        head.event_count,
        it.batch_count,
        head::hex(&head.hash)
    ))
}

fn place(problem: &HistoryProblem) -> String {
    let HistoryProblem { first_event_id: first, last_event_id: last, what } = problem;
    if *last > *first { format!("events {first} to {last}: {what}") } else { format!("event {first}: {what}") }
}

fn json(it: &VerifyHistoryResponse, verified: bool) -> Value {
    let execution = it.execution.clone().unwrap_or_default();
    let mut json = json!({
        "workflowId": execution.workflow_id,
        "runId": execution.run_id,
        "verified": verified,
        "batchCount": it.batch_count,
        "computedHead": it.computed.as_ref().map(head::json),
        "historyHead": it.head.as_ref().map(head::json),
    });
    if it.kept_after_event > 0 {
        json["keptAfterEvent"] = it.kept_after_event.into();
    }
    if let Some(problem) = &it.problem {
        json["problem"] = json!({
            "firstEventId": problem.first_event_id, "lastEventId": problem.last_event_id, "what": problem.what,
        });
    }
    json
}

#[cfg(test)]
mod tests {
    use weft_client::{api::common::WorkflowExecution, own::HistoryHead};

    use super::*;

    fn checked() -> VerifyHistoryResponse {
        let execution = WorkflowExecution { workflow_id: "w".to_owned(), run_id: "r".to_owned() };
        let head = HistoryHead { event_count: 12, hash: vec![0x0f, 0xa0] };
        VerifyHistoryResponse {
            execution: Some(execution),
            head: Some(head.clone()),
            computed: Some(head),
            batch_count: 5,
            ..VerifyHistoryResponse::default()
        }
    }

    #[test]
    fn what_verifies_is_said_with_its_head() {
        let whole = "w verified: 12 events in 5 batches, head 0fa0";
        assert_eq!(verdict(&checked(), false), Ok(whole.to_owned()));
        let same = VerifyHistoryResponse { kept_after_event: 12, ..checked() };
        assert_eq!(verdict(&same, true), Ok(format!("{whole}, which is the given one")));
        let grown = VerifyHistoryResponse { kept_after_event: 9, ..checked() };
        assert_eq!(verdict(&grown, true), Ok(format!("{whole}; the given head stands after event 9, 3 events ago")));
    }

    #[test]
    fn what_does_not_verify_is_an_error_that_says_where() {
        let problem = HistoryProblem { first_event_id: 13, last_event_id: 15, what: "why".to_owned() };
        let broken = VerifyHistoryResponse { problem: Some(problem), ..checked() };
        let expected = "the history of w is not what was written, events 13 to 15: why; up to event 12 the chain holds";
        assert_eq!(verdict(&broken, false), Err(expected.to_owned()));
        assert!(verdict(&checked(), true).is_err_and(|says| says.contains("the given head stands nowhere in it")));
    }

    #[test]
    fn a_head_is_sixty_four_digits() {
        let hash = "0f".repeat(32);
        assert_eq!(parse_hash(&hash), Ok(Kept(vec![0x0f; 32])));
        for wrong in ["", "0f", &"0g".repeat(32), &hash[1..]] {
            assert_eq!(parse_hash(wrong), Err("a head is 64 hexadecimal digits".to_owned()));
        }
    }
}
