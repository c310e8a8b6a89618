//! What is kept of the builds of workers: where each answered first, and the search attributes that name them.
//!
//! Source of the rules: `addResetPointFromCompletion` and `addBuildIdToLoadedSearchAttribute` of Temporal's server 1.32.

use alloc::{borrow::ToOwned, format, string::String, sync::Arc, vec::Vec};

use weft_protocol::api::{
    common::{Payload, WorkerVersionStamp},
    history::{HistoryEvent, WorkflowTaskCompletedEventAttributes},
    workflow::{ResetPointInfo, ResetPoints},
};

use crate::{
    ids::EventId,
    keywords,
    limits::{RESET_POINTS_MAX, WORKER_ATTRIBUTE_BYTES_MAX},
    state::{Core, Execution, ResetPoint},
    time::Timestamp,
};

const BINARY_CHECKSUMS: &str = "BinaryChecksums";
const BUILD_IDS: &str = "BuildIds";
const DEPLOYMENT: &str = "TemporalWorkerDeployment";

/// What begins the list of builds of a workflow whose workers do not use versioning.
const UNVERSIONED: &str = "unversioned";

/// A worker answered a workflow task.
#[expect(deprecated, reason = "workers without deployments name their build in these fields")]
pub(super) fn answered(execution: &mut Execution, event: &HistoryEvent, it: &WorkflowTaskCompletedEventAttributes) {
    let stamp = it.worker_version.as_ref();
    let build_id = it.deployment_version.as_ref().map(|version| &version.build_id);
    let build_id = build_id.or(stamp.map(|stamp| &stamp.build_id)).cloned().unwrap_or_default();
    let is_new = add_reset_point(execution, event, &it.binary_checksum, build_id);
    let core = &mut execution.core;
    let builds = builds(core.search_attributes.get(BUILD_IDS), stamp);
    set(core, BUILD_IDS, Some(keywords::list(&builds)));
    set(core, DEPLOYMENT, (!it.worker_deployment_name.is_empty()).then(|| keywords::one(&it.worker_deployment_name)));
    if is_new && !it.binary_checksum.is_empty() {
        let all = core.reset_points.iter().map(|point| point.binary_checksum.clone());
        let checksums = fitting(all.filter(|checksum| !checksum.is_empty()).collect(), false);
        set(core, BINARY_CHECKSUMS, Some(keywords::list(&checksums)));
    }
}

/// Adds a place to go back to if this build was not seen before; the oldest make room. Nobody can go back to where other
/// workflows were still to answer.
fn add_reset_point(execution: &mut Execution, event: &HistoryEvent, checksum: &str, build_id: String) -> bool {
    let resettable = execution.children.is_empty() && execution.external.is_empty();
    let core = &mut execution.core;
    if core.reset_points.iter().any(|point| point.binary_checksum == checksum && point.build_id == build_id) {
        return false;
    }
    let point = ResetPoint {
        binary_checksum: checksum.to_owned(),
        build_id,
        run: core.run.clone(),
        completed: EventId(event.event_id),
        created_at: event.event_time.as_ref().map(Timestamp::from_wire).unwrap_or_default(),
        expires_at: None,
        resettable,
    };
    let points = Arc::make_mut(&mut core.reset_points);
    points.push(point);
    let surplus = points.len().saturating_sub(RESET_POINTS_MAX);
    points.drain(..surplus);
    true
}

/// The builds that answered so far: first whether versioning is used, then each build once.
fn builds(known: Option<&Payload>, stamp: Option<&WorkerVersionStamp>) -> Vec<String> {
    let versioned = stamp.is_some_and(|stamp| stamp.use_versioning);
    let mut builds: Vec<String> = (!versioned).then(|| UNVERSIONED.to_owned()).into_iter().collect();
    builds.extend(known.map(keywords::read).unwrap_or_default().into_iter().filter(|build| build != UNVERSIONED));
    let this = stamp.filter(|stamp| !stamp.build_id.is_empty()).map(|stamp| {
        let how = if versioned { "versioned" } else { UNVERSIONED };
        format!("{how}:{}", stamp.build_id)
    });
    if let Some(this) = this.filter(|this| !builds.contains(this)) {
        builds.push(this);
    }
    fitting(builds, !versioned)
}

/// As many of the last values as may be stored; the first one is kept if it is a sentinel.
fn fitting(mut values: Vec<String>, sentinel: bool) -> Vec<String> {
    let first = usize::from(sentinel);
    while values.len() > first && keywords::list(&values).data.len() > WORKER_ATTRIBUTE_BYTES_MAX {
        values.remove(first);
    }
    values
}

fn set(core: &mut Core, name: &str, value: Option<Payload>) {
    if core.search_attributes.get(name) == value.as_ref() {
        return;
    }
    let fields = Arc::make_mut(&mut core.search_attributes);
    match value {
        Some(value) => drop(fields.insert(name.to_owned(), value)),
        None => drop(fields.remove(name)),
    }
}

/// The reset points that the run before left.
pub(super) fn read(given: Option<&ResetPoints>) -> Vec<ResetPoint> {
    let points = given.into_iter().flat_map(|given| &given.points);
    points
        .map(|point| ResetPoint {
            binary_checksum: binary_checksum(point).to_owned(),
            build_id: point.build_id.clone(),
            run: point.run_id.as_str().into(),
            completed: EventId(point.first_workflow_task_completed_id),
            created_at: point.create_time.as_ref().map(Timestamp::from_wire).unwrap_or_default(),
            expires_at: point.expire_time.as_ref().map(Timestamp::from_wire),
            resettable: point.resettable,
        })
        .collect()
}

#[expect(deprecated, reason = "workers without a build id name their binary here")]
fn binary_checksum(point: &ResetPointInfo) -> &str {
    &point.binary_checksum
}

impl ResetPoint {
    /// As events and descriptions have it.
    #[must_use]
    #[expect(deprecated, reason = "workers without a build id name their binary here")]
    pub fn wire(&self) -> ResetPointInfo {
        ResetPointInfo {
            build_id: self.build_id.clone(),
            binary_checksum: self.binary_checksum.clone(),
            run_id: self.run.as_str().into(),
            first_workflow_task_completed_id: self.completed.0,
            create_time: Some(self.created_at.wire()),
            expire_time: self.expires_at.map(Timestamp::wire),
            resettable: self.resettable,
        }
    }
}
