//! Polls that wait at the node that they came to: what is known of them, who counts, and what becomes of what is lent.

use std::collections::BTreeSet;

use weft_matching::{QueueKey, QueueKind};
use weft_protocol::{
    api::{
        enums::TaskQueueType,
        taskqueue::{RateLimit, TaskQueueMetadata},
        workflowservice::{update_task_queue_config_request::RateLimitUpdate, *},
    },
    internal::{FetchRequest, Queue, QueueKind as WireKind, lent::Item},
};

use super::{
    door, in_time,
    trio::{Client, Trio},
    worker::{Worker, normal, poll, start},
};

/// The node that owns the queue, in the middle of the others.
const OWNER: usize = 1;

fn activities(trio: &Trio, queue: &str) -> QueueKey {
    QueueKey::normal(trio.namespace().as_str(), queue, QueueKind::Activity)
}

/// A poll for activities that goes on until it is dropped.
async fn activity(
    client: Client,
    queue: String,
    identity: &'static str,
    rate: Option<f64>,
) -> PollActivityTaskQueueResponse {
    let request = PollActivityTaskQueueRequest {
        namespace: "default".to_owned(),
        task_queue: normal(&queue),
        identity: identity.to_owned(),
        task_queue_metadata: rate.map(|rate| TaskQueueMetadata { max_tasks_per_second: Some(rate) }),
        ..Default::default()
    };
    client.clone().poll_activity_task_queue(poll(request)).await.expect("the poll is answered").into_inner()
}

/// The polls of a queue that wait at each of the three.
fn places(trio: &Trio, queue: &QueueKey) -> [usize; 3] {
    [0, 1, 2].map(|place| trio.polls_at(place, queue))
}

#[tokio::test(flavor = "multi_thread")]
async fn polls_wait_where_they_come_and_are_known_everywhere() {
    let trio = Trio::start().await;
    let queue = trio.name_led_by(OWNER, "orders");
    let key = activities(&trio, &queue);
    let polls: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .zip(trio.clients())
        // A rate that no queue reaches is none.
        .map(|(identity, client)| tokio::spawn(activity(client, queue.clone(), identity, Some(100_000.0))))
        .collect();
    trio.until("a poll at each", || places(&trio, &key) == [1, 1, 1]).await;
    for mut client in trio.clients() {
        let request = DescribeTaskQueueRequest {
            namespace: "default".to_owned(),
            task_queue: normal(&queue),
            task_queue_type: TaskQueueType::Activity.into(),
            ..Default::default()
        };
        let pollers = client.describe_task_queue(request).await.expect("it is known").into_inner().pollers;
        let identities: BTreeSet<_> = pollers.iter().map(|poller| poller.identity.as_str()).collect();
        assert_eq!(identities, ["a", "b", "c"].into());
    }
    polls.iter().for_each(tokio::task::JoinHandle::abort);
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_goes_to_a_poll_at_the_node_that_leads_its_shard() {
    let trio = Trio::start().await;
    let queue = trio.name_led_by(OWNER, "orders");
    let key = QueueKey::normal(trio.namespace().as_str(), queue.as_str(), QueueKind::Workflow);
    let workers = [0, 2].map(|place| Worker::at(trio.clients().remove(place), &queue));
    for number in 0..6 {
        let near = number % 2;
        let [mut at_0, mut at_2] = workers.each_ref().map(|worker| Box::pin(worker.task_of_one_poll()));
        let id = trio.name_led_by([0, 2][near], &format!("order-{number}"));
        let starting = async {
            trio.until("both polls, at open branches", || {
                places(&trio, &key) == [1, 0, 1] && [0, 2].iter().all(|place| trio.gives_by_itself(*place, &key))
            })
            .await;
            start(&mut trio.clients()[OWNER], &id, &queue).await;
            std::future::pending::<()>().await;
        };
        let (place, task) = tokio::select! {
            task = &mut at_0 => (0, task),
            task = &mut at_2 => (1, task),
            () = starting => unreachable!("it waits for ever"),
        };
        assert_eq!(place, near, "{id}");
        drop((at_0, at_2));
        trio.until_unpolled(&queue).await;
        workers[near].complete_workflow(task).await;
    }
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_of_a_queue_with_a_rate_has_all_its_polls() {
    let trio = Trio::start().await;
    let queue = trio.name_led_by(OWNER, "orders");
    let key = activities(&trio, &queue);
    let polling = |identity, rate| {
        let spawn = |client| tokio::spawn(activity(client, queue.clone(), identity, rate));
        trio.clients().into_iter().map(spawn).collect::<Vec<_>>()
    };
    let first = polling("by whoever", None);
    trio.until("a poll at each", || places(&trio, &key) == [1, 1, 1]).await;
    let request = UpdateTaskQueueConfigRequest {
        namespace: "default".to_owned(),
        identity: "an operator".to_owned(),
        task_queue: queue.clone(),
        task_queue_type: TaskQueueType::Activity.into(),
        update_queue_rate_limit: Some(RateLimitUpdate {
            rate_limit: Some(RateLimit { requests_per_second: 5.0 }),
            reason: String::new(),
        }),
        ..Default::default()
    };
    trio.clients()[0].update_task_queue_config(request).await.expect("it is set");
    trio.until("all polls at the owner", || places(&trio, &key) == [0, 3, 0]).await;
    let other = trio.name_led_by(OWNER, "parcels");
    let parcels = activities(&trio, &other);
    let second: Vec<_> =
        trio.clients().into_iter().map(|client| tokio::spawn(activity(client, other.clone(), "any", None))).collect();
    trio.until("a poll at each", || places(&trio, &parcels) == [1, 1, 1]).await;
    let third = tokio::spawn(activity(trio.clients().remove(2), other.clone(), "a slow one", Some(3.0)));
    trio.until("all polls at the owner", || places(&trio, &parcels) == [0, 4, 0]).await;
    first.iter().chain(&second).chain([&third]).for_each(tokio::task::JoinHandle::abort);
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lent_to_a_node_that_says_nothing_more_comes_back() {
    let trio = Trio::start().await;
    let queue = trio.name_led_by(OWNER, "orders");
    let node_1 = 1;
    let mut as_node = door::matching_as_node(&trio, OWNER, node_1);
    let mut fetch = async |max, wait_ms| {
        let queue = Queue {
            namespace_id: trio.namespace().to_string(),
            name: queue.clone(),
            kind: WireKind::Workflow.into(),
            sticky: false,
        };
        let request = FetchRequest { queue: Some(queue), max, wait_ms, ..FetchRequest::default() };
        as_node.fetch(request).await.expect("it is answered").into_inner()
    };
    // Once all shards have said what they have, what is lent is nowhere else.
    in_time("to have asked all shards", async { while fetch(0, 0).await.more {} }).await;
    start(&mut trio.clients()[0], "order", &queue).await;
    let lent = fetch(5, 10_000).await;
    let of: Vec<_> = lent.items.iter().filter_map(|lent| lent.item.as_ref()).collect();
    assert!(matches!(&*of, [Item::Task(task)] if task.workflow_id == "order") && !lent.more, "{lent:?}");
    let worker = Worker::at(trio.clients().remove(0), &queue);
    assert_eq!(worker.task().await.attempt, 1);
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_brings_tasks_of_shards_that_its_node_leads_first() {
    let trio = Trio::start().await;
    let queue = trio.name_led_by(OWNER, "orders");
    let node_1 = 1;
    let mut as_node = door::matching_as_node(&trio, OWNER, node_1);
    let mut fetch = async |max| {
        let queue = Queue {
            namespace_id: trio.namespace().to_string(),
            name: queue.clone(),
            kind: WireKind::Workflow.into(),
            sticky: false,
        };
        let request = FetchRequest { queue: Some(queue), max, node: node_1, ..FetchRequest::default() };
        as_node.fetch(request).await.expect("it is answered").into_inner()
    };
    let overtakes = async {
        // Where the second start took too long the first task goes first all the same.
        for attempt in 0.. {
            let (far, near) =
                (trio.name_led_by(2, &format!("far-{attempt}")), trio.name_led_by(0, &format!("near-{attempt}")));
            for id in [&far, &near] {
                start(&mut trio.clients()[OWNER], id, &queue).await;
            }
            while fetch(0).await.backlog < 2 {}
            let lent = fetch(10).await;
            let place = |id: &String| {
                let is_it = |item: &Option<Item>| matches!(item, Some(Item::Task(task)) if task.workflow_id == *id);
                lent.items.iter().position(|lent| is_it(&lent.item))
            };
            if let (Some(far), Some(near)) = (place(&far), place(&near))
                && near < far
            {
                break;
            }
        }
    };
    in_time("for the task that is near to go first", overtakes).await;
    trio.shutdown().await;
}
