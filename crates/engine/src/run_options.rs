//! Options of a run that may be changed while it is open: its priority, and on which version of its workers it runs.

use alloc::{boxed::Box, format};

use weft_protocol::api::{
    deployment::WorkerDeploymentVersion,
    workflow::{
        VersioningOverride, WorkflowExecutionOptions,
        versioning_override::{Override, PinnedOverrideBehavior},
    },
};

use crate::{
    answer::Answer, change::Run, event, ids::Identity, refusal::Refusal, request::UpdateRunOptions, state::Core,
};

/// Changes options. If none differs nothing is written.
pub(crate) fn update(run: &mut Run<'_>, body: UpdateRunOptions) -> Result<Answer, Refusal> {
    let UpdateRunOptions { options: from, paths, identity } = body;
    check_override(run, from.versioning_override.as_ref())?;
    let before = options(&run.core);
    let mut into = before.clone();
    for path in &paths {
        merge(&mut into, &from, path, &paths)
            .map_err(|why| Refusal::InvalidArgument(alloc::format!("error applying update_options: {why}").into()))?;
    }
    if into != before {
        write(run, &into, &identity);
    }
    Ok(Answer::RunOptions(Box::new(into)))
}

/// The options as they are.
fn options(core: &Core) -> WorkflowExecutionOptions {
    WorkflowExecutionOptions {
        priority: core.priority().cloned(),
        versioning_override: core.versioning_override().cloned(),
        ..WorkflowExecutionOptions::default()
    }
}

fn write(run: &mut Run<'_>, options: &WorkflowExecutionOptions, identity: &Identity) {
    run.append(event::signal::options_updated(options, identity));
}

fn merge(
    into: &mut WorkflowExecutionOptions,
    from: &WorkflowExecutionOptions,
    path: &str,
    paths: &[alloc::string::String],
) -> Result<(), &'static str> {
    match path.split_once('.').unwrap_or((path, "")) {
        ("versioning_override", "") => into.versioning_override.clone_from(&from.versioning_override),
        ("versioning_override", part @ ("behavior" | "deployment")) => {
            let other =
                if part == "behavior" { "versioning_override.deployment" } else { "versioning_override.behavior" };
            if !paths.iter().any(|path| path == other) {
                return Err("versioning_override fields must be updated together");
            }
            into.versioning_override.clone_from(&from.versioning_override);
        }
        ("versioning_override", _) => return Err("versioning_override doesn't support partial updates"),
        ("priority", "") => into.priority.clone_from(&from.priority),
        ("priority", part) => {
            let from = from.priority.clone().unwrap_or_default();
            let into = into.priority.get_or_insert_default();
            match part {
                "priority_key" => into.priority_key = from.priority_key,
                "fairness_key" => into.fairness_key = from.fairness_key,
                "fairness_weight" => into.fairness_weight = from.fairness_weight,
                _ => {}
            }
        }
        _ => {}
    }
    Ok(())
}

/// No task queue knows of versions of its workers, so no workflow can be pinned to one.
fn check_override(run: &Run<'_>, given: Option<&VersioningOverride>) -> Result<(), Refusal> {
    let invalid = |why: &'static str| Err(Refusal::InvalidArgument(why.into()));
    let unknown = |version: &WorkerDeploymentVersion| {
        let (name, build, queue) = (&version.deployment_name, &version.build_id, &run.core.start.queue);
        let why = format!("Pinned version '{name}:{build}' is not present in task queue '{queue}' of type 'Workflow'");
        Err(Refusal::Precondition(why.into()))
    };
    match given.map(|it| &it.r#override) {
        None | Some(Some(Override::AutoUpgrade(true))) => Ok(()),
        Some(Some(Override::AutoUpgrade(false))) => invalid("auto-upgrade override must be true"),
        Some(Some(Override::Pinned(pinned))) => match &pinned.version {
            Some(_) if pinned.behavior() == PinnedOverrideBehavior::Unspecified => {
                invalid("must specify pinned override behavior if override is pinned.")
            }
            Some(version) => unknown(version),
            None => invalid("must provide version if override is pinned."),
        },
        Some(Some(Override::OneTime(once))) => match &once.target_deployment_version {
            Some(version) => unknown(version),
            None => invalid("must provide target deployment version if override is one-time."),
        },
        // The way of older clients to say the same.
        Some(None) => invalid("a versioning override of this form is not known here: use auto_upgrade or pinned"),
    }
}
