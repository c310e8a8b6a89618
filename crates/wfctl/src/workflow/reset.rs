//! `reset`.

use clap::ValueEnum;
use serde_json::json;
use weft_client::{
    BatchOperation, BatchResetTo, Reset, ResetPlace, Run, Signal,
    api::{
        enums::{EventType, ResetReapplyExcludeType},
        history::HistoryEvent,
    },
    own::{EventOfRun, ResetChildren, ResetToEventResponse},
};

use super::target::Several;
use crate::{batch, exit::Failure, input::Input, render::history, session::Connected};

#[derive(clap::Args, Debug)]
#[command(
    group = clap::ArgGroup::new("place").required(true),
    after_help = "A new run goes on from there, with the signals and updates that came since; the run that was open is \
    terminated. With --event it also has what activities and timers came to up to that event.\n\n\
    Examples:\n  wfctl workflow reset order-17 --to last --reason 'fixed the bug'\n  \
    wfctl workflow reset order-17 --event 42 --dry-run\n  \
    wfctl workflow reset order-17 --to first --exclude signals --signal amend --input '{\"amount\": 7}'\n  \
    wfctl workflow reset --query 'WorkflowType = \"Order\"' --to last --reason 'fixed the bug' --wait"
)]
pub(crate) struct ResetArgs {
    #[command(flatten)]
    target: Several,
    /// Any event: the run goes on from the last workflow task that ended before it
    #[arg(long, value_name = "EVENT_ID", group = "place", conflicts_with = "query")]
    event: Option<i64>,
    /// The first or the last workflow task that was completed
    #[arg(long, value_enum, value_name = "TASK", group = "place")]
    to: Option<Task>,
    /// The event that ends a workflow task, as `temporal workflow reset` has it
    #[arg(long, value_name = "EVENT_ID", group = "place")]
    task_end: Option<i64>,
    /// The first workflow task that a worker of this build completed, in this run or in one before it
    #[arg(long, value_name = "BUILD_ID", group = "place")]
    build_id: Option<String>,
    /// Why; it stands in the history
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    with: With,
    /// Change nothing; say what would be kept, reapplied, run again and dropped
    #[arg(long, conflicts_with = "query")]
    dry_run: bool,
}

/// What the new run has and has not.
#[derive(clap::Args, Debug)]
struct With {
    /// What came since that the new run does without; again for each further kind
    #[arg(long, value_enum, value_name = "KIND")]
    exclude: Vec<Kind>,
    /// What becomes of children that were running there: the new run waits for them (reconnect), or they live on and have
    /// failed for it (leave)
    #[arg(long, value_enum, value_name = "POLICY", default_value = "reconnect")]
    children: Children,
    /// A signal for the new run before its first task, in the same step
    #[arg(long, value_name = "NAME")]
    signal: Option<String>,
    #[command(flatten)]
    input: Input,
}

impl With {
    fn reset(self, reason: String) -> Result<Reset, Failure> {
        let input = self.input.payloads()?;
        if self.signal.is_none() && !input.is_empty() {
            return Err(Failure::usage("--input is the signal's: say which with --signal".to_owned()));
        }
        Ok(Reset {
            reason,
            exclude: self.exclude.iter().filter_map(|kind| kind.wire()).collect(),
            exclude_options: self.exclude.iter().any(|kind| matches!(kind, Kind::Options)),
            children: self.children.into(),
            signals: self.signal.map(|name| Signal { name, input, ..Signal::default() }).into_iter().collect(),
        })
    }
}

/// How several workflows are reset: by one place that each of them may have.
#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("place").required(true))]
pub(crate) struct OfSeveral {
    /// The first or the last workflow task that was completed
    #[arg(long, value_enum, value_name = "TASK", group = "place")]
    to: Option<Task>,
    /// The event that ends a workflow task, the same in each of them
    #[arg(long, value_name = "EVENT_ID", group = "place")]
    task_end: Option<i64>,
    /// The first workflow task that a worker of this build completed, in each workflow's run or in one before it
    #[arg(long, value_name = "BUILD_ID", group = "place")]
    build_id: Option<String>,
    #[command(flatten)]
    with: With,
}

impl OfSeveral {
    pub(crate) fn operation(self) -> Result<BatchOperation, Failure> {
        let to = match (self.task_end, self.build_id, self.to) {
            (Some(event), _, _) => BatchResetTo::TaskEnd(event),
            (None, Some(build), _) => BatchResetTo::Build(build),
            (None, None, Some(Task::First)) => BatchResetTo::First,
            (None, None, Some(Task::Last) | None) => BatchResetTo::Last,
        };
        let reset = self.with.reset(String::new())?;
        if is_own(&reset) {
            let why = "--children and --exclude options are of one workflow: a batch operation knows neither";
            return Err(Failure::usage(why.to_owned()));
        }
        Ok(BatchOperation::Reset(to, reset))
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Task {
    First,
    Last,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Signals,
    Updates,
    /// Changes of options
    Options,
}

impl Kind {
    /// As Temporal has it, if it has it.
    fn wire(self) -> Option<ResetReapplyExcludeType> {
        match self {
            Self::Signals => Some(ResetReapplyExcludeType::Signal),
            Self::Updates => Some(ResetReapplyExcludeType::Update),
            Self::Options => None,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Children {
    Reconnect,
    Leave,
    #[value(hide = true)]
    StartAnew,
}

impl From<Children> for ResetChildren {
    fn from(children: Children) -> Self {
        match children {
            Children::Reconnect => Self::Reconnect,
            Children::Leave => Self::Leave,
            Children::StartAnew => Self::StartAnew,
        }
    }
}

pub(crate) async fn reset(session: &Connected, args: ResetArgs) -> anyhow::Result<()> {
    if let Some(query) = &args.target.batch.query {
        let how = OfSeveral { to: args.to, task_end: args.task_end, build_id: args.build_id, with: args.with };
        return batch::begin(session, query, &args.target.batch, how.operation()?, &args.reason).await;
    }
    args.target.batch.check_unused()?;
    let mut run = args.target.run();
    let reset = args.with.reset(args.reason)?;
    let place = match (args.event, args.task_end, &args.build_id) {
        (Some(event), _, _) => ResetPlace::Event(event),
        (None, Some(event), _) => ResetPlace::TaskEnd(event),
        (None, None, Some(build)) => ResetPlace::TaskEnd(first_of_build(session, &mut run, build).await?),
        (None, None, None) => {
            let events = session.client.history(&run, false).all().await?;
            // The run that was looked at, even if another one follows meanwhile.
            if run.run_id.is_empty() {
                run.run_id = run_of(session, &run).await?;
            }
            ResetPlace::TaskEnd(completed(&events, args.to.unwrap_or(Task::Last)).ok_or_else(|| {
                Failure::refused(format!("{} has completed no workflow task to go back to", run.workflow_id))
            })?)
        }
    };
    if args.dry_run {
        let plan = session.client.reset_to_event(&run, place, reset, true).await?;
        return show_plan(session, &run, &plan).await;
    }
    // What Temporal's servers have too is asked for as they have it.
    let new_run = match place {
        ResetPlace::TaskEnd(finish) if !is_own(&reset) => session.client.reset(&run, finish, reset).await?,
        ResetPlace::TaskEnd(_) | ResetPlace::Event(_) => {
            session.client.reset_to_event(&run, place, reset, false).await?.run_id
        }
    };
    let output = &session.output;
    if output.is_json() {
        return Ok(output.json(&json!({ "workflowId": run.workflow_id, "runId": new_run }))?);
    }
    Ok(output.line(format_args!("{} goes on as run {new_run}", run.workflow_id))?)
}

/// Only a Weft server knows this.
fn is_own(reset: &Reset) -> bool {
    reset.exclude_options || reset.children != ResetChildren::Reconnect
}

async fn run_of(session: &Connected, run: &Run) -> anyhow::Result<String> {
    let described = session.client.describe(run).await?;
    let execution = described.workflow_execution_info.and_then(|info| info.execution);
    Ok(execution.map(|execution| execution.run_id).unwrap_or_default())
}

/// The event that completed the first workflow task of a build. The run becomes the one in which it did.
async fn first_of_build(session: &Connected, run: &mut Run, build: &str) -> anyhow::Result<i64> {
    let described = session.client.describe(run).await?;
    let points = described.workflow_execution_info.and_then(|info| info.auto_reset_points).unwrap_or_default().points;
    let point = points.into_iter().find(|point| point.build_id == build);
    let point = point.ok_or_else(|| Failure::refused(format!("no workflow task was completed by build {build}")))?;
    if !point.resettable {
        let why = format!("other workflows were still to answer when build {build} completed its first workflow task");
        return Err(Failure::refused(why).into());
    }
    run.run_id = point.run_id;
    Ok(point.first_workflow_task_completed_id)
}

/// The event that completed the first or the last workflow task.
fn completed(events: &[HistoryEvent], task: Task) -> Option<i64> {
    let mut completed = events.iter().filter(|event| event.event_type() == EventType::WorkflowTaskCompleted);
    let event = match task {
        Task::First => completed.next(),
        Task::Last => completed.next_back(),
    };
    event.map(|event| event.event_id)
}

/// What would become of each event, in the order of the history.
async fn show_plan(session: &Connected, run: &Run, plan: &ResetToEventResponse) -> anyhow::Result<()> {
    let output = &session.output;
    if output.is_json() {
        let places = |places: &[EventOfRun]| {
            places.iter().map(|it| json!({ "runId": it.run_id, "eventId": it.event_id })).collect::<Vec<_>>()
        };
        return Ok(output.json(&json!({
            "workflowId": run.workflow_id,
            "runId": plan.base_run_id,
            "keptUpTo": plan.divided_at - 1,
            "reapplied": places(&plan.reapplied),
            "runAgain": plan.again,
            "dropped": places(&plan.dropped),
            "childrenLeft": plan.left,
        }))?);
    }
    let base = Run { run_id: plan.base_run_id.clone(), ..run.clone() };
    let events = session.client.history(&base, false).all().await?;
    let of_base = |it: &&EventOfRun| it.run_id == plan.base_run_id;
    output.line(format_args!("kept        events 1 to {}", plan.divided_at - 1))?;
    for event in &events {
        let id = event.event_id;
        let is = |places: &[EventOfRun]| places.iter().filter(of_base).any(|it| it.event_id == id);
        let fate = if plan.again.contains(&id) && id < plan.divided_at {
            "run again   "
        } else if plan.left.contains(&id) {
            "left        "
        } else if is(&plan.reapplied) {
            "reapplied   "
        } else if is(&plan.dropped) {
            "dropped     "
        } else {
            continue;
        };
        output.line(format_args!("{fate}{}", history::line(event)))?;
    }
    let elsewhere = plan.reapplied.iter().filter(|it| !of_base(it)).count();
    if elsewhere > 0 {
        output.line(format_args!("reapplied   {elsewhere} more of runs that followed"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_completed_task_are_found() {
        let event =
            |event_id, kind: EventType| HistoryEvent { event_id, event_type: kind.into(), ..Default::default() };
        let events = [
            event(4, EventType::WorkflowTaskCompleted),
            event(5, EventType::TimerStarted),
            event(9, EventType::WorkflowTaskCompleted),
            event(12, EventType::WorkflowTaskFailed),
        ];
        assert_eq!(completed(&events, Task::First), Some(4));
        assert_eq!(completed(&events, Task::Last), Some(9));
        assert_eq!(completed(&events[3..], Task::Last), None);
    }
}
