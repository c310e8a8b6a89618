//! `signal` and `query`.

use clap::ValueEnum;
use serde_json::{Value, json};
use weft_client::{BatchOperation, Error, Query, Signal, api::enums::QueryRejectCondition};

use super::target::{Several, Target};
use crate::{
    batch,
    exit::Failure,
    input::Input,
    render::{names, payload},
    session::Connected,
    workers,
};

#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  wfctl workflow signal order-17 --name pay --input '{\"amount\": 7}'\n  \
    wfctl workflow signal order-17 --name approve")]
pub(crate) struct SignalArgs {
    #[command(flatten)]
    target: Several,
    /// The signal's name
    #[arg(long, value_name = "NAME")]
    name: String,
    #[command(flatten)]
    input: Input,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  wfctl workflow query order-17 --name status\n  \
    wfctl workflow query order-17 --name __stack_trace")]
pub(crate) struct QueryArgs {
    #[command(flatten)]
    target: Target,
    /// The query's name
    #[arg(long, alias = "type", value_name = "NAME")]
    name: String,
    #[command(flatten)]
    input: Input,
    /// Do not ask a workflow in such a state
    #[arg(long, value_enum, value_name = "STATE")]
    reject: Option<Reject>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Reject {
    NotOpen,
    NotCompletedCleanly,
}

impl From<Reject> for QueryRejectCondition {
    fn from(reject: Reject) -> Self {
        match reject {
            Reject::NotOpen => Self::NotOpen,
            Reject::NotCompletedCleanly => Self::NotCompletedCleanly,
        }
    }
}

pub(crate) async fn signal(session: &Connected, args: SignalArgs) -> anyhow::Result<()> {
    let signal = Signal { name: args.name.clone(), input: args.input.payloads()?, ..Signal::default() };
    if let Some(query) = &args.target.batch.query {
        return batch::begin(session, query, &args.target.batch, BatchOperation::Signal(signal), "").await;
    }
    args.target.batch.check_unused()?;
    let run = args.target.run();
    session.client.signal(&run, signal).await?;
    let output = &session.output;
    if output.is_json() {
        return Ok(output.json(&json!({ "workflowId": run.workflow_id, "signaled": args.name }))?);
    }
    Ok(output.line(format_args!("signaled {} with {}", run.workflow_id, args.name))?)
}

pub(crate) async fn query(session: &Connected, args: QueryArgs) -> anyhow::Result<()> {
    let run = args.target.run();
    let reject = args.reject.map(Into::into).unwrap_or_default();
    let query = Query { kind: args.name, input: args.input.payloads()?, reject, ..Query::default() };
    let answer = match session.client.query(&run, query).await {
        Err(error) if error.is_timeout() => return Err(nobody_answered(session, &run).await),
        answer => answer?,
    };
    let answer = answer.map_err(|rejected| {
        Failure::refused(format!("{} is {}, so it was not asked", run.workflow_id, names::status(rejected.status)))
    })?;
    let output = &session.output;
    if output.is_json() {
        let values: Value = answer.iter().map(payload::value).collect();
        return Ok(output.json(&json!({ "workflowId": run.workflow_id, "result": values }))?);
    }
    for payload in &answer {
        output.line(payload::pretty(payload))?;
    }
    Ok(())
}

pub(super) async fn nobody_answered(session: &Connected, run: &weft_client::Run) -> anyhow::Error {
    let described: Result<_, Error> = session.client.describe(run).await;
    let info = described.ok().and_then(|it| it.workflow_execution_info);
    let queue = info.map(|info| info.task_queue).unwrap_or_default();
    let near = workers::near_names(session, &queue);
    let says = format!(
        "no worker answered the query of {} in time: is one polling task queue {queue:?}{near}? \
         `wfctl task-queue describe {queue}` shows who does",
        run.workflow_id
    );
    Failure::refused(says).into()
}
