//! Lists through nodes that have no copy of some shards, or take it that they have none: they are gathered from the others, and
//! nobody sees a difference.

use std::collections::{BTreeMap, BTreeSet};

use weft_protocol::api::{
    batch::BatchOperationTermination,
    common::Payload,
    enums::BatchOperationState,
    schedule::{Schedule, ScheduleAction, ScheduleState},
    workflow::{NewWorkflowExecutionInfo, WorkflowExecutionInfo},
    workflowservice::{start_batch_operation_request::Operation, *},
};

use super::{
    WORKFLOWS, execution, listed, start, told,
    trio::{Client, Trio},
};

const ALL: std::ops::RangeInclusive<u32> = 1..=6;

/// All pages, each of the next of these clients.
async fn pages(clients: &mut [Client], query: &str, size: i32) -> Vec<WorkflowExecutionInfo> {
    let (mut token, mut found) = (Vec::new(), Vec::new());
    for turn in 0.. {
        let request = ListWorkflowExecutionsRequest {
            namespace: "default".to_owned(),
            page_size: size,
            next_page_token: token,
            query: query.to_owned(),
        };
        let client = &mut clients[turn % clients.len()];
        let page = told(async || client.list_workflow_executions(request.clone()).await).await.expect("it is listed");
        found.extend(page.executions);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    found
}

fn ids(found: &[WorkflowExecutionInfo]) -> Vec<String> {
    found.iter().filter_map(|info| Some(info.execution.as_ref()?.workflow_id.clone())).collect()
}

async fn count(client: &mut Client, query: &str) -> (i64, BTreeMap<Vec<u8>, i64>) {
    let request = CountWorkflowExecutionsRequest { namespace: "default".to_owned(), query: query.to_owned() };
    let answer = told(async || client.count_workflow_executions(request.clone()).await).await.expect("it is counted");
    let value = |values: Vec<Payload>| values.into_iter().next().map(|payload| payload.data).unwrap_or_default();
    (answer.count, answer.groups.into_iter().map(|group| (value(group.group_values), group.count)).collect())
}

async fn terminate(client: &mut Client, id: &str) {
    let request = TerminateWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: execution(id),
        ..Default::default()
    };
    told(async || client.terminate_workflow_execution(request.clone()).await).await.expect("it is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gathered_is_what_a_node_with_all_copies_lists() {
    let trio = Trio::start().await;
    let mut clients = trio.clients();
    trio.leave_to_others(0, [1, 3, 4]);
    trio.leave_to_others(1, ALL);
    let mut started = BTreeSet::new();
    for number in 0..WORKFLOWS {
        let id = format!("order-{number}");
        start(&mut clients[number % 3], &id).await.expect("it starts");
        started.insert(id.clone());
        if number % 3 == 0 {
            terminate(&mut clients[(number + 1) % 3], &id).await;
        }
        // Whoever started it, all lists have it at once.
        assert_eq!(listed(&mut clients[number % 2]).await, started);
    }
    for query in
        ["", "ExecutionStatus = 'Running'", "ORDER BY WorkflowId", "ORDER BY CloseTime DESC", "WorkflowId = 'x'"]
    {
        let expected = pages(&mut clients[2..], query, 100).await;
        for size in [1, 5, 100] {
            // The token of any node is good at any other.
            assert_eq!(pages(&mut clients, query, size).await, expected, "{query}");
            assert_eq!(pages(&mut clients[..1], query, size).await, expected, "{query}");
        }
    }
    for query in ["", "GROUP BY ExecutionStatus", "StartTime > 5", "WorkflowId != 'order-1' GROUP BY WorkflowType"] {
        let expected = count(&mut clients[2], query).await;
        assert_eq!(
            [count(&mut clients[0], query).await, count(&mut clients[1], query).await],
            [(); 2].map(|()| expected.clone())
        );
    }
    assert!(trio.parts_asked(0) > 0 && trio.parts_asked(1) > 0, "nothing was gathered");
    assert_eq!(trio.parts_asked(2), 0, "a node with all copies asks nobody");
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_and_batch_jobs_are_found_wherever_they_are() {
    let trio = Trio::start().await;
    let mut clients = trio.clients();
    (0..3).for_each(|place| trio.leave_to_others(place, ALL));
    let mut schedules = BTreeSet::new();
    for number in 0..6 {
        let id = format!("nightly-{number}");
        let action = schedule_action(&id);
        let state = Some(ScheduleState { paused: true, ..Default::default() });
        let request = CreateScheduleRequest {
            namespace: "default".to_owned(),
            schedule_id: id.clone(),
            schedule: Some(Schedule { action: Some(action), state, ..Default::default() }),
            request_id: format!("create-{id}"),
            ..Default::default()
        };
        let client = &mut clients[number % 3];
        told(async || client.create_schedule(request.clone()).await).await.expect("it is new");
        schedules.insert(id);
    }
    for client in &mut clients {
        let request = ListSchedulesRequest { namespace: "default".to_owned(), ..Default::default() };
        let answer = told(async || client.list_schedules(request.clone()).await).await.expect("they are listed");
        assert_eq!(answer.schedules.into_iter().map(|listed| listed.schedule_id).collect::<BTreeSet<_>>(), schedules);
    }
    for number in 0..WORKFLOWS {
        start(&mut clients[number % 3], &format!("order-{number}")).await.expect("it starts");
    }
    let request = StartBatchOperationRequest {
        namespace: "default".to_owned(),
        visibility_query: "WorkflowType = 'Order' AND ExecutionStatus = 'Running'".to_owned(),
        job_id: "end-them".to_owned(),
        reason: "a test".to_owned(),
        operation: Some(Operation::TerminationOperation(BatchOperationTermination::default())),
        ..Default::default()
    };
    told(async || clients[0].start_batch_operation(request.clone()).await).await.expect("it starts");
    let request = DescribeBatchOperationRequest { namespace: "default".to_owned(), job_id: "end-them".to_owned() };
    let ended = loop {
        let job = told(async || clients[1].describe_batch_operation(request.clone()).await).await.expect("it is there");
        if job.state() != BatchOperationState::Running {
            break job;
        }
    };
    let all = i64::try_from(WORKFLOWS).expect("a few");
    assert_eq!((ended.state(), ended.complete_operation_count), (BatchOperationState::Completed, all));
    assert_eq!(count(&mut clients[2], "ExecutionStatus = 'Terminated'").await.0, all);
    assert!((0..3).all(|place| trio.parts_asked(place) > 0), "nothing was gathered");
    trio.shutdown().await;
}

fn schedule_action(id: &str) -> ScheduleAction {
    use weft_protocol::api::{common::WorkflowType, schedule::schedule_action::Action, taskqueue::TaskQueue};
    let start = NewWorkflowExecutionInfo {
        workflow_id: format!("run-of-{id}"),
        workflow_type: Some(WorkflowType { name: "Nightly".to_owned() }),
        task_queue: Some(TaskQueue { name: "orders".to_owned(), ..Default::default() }),
        ..Default::default()
    };
    ScheduleAction { action: Some(Action::StartWorkflow(start)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_whole_while_a_node_goes_that_answers_for_a_part_of_it() {
    let mut trio = Trio::start().await;
    let mut clients = trio.clients();
    for number in 0..WORKFLOWS {
        start(&mut clients[number % 3], &format!("order-{number}")).await.expect("it starts");
    }
    trio.leave_to_others(0, ALL);
    let expected = ids(&pages(&mut clients[..1], "", 4).await);
    assert_eq!(expected.len(), WORKFLOWS);
    // With all shards elsewhere it is the next node that answers for all of them.
    let (going, mut gone) = tokio::sync::oneshot::channel();
    let mut client = clients[0].clone();
    let listing = async {
        let mut lists = 0;
        loop {
            let is_last = gone.try_recv().is_ok();
            assert_eq!(ids(&pages(std::slice::from_mut(&mut client), "", 4).await), expected);
            lists += 1;
            if is_last {
                return lists;
            }
        }
    };
    let losing = async {
        trio.lose(1).await;
        going.send(()).expect("it still lists");
    };
    let (lists, ()) = tokio::join!(listing, losing);
    assert!(lists > 1, "nothing was listed while it went");
    assert_eq!(count(&mut clients[0], "").await, count(&mut clients[2], "").await);
    trio.shutdown().await;
}
