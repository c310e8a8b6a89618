//! Three servers in one process: tasks and queries reach their workers whichever node leads the workflow, owns the task
//! queue, or has the worker's connection.

use std::collections::BTreeSet;

use tonic::Code;
use weft_protocol::api::enums::EventType;

use super::{
    in_time,
    trio::{Client, Trio},
    worker::{Worker, end_of, query, signal, start, waiting},
};

/// As many as make it next to certain that each node leads some of their shards.
const WORKFLOWS: usize = 18;

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_at_any_node_gets_the_tasks_of_all_workflows() {
    let trio = Trio::start().await;
    let mut clients = trio.clients();
    for at in 0..3 {
        let queue = format!("orders-{at}");
        let ids: BTreeSet<String> = (0..WORKFLOWS).map(|number| format!("order-{at}-{number}")).collect();
        for (number, id) in ids.iter().enumerate() {
            start(&mut clients[number % 3], id, &queue).await;
        }
        let worker = Worker::at(clients[at].clone(), &queue);
        let mut done = BTreeSet::new();
        while done != ids {
            let task = worker.task().await;
            assert_eq!(task.attempt, 1, "it was not lost once");
            assert_eq!(task.history.as_ref().map(|history| history.events.len()), Some(3));
            done.insert(worker.complete_workflow(task).await);
        }
        for id in ids {
            assert_eq!(end_of(&mut clients[(at + 1) % 3], &id).await, EventType::WorkflowExecutionCompleted);
        }
    }
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn activities_run_at_any_node() {
    let trio = Trio::start().await;
    let mut clients = trio.clients();
    for number in 0..WORKFLOWS {
        let id = format!("order-{number}");
        let queue = format!("orders-{}", number % 4);
        let workers = [0, 1].map(|more| Worker::at(clients[(number + more) % 3].clone(), &queue));
        start(&mut clients[(number / 3) % 3], &id, &queue).await;
        workers[0].schedule_activity(workers[0].task().await, "charge").await;
        let activity = workers[1].activity().await;
        let input = activity.input.as_ref().map(|input| input.payloads[0].data.clone());
        assert_eq!((activity.activity_id.as_str(), activity.attempt, input), ("charge", 1, Some(b"charge".to_vec())));
        workers[1].complete_activity(activity).await;
        let task = workers[0].task().await;
        assert_eq!((task.started_event_id, task.attempt), (9, 1));
        assert_eq!(workers[0].complete_workflow(task).await, id);
    }
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workers_own_queue_is_served_until_it_shuts_down() {
    let trio = Trio::start().await;
    let mut clients = trio.clients();
    for number in 0..WORKFLOWS {
        let (id, own) = (format!("order-{number}"), format!("host-{number}"));
        let worker = Worker::at(clients[number % 3].clone(), "orders");
        start(&mut clients[(number / 3) % 3], &id, "orders").await;
        worker.keep(worker.task().await, &own).await;
        let (task, ()) = tokio::join!(worker.sticky_task(&own), async {
            // Its poll must be there before the task is, or there is no worker for it.
            trio.until_polled(&own).await;
            signal(&mut trio.clients()[(number + 1) % 3], &id).await;
        });
        let first = task.history.as_ref().and_then(|history| history.events.first()).map(|event| event.event_id);
        assert_eq!((task.attempt, first), (1, Some(4)), "the worker has the rest");
        worker.keep(task, &own).await;
        worker.shut_down(&own).await;
        signal(&mut clients[(number + 2) % 3], &id).await;
        let task = worker.task().await;
        let first = task.history.as_ref().and_then(|history| history.events.first()).map(|event| event.event_id);
        assert_eq!(first, Some(1), "any worker may do it");
        worker.complete_workflow(task).await;
    }
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_through_all_nodes_reach_a_worker_at_any() {
    let trio = Trio::start().await;
    let mut clients = trio.clients();
    for number in 0..WORKFLOWS {
        let (id, queue) = (format!("order-{number}"), format!("orders-{}", number % 4));
        let worker = Worker::at(clients[number % 3].clone(), &queue);
        start(&mut clients[0], &id, &queue).await;
        worker.keep_nothing(worker.task().await).await;
        for client in &mut clients {
            let (answer, ()) = tokio::join!(query(client, &id), worker.answer_query("shipped"));
            assert_eq!(answer.expect("it is answered"), "shipped");
        }
    }
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_go_to_the_worker_that_has_the_workflow_and_then_to_any() {
    let trio = Trio::start().await;
    let mut clients = trio.clients();
    for number in 0..WORKFLOWS / 2 {
        let (id, own) = (format!("order-{number}"), format!("host-{number}"));
        let worker = Worker::at(clients[number % 3].clone(), "orders");
        start(&mut clients[0], &id, "orders").await;
        worker.keep(worker.task().await, &own).await;
        let at_own_queue = async {
            let task = worker.sticky_task(&own).await;
            assert!(task.history.as_ref().is_some_and(|history| history.events.is_empty()));
            worker.answer(task, "from its cache").await;
        };
        let asked = async {
            trio.until_polled(&own).await;
            query(&mut trio.clients()[(number + 1) % 3], &id).await
        };
        let (answer, ()) = tokio::join!(asked, at_own_queue);
        assert_eq!(answer.expect("it is answered"), "from its cache");
        worker.shut_down(&own).await;
        let (answer, ()) = tokio::join!(query(&mut clients[(number + 2) % 3], &id), worker.answer_query("replayed"));
        assert_eq!(answer.expect("it is answered"), "replayed");
    }
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poller_that_goes_away_takes_nothing_with_it() {
    let trio = Trio::start().await;
    let mut clients = trio.clients();
    for number in 0..WORKFLOWS {
        let (id, queue) = (format!("order-{number}"), format!("orders-{number}"));
        let worker = Worker::at(clients[number % 3].clone(), &queue);
        {
            let going = std::pin::pin!(worker.task());
            let polled = std::pin::pin!(trio.until_polled(&queue));
            // Dropped here, in the middle of its poll.
            futures::future::select(going, polled).await;
        }
        trio.until_unpolled(&queue).await;
        start(&mut clients[(number / 3) % 3], &id, &queue).await;
        let task = worker.task().await;
        assert_eq!(task.attempt, 1);
        worker.complete_workflow(task).await;
    }
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_counted_over_all_nodes() {
    let trio = Trio::start().await;
    let mut clients = trio.clients();
    for number in 0..WORKFLOWS {
        start(&mut clients[number % 3], &format!("order-{number}"), "orders").await;
    }
    for client in &mut clients {
        // Of a leader that does not answer in time the copy here is counted, which may not have all yet.
        let all = i64::try_from(WORKFLOWS).expect("a small number");
        in_time("to count all", async { while waiting(client, "orders").await != all {} }).await;
    }
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_goes_on_when_the_owner_of_its_queue_is_lost() {
    let mut trio = Trio::start().await;
    let lost = 0;
    let queue = trio.name_led_by(lost, "orders");
    let mut clients = trio.clients();
    let worker = Worker::at(clients[1].clone(), &queue);
    // Of workflows that the two others lead, so that nothing but the queue is lost.
    let ids = [1, 2].map(|place| trio.name_led_by(place, "order"));
    let polling = tokio::spawn({
        let worker = worker.clone();
        async move { worker.task_of_one_poll().await }
    });
    trio.until_polled(&queue).await;
    trio.lose(lost).await;
    start(&mut clients[2], &ids[0], &queue).await;
    let task = polling.await.expect("it polls");
    assert_eq!(
        (task.workflow_execution.as_ref().map(|it| it.workflow_id.clone()), task.attempt),
        (Some(ids[0].clone()), 1)
    );
    worker.complete_workflow(task).await;
    start(&mut clients[1], &ids[1], &queue).await;
    assert_eq!(worker.complete_workflow(worker.task().await).await, ids[1]);
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_at_an_owner_that_is_lost_is_handed_out_by_the_next() {
    let mut trio = Trio::start().await;
    let lost = 2;
    let queue = trio.name_led_by(lost, "orders");
    let mut clients = trio.clients();
    let ids: BTreeSet<String> = (0..WORKFLOWS).map(|number| format!("order-{number}")).collect();
    for id in &ids {
        start(&mut clients[0], id, &queue).await;
    }
    trio.lose(lost).await;
    let worker = Worker::at(clients[1].clone(), &queue);
    let mut done = BTreeSet::new();
    while done != ids {
        done.insert(worker.complete_workflow(worker.task().await).await);
    }
    trio.shutdown().await;
}

/// The place of the node that is to be lost.
const LOST: usize = 0;

/// A workflow whose shard is led by the node that is to be lost, and a worker of its queue, which is led elsewhere: neither the
/// worker nor whoever started it asks that node.
async fn order_led_by_the_lost(trio: &Trio) -> (String, Vec<Client>, Worker) {
    let (queue, id) = (trio.name_led_by(1, "orders"), trio.name_led_by(LOST, "order"));
    let mut clients = trio.clients();
    let worker = Worker::at(clients[2].clone(), &queue);
    start(&mut clients[1], &id, &queue).await;
    (id, clients, worker)
}

#[tokio::test(flavor = "multi_thread")]
async fn workflows_go_on_when_the_leader_of_their_shard_is_lost() {
    let mut trio = Trio::start().await;
    let (id, mut clients, worker) = order_led_by_the_lost(&trio).await;
    worker.schedule_activity(worker.task().await, "charge").await;
    let activity = worker.activity().await;
    trio.lose(LOST).await;
    worker.complete_activity(activity).await;
    assert_eq!(worker.complete_workflow(worker.task().await).await, id);
    assert_eq!(end_of(&mut clients[1], &id).await, EventType::WorkflowExecutionCompleted);
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_answer_is_told_the_same_when_it_is_repeated_to_another_leader_too() {
    let mut trio = Trio::start().await;
    let (_, clients, worker) = order_led_by_the_lost(&trio).await;
    let task = worker.task().await;
    let told = async |client| {
        let status = worker.complete_wrongly(client, &task).await;
        (status.code(), status.message().to_owned())
    };
    let first = told(&clients[1]).await;
    assert_eq!(first.0, Code::InvalidArgument);
    assert!(first.1.starts_with("BadStartTimerAttributes"), "{}", first.1);
    assert_eq!(told(&clients[2]).await, first);
    trio.lose(LOST).await;
    assert_eq!(told(&clients[1]).await, first);
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_goes_on_when_the_leader_that_was_asked_is_lost() {
    let mut trio = Trio::start().await;
    let (id, clients, worker) = order_led_by_the_lost(&trio).await;
    worker.keep_nothing(worker.task().await).await;
    let asked = tokio::spawn({
        let mut client = clients[2].clone();
        let id = id.clone();
        async move { query(&mut client, &id).await }
    });
    // The worker has it, and its answer can reach nobody any more.
    drop(worker.query_task().await);
    trio.lose(LOST).await;
    worker.answer_query("shipped").await;
    assert_eq!(asked.await.expect("it asks").expect("it is answered"), "shipped");
    trio.shutdown().await;
}
