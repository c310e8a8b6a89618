//! `wfctl worker …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use weft_client::api::{
    deployment::WorkerDeploymentVersion,
    enums::WorkerStatus,
    worker::{WorkerHeartbeat, WorkerListInfo, WorkerSlotsInfo},
};
use weft_protocol::json::to_json;
use weft_worker::{
    process::Supervisor,
    sandbox::Mode,
    serve::{self, QUEUE, Settings},
};

use crate::{
    dev::Signals,
    output::{Tone, text},
    render::time,
    session::Connected,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Plan, patch, diagnose and check git repositories here, until it is interrupted: what weft-worker does
    #[command(after_help = "Example:\n  wfctl worker run --folder ~/.local/share/weft-worker")]
    Run(RunArgs),
    /// List the workers that send heartbeats
    #[command(after_help = "Examples:\n  wfctl worker list\n  \
        wfctl worker list --query \"TaskQueue = 'orders' AND WorkerStatus = 'Running'\"")]
    List(ListArgs),
    /// Show what one worker says of itself
    #[command(after_help = "Examples:\n  wfctl worker describe 5c9c0f4e-6f6b-4d51-8a43-0c4a7d1a9be2")]
    Describe(DescribeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Task queue
    #[arg(long, value_name = "NAME", default_value = QUEUE)]
    queue: String,
    /// Folder for worktrees, of this worker alone
    #[arg(long, value_name = "PATH")]
    folder: PathBuf,
    /// Let commands do what this program may, also where the kernel could confine them
    #[arg(long)]
    no_sandbox: bool,
    /// Who does the work of which role, as TOML [default: the builtin provider does all]
    #[arg(long, value_name = "FILE")]
    agents: Option<PathBuf>,
    /// Whose pull requests live on GitHub, as TOML [default: all live beside their repository]
    #[arg(long, value_name = "FILE")]
    forges: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only those that this filter finds: WorkerIdentity, TaskQueue, HostName, BuildId, SdkName, WorkerStatus, StartTime, …
    #[arg(short, long, value_name = "QUERY", default_value = "")]
    query: String,
}

#[derive(Debug, Args)]
pub(crate) struct DescribeArgs {
    /// The worker's instance key, as `wfctl worker list` shows it
    #[arg(value_name = "KEY")]
    key: String,
}

pub(crate) async fn run(session: &Connected, verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Run(args) => work(session, args).await,
        Verb::List(args) => list(session, &args.query).await,
        Verb::Describe(args) => describe(session, &args.key).await,
    }
}

async fn work(session: &Connected, args: RunArgs) -> anyhow::Result<()> {
    let sandbox = if args.no_sandbox { Mode::Off } else { Mode::Enforced };
    let supervisor = Supervisor::this_program();
    let settings = Settings { queue: args.queue, folder: args.folder, supervisor, sandbox };
    let providers = serve::providers(args.agents.as_deref())?;
    let forges = serve::forges(args.forges.as_deref())?;
    let mut signals = Signals::listen()?;
    let stop = async move { signals.next().await };
    session.output.note(format_args!("working for {}", settings.queue));
    Ok(serve::worker_with(&session.client, &settings, &providers, forges)?.run_until(stop).await?)
}

async fn list(session: &Connected, query: &str) -> anyhow::Result<()> {
    let answer = session.client.workers(query).await?;
    let output = &session.output;
    if output.is_json() {
        return Ok(output.json(&to_json(&answer)?)?);
    }
    if answer.workers.is_empty() {
        output.note("no worker that is meant sent a heartbeat lately");
        return Ok(());
    }
    let header = ["WORKER", "IDENTITY", "TASK QUEUE", "STATUS", "HOST", "SDK", "STARTED"];
    Ok(output.line(output.table(&header, answer.workers.iter().map(row).collect()))?)
}

fn row(worker: &WorkerListInfo) -> Vec<(Tone, String)> {
    vec![
        text(&worker.worker_instance_key),
        text(&worker.worker_identity),
        text(&worker.task_queue),
        text(status(worker.status())),
        text(&worker.host_name),
        text(format!("{} {}", worker.sdk_name, worker.sdk_version)),
        text(time::seconds(worker.start_time.as_ref())),
    ]
}

async fn describe(session: &Connected, key: &str) -> anyhow::Result<()> {
    let answer = session.client.worker(key).await?;
    let output = &session.output;
    if output.is_json() {
        return Ok(output.json(&to_json(&answer)?)?);
    }
    let worker = answer.worker_info.and_then(|info| info.worker_heartbeat).unwrap_or_default();
    Ok(output.line(output.pairs(pairs(&worker)))?)
}

fn pairs(worker: &WorkerHeartbeat) -> Vec<(&'static str, String)> {
    let host = worker.host_info.clone().unwrap_or_default();
    let mut pairs = vec![
        ("Worker", worker.worker_instance_key.clone()),
        ("Identity", worker.worker_identity.clone()),
        ("Task queue", worker.task_queue.clone()),
        ("Status", status(worker.status()).to_owned()),
        ("SDK", format!("{} {}", worker.sdk_name, worker.sdk_version)),
        ("Deployment", deployment(worker.deployment_version.as_ref())),
        ("Host", format!("{} (process {})", host.host_name, host.process_id)),
        (
            "Host load",
            format!(
                "{:.0} % CPU, {:.0} % memory",
                percent(host.current_host_cpu_usage),
                percent(host.current_host_mem_usage)
            ),
        ),
        ("Started", time::seconds(worker.start_time.as_ref())),
        ("Last heartbeat", time::seconds(worker.heartbeat_time.as_ref())),
        ("Workflow tasks", slots(worker.workflow_task_slots_info.as_ref())),
        ("Activities", slots(worker.activity_task_slots_info.as_ref())),
        ("Local activities", slots(worker.local_activity_slots_info.as_ref())),
        (
            "Sticky cache",
            format!(
                "{} workflows, {} hits, {} misses",
                worker.current_sticky_cache_size, worker.total_sticky_cache_hit, worker.total_sticky_cache_miss
            ),
        ),
    ];
    pairs.retain(|(_, value)| !value.is_empty());
    pairs
}

fn percent(part: f32) -> f32 {
    part * 100.0
}

fn deployment(version: Option<&WorkerDeploymentVersion>) -> String {
    version.map(|version| format!("{} {}", version.deployment_name, version.build_id)).unwrap_or_default()
}

fn slots(slots: Option<&WorkerSlotsInfo>) -> String {
    let Some(slots) = slots else { return String::new() };
    let (used, done, failed) = (slots.current_used_slots, slots.total_processed_tasks, slots.total_failed_tasks);
    // A worker that sizes itself does not know how many slots there are.
    match slots.current_available_slots {
        free if free >= 0 => format!("{used} of {} slots used, {done} done, {failed} failed", used + free),
        _ => format!("{used} slots used, {done} done, {failed} failed"),
    }
}

fn status(status: WorkerStatus) -> &'static str {
    match status {
        WorkerStatus::Unspecified => "unknown",
        WorkerStatus::Running => "running",
        WorkerStatus::ShuttingDown => "shutting down",
        WorkerStatus::Shutdown => "shut down",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_shown_by_what_it_says() {
        let slots = |free| WorkerSlotsInfo {
            current_available_slots: free,
            current_used_slots: 3,
            total_processed_tasks: 20,
            total_failed_tasks: 1,
            ..WorkerSlotsInfo::default()
        };
        let worker = WorkerHeartbeat {
            worker_instance_key: "key".to_owned(),
            status: WorkerStatus::Running.into(),
            workflow_task_slots_info: Some(slots(97)),
            activity_task_slots_info: Some(slots(-1)),
            ..WorkerHeartbeat::default()
        };
        let shown = pairs(&worker);
        let find = |name: &str| shown.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
        assert_eq!(find("Status"), Some("running"));
        assert_eq!(find("Workflow tasks"), Some("3 of 100 slots used, 20 done, 1 failed"));
        assert_eq!(find("Activities"), Some("3 slots used, 20 done, 1 failed"));
        assert_eq!((find("Deployment"), find("Identity"), find("Local activities")), (None, None, None));
    }
}
