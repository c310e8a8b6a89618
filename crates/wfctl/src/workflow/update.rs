//! `update start`, `update execute`, `update result`.

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};
use weft_client::{Update, UpdateWait, Updated};
use weft_protocol::json::to_json;

use super::target::Target;
use crate::{
    exit::{Exit, Failure},
    input::Input,
    render::{failure, payload},
    session::Connected,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Update a workflow and return as soon as it has accepted the update
    Start(StartArgs),
    /// Update a workflow and wait for the update's result
    Execute(UpdateArgs),
    /// Wait for the result of an update that was started
    Result(ResultArgs),
}

#[derive(clap::Args, Debug)]
#[command(after_help = "The update's id may be given, so that asking again is the same update.\n\n\
    Examples:\n  wfctl workflow update execute order-17 --name add_item --input '{\"boots\": 1}'\n  \
    wfctl workflow update execute order-17 --name pay --update-id payment-4")]
pub(crate) struct UpdateArgs {
    #[command(flatten)]
    target: Target,
    /// The update's name
    #[arg(long, value_name = "NAME")]
    name: String,
    /// The update's id [default: a random one]
    #[arg(long, value_name = "UPDATE_ID")]
    update_id: Option<String>,
    #[command(flatten)]
    input: Input,
    /// The run must belong to the chain that begins with this one
    #[arg(long, value_name = "RUN_ID", default_value = "", hide_default_value = true)]
    first_execution_run_id: String,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  wfctl workflow update start order-17 --name pay --update-id payment-4\n  \
    wfctl workflow update result order-17 --update-id payment-4")]
pub(crate) struct StartArgs {
    #[command(flatten)]
    update: UpdateArgs,
    /// How far to wait for it
    #[arg(long, alias = "wait-for-stage", value_enum, value_name = "STAGE", default_value = "accepted")]
    wait_stage: Stage,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "The result goes to standard output, a failure to standard error with exit code 4.\n\n\
    Example:\n  wfctl workflow update result order-17 --update-id payment-4")]
pub(crate) struct ResultArgs {
    #[command(flatten)]
    target: Target,
    /// The update's id
    #[arg(long, value_name = "UPDATE_ID")]
    update_id: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Stage {
    Accepted,
    Completed,
}

impl From<Stage> for UpdateWait {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Accepted => Self::Accepted,
            Stage::Completed => Self::Completed,
        }
    }
}

pub(crate) async fn run(session: &Connected, verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Start(args) => {
            let updated = ask(session, args.update, args.wait_stage.into()).await?;
            show(session, &updated)
        }
        Verb::Execute(args) => {
            let updated = ask(session, args, UpdateWait::Completed).await?;
            show(session, &updated)
        }
        Verb::Result(args) => {
            let updated = session.client.update_result(&args.target.run(), &args.update_id).await?;
            show(session, &updated)
        }
    }
}

async fn ask(session: &Connected, args: UpdateArgs, wait: UpdateWait) -> anyhow::Result<Updated> {
    let update = Update {
        id: args.update_id.unwrap_or_else(|| session.client.new_id()),
        name: args.name,
        input: args.input.payloads()?,
        first_run_id: args.first_execution_run_id,
        ..Update::default()
    };
    Ok(session.client.update(&args.target.run(), update, wait).await?)
}

/// The result if there is one; an update that failed or was rejected is an exit code of its own.
fn show(session: &Connected, updated: &Updated) -> anyhow::Result<()> {
    let output = &session.output;
    if output.is_json() {
        output.json(&json(updated)?)?;
    } else {
        match &updated.outcome {
            None => {
                let (workflow, run) = (&updated.run.workflow_id, &updated.run.run_id);
                output.line(format_args!("{workflow} accepted update {} (run {run})", updated.id))?;
            }
            Some(Ok(result)) => {
                for payload in result {
                    output.line(payload::pretty(payload))?;
                }
            }
            Some(Err(_)) => {}
        }
    }
    match &updated.outcome {
        None | Some(Ok(_)) => Ok(()),
        // Programs have read it already.
        Some(Err(_)) if output.is_json() => Err(Failure::new(Exit::NotCompleted, "").into()),
        Some(Err(why)) => {
            let says = format!("update {} failed: {}", updated.id, failure::chain(why));
            Err(Failure::new(Exit::NotCompleted, says).into())
        }
    }
}

fn json(updated: &Updated) -> anyhow::Result<Value> {
    let run = &updated.run;
    let mut json = json!({ "workflowId": run.workflow_id, "runId": run.run_id, "updateId": updated.id });
    match &updated.outcome {
        None => json["stage"] = "ACCEPTED".into(),
        Some(outcome) => {
            json["stage"] = "COMPLETED".into();
            match outcome {
                Ok(result) => json["result"] = result.iter().map(payload::value).collect(),
                Err(failure) => json["failure"] = to_json(&**failure)?,
            }
        }
    }
    Ok(json)
}

#[cfg(test)]
mod tests {
    use weft_client::Run;
    use weft_protocol::payload::json_plain;

    use super::*;

    #[test]
    fn the_keys_that_programs_read_are_these() {
        let run = Run { workflow_id: "w".to_owned(), run_id: "r".to_owned() };
        let updated = |outcome| json(&Updated { run: run.clone(), id: "u".to_owned(), outcome }).unwrap();
        let accepted = json!({ "workflowId": "w", "runId": "r", "updateId": "u", "stage": "ACCEPTED" });
        assert_eq!(updated(None), accepted);
        let completed = updated(Some(Ok(vec![json_plain("7")])));
        assert_eq!((&completed["stage"], &completed["result"]), (&"COMPLETED".into(), &json!([7])));
        assert_eq!(updated(Some(Err(Box::default())))["failure"], json!({}));
    }
}
