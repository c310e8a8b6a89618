//! On which version of its workers a run is to run, if somebody says so.
//!
//! Nobody's workers are versioned here, so what can be said is that a run goes with the times. There are two ways to say
//! it: today's, and that of older clients, which is shown beside it.

use alloc::format;

use weft_protocol::api::{
    deployment::{Deployment, WorkerDeploymentVersion},
    enums::VersioningBehavior,
    workflow::{
        VersioningOverride,
        versioning_override::{Override, PinnedOverrideBehavior},
    },
};

use crate::{ids::TaskQueueName, refusal::Refusal};

/// An override that may be. No task queue knows of versions of its workers, so no workflow can be pinned to one.
pub(crate) fn check(given: Option<&VersioningOverride>, queue: &TaskQueueName) -> Result<(), Refusal> {
    let Some(given) = given else { return Ok(()) };
    match &given.r#override {
        None => check_old(given, queue),
        Some(Override::AutoUpgrade(true)) => Ok(()),
        Some(Override::AutoUpgrade(false)) => invalid("auto-upgrade override must be true"),
        Some(Override::Pinned(pinned)) => match &pinned.version {
            Some(_) if pinned.behavior() == PinnedOverrideBehavior::Unspecified => {
                invalid("must specify pinned override behavior if override is pinned.")
            }
            Some(version) => unknown(version, queue),
            None => invalid("must provide version if override is pinned."),
        },
        Some(Override::OneTime(once)) => match &once.target_deployment_version {
            Some(version) => unknown(version, queue),
            None => invalid("must provide target deployment version if override is one-time."),
        },
    }
}

/// The way of older clients.
#[expect(deprecated, reason = "older clients say it like this")]
fn check_old(given: &VersioningOverride, queue: &TaskQueueName) -> Result<(), Refusal> {
    match (given.behavior(), &given.deployment, given.pinned_version.as_str()) {
        (VersioningBehavior::Unspecified, _, _) => invalid("override behavior is required"),
        (VersioningBehavior::AutoUpgrade, None, "") => Ok(()),
        (VersioningBehavior::AutoUpgrade, Some(_), _) => invalid("only provide deployment if behavior is 'PINNED'"),
        (VersioningBehavior::AutoUpgrade, None, _) => invalid("only provide pinned version if behavior is 'PINNED'"),
        (VersioningBehavior::Pinned, Some(Deployment { series_name, .. }), _) if series_name.is_empty() => {
            invalid("deployment name cannot be empty")
        }
        (VersioningBehavior::Pinned, Some(Deployment { build_id, .. }), _) if build_id.is_empty() => {
            invalid("deployment build ID cannot be empty")
        }
        (VersioningBehavior::Pinned, Some(Deployment { series_name, build_id }), _) => unknown(
            &WorkerDeploymentVersion { deployment_name: series_name.clone(), build_id: build_id.clone() },
            queue,
        ),
        (VersioningBehavior::Pinned, None, "") => {
            invalid("must provide deployment (deprecated) or pinned version if behavior is 'PINNED'")
        }
        (VersioningBehavior::Pinned, None, version) => match version.split_once('.') {
            Some((name, build)) => {
                unknown(&WorkerDeploymentVersion { deployment_name: name.into(), build_id: build.into() }, queue)
            }
            None => Err(Refusal::InvalidArgument(
                format!("invalid version string {version:?}, expected format is \"<deployment_name>.<build_id>\"")
                    .into(),
            )),
        },
    }
}

fn invalid(why: &'static str) -> Result<(), Refusal> {
    Err(Refusal::InvalidArgument(why.into()))
}

fn unknown(version: &WorkerDeploymentVersion, queue: &TaskQueueName) -> Result<(), Refusal> {
    let (name, build) = (&version.deployment_name, &version.build_id);
    let why = format!("Pinned version '{name}:{build}' is not present in task queue '{queue}' of type 'Workflow'");
    Err(Refusal::Precondition(why.into()))
}

/// An override as histories tell of it: in today's words only.
pub(crate) fn plain(given: &VersioningOverride) -> VersioningOverride {
    let old = (given.behavior() == VersioningBehavior::AutoUpgrade).then_some(Override::AutoUpgrade(true));
    VersioningOverride { r#override: given.r#override.clone().or(old), ..VersioningOverride::default() }
}

/// An override as descriptions tell of it: in today's words and those for older clients.
#[must_use]
#[expect(deprecated, reason = "older clients read it like this")]
pub fn described(kept: &VersioningOverride) -> VersioningOverride {
    let behavior = match &kept.r#override {
        Some(Override::AutoUpgrade(_)) => VersioningBehavior::AutoUpgrade,
        Some(Override::Pinned(_) | Override::OneTime(_)) => VersioningBehavior::Pinned,
        None => kept.behavior(),
    };
    VersioningOverride { behavior: behavior as i32, ..kept.clone() }
}

#[cfg(test)]
mod tests {
    use weft_protocol::api::{
        deployment::{Deployment, WorkerDeploymentVersion},
        enums::VersioningBehavior,
        workflow::{
            VersioningOverride,
            versioning_override::{Override, PinnedOverride, PinnedOverrideBehavior},
        },
    };

    use super::{check, described, plain};
    use crate::{ids::TaskQueueName, refusal::Refusal};

    #[expect(deprecated, reason = "older clients say it like this")]
    fn old(behavior: VersioningBehavior, pinned_version: &str) -> VersioningOverride {
        let pinned_version = pinned_version.into();
        VersioningOverride { behavior: behavior as i32, pinned_version, ..VersioningOverride::default() }
    }

    fn new(form: Override) -> VersioningOverride {
        VersioningOverride { r#override: Some(form), ..VersioningOverride::default() }
    }

    /// Clients say it in both ways at once, for servers of any age.
    #[test]
    fn what_is_said_in_the_old_way_is_written_in_the_new_and_shown_in_both() {
        let (today, before) = (new(Override::AutoUpgrade(true)), old(VersioningBehavior::AutoUpgrade, ""));
        let both = VersioningOverride { r#override: today.r#override.clone(), ..before.clone() };
        for said in [&today, &before, &both] {
            assert_eq!(plain(said), today);
            assert_eq!(described(&plain(said)), both);
        }
    }

    #[test]
    fn an_override_that_cannot_be_is_refused_as_temporal_does() {
        let refused = |given: &VersioningOverride| match check(Some(given), &TaskQueueName::from("q")) {
            Err(Refusal::InvalidArgument(why) | Refusal::Precondition(why)) => why.into_owned(),
            other => panic!("{other:?}"),
        };
        let nowhere = "Pinned version 'nowhere:1' is not present in task queue 'q' of type 'Workflow'";
        let version = WorkerDeploymentVersion { deployment_name: "nowhere".into(), build_id: "1".into() };
        let behavior = PinnedOverrideBehavior::Pinned as i32;
        let pinned = new(Override::Pinned(PinnedOverride { behavior, version: Some(version) }));
        assert_eq!(refused(&pinned), nowhere);
        assert_eq!(refused(&old(VersioningBehavior::Pinned, "nowhere.1")), nowhere);
        assert_eq!(
            refused(&old(VersioningBehavior::Pinned, "nowhere")),
            r#"invalid version string "nowhere", expected format is "<deployment_name>.<build_id>""#
        );
        assert_eq!(refused(&old(VersioningBehavior::Unspecified, "nowhere.1")), "override behavior is required");
        #[expect(deprecated, reason = "older clients say it like this")]
        let deployed = VersioningOverride {
            deployment: Some(Deployment { series_name: "nowhere".into(), build_id: "1".into() }),
            ..old(VersioningBehavior::AutoUpgrade, "")
        };
        assert_eq!(refused(&deployed), "only provide deployment if behavior is 'PINNED'");
    }
}
