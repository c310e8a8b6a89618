//! Options of a run that may be changed while it is open: its priority, and on which version of its workers it runs.

use alloc::boxed::Box;

use weft_protocol::api::workflow::WorkflowExecutionOptions;

use crate::{
    answer::Answer, change::Run, event, ids::Identity, refusal::Refusal, request::UpdateRunOptions, state::Core,
    versioning,
};

/// Changes options. If none differs nothing is written. The answer has a versioning override in the words of the caller.
pub(crate) fn update(run: &mut Run<'_>, body: UpdateRunOptions) -> Result<Answer, Refusal> {
    let UpdateRunOptions { options: from, paths, identity } = body;
    versioning::check(from.versioning_override.as_ref(), &run.core.start.queue)?;
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
    let options = WorkflowExecutionOptions {
        versioning_override: options.versioning_override.as_ref().map(versioning::plain),
        ..options.clone()
    };
    run.append(event::signal::options_updated(&options, identity));
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
