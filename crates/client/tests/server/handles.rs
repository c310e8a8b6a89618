//! Typed handles: what goes out is what the workflow gets, and what comes back has its type.

use std::{
    future::IntoFuture,
    time::{Duration, SystemTime},
};

use futures_util::TryStreamExt;
use weft_client::{
    Code, Error, Failure, QueryError, Reset, RetryPolicy, SearchAttributeKey, SearchAttributes, StartWorkflow,
    UpdateError, WorkflowError,
    api::{
        common::Payloads,
        enums::{EventType, WorkflowExecutionStatus, WorkflowIdConflictPolicy},
        history::history_event::Attributes,
    },
};
use weft_protocol::payload::{json_plain, json_string};

use crate::{Add, Approve, Order, QUEUE, Status, World, worker};

fn order(world: &World, id: &str) -> StartWorkflow<Order> {
    world.client.start_workflow(Order, ("ada".to_owned(), 3)).id(id).task_queue(QUEUE)
}

fn json(payloads: Option<Payloads>) -> Vec<String> {
    let text = |data: Vec<u8>| String::from_utf8(data).expect("JSON is text");
    payloads.unwrap_or_default().payloads.into_iter().map(|payload| text(payload.data)).collect()
}

const REGION: SearchAttributeKey<String> = SearchAttributeKey::keyword("CustomKeywordField");

#[tokio::test]
async fn all_that_was_said_of_a_workflow_is_told_of_it() {
    let world = World::new().await;
    let kinds = [("CustomKeywordField".to_owned(), weft_client::api::enums::IndexedValueType::Keyword)].into();
    world.client.add_search_attributes(kinds).await.expect("it is registered");
    let start = order(&world, "o")
        .execution_timeout(Duration::from_secs(60))
        .run_timeout(Duration::from_secs(50))
        .task_timeout(Duration::from_secs(5))
        .retry(RetryPolicy::once())
        .memo("note", &7_u8)
        .search_attributes(SearchAttributes::new().set(&REGION, "north"))
        .summary("an order")
        .details("of three")
        .header("trace", json_plain("1"))
        .priority(2)
        .fairness("ada", 1.5);
    let handle = start.await.expect("it starts");
    let described = handle.describe().await.expect("it is there");
    assert_eq!((described.workflow_type(), described.task_queue()), ("Order", QUEUE));
    assert_eq!(described.memo::<u8>("note"), Ok(Some(7)));
    assert_eq!(described.memo::<u8>("other"), Ok(None));
    assert_eq!(described.search_attributes().get(&REGION).as_deref(), Some("north"));
    assert_eq!((described.summary().as_deref(), described.details().as_deref()), (Some("an order"), Some("of three")));
    assert!(described.start_time().is_some_and(|time| time > SystemTime::UNIX_EPOCH) && described.is_running());
    assert_eq!(Some(described.run().run_id.as_str()), handle.run_id());

    let first = handle.history().stream().try_next().await.expect("it is read").expect("there is one");
    let Some(Attributes::WorkflowExecutionStartedEventAttributes(it)) = first.attributes else { panic!("{first:?}") };
    assert_eq!(json(it.input), ["\"ada\"", "3"]);
    assert_eq!(it.header.expect("it is there").fields["trace"], json_plain("1"));
    let priority = it.priority.expect("it is there");
    assert_eq!((priority.priority_key, priority.fairness_key.as_str(), priority.fairness_weight), (2, "ada", 1.5));
    assert_eq!(it.retry_policy.expect("it is there").maximum_attempts, 1);
    world.end().await;
}

#[tokio::test]
async fn a_result_is_awaited_over_runs_that_go_on() {
    let world = World::new().await;
    let handle = order(&world, "o").await.expect("it starts");
    worker::turn(&world.client, vec![worker::continue_as_new("Order")]).await;
    let one_run = handle.result_of_run().await.expect_err("it goes on");
    assert!(matches!(one_run, WorkflowError::GoesOn { ref run_id } if Some(run_id.as_str()) != handle.run_id()));
    let (result, _) =
        tokio::join!(handle.result(), worker::turn(&world.client, vec![worker::complete(json_string("receipt"))]),);
    assert_eq!(result.expect("it completes"), "receipt");
    let again = world.client.handle::<Order>("o").result().await.expect("it has completed");
    assert_eq!(again, "receipt");
    world.end().await;
}

#[tokio::test]
async fn a_failure_comes_back_as_it_was_thrown() {
    let world = World::new().await;
    let handle = order(&world, "o").await.expect("it starts");
    let thrown = Failure::application("no stock").kind("NoStock").caused_by("the shelf is empty");
    let thrown = thrown.with_details(&vec![1, 2]).expect("they can be written");
    worker::turn(&world.client, vec![worker::fail(thrown.clone())]).await;
    let error = handle.result().await.expect_err("it failed");
    assert_eq!(error.details::<Vec<u8>>(), Ok(vec![1, 2]));
    let WorkflowError::Failed(failure) = error else { panic!("{error}") };
    assert_eq!(failure, thrown);
    world.end().await;
}

#[tokio::test]
async fn other_ends_are_told_apart() {
    let world = World::new().await;
    let terminated = order(&world, "t").await.expect("it starts");
    terminated.terminate("enough").await.expect("it runs");
    let error = terminated.result().await.expect_err("it was terminated");
    assert!(matches!(error, WorkflowError::Terminated { ref reason, .. } if reason == "enough"), "{error}");
    let unknown = world.client.handle::<Order>("unknown").result().await.expect_err("it is not there");
    assert!(matches!(unknown, WorkflowError::Call(ref error) if error.code() == Some(Code::NotFound)), "{unknown}");
    world.end().await;
}

#[tokio::test]
async fn a_handle_ends_no_other_workflow_that_took_its_id() {
    let world = World::new().await;
    let first = order(&world, "o").await.expect("it starts");
    first.terminate("").await.expect("it runs");
    let second = order(&world, "o").await.expect("it starts");
    let missed = first.cancel().await.expect_err("its workflow is gone");
    assert_eq!(missed.code(), Some(Code::NotFound), "{missed}");
    assert!(second.describe().await.expect("it is there").is_running());
    second.cancel_because("enough").await.expect("it runs");
    world.end().await;
}

#[tokio::test]
async fn signals_take_their_arguments_alone_and_with_a_start() {
    let world = World::new().await;
    let handle = order(&world, "o").signal_with_start(Approve, true).await.expect("it starts");
    handle.signal(Approve, false).await.expect("it runs");
    let found = order(&world, "o").signal_with_start(Approve, true).await.expect("it runs");
    assert_eq!(found.run_id(), handle.run_id());
    let events = handle.history().all().await.expect("it is read");
    let signals: Vec<_> = events
        .into_iter()
        .filter_map(|event| match event.attributes {
            Some(Attributes::WorkflowExecutionSignaledEventAttributes(it)) => Some((it.signal_name, json(it.input))),
            _ => None,
        })
        .collect();
    let signal = |text: &str| ("approve".to_owned(), vec![text.to_owned()]);
    assert_eq!(signals, [signal("true"), signal("false"), signal("true")]);
    world.end().await;
}

#[tokio::test]
async fn a_query_is_answered_fails_or_is_not_asked() {
    let world = World::new().await;
    let handle = order(&world, "o").await.expect("it starts");
    worker::turn(&world.client, vec![]).await;
    let answer = worker::answer_query(&world.client, Ok(json_string("packing")));
    let (status, ()) = tokio::join!(handle.query(Status, ()).into_future(), answer);
    assert_eq!(status.expect("it is answered"), "packing");

    let failing = worker::answer_query(&world.client, Err(Failure::application("no such query").kind("X")));
    let (failed, ()) = tokio::join!(handle.query(Status, ()).into_future(), failing);
    let QueryError::Failed(failure) = failed.expect_err("it failed") else { panic!("another error") };
    assert_eq!((failure.message.as_str(), failure.application_kind()), ("no such query", Some("X")));

    handle.terminate("").await.expect("it runs");
    let rejected = handle.query(Status, ()).only_open().await.expect_err("it is closed");
    let terminated = WorkflowExecutionStatus::Terminated;
    assert!(matches!(rejected, QueryError::Rejected { status } if status == terminated), "{rejected}");
    world.end().await;
}

#[tokio::test]
async fn an_update_completes_fails_or_is_rejected() {
    let world = World::new().await;
    let handle = order(&world, "o").await.expect("it starts");
    worker::turn(&world.client, vec![]).await;
    let work = worker::complete_update(&world.client, Ok(json_plain("10")));
    let (sum, request) = tokio::join!(handle.update(Add, 7).id("u").into_future(), work);
    assert_eq!(sum.expect("it completes"), 10);
    assert_eq!(json(request.input.expect("it has one").args), ["7"]);
    assert_eq!(handle.update_handle::<Add>("u").result().await.expect("it has completed"), 10);

    let work = worker::reject_update(&world.client, Failure::application("too many").kind("Limit"));
    let (started, ()) = tokio::join!(handle.update(Add, 1000).start(), work);
    let rejected = started.expect("it is answered").result().await.expect_err("it was rejected");
    let UpdateError::Failed(failure) = rejected else { panic!("{rejected}") };
    assert_eq!(failure.application_kind(), Some("Limit"));
    world.end().await;
}

#[tokio::test]
async fn an_update_starts_the_workflow_that_it_needs_once() {
    let world = World::new().await;
    let work = worker::complete_update(&world.client, Ok(json_plain("1")));
    let start = order(&world, "o").update_with_start(Add, 1).update_id("first");
    let (started, _) = tokio::join!(start.into_future(), work);
    let (handle, update) = started.expect("it starts");
    assert_eq!((update.id(), update.result().await.expect("it completes")), ("first", 1));
    let again = order(&world, "o").update_with_start(Add, 1).update_id("first").await;
    let (found, update) = again.expect("it is found");
    assert_eq!((found.run_id(), update.result().await.expect("it completed")), (handle.run_id(), 1));

    let start = order(&world, "o").id_conflict(WorkflowIdConflictPolicy::Fail).update_with_start(Add, 1);
    let taken = start.await.expect_err("it runs already");
    assert_eq!(taken.code(), Some(Code::AlreadyExists), "{taken}");
    world.end().await;
}

#[tokio::test]
async fn a_value_that_cannot_be_written_is_told_before_anything_is_sent() {
    let world = World::new().await;
    let map = std::collections::BTreeMap::from([(vec![1], 1)]);
    let refused = order(&world, "o").memo("map", &map).await.expect_err("JSON has texts for keys");
    assert!(matches!(refused, Error::Value(_)), "{refused}");
    let nothing = world.client.handle::<Order>("o").describe().await.expect_err("it was not started");
    assert_eq!(nothing.code(), Some(Code::NotFound));
    world.end().await;
}

#[tokio::test]
async fn a_reset_gives_a_handle_to_the_new_run() {
    let world = World::new().await;
    let handle = order(&world, "o").await.expect("it starts");
    worker::turn(&world.client, vec![worker::fail(Failure::application("a bug"))]).await;
    let events = handle.history().all().await.expect("it is read");
    let finish = events.iter().find(|event| event.event_type() == EventType::WorkflowTaskCompleted);
    let again = handle.reset(finish.expect("it is there").event_id, Reset::default()).await.expect("it is reset");
    assert_ne!(again.run_id(), handle.run_id());
    worker::turn(&world.client, vec![worker::complete(json_string("mended"))]).await;
    assert_eq!(again.result().await.expect("it completes"), "mended");
    world.end().await;
}

#[tokio::test]
async fn workflows_are_listed_one_by_one_over_pages() {
    let world = World::new().await;
    for id in ["a", "b", "c"] {
        order(&world, id).await.expect("it starts");
    }
    let all: Vec<_> = world.client.list("", 2).stream().try_collect().await.expect("they are listed");
    let mut ids: Vec<_> = all.into_iter().map(|info| weft_client::Execution::from(info).run().workflow_id).collect();
    ids.sort();
    assert_eq!(ids, ["a", "b", "c"]);
    world.end().await;
}
