//! Interceptors of a client see what leaves, add to it, refuse it, and hear how it ended.

use std::sync::{Arc, Mutex};

use weft_client::{
    Batch, BatchOperation, BoxError, ClientCall, ClientInterceptor, Error, Query, Reset, Run, Signal, WorkflowError,
    api::{
        enums::ResetReapplyExcludeType, history::history_event::Attributes,
        workflowservice::PollWorkflowTaskQueueResponse,
    },
};
use weft_protocol::payload::{json_plain, json_string};

use crate::{Add, Approve, Order, QUEUE, World, worker};

#[derive(Clone, Default)]
struct Spy {
    name: &'static str,
    saw: Arc<Mutex<Vec<String>>>,
}

impl Spy {
    fn says(&self, what: String) {
        self.saw.lock().expect("no test panicked").push(format!("{}: {what}", self.name));
    }
}

impl ClientInterceptor for Spy {
    fn outbound(&self, call: &mut ClientCall<'_>) -> Result<(), BoxError> {
        self.says(format!("{:?} {} of {} ({})", call.kind, call.name, call.workflow_id, call.headers.len()));
        call.headers.insert(self.name.to_owned(), json_plain("1"));
        if call.name == "approve" && call.input.first() == Some(&json_plain("false")) {
            return Err("orders are approved here".into());
        }
        Ok(())
    }

    fn answered(&self, call: &str, error: Option<&Error>) {
        self.says(format!("{call} {}", if error.is_none() { "done" } else { "failed" }));
    }
}

#[tokio::test]
async fn interceptors_see_what_leaves_and_add_headers() {
    let world = World::new().await;
    let (outer, saw) = (Spy { name: "outer", ..Spy::default() }, Arc::<Mutex<Vec<String>>>::default());
    let inner = Spy { name: "inner", saw: Arc::clone(&saw) };
    let outer = Spy { saw: Arc::clone(&saw), ..outer };
    let client = world.client.intercepted(outer).intercepted(inner);
    let order = || client.start_workflow(Order, ("ada".to_owned(), 3)).id("o").task_queue(QUEUE);
    let handle = order().signal_with_start(Approve, true).await.expect("it starts");
    let task = worker::turn(&client, vec![]).await;
    let refused = handle.signal(Approve, false).await.expect_err("it is refused");
    assert_eq!(refused.to_string(), "SignalWorkflowExecution: orders are approved here");
    assert!(matches!(refused, Error::Intercepted { .. }));
    let update = handle.update(Add, 7).start();
    let (started, asked) = tokio::join!(update, worker::complete_update(&client, Ok(json_plain("10"))));
    started.expect("it is taken");
    let unknown = client.query(&Run::latest("other"), Query { kind: "status".to_owned(), ..Query::default() }).await;
    unknown.expect_err("there is no such workflow");
    handle.terminate("enough").await.expect("it runs");

    let first = task.history.expect("it comes with the task").events.remove(0);
    let Some(Attributes::WorkflowExecutionStartedEventAttributes(it)) = first.attributes else { panic!("{first:?}") };
    let mut names: Vec<String> = it.header.expect("it was added").fields.into_keys().collect();
    names.sort();
    assert_eq!(names, ["inner", "outer"]);
    assert_eq!(asked.input.and_then(|it| it.header).map(|it| it.fields.len()), Some(2));
    let saw = saw.lock().expect("no test panicked").join("\n");
    let expected = "\
outer: Start Order of o (0)
inner: Start Order of o (1)
outer: Signal approve of o (2)
inner: Signal approve of o (2)
inner: SignalWithStartWorkflowExecution done
outer: SignalWithStartWorkflowExecution done
outer: Signal approve of o (0)
inner: SignalWorkflowExecution failed
outer: SignalWorkflowExecution failed
outer: Update add of o (0)
inner: Update add of o (1)
inner: UpdateWorkflowExecution done
outer: UpdateWorkflowExecution done
outer: Query status of other (0)
inner: Query status of other (1)
inner: QueryWorkflow failed
outer: QueryWorkflow failed
inner: TerminateWorkflowExecution done
outer: TerminateWorkflowExecution done";
    assert_eq!(saw, expected);
    world.end().await;
}

fn approval(yes: bool) -> Signal {
    Signal {
        name: "approve".to_owned(),
        input: vec![json_plain(if yes { "true" } else { "false" })],
        ..Signal::default()
    }
}

/// The headers of each signal in a history.
fn signals(task: PollWorkflowTaskQueueResponse) -> Vec<Vec<String>> {
    let signal = |attributes| match attributes {
        Attributes::WorkflowExecutionSignaledEventAttributes(it) => {
            Some(it.header.unwrap_or_default().fields.into_keys().collect())
        }
        _ => None,
    };
    let events = task.history.expect("it comes with the task").events;
    events.into_iter().filter_map(|event| event.attributes).filter_map(signal).collect()
}

#[tokio::test]
async fn interceptors_see_the_signals_of_batches_and_resets() {
    let world = World::new().await;
    let spy = Spy { name: "spy", ..Spy::default() };
    let client = world.client.intercepted(spy.clone());
    world.client.start_workflow(Order, ("ada".to_owned(), 3)).id("o").task_queue(QUEUE).await.expect("it starts");
    worker::turn(&client, vec![]).await;
    let batch = |job_id: &str, yes| Batch {
        job_id: job_id.to_owned(),
        query: "WorkflowId = 'o'".to_owned(),
        reason: "all of them".to_owned(),
        operation: BatchOperation::Signal(approval(yes)),
        per_second: 0.0,
    };
    let refused = client.start_batch(batch("refused", false)).await.expect_err("it is refused");
    assert!(matches!(refused, Error::Intercepted { .. }), "{refused}");
    world.client.describe_batch("refused").await.expect_err("it was not sent");
    client.start_batch(batch("taken", true)).await.expect("it is taken");
    assert_eq!(signals(worker::turn(&client, vec![]).await), [["spy"]]);
    let exclude = vec![ResetReapplyExcludeType::Signal];
    let reset = Reset { signals: vec![approval(true)], exclude, ..Reset::default() };
    client.reset(&Run::latest("o"), 4, reset).await.expect("there is such a task");
    assert_eq!(signals(worker::turn(&client, vec![]).await), [["spy"]]);
    let saw = spy.saw.lock().expect("no test panicked").join("\n");
    let expected = "\
spy: Signal approve of  (0)
spy: StartBatchOperation failed
spy: Signal approve of  (0)
spy: StartBatchOperation done
spy: Signal approve of o (0)
spy: ResetWorkflowExecution done";
    assert_eq!(saw, expected);
    world.end().await;
}

/// Writes each order for somebody else.
struct ForBob;

impl ClientInterceptor for ForBob {
    fn outbound(&self, call: &mut ClientCall<'_>) -> Result<(), BoxError> {
        call.input[0] = json_string("bob");
        Ok(())
    }
}

#[tokio::test]
async fn an_interceptor_may_change_arguments_and_other_clients_of_the_connection_do_not_notice() {
    let world = World::new().await;
    let client = world.client.intercepted(ForBob);
    for (client, buyer) in [(&client, "\"bob\""), (&world.client, "\"ada\"")] {
        let start = client.start_workflow(Order, ("ada".to_owned(), 3)).task_queue(QUEUE);
        let handle = start.await.expect("it starts");
        let task = worker::turn(client, vec![worker::complete(json_string("receipt"))]).await;
        let first = task.history.expect("it comes with the task").events.remove(0);
        let Some(Attributes::WorkflowExecutionStartedEventAttributes(it)) = first.attributes else {
            panic!("{first:?}")
        };
        assert_eq!(it.input.expect("it has arguments").payloads[0].data, buyer.as_bytes());
        let done: Result<String, WorkflowError> = handle.result().await;
        assert_eq!(done.expect("it completes"), "receipt");
    }
    world.end().await;
}
