//! Resetting a workflow: to an earlier workflow task, as Temporal has it, or to any event.
//!
//! What Temporal's API can say and its server refuses is done here: a signal as a post-reset operation. Those operations
//! are held against the same rules as the calls that do the same to a run that is there.

use tonic::{Response, Status};
use weft_engine::{
    Answer, EventId, Excluded, Identity, Past, PostReset, ResetChildren, ResetPlan, ResetWorkflow, RunId, Target,
    limits::Limits,
};
use weft_protocol::{
    api::{
        common::WorkflowExecution,
        enums::{ResetReapplyExcludeType as Exclude, ResetReapplyType as Include},
        workflow::{PostResetOperation, post_reset_operation::Variant},
        workflowservice::{ResetWorkflowExecutionRequest, ResetWorkflowExecutionResponse},
    },
    error::{Error, text},
    weft::{EventOfRun, ResetChildren as WireChildren, ResetToEventRequest, ResetToEventResponse},
};
use weft_shard::ResetPlace;

use super::{
    context, errors,
    validate::{ids, run_options, sizes},
    wire::{self, signal::Signal},
};
use crate::node::Node;

const OTHER_ANSWER: &str = "a reset was answered with something else";
const START_ANEW: &str = "Children cannot be started anew by a reset: history has no place for their second start. \
    Use LEAVE, or reset to a place before the child.";
const NO_OPERATION: &str = "unsupported post reset operation: <nil>";

/// As Temporal has it.
pub(crate) async fn reset(
    node: &Node,
    body: ResetWorkflowExecutionRequest,
) -> Result<Response<ResetWorkflowExecutionResponse>, Status> {
    let place = ResetPlace::TaskEnd(EventId(body.workflow_task_finish_event_id));
    reset_at(node, body, place).await
}

/// The same, from a place that the request need not know the event of.
#[expect(deprecated, reason = "older clients say with `reset_reapply_type` what is taken along")]
pub(crate) async fn reset_at(
    node: &Node,
    body: ResetWorkflowExecutionRequest,
    place: ResetPlace,
) -> Result<Response<ResetWorkflowExecutionResponse>, Status> {
    let asked = Asked {
        request: body.request_id.as_str(),
        execution: body.workflow_execution.as_ref(),
        namespace: &body.namespace,
        excluded: excluded(body.reset_reapply_type, &body.reset_reapply_exclude_types)?,
        children: ResetChildren::Reconnect,
        reason: body.reason,
        identity: &body.identity,
        operations: body.post_reset_operations,
        dry_run: false,
    };
    match asked.send(node, place).await? {
        Answer::Reset(run) => Ok(Response::new(ResetWorkflowExecutionResponse { run_id: run.to_string() })),
        _ => Err(Error::internal(OTHER_ANSWER).into()),
    }
}

/// Where a build completed its first workflow task, in the run that the request names or in one before it: then the request
/// is made to name that one.
pub(crate) async fn first_task_of(
    node: &Node,
    body: &mut ResetWorkflowExecutionRequest,
    build: &str,
    only_this_run: bool,
) -> Result<ResetPlace, Status> {
    let namespace = context::namespace(node, &body.namespace).await?;
    let (key, run) = context::execution(node, &namespace, body.workflow_execution.as_ref())?;
    let target = Target { run, first_run: None };
    let view = node.shard(&key).look(key.clone(), target.clone()).await;
    let core = view.map_err(|failure| errors::about(failure, &key, &target))?.execution.core;
    let point = core.reset_points.iter().find(|point| point.build_id == build);
    let refuse = |why: &str| Status::from(Error::failed_precondition(format!("Reset point for {build} {why}")));
    let point = point.ok_or_else(|| refuse("is not there."))?;
    if !point.resettable {
        return Err(refuse("is not resettable."));
    }
    if only_this_run && point.run != core.run {
        return Err(refuse("points to previous run and CurrentRunOnly is set."));
    }
    if let Some(execution) = &mut body.workflow_execution {
        execution.run_id = point.run.to_string();
    }
    Ok(ResetPlace::TaskEnd(point.completed))
}

/// From any event, or only told of.
pub(crate) async fn to_event(node: &Node, body: ResetToEventRequest) -> Result<Response<ResetToEventResponse>, Status> {
    let place = match (body.event_id, body.workflow_task_finish_event_id) {
        (0, finish) => ResetPlace::TaskEnd(EventId(finish)),
        (event, 0) => ResetPlace::Before(EventId(event)),
        (_, _) => return Err(Error::invalid_argument("Both EventId and WorkflowTaskFinishEventId are set.").into()),
    };
    let asked = Asked {
        request: body.request_id.as_str(),
        execution: body.execution.as_ref(),
        namespace: &body.namespace,
        excluded: Excluded { options: body.exclude_options, ..excluded(Include::Unspecified.into(), &body.exclude)? },
        children: children(body.children)?,
        reason: body.reason,
        identity: &body.identity,
        operations: body.post_reset_operations,
        dry_run: body.dry_run,
    };
    match asked.send(node, place).await? {
        Answer::Reset(run) => Ok(Response::new(ResetToEventResponse { run_id: run.to_string(), ..Default::default() })),
        Answer::ResetPlan(plan) => Ok(Response::new(wire_plan(*plan))),
        _ => Err(Error::internal(OTHER_ANSWER).into()),
    }
}

fn wire_plan(plan: ResetPlan) -> ResetToEventResponse {
    let places = |places: Vec<(RunId, EventId)>| {
        places.into_iter().map(|(run, event)| EventOfRun { run_id: run.to_string(), event_id: event.0 }).collect()
    };
    ResetToEventResponse {
        run_id: String::new(),
        base_run_id: plan.base.to_string(),
        divided_at: plan.finish.0,
        reapplied: places(plan.reapplied),
        dropped: places(plan.dropped),
        again: plan.again.into_iter().map(|event| event.0).collect(),
        left: plan.left.into_iter().map(|event| event.0).collect(),
    }
}

/// What both calls say.
struct Asked<'b> {
    request: &'b str,
    execution: Option<&'b WorkflowExecution>,
    namespace: &'b str,
    excluded: Excluded,
    children: ResetChildren,
    reason: String,
    identity: &'b str,
    operations: Vec<PostResetOperation>,
    dry_run: bool,
}

impl Asked<'_> {
    async fn send(self, node: &Node, place: ResetPlace) -> Result<Answer, Status> {
        let limits = &node.settings().limits;
        let request = ids::required(limits, self.request, text::REQUEST_ID_NOT_SET, text::REQUEST_ID_TOO_LONG)?;
        let namespace = context::namespace(node, self.namespace).await?;
        let (key, run) = context::execution(node, &namespace, self.execution)?;
        sizes::text(limits, &self.reason)?;
        let identity = wire::identity(limits, self.identity)?;
        let operations = self.operations.into_iter().map(|it| operation(limits, it, &identity));
        let wish = ResetWorkflow {
            request: request.into(),
            reason: self.reason,
            finish: EventId::NONE,
            excluded: self.excluded,
            children: self.children,
            keep_until: None,
            operations: operations.collect::<Result<_, _>>()?,
            dry_run: self.dry_run,
            past: Past::default(),
        };
        let target = Target { run, first_run: None };
        let answer = node.shard(&key).reset(key.clone(), namespace, target.clone(), place, wish).await;
        answer.map_err(|failure| errors::about(failure, &key, &target))
    }
}

/// What the caller does without: by the list, or by the field that came before it.
fn excluded(include: i32, exclude: &[i32]) -> Result<Excluded, Error> {
    let Ok(include) = Include::try_from(include) else {
        return Err(Error::internal(format!("unknown reset reapply type: {include}")));
    };
    let listed = |what| exclude.contains(&i32::from(what));
    Ok(Excluded {
        signals: include == Include::None || listed(Exclude::Signal),
        updates: include == Include::None || include == Include::Signal || listed(Exclude::Update),
        options: false,
    })
}

fn children(children: i32) -> Result<ResetChildren, Error> {
    match WireChildren::try_from(children) {
        Ok(WireChildren::Unspecified | WireChildren::Reconnect) => Ok(ResetChildren::Reconnect),
        Ok(WireChildren::Leave) => Ok(ResetChildren::Leave),
        Ok(WireChildren::StartAnew) => Err(Error::unimplemented(START_ANEW)),
        Err(_) => Err(Error::invalid_argument(format!("unknown policy for children: {children}"))),
    }
}

fn operation(limits: &Limits, operation: PostResetOperation, identity: &Identity) -> Result<PostReset, Error> {
    match operation.variant {
        Some(Variant::SignalWorkflow(it)) => {
            ids::required(limits, &it.signal_name, text::SIGNAL_NAME_NOT_SET, text::SIGNAL_NAME_TOO_LONG)?;
            let (identity, request) = (identity.clone(), None);
            let signal =
                Signal { name: it.signal_name, input: it.input, header: it.header, identity, request, links: it.links };
            Ok(PostReset::Signal(Box::new(signal.body(limits)?)))
        }
        Some(Variant::UpdateWorkflowOptions(it)) => {
            // Temporal names nobody in the event.
            let update =
                run_options::check(it.workflow_execution_options, it.update_mask.as_ref(), Identity::from(""))?;
            Ok(PostReset::UpdateRun(Box::new(update)))
        }
        None => Err(Error::invalid_argument(NO_OPERATION)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(include: i32, exclude: &[Exclude], expected: Result<(bool, bool), &str>) {
        let exclude: Vec<i32> = exclude.iter().map(|it| i32::from(*it)).collect();
        let found = excluded(include, &exclude).map(|it| (it.signals, it.updates)).map_err(|error| error.message);
        assert_eq!(found, expected.map_err(str::to_owned));
    }

    #[test]
    fn what_is_left_out_is_said_in_two_ways() {
        check(0, &[], Ok((false, false)));
        check(Include::AllEligible.into(), &[Exclude::Signal], Ok((true, false)));
        check(Include::Signal.into(), &[], Ok((false, true)));
        check(Include::Signal.into(), &[Exclude::Signal], Ok((true, true)));
        check(Include::None.into(), &[], Ok((true, true)));
        check(0, &[Exclude::Update, Exclude::Nexus], Ok((false, true)));
        check(9, &[], Err("unknown reset reapply type: 9"));
    }
}
