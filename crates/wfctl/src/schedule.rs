//! `wfctl schedule …`

mod options;
mod show;

use clap::{Args, Subcommand};
use serde_json::json;
use weft_client::api::{
    Timestamp,
    common::{Memo, SearchAttributes},
    schedule::{BackfillRequest, Schedule, SchedulePatch, TriggerImmediatelyRequest},
    workflowservice::{CreateScheduleRequest, UpdateScheduleRequest},
};
use weft_protocol::json::to_json;

use crate::{
    exit::Failure,
    input,
    output::{Output, text},
    render::time,
    session::Connected,
};
use options::{Action, Changes, Overlap};

/// Entries of one page of a list.
const PAGE: i32 = 200;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Start workflows by a schedule: cron strings, intervals or calendars
    #[command(after_help = "Examples:\n  \
        wfctl schedule create nightly --cron '0 2 * * *' --time-zone Europe/Paris --type Report -t reports\n  \
        wfctl schedule create poll --interval 90s --type Poll -t polls --overlap buffer-one\n  \
        wfctl schedule create once --calendar 'hour=9,month=12,dayOfMonth=24' --type Greet -t greetings --limit 1")]
    Create(Box<CreateArgs>),
    /// Show what a schedule does, has done and will do
    #[command(after_help = "Examples:\n  wfctl schedule describe nightly\n  wfctl schedule describe nightly -o json")]
    Describe(Named),
    /// List schedules, and with --query some of them
    #[command(after_help = "Examples:\n  wfctl schedule list\n  \
        wfctl schedule list --query 'TemporalSchedulePaused = true'")]
    List(ListArgs),
    /// Change a schedule; what is not named stays
    #[command(after_help = "Examples:\n  wfctl schedule update nightly --cron '0 3 * * *'\n  \
        wfctl schedule update poll --overlap skip --notes 'it takes longer now'")]
    Update(Box<UpdateArgs>),
    /// Hold a schedule: it starts nothing until it is unpaused
    #[command(after_help = "Examples:\n  wfctl schedule pause nightly --reason 'the database moves'")]
    Pause(PauseArgs),
    /// Let a paused schedule go on; times that passed meanwhile are not made up for
    #[command(after_help = "Examples:\n  wfctl schedule unpause nightly --reason 'the database has moved'")]
    Unpause(PauseArgs),
    /// Act now, whatever the schedule says
    #[command(after_help = "Examples:\n  wfctl schedule trigger nightly\n  \
        wfctl schedule trigger nightly --overlap allow-all")]
    Trigger(TriggerArgs),
    /// Act for every time of a range, as if it were now
    #[command(after_help = "Examples:\n  wfctl schedule backfill nightly --start-time 2026-01-01T00:00:00Z \
        --end-time 2026-01-08T00:00:00Z --overlap buffer-all")]
    Backfill(BackfillArgs),
    /// Delete a schedule; workflows that it started go on
    #[command(after_help = "Examples:\n  wfctl schedule delete nightly")]
    Delete(Named),
    /// List the times of a range at which a schedule acts
    #[command(after_help = "Examples:\n  wfctl schedule matching-times nightly --start-time 2026-01-01T00:00:00Z \
        --end-time 2026-02-01T00:00:00Z")]
    MatchingTimes(RangeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The schedule's id
    #[arg(value_name = "SCHEDULE_ID")]
    id: String,
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The schedule's id
    #[arg(value_name = "SCHEDULE_ID")]
    id: String,
    #[command(flatten)]
    action: Action,
    #[command(flatten)]
    changes: Changes,
    /// Begin paused
    #[arg(long)]
    paused: bool,
    /// Act at once too
    #[arg(long)]
    trigger: bool,
    /// A note kept with the schedule; repeatable
    #[arg(long, value_name = "KEY=JSON")]
    memo: Vec<String>,
    /// A value that lists of schedules can be filtered by; repeatable
    #[arg(long, value_name = "KEY=JSON")]
    search_attribute: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// The schedule's id
    #[arg(value_name = "SCHEDULE_ID")]
    id: String,
    #[command(flatten)]
    action: Action,
    #[command(flatten)]
    changes: Changes,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Which ones, as for workflows; by ScheduleId, TemporalSchedulePaused and the namespace's own search attributes
    #[arg(short, long, value_name = "QUERY", default_value = "")]
    query: String,
    /// Show no more than so many
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    /// The schedule's id
    #[arg(value_name = "SCHEDULE_ID")]
    id: String,
    /// Why, for whoever looks at it
    #[arg(short, long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TriggerArgs {
    /// The schedule's id
    #[arg(value_name = "SCHEDULE_ID")]
    id: String,
    /// What to do if an earlier action still runs [default: what the schedule does]
    #[arg(long, visible_alias = "overlap-policy", value_enum, value_name = "POLICY")]
    overlap: Option<Overlap>,
}

#[derive(Debug, Args)]
pub(crate) struct BackfillArgs {
    #[command(flatten)]
    range: RangeArgs,
    /// What to do if an earlier action still runs [default: what the schedule does]
    #[arg(long, visible_alias = "overlap-policy", value_enum, value_name = "POLICY")]
    overlap: Option<Overlap>,
}

#[derive(Debug, Args)]
pub(crate) struct RangeArgs {
    /// The schedule's id
    #[arg(value_name = "SCHEDULE_ID")]
    id: String,
    /// From this time on, as RFC 3339
    #[arg(long, value_name = "TIME", value_parser = options::time)]
    start_time: Timestamp,
    /// Up to this time, as RFC 3339
    #[arg(long, value_name = "TIME", value_parser = options::time)]
    end_time: Timestamp,
}

pub(crate) async fn run(session: &Connected, verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Create(args) => create(session, *args).await,
        Verb::Describe(Named { id }) => describe(session, &id).await,
        Verb::List(args) => list(session, &args).await,
        Verb::Update(args) => update(session, *args).await,
        Verb::Pause(args) => {
            let pause = args.reason.unwrap_or_else(|| "paused by wfctl".to_owned());
            patch(session, &args.id, SchedulePatch { pause, ..SchedulePatch::default() }, "paused").await
        }
        Verb::Unpause(args) => {
            let unpause = args.reason.unwrap_or_else(|| "unpaused by wfctl".to_owned());
            patch(session, &args.id, SchedulePatch { unpause, ..SchedulePatch::default() }, "unpaused").await
        }
        Verb::Trigger(args) => {
            let trigger_immediately = Some(trigger(args.overlap));
            let patched = SchedulePatch { trigger_immediately, ..SchedulePatch::default() };
            patch(session, &args.id, patched, "triggered").await
        }
        Verb::Backfill(args) => backfill(session, args).await,
        Verb::Delete(Named { id }) => {
            session.client.delete_schedule(&id).await?;
            said(&session.output, &id, "deleted")
        }
        Verb::MatchingTimes(args) => matching_times(session, args).await,
    }
}

fn trigger(overlap: Option<Overlap>) -> TriggerImmediatelyRequest {
    TriggerImmediatelyRequest { overlap_policy: options::overlap(overlap), scheduled_time: None }
}

async fn create(session: &Connected, args: CreateArgs) -> anyhow::Result<()> {
    let mut schedule = args.changes.on(args.action.on(Schedule::default())?)?;
    let action = schedule.action.get_or_insert_default();
    options::complete(action, &args.id)?;
    schedule.state.get_or_insert_default().paused = args.paused;
    let memo = input::keyed("--memo", &args.memo)?;
    let attributes = input::keyed("--search-attribute", &args.search_attribute)?;
    let patch = SchedulePatch { trigger_immediately: Some(trigger(None)), ..SchedulePatch::default() };
    let request = CreateScheduleRequest {
        schedule_id: args.id.clone(),
        schedule: Some(schedule),
        initial_patch: args.trigger.then_some(patch),
        memo: (!memo.is_empty()).then_some(Memo { fields: memo }),
        search_attributes: (!attributes.is_empty()).then_some(SearchAttributes { indexed_fields: attributes }),
        ..CreateScheduleRequest::default()
    };
    session.client.create_schedule(request).await?;
    said(&session.output, &args.id, "created")
}

async fn describe(session: &Connected, id: &str) -> anyhow::Result<()> {
    let description = session.client.describe_schedule(id).await?;
    let output = &session.output;
    if output.is_json() {
        return Ok(output.json(&to_json(&description)?)?);
    }
    Ok(output.line(show::described(output, id, &description))?)
}

async fn list(session: &Connected, args: &ListArgs) -> anyhow::Result<()> {
    let mut pages = session.client.schedules(&args.query, PAGE);
    let mut found = Vec::new();
    let most = args.limit.unwrap_or(usize::MAX);
    while found.len() < most
        && let Some(page) = pages.next().await?
    {
        found.extend(page);
    }
    found.truncate(most);
    let output = &session.output;
    if output.is_json() {
        let entries = found.iter().map(to_json).collect::<Result<Vec<_>, _>>()?;
        return Ok(output.json(&json!(entries))?);
    }
    if found.is_empty() {
        output.note("no schedules");
        return Ok(());
    }
    Ok(output.line(output.table(&show::LIST, found.iter().map(show::row).collect()))?)
}

/// What is not named stays as it is; if it is changed by somebody else meanwhile, nothing is done.
async fn update(session: &Connected, args: UpdateArgs) -> anyhow::Result<()> {
    let now = session.client.describe_schedule(&args.id).await?;
    let schedule = args.changes.on(args.action.on(now.schedule.unwrap_or_default())?)?;
    let request = UpdateScheduleRequest {
        schedule_id: args.id.clone(),
        schedule: Some(schedule),
        conflict_token: now.conflict_token,
        ..UpdateScheduleRequest::default()
    };
    session.client.update_schedule(request).await?;
    said(&session.output, &args.id, "updated")
}

async fn patch(session: &Connected, id: &str, patch: SchedulePatch, done: &str) -> anyhow::Result<()> {
    session.client.patch_schedule(id, patch).await?;
    said(&session.output, id, done)
}

async fn backfill(session: &Connected, args: BackfillArgs) -> anyhow::Result<()> {
    let BackfillArgs { range: RangeArgs { id, start_time, end_time }, overlap } = args;
    if (end_time.seconds, end_time.nanos) < (start_time.seconds, start_time.nanos) {
        return Err(Failure::usage("--end-time is before --start-time".to_owned()).into());
    }
    let request = BackfillRequest {
        start_time: Some(start_time),
        end_time: Some(end_time),
        overlap_policy: options::overlap(overlap),
    };
    let patched = SchedulePatch { backfill_request: vec![request], ..SchedulePatch::default() };
    patch(session, &id, patched, "backfilled").await
}

async fn matching_times(session: &Connected, args: RangeArgs) -> anyhow::Result<()> {
    let times = session.client.matching_times(&args.id, args.start_time, args.end_time).await?;
    let times: Vec<String> = times.iter().map(|at| time::seconds(Some(at))).collect();
    let output = &session.output;
    if output.is_json() {
        return Ok(output.json(&json!(times))?);
    }
    if times.is_empty() {
        output.note("no times in this range");
        return Ok(());
    }
    Ok(output.line(output.table(&["TIME"], times.into_iter().map(|at| vec![text(at)]).collect()))?)
}

fn said(output: &Output, id: &str, done: &str) -> anyhow::Result<()> {
    if output.is_json() {
        return Ok(output.json(&json!({ "scheduleId": id, done: true }))?);
    }
    Ok(output.line(format_args!("{done} schedule {id}"))?)
}
