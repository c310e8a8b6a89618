//! Lists and counts of executions, by filter.

use tonic::{Response, Status};
use weft_engine::{Namespace, Timestamp};
use weft_protocol::{
    api::{
        common::Payload,
        enums::WorkflowExecutionStatus,
        filter::StartTimeFilter,
        workflow::WorkflowExecutionInfo,
        workflowservice::{
            list_closed_workflow_executions_request::Filters as ClosedFilter,
            list_open_workflow_executions_request::Filters as OpenFilter, *,
        },
    },
    error::{Error, text},
    time,
};
use weft_rows::token::Page;
use weft_visibility::{Field, PageRequest, Query, Schema, attribute::Type};

use super::{context, errors, wire};
use crate::node::Node;

/// What a list of any kind asks for.
pub(super) struct Asked {
    pub(super) namespace: String,
    pub(super) query: String,
    pub(super) size: i32,
    pub(super) token: Vec<u8>,
    pub(super) kind: Kind,
}

/// Of what a list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Executions,
    Schedules,
}

/// A page of a list, and the token of the next one.
pub(super) type Listed = (Vec<WorkflowExecutionInfo>, Vec<u8>);

pub(crate) async fn list(
    node: &Node,
    body: ListWorkflowExecutionsRequest,
) -> Result<Response<ListWorkflowExecutionsResponse>, Status> {
    let ListWorkflowExecutionsRequest { namespace, page_size: size, next_page_token: token, query } = body;
    let (executions, next_page_token) =
        page(node, Asked { namespace, query, size, token, kind: Kind::Executions }).await?;
    Ok(Response::new(ListWorkflowExecutionsResponse { executions, next_page_token }))
}

pub(crate) async fn scan(
    node: &Node,
    body: ScanWorkflowExecutionsRequest,
) -> Result<Response<ScanWorkflowExecutionsResponse>, Status> {
    let ScanWorkflowExecutionsRequest { namespace, page_size: size, next_page_token: token, query } = body;
    let (executions, next_page_token) =
        page(node, Asked { namespace, query, size, token, kind: Kind::Executions }).await?;
    Ok(Response::new(ScanWorkflowExecutionsResponse { executions, next_page_token }))
}

pub(crate) async fn list_open(
    node: &Node,
    body: ListOpenWorkflowExecutionsRequest,
) -> Result<Response<ListOpenWorkflowExecutionsResponse>, Status> {
    let mut conditions = vec!["ExecutionStatus = 'Running'".to_owned()];
    conditions.extend(started_within(body.start_time_filter.as_ref())?);
    conditions.extend(body.filters.map(|filter| match filter {
        OpenFilter::ExecutionFilter(filter) => execution_is(&filter.workflow_id, &filter.run_id),
        OpenFilter::TypeFilter(filter) => is("WorkflowType", &filter.name),
    }));
    let (size, token, query) = (body.maximum_page_size, body.next_page_token, conditions.join(" AND "));
    let (executions, next_page_token) =
        page(node, Asked { namespace: body.namespace, query, size, token, kind: Kind::Executions }).await?;
    Ok(Response::new(ListOpenWorkflowExecutionsResponse { executions, next_page_token }))
}

pub(crate) async fn list_closed(
    node: &Node,
    body: ListClosedWorkflowExecutionsRequest,
) -> Result<Response<ListClosedWorkflowExecutionsResponse>, Status> {
    let mut conditions = vec!["ExecutionStatus != 'Running'".to_owned()];
    conditions.extend(started_within(body.start_time_filter.as_ref())?);
    match body.filters {
        Some(ClosedFilter::ExecutionFilter(filter)) => {
            conditions.push(execution_is(&filter.workflow_id, &filter.run_id));
        }
        Some(ClosedFilter::TypeFilter(filter)) => conditions.push(is("WorkflowType", &filter.name)),
        Some(ClosedFilter::StatusFilter(filter)) => match filter.status() {
            WorkflowExecutionStatus::Unspecified | WorkflowExecutionStatus::Running => {
                return Err(Error::invalid_argument(text::STATUS_FILTER_INVALID).into());
            }
            status => conditions.push(format!("ExecutionStatus = {}", i32::from(status))),
        },
        None => {}
    }
    let (size, token, query) = (body.maximum_page_size, body.next_page_token, conditions.join(" AND "));
    let (executions, next_page_token) =
        page(node, Asked { namespace: body.namespace, query, size, token, kind: Kind::Executions }).await?;
    Ok(Response::new(ListClosedWorkflowExecutionsResponse { executions, next_page_token }))
}

pub(crate) async fn count(
    node: &Node,
    body: CountWorkflowExecutionsRequest,
) -> Result<Response<CountWorkflowExecutionsResponse>, Status> {
    let (count, groups) = counted(node, &body.namespace, &body.query, Kind::Executions).await?;
    let groups = groups.into_iter().map(|(value, count)| count_workflow_executions_response::AggregationGroup {
        group_values: vec![value],
        count,
    });
    Ok(Response::new(CountWorkflowExecutionsResponse { count, groups: groups.collect() }))
}

/// How many there are, and how many in each group.
pub(super) async fn counted(
    node: &Node,
    namespace: &str,
    query: &str,
    kind: Kind,
) -> Result<(i64, Vec<(Payload, i64)>), Status> {
    let namespace = context::namespace(node, namespace).await?;
    let query = parse_or_refuse(node, &namespace, query, kind)?;
    let grouped_by = query.group_by().map_or(Type::Keyword, Field::kind);
    let count = node.lists().count(namespace.id.to_string(), query).await.map_err(errors::of_list)?;
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let groups = count.groups.into_iter();
    let groups = groups.map(|group| (wire::visibility::group_value(&group.value, grouped_by), number(group.count)));
    Ok((number(count.total), groups.collect()))
}

pub(super) async fn page(node: &Node, asked: Asked) -> Result<Listed, Status> {
    let namespace = context::namespace(node, &asked.namespace).await?;
    let query = parse_or_refuse(node, &namespace, &asked.query, asked.kind)?;
    let token = match asked.token.as_slice() {
        [] => None,
        token => match Page::decode(token) {
            Ok(Page::List(cursor)) => Some(cursor),
            Ok(Page::History(_)) | Err(_) => return Err(Error::invalid_argument(text::PAGE_TOKEN_INVALID).into()),
        },
    };
    let longest = node.options().list_page;
    let size = usize::try_from(asked.size).ok().filter(|size| *size > 0).unwrap_or(longest).min(longest);
    let page = node.lists().list(namespace.id.to_string(), query, PageRequest { size, token }).await;
    let page = page.map_err(errors::of_list)?;
    let next = page.next.map(|cursor| Page::List(cursor).encode()).unwrap_or_default();
    Ok((page.records.into_iter().map(wire::visibility::info).collect(), next))
}

fn parse_or_refuse(node: &Node, namespace: &Namespace, query: &str, kind: Kind) -> Result<Query, Status> {
    let query = match kind {
        Kind::Executions => parse(node, namespace, query),
        Kind::Schedules => parse_for_schedules(node, namespace, query),
    };
    query.map_err(|why| Error::invalid_argument(format!("invalid query: {why}")).into())
}

fn schema(node: &Node, namespace: &Namespace) -> Schema {
    wire::namespace::schema(node.metadata().view().by_id(&namespace.id).map(|row| &**row))
}

fn parse_for_schedules(node: &Node, namespace: &Namespace, query: &str) -> Result<Query, String> {
    weft_visibility::parse_for_schedules(query, schema(node, namespace)).map_err(|error| error.to_string())
}

/// Reads a filter, with the search attributes that the namespace has.
///
/// # Errors
/// What is wrong with it, and where.
pub(crate) fn parse(node: &Node, namespace: &Namespace, query: &str) -> Result<Query, String> {
    weft_visibility::parse(query, &schema(node, namespace)).map_err(|error| error.to_string())
}

fn started_within(filter: Option<&StartTimeFilter>) -> Result<Option<String>, Error> {
    let Some(filter) = filter else { return Ok(None) };
    let nanos = |time: Option<&weft_protocol::Timestamp>, missing: i64| match time {
        Some(time) => time::unix_nanos(time).map_err(|why| Error::invalid_argument(format!("StartTimeFilter: {why}"))),
        None => Ok(missing),
    };
    let earliest = nanos(filter.earliest_time.as_ref(), 0)?;
    let latest = nanos(filter.latest_time.as_ref(), Timestamp::MAX.0)?;
    if earliest > latest {
        return Err(Error::invalid_argument(text::START_TIME_FILTER_INVALID));
    }
    Ok(Some(format!("StartTime BETWEEN {earliest} AND {latest}")))
}

fn execution_is(workflow: &str, run: &str) -> String {
    let workflow = is("WorkflowId", workflow);
    if run.is_empty() { workflow } else { format!("{workflow} AND {}", is("RunId", run)) }
}

/// A condition on a text, whatever the text holds.
pub(crate) fn is(field: &str, value: &str) -> String {
    format!("{field} = '{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(query: &str) {
        weft_visibility::parse(query, &Schema::default()).expect(query);
    }

    #[test]
    fn the_filters_of_older_calls_are_filters_of_the_language() {
        for text in ["plain", "it's", "back\\slash", "\\'", "\"", "' OR 1 = 1"] {
            reads(&execution_is(text, "0198c0de-0000-7000-8000-00000000000a"));
        }
        let at = |seconds| Some(weft_protocol::Timestamp { seconds, nanos: 0 });
        let filter = StartTimeFilter { earliest_time: at(1), latest_time: at(2) };
        let condition = started_within(Some(&filter)).expect("it is fine").expect("it is there");
        assert_eq!(condition, "StartTime BETWEEN 1000000000 AND 2000000000");
        reads(&condition);
        reads(&started_within(Some(&StartTimeFilter::default())).expect("it is fine").expect("it is there"));
    }

    #[test]
    fn times_that_make_no_sense_are_refused() {
        let at = |seconds, nanos| Some(weft_protocol::Timestamp { seconds, nanos });
        let backwards = StartTimeFilter { earliest_time: at(2, 0), latest_time: at(1, 0) };
        assert_eq!(started_within(Some(&backwards)).expect_err("refused").message, text::START_TIME_FILTER_INVALID);
        for (seconds, nanos) in [(i64::MAX, 0), (0, -1)] {
            let filter = StartTimeFilter { earliest_time: at(seconds, nanos), latest_time: None };
            assert!(started_within(Some(&filter)).is_err(), "{seconds} {nanos}");
        }
    }
}
