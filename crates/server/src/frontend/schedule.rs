//! Schedules: create, describe, change, delete, list and count them.

use std::sync::Arc;

use tonic::{Response, Status};
use weft_engine::{
    Answer, Namespace, Request as Ask, Timestamp, WorkflowId, WorkflowKey,
    schedule::{self, CreateSchedule, Found, ScheduleRequest, Times, UpdateSchedule},
    state::schedule::Schedule,
};
use weft_protocol::{
    api::{common::SearchAttributes, workflowservice::*},
    error::{Error, text},
};

use super::{
    context, errors, list, trace,
    validate::{ids, search_attributes, sizes},
    wire::{self, schedule::Place},
};
use crate::node::Node;

const ONLY_WORKFLOWS: &str = "Only StartWorkflow action is supported for schedules";

/// Times that one call lists.
const MATCHING_MAX: usize = 1000;
/// How often it looks for the next one; each look is short.
const LOOKS_MAX: usize = 2 * MATCHING_MAX;

pub(crate) async fn create(
    node: &Node,
    body: CreateScheduleRequest,
) -> Result<Response<CreateScheduleResponse>, Status> {
    let namespace = context::namespace_for_start(node, &body.namespace).await?;
    let settings = node.settings();
    let workflow = WorkflowId::from(wire::schedule::new_id(settings, &body.schedule_id)?);
    let key = WorkflowKey { namespace: namespace.id.clone(), workflow };
    let (too_long, missing) = (text::REQUEST_ID_TOO_LONG, text::REQUEST_ID_NOT_SET);
    let request = ids::required(&settings.limits, &body.request_id, missing, too_long)?.into();
    wire::identity(&settings.limits, &body.identity)?;
    let place = Place { settings, namespace: &namespace };
    let schedule = wire::schedule::body(&place, body.schedule.unwrap_or_default())?;
    body.initial_patch.as_ref().map_or(Ok(()), wire::schedule::patch)?;
    sizes::memo(&settings.limits, body.memo.as_ref())?;
    let create = CreateSchedule {
        request,
        body: schedule,
        patch: body.initial_patch,
        memo: body.memo,
        search_attributes: attributes(node, &namespace, body.search_attributes)?,
    };
    match ask(node, &namespace, &key, ScheduleRequest::Create(Box::new(create))).await? {
        Answer::ScheduleCreated { token } => {
            Ok(Response::new(CreateScheduleResponse { conflict_token: token.to_be_bytes().to_vec() }))
        }
        _ => Err(otherwise()),
    }
}

pub(crate) async fn describe(
    node: &Node,
    body: DescribeScheduleRequest,
) -> Result<Response<DescribeScheduleResponse>, Status> {
    let (namespace, key) = place(node, &body.namespace, &body.schedule_id).await?;
    let (schedule, now) = look(node, &namespace, &key).await?;
    Ok(Response::new(DescribeScheduleResponse {
        schedule: Some(schedule::described(&schedule)),
        info: Some(schedule::info(&key, &schedule, now)),
        memo: schedule.plan.memo.clone().filter(|memo| !memo.fields.is_empty()),
        search_attributes: schedule.plan.search_attributes.clone().filter(|it| !it.indexed_fields.is_empty()),
        conflict_token: schedule.progress.token.to_be_bytes().to_vec(),
    }))
}

pub(crate) async fn update(
    node: &Node,
    body: UpdateScheduleRequest,
) -> Result<Response<UpdateScheduleResponse>, Status> {
    let (namespace, key) = place(node, &body.namespace, &body.schedule_id).await?;
    let settings = node.settings();
    let request = wire::given_request_id(&settings.limits, &body.request_id)?;
    let place = Place { settings, namespace: &namespace };
    let schedule = wire::schedule::body(&place, body.schedule.unwrap_or_default())?;
    if schedule.action.is_none() {
        return Err(Error::invalid_argument(ONLY_WORKFLOWS).into());
    }
    sizes::memo(&settings.limits, body.memo.as_ref())?;
    let update = UpdateSchedule {
        request,
        token: wire::schedule::token(&body.conflict_token),
        body: schedule,
        memo: body.memo,
        search_attributes: attributes(node, &namespace, body.search_attributes)?,
    };
    ask(node, &namespace, &key, ScheduleRequest::Update(Box::new(update))).await?;
    Ok(Response::new(UpdateScheduleResponse::default()))
}

pub(crate) async fn patch(node: &Node, body: PatchScheduleRequest) -> Result<Response<PatchScheduleResponse>, Status> {
    let (namespace, key) = place(node, &body.namespace, &body.schedule_id).await?;
    let patch = body.patch.ok_or_else(|| Error::invalid_argument("Patch is not set on request."))?;
    let request = wire::given_request_id(&node.settings().limits, &body.request_id)?;
    wire::schedule::patch(&patch)?;
    ask(node, &namespace, &key, ScheduleRequest::Patch(request, Box::new(patch))).await?;
    Ok(Response::new(PatchScheduleResponse::default()))
}

pub(crate) async fn delete(
    node: &Node,
    body: DeleteScheduleRequest,
) -> Result<Response<DeleteScheduleResponse>, Status> {
    let (namespace, key) = place(node, &body.namespace, &body.schedule_id).await?;
    ask(node, &namespace, &key, ScheduleRequest::Delete).await?;
    Ok(Response::new(DeleteScheduleResponse::default()))
}

pub(crate) async fn matching_times(
    node: &Node,
    body: ListScheduleMatchingTimesRequest,
) -> Result<Response<ListScheduleMatchingTimesResponse>, Status> {
    let (namespace, key) = place(node, &body.namespace, &body.schedule_id).await?;
    let (schedule, _) = look(node, &namespace, &key).await?;
    let (Some(from), Some(to)) = (&body.start_time, &body.end_time) else {
        return Err(Error::query_failed("missing or invalid query", None).into());
    };
    let (from, to) = (Timestamp::from_wire(from), Timestamp::from_wire(to));
    let times = schedule::times_of(&key, &schedule).ok_or_else(|| Error::internal("the spec cannot be read"))?;
    let start_time = matching(&times, from, to).await.into_iter().map(Timestamp::wire).collect();
    Ok(Response::new(ListScheduleMatchingTimesResponse { start_time }))
}

/// The times of a range, as far as one call lists and looks for them. Others have their turn in between.
async fn matching(times: &Times, mut after: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let mut found = Vec::new();
    for _ in 0..LOOKS_MAX {
        after = match times.look(after) {
            Found::Time(time) if time.actual <= to && found.len() < MATCHING_MAX => {
                found.push(time.actual);
                time.actual
            }
            Found::NoneUntil(until) if until <= to => until,
            Found::Time(_) | Found::NoneUntil(_) | Found::Nothing => break,
        };
        tokio::task::yield_now().await;
    }
    found
}

pub(crate) async fn list(node: &Node, body: ListSchedulesRequest) -> Result<Response<ListSchedulesResponse>, Status> {
    let ListSchedulesRequest { namespace, maximum_page_size: size, next_page_token: token, query } = body;
    let asked = list::Asked { namespace, query, size, token, kind: list::Kind::Schedules };
    let (executions, next_page_token) = list::page(node, asked).await?;
    let schedules = executions.into_iter().map(wire::schedule::listed).collect();
    Ok(Response::new(ListSchedulesResponse { schedules, next_page_token }))
}

pub(crate) async fn count(
    node: &Node,
    body: CountSchedulesRequest,
) -> Result<Response<CountSchedulesResponse>, Status> {
    let (count, groups) = list::counted(node, &body.namespace, &body.query, list::Kind::Schedules).await?;
    let groups = groups
        .into_iter()
        .map(|(value, count)| count_schedules_response::AggregationGroup { group_values: vec![value], count });
    Ok(Response::new(CountSchedulesResponse { count, groups: groups.collect() }))
}

async fn place(node: &Node, namespace: &str, id: &str) -> Result<(Arc<Namespace>, WorkflowKey), Status> {
    let namespace = context::namespace(node, namespace).await?;
    let key = context::key(node, &namespace, id)?;
    Ok((namespace, key))
}

/// Search attributes of the schedule itself.
fn attributes(
    node: &Node,
    namespace: &Namespace,
    given: Option<SearchAttributes>,
) -> Result<Option<SearchAttributes>, Error> {
    let taken = search_attributes::taken(given, namespace, &node.settings().limits)?;
    Ok(taken.map(|given| weft_engine::search_attribute::typed(given, namespace)))
}

async fn look(node: &Node, namespace: &Arc<Namespace>, key: &WorkflowKey) -> Result<(Schedule, Timestamp), Status> {
    match ask(node, namespace, key, ScheduleRequest::Describe).await? {
        Answer::Schedule(schedule) => Ok(*schedule),
        _ => Err(otherwise()),
    }
}

async fn ask(
    node: &Node,
    namespace: &Arc<Namespace>,
    key: &WorkflowKey,
    request: ScheduleRequest,
) -> Result<Answer, Status> {
    trace::workflow(key);
    let request = Ask::Schedule(Box::new(request));
    let answer = node.shard(key).ask(key.clone(), Arc::clone(namespace), request).await;
    answer.map_err(|failure| errors::of_failure(failure, key))
}

fn otherwise() -> Status {
    Error::internal("a request about a schedule was answered with something else").into()
}
