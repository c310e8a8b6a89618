//! What operators do to one run, as words of the scenario language.
//!
//! `freeze`, `thaw` of the run, each with `request=r` and `reason=r`; `options urgency=1 fairness=k auto-upgrade unset`.
//! `pause`, `unpause`, `reset-activity`, `set`, each with `id=a`, `type=t` or `all`. `unpause attempts heartbeat jitter=3s`;
//! `reset-activity heartbeat keep-paused original jitter=3s`; `set queue=q close=1s wait=1s start=1s beat=1s retry=1s/3
//! coefficient=2 urgency=1`, or `set original`. Any of them with `once=r`: under this request id it is done once.

use weft_engine::{
    Operation, PauseActivities, PauseWorkflow, Request, ResetActivities, Target, UnpauseActivities, UpdateActivities,
    UpdateRunOptions, WhichActivities, state::ActivityOptions, wire_span,
};
use weft_protocol::api::{
    activity,
    common::Priority,
    deployment::WorkerDeploymentVersion,
    taskqueue::TaskQueue,
    workflow::{
        VersioningOverride, WorkflowExecutionOptions,
        versioning_override::{Override, PinnedOverride, PinnedOverrideBehavior},
    },
};

use crate::script::{Line, retry, span};

/// Is this a word of this file?
pub(crate) fn knows(word: &str) -> bool {
    matches!(word, "freeze" | "thaw" | "options" | "pause" | "unpause" | "reset-activity" | "set")
}

/// A request about a run.
pub(crate) fn request(target: Target, line: &Line<'_>) -> Request {
    let which = match (line.get("id"), line.get("type")) {
        (Some(id), _) => WhichActivities::Id(id.into()),
        (None, Some(name)) => WhichActivities::Type(name.into()),
        (None, None) => WhichActivities::All,
    };
    let operation = match line.word {
        "pause" => Operation::PauseActivities(
            which,
            PauseActivities {
                identity: "operator".into(),
                reason: "too hot".into(),
                request: line.get("request").unwrap_or("pause").into(),
            },
        ),
        "unpause" => Operation::UnpauseActivities(
            which,
            UnpauseActivities {
                reset_attempts: line.has("attempts"),
                reset_heartbeat: line.has("heartbeat"),
                jitter: line.span("jitter"),
            },
        ),
        "reset-activity" => Operation::ResetActivities(
            which,
            ResetActivities {
                reset_heartbeat: line.has("heartbeat"),
                keep_paused: line.has("keep-paused"),
                restore_original: line.has("original"),
                jitter: line.span("jitter"),
            },
        ),
        "freeze" => Operation::Pause(pause(line)),
        "thaw" => Operation::Unpause(pause(line)),
        "options" => Operation::UpdateRun(Box::new(run_options(line))),
        "set" => Operation::UpdateActivities(which, update(line)),
        word => panic!("{word:?} is no operation"),
    };
    match line.get("once") {
        Some(request) => Request::OperateOnce(target, request.into(), Box::new(operation)),
        None => Request::Operate(target, Box::new(operation)),
    }
}

fn pause(line: &Line<'_>) -> PauseWorkflow {
    PauseWorkflow {
        identity: "operator".into(),
        reason: line.get("reason").unwrap_or_default().to_owned(),
        request: line.get("request").unwrap_or_default().to_owned(),
    }
}

pub(crate) fn run_options(line: &Line<'_>) -> UpdateRunOptions {
    let (mut options, mut paths) = (WorkflowExecutionOptions::default(), Vec::new());
    for (name, value) in &line.options {
        let path = match *name {
            "urgency" => {
                options.priority.get_or_insert_default().priority_key = value.parse().expect("a number");
                "priority.priority_key"
            }
            "fairness" => {
                options.priority.get_or_insert_default().fairness_key = (*value).to_owned();
                "priority.fairness_key"
            }
            "auto-upgrade" => {
                options.versioning_override = versioning(line);
                "versioning_override"
            }
            "unset" => "versioning_override",
            "path" => value,
            _ => continue,
        };
        paths.push(path.to_owned());
    }
    UpdateRunOptions { options, paths, identity: "operator".into() }
}

/// `auto-upgrade`, or `pinned=name:build`.
pub(crate) fn versioning(line: &Line<'_>) -> Option<VersioningOverride> {
    let pinned = line.get("pinned").map(|version| {
        let (name, build) = version.split_once(':').expect("a version is name:build");
        let version = Some(WorkerDeploymentVersion { deployment_name: name.to_owned(), build_id: build.to_owned() });
        Override::Pinned(PinnedOverride { behavior: PinnedOverrideBehavior::Pinned as i32, version })
    });
    let auto_upgrade = line.has("auto-upgrade").then_some(Override::AutoUpgrade(true));
    let given = pinned.or(auto_upgrade)?;
    Some(VersioningOverride { r#override: Some(given), ..VersioningOverride::default() })
}

fn update(line: &Line<'_>) -> UpdateActivities {
    if line.has("original") {
        return UpdateActivities::Restore;
    }
    let (mut options, mut paths) = (activity::ActivityOptions::default(), Vec::new());
    for (name, value) in &line.options {
        let time = || Some(wire_span(span(value)));
        let path = match *name {
            "queue" => {
                options.task_queue = Some(TaskQueue { name: (*value).to_owned(), ..TaskQueue::default() });
                "task_queue.name"
            }
            "close" => {
                options.schedule_to_close_timeout = time();
                "schedule_to_close_timeout"
            }
            "wait" => {
                options.schedule_to_start_timeout = time();
                "schedule_to_start_timeout"
            }
            "start" => {
                options.start_to_close_timeout = time();
                "start_to_close_timeout"
            }
            "beat" => {
                options.heartbeat_timeout = time();
                "heartbeat_timeout"
            }
            "retry" => {
                options.retry_policy = Some(retry(value).wire());
                "retry_policy"
            }
            "coefficient" => {
                let policy = options.retry_policy.get_or_insert_default();
                policy.backoff_coefficient = value.parse().expect("a coefficient is a number");
                "retry_policy.backoff_coefficient"
            }
            "urgency" => {
                let key = value.parse().expect("an urgency is a number");
                options.priority = Some(Priority { priority_key: key, ..Priority::default() });
                "priority.priority_key"
            }
            "no-policy" => "retry_policy.maximum_attempts",
            _ => continue,
        };
        paths.push(path.to_owned());
    }
    UpdateActivities::Merge { options: Box::new(options), paths }
}

/// `options urgency=1 fairness=k auto-upgrade`
pub(crate) fn of_run(it: &WorkflowExecutionOptions) -> String {
    let mut line = String::from("options");
    if let Some(priority) = &it.priority {
        line.push_str(&format!(" urgency={} fairness={}", priority.priority_key, priority.fairness_key));
    }
    if it.versioning_override.is_some() {
        line.push_str(" auto-upgrade");
    }
    line
}

/// `options queue=q start-to-close=3s`
pub(crate) fn options(it: &ActivityOptions) -> String {
    let mut line = format!("options queue={}", it.queue);
    let spans = [
        ("schedule-to-close", it.schedule_to_close),
        ("schedule-to-start", it.schedule_to_start),
        ("start-to-close", it.start_to_close),
        ("heartbeat", it.heartbeat_timeout),
    ];
    for (name, span) in spans.into_iter().filter(|(_, span)| !span.is_zero()) {
        line.push_str(&format!(" {name}={span:?}"));
    }
    line.push_str(&format!(" retry={:?}/{}", it.retry.initial, it.retry.max_attempts));
    if let Some(priority) = &it.priority {
        line.push_str(&format!(" urgency={}", priority.priority_key));
    }
    line
}
