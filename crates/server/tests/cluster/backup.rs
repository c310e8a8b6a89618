//! A cluster is backed up while parents start children and signal others in other shards; what is restored goes on, and
//! every message between its workflows was there once.

mod placed;

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use tokio::task::JoinHandle;
use tonic::Code;
use uuid::Uuid;
use weft_protocol::{
    api::{
        command::{
            Command, CompleteWorkflowExecutionCommandAttributes, SignalExternalWorkflowExecutionCommandAttributes,
            StartChildWorkflowExecutionCommandAttributes, command::Attributes,
        },
        common::WorkflowType,
        enums::{CommandType, EventType},
        history::{HistoryEvent, history_event::Attributes as Event},
        workflowservice::*,
    },
    internal::{HoldRequest, ReleaseRequest},
    services::workflow_service_client::WorkflowServiceClient,
    weft::{VerifyHistoryRequest, history_service_client::HistoryServiceClient},
};
use weft_server::{
    Server, backup,
    backup::Restoring,
    node::{Options, Place},
};

use crate::{
    door::as_node,
    in_time, operations,
    trio::{Client, Trio},
    worker::{Worker, again, end_of, execution, normal, signal, start},
};

const QUEUE: &str = "load";
const PARENTS: usize = 8;
const MAILBOXES: usize = 3;
const NAMESPACE: &str = "default";

fn parent(number: usize) -> String {
    format!("parent-{number}")
}

fn mailbox(number: usize) -> String {
    format!("mailbox-{}", number % MAILBOXES)
}

/// All events of a workflow's last run.
async fn history(client: &Client, id: &str) -> Vec<HistoryEvent> {
    let mut request = GetWorkflowExecutionHistoryRequest {
        namespace: NAMESPACE.to_owned(),
        execution: execution(id),
        ..Default::default()
    };
    let mut events = Vec::new();
    loop {
        match client.clone().get_workflow_execution_history(request.clone()).await {
            Ok(page) => {
                let GetWorkflowExecutionHistoryResponse { history, next_page_token, .. } = page.into_inner();
                events.extend(history.unwrap_or_default().events);
                if next_page_token.is_empty() {
                    return events;
                }
                request.next_page_token = next_page_token;
            }
            Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status}"),
        }
    }
}

/// All events of a workflow that nobody calls any more, once its tasks are over: what comes while one has started is no
/// event until that ends, and a worker of the old cluster may have it.
async fn settled(client: &Client, id: &str) -> Vec<HistoryEvent> {
    let settling = async {
        loop {
            let events = history(client, id).await;
            if events.last().is_some_and(|last| last.event_type() == EventType::WorkflowTaskCompleted) {
                return events;
            }
        }
    };
    in_time("the end of a task", settling).await
}

fn count(events: &[HistoryEvent], kind: EventType) -> usize {
    events.iter().filter(|event| event.event_type() == kind).count()
}

/// The children and the signals that a parent asked for.
fn asked_for(events: &[HistoryEvent]) -> (Vec<String>, Vec<String>) {
    let child = |event: &HistoryEvent| match event.attributes.as_ref()? {
        Event::StartChildWorkflowExecutionInitiatedEventAttributes(child) => Some(child.workflow_id.clone()),
        _ => None,
    };
    let signal = |event: &HistoryEvent| match event.attributes.as_ref()? {
        Event::SignalExternalWorkflowExecutionInitiatedEventAttributes(signal) => Some(signal.signal_name.clone()),
        _ => None,
    };
    (events.iter().filter_map(child).collect(), events.iter().filter_map(signal).collect())
}

type Attributed = (CommandType, Attributes);

/// A child and a signal, each elsewhere.
fn round(parent: &str, number: usize) -> Vec<Attributed> {
    let child = StartChildWorkflowExecutionCommandAttributes {
        workflow_id: format!("{parent}-child-{number}"),
        workflow_type: Some(WorkflowType { name: "Child".to_owned() }),
        task_queue: normal(QUEUE),
        ..Default::default()
    };
    let signal = SignalExternalWorkflowExecutionCommandAttributes {
        execution: execution(&mailbox(number)),
        signal_name: format!("{parent}-signal-{number}"),
        ..Default::default()
    };
    vec![
        (CommandType::StartChildWorkflowExecution, Attributes::StartChildWorkflowExecutionCommandAttributes(child)),
        (
            CommandType::SignalExternalWorkflowExecution,
            Attributes::SignalExternalWorkflowExecutionCommandAttributes(signal),
        ),
    ]
}

/// Plays all workflows. Parents begin a round after another, until they are to finish: then those that wait for nothing
/// complete.
async fn play(client: Client, finishing: Arc<AtomicBool>) {
    let worker = Worker::at(client.clone(), QUEUE);
    loop {
        let task = worker.task().await;
        let kind = task.workflow_type.clone().map(|kind| kind.name).unwrap_or_default();
        let id = task.workflow_execution.clone().map(|execution| execution.workflow_id).unwrap_or_default();
        if kind == "Child" {
            answer(&client, task, complete()).await;
            continue;
        }
        if id == mailbox(0) && !finishing.load(Ordering::Relaxed) {
            // So the backup has a task that nobody answers any more, and signals that came after it.
            continue;
        }
        if id.starts_with("mailbox") {
            answer(&client, task, Vec::new()).await;
            continue;
        }
        let events = history(&client, &id).await;
        let (children, signals) = asked_for(&events);
        let pending = children.len() + signals.len()
            - count(&events, EventType::ChildWorkflowExecutionCompleted)
            - count(&events, EventType::ExternalWorkflowExecutionSignaled);
        let commands = match (pending, finishing.load(Ordering::Relaxed)) {
            (1.., _) => Vec::new(),
            (0, true) => complete(),
            (0, false) => round(&id, children.len()),
        };
        answer(&client, task, commands).await;
    }
}

/// Says what is to be done. Where that comes too late the task is given to somebody else.
async fn answer(client: &Client, task: PollWorkflowTaskQueueResponse, commands: Vec<Attributed>) {
    let command = |(kind, attributes): Attributed| Command {
        command_type: kind.into(),
        attributes: Some(attributes),
        ..Default::default()
    };
    let request = RespondWorkflowTaskCompletedRequest {
        namespace: NAMESPACE.to_owned(),
        task_token: task.task_token,
        commands: commands.into_iter().map(command).collect(),
        ..Default::default()
    };
    let _ = client.clone().respond_workflow_task_completed(request).await;
}

fn complete() -> Vec<Attributed> {
    let attributes = CompleteWorkflowExecutionCommandAttributes::default();
    vec![(CommandType::CompleteWorkflowExecution, Attributes::CompleteWorkflowExecutionCommandAttributes(attributes))]
}

fn players(clients: Vec<Client>, finishing: &Arc<AtomicBool>) -> Vec<JoinHandle<()>> {
    clients.into_iter().map(|client| tokio::spawn(play(client, Arc::clone(finishing)))).collect()
}

/// What an operator does: asks the operations port, and keeps what comes.
fn back_up(operations: SocketAddr, dir: &Path) -> Result<backup::Manifest, String> {
    back_up_with(operations, dir, "")
}

fn back_up_with(operations: SocketAddr, dir: &Path, header: &str) -> Result<backup::Manifest, String> {
    let stream = TcpStream::connect(operations).expect("it listens");
    backup::save(dir, sent_by(stream, header)?).map_err(|error| error.to_string())
}

/// What a node sends of a backup, or says instead.
fn sent_by(mut stream: TcpStream, header: &str) -> Result<BufReader<TcpStream>, String> {
    let request = operations::request("POST", "/admin/backup", header);
    stream.write_all(request.as_bytes()).expect("it is sent");
    let mut answer = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(answer.read_line(&mut head).expect("it answers") > 0, "{head}");
    }
    if head.starts_with("HTTP/1.0 200") || head.starts_with("HTTP/1.1 200") {
        return Ok(answer);
    }
    let mut why = String::new();
    std::io::Read::read_to_string(&mut answer, &mut why).expect("it says why");
    Err(why)
}

async fn backed_up(trio: &Trio, place: usize, dir: &Path) -> Result<backup::Manifest, String> {
    backed_up_by(trio.operations(place), dir).await
}

/// Asks until there is one: on a slow machine it may be refused, and is to be tried again.
async fn saved_by(operations: SocketAddr, dir: &Path) -> backup::Manifest {
    let saving = async {
        loop {
            match backed_up_by(operations, dir).await {
                Ok(saved) => return saved,
                Err(why) => assert!(why.contains("there is no backup:"), "{why}"),
            }
        }
    };
    in_time("a backup", saving).await
}

async fn backed_up_by(operations: SocketAddr, dir: &Path) -> Result<backup::Manifest, String> {
    let dir = dir.to_owned();
    tokio::task::spawn_blocking(move || back_up(operations, &dir)).await.expect("it does not panic")
}

async fn restored(backup: &Path, data: &Path) -> Server {
    let (from, to) = (backup.to_owned(), data.to_owned());
    let restoring = Restoring { cluster: Uuid::new_v5(&Uuid::nil(), b"another"), node: 1 };
    let restoring = tokio::task::spawn_blocking(move || backup::restore(&from, &to, restoring));
    restoring.await.expect("it does not panic").expect("it is whole");
    let place = Place::Directory(data.to_owned());
    let address = "127.0.0.1:0".parse().expect("an address");
    Server::builder(place.clone()).options(Options::new(place)).listen(address).start().await.expect("it starts")
}

async fn client_of(server: &Server) -> Client {
    WorkflowServiceClient::connect(format!("http://{}", server.address())).await.expect("it listens")
}

/// Waits until this many rounds of a parent are over.
async fn rounds_of(client: &Client, id: &str, rounds: usize) {
    let playing =
        async { while count(&history(client, id).await, EventType::ChildWorkflowExecutionCompleted) < rounds {} };
    in_time("a round", playing).await;
}

async fn listed_children(client: &Client) -> BTreeSet<String> {
    let mut request = ListWorkflowExecutionsRequest {
        namespace: NAMESPACE.to_owned(),
        query: "WorkflowType = 'Child'".to_owned(),
        ..Default::default()
    };
    let mut found = BTreeSet::new();
    loop {
        let page = again(async || client.clone().list_workflow_executions(request.clone()).await).await.into_inner();
        let ids = page.executions.into_iter().filter_map(|info| info.execution);
        found.extend(ids.map(|execution| execution.workflow_id));
        if page.next_page_token.is_empty() {
            return found;
        }
        request.next_page_token = page.next_page_token;
    }
}

async fn verify(server: &Server, id: &str) {
    let mut client = HistoryServiceClient::connect(format!("http://{}", server.address())).await.expect("it listens");
    let request =
        VerifyHistoryRequest { namespace: NAMESPACE.to_owned(), execution: execution(id), ..Default::default() };
    let verified = client.verify_history(request).await.expect("it is there").into_inner();
    assert_eq!(verified.problem, None, "{id}");
}

/// Everything finishes, and each message was there once.
async fn goes_on(server: &Server) {
    let client = client_of(server).await;
    // One that waited for nothing when the backup was taken, and has no task, is woken.
    let woken = (0..PARENTS).map(|number| {
        let mut client = client.clone();
        async move { signal(&mut client, &parent(number)).await }
    });
    join_all(woken).await;
    let finishing = Arc::new(AtomicBool::new(true));
    let players = players(vec![client.clone(); 4], &finishing);
    let (mut children, mut sent) = (BTreeSet::new(), BTreeSet::new());
    for number in 0..PARENTS {
        let id = parent(number);
        assert_eq!(end_of(&mut client.clone(), &id).await, EventType::WorkflowExecutionCompleted, "{id}");
        let events = history(&client, &id).await;
        let (asked, signals) = asked_for(&events);
        for kind in [
            EventType::StartChildWorkflowExecutionInitiated,
            EventType::ChildWorkflowExecutionStarted,
            EventType::ChildWorkflowExecutionCompleted,
            EventType::ExternalWorkflowExecutionSignaled,
        ] {
            assert_eq!(count(&events, kind), asked.len(), "{id}: {kind:?}");
        }
        assert_eq!(signals.len(), asked.len(), "{id}");
        verify(server, &id).await;
        children.extend(asked);
        sent.extend(signals);
    }
    assert_eq!(listed_children(&client).await, children, "a child without a parent, or the other way round");
    let mut taken = Vec::new();
    for number in 0..MAILBOXES {
        let events = settled(&client, &mailbox(number)).await;
        taken.extend(events.into_iter().filter_map(|event| match event.attributes? {
            Event::WorkflowExecutionSignaledEventAttributes(signal) => Some(signal.signal_name),
            _ => None,
        }));
        verify(server, &mailbox(number)).await;
    }
    taken.sort_unstable();
    assert_eq!(taken, sent.into_iter().collect::<Vec<_>>(), "a signal was lost, or came twice");
    players.iter().for_each(JoinHandle::abort);
}

/// Starts all workflows, and has them played by these clients until some rounds are over.
async fn under_load(clients: &[Client]) -> Vec<JoinHandle<()>> {
    for number in 0..MAILBOXES {
        start(&mut clients[0].clone(), &mailbox(number), QUEUE).await;
    }
    for number in 0..PARENTS {
        start(&mut clients[number % clients.len()].clone(), &parent(number), QUEUE).await;
    }
    let finishing = Arc::new(AtomicBool::new(false));
    let players = players([clients, clients].concat(), &finishing);
    rounds_of(&clients[0], &parent(0), 2).await;
    players
}

/// Waits until two rounds more of a parent are over.
async fn rounds_more(client: &Client, id: &str) {
    let rounds = count(&history(client, id).await, EventType::ChildWorkflowExecutionCompleted);
    rounds_of(client, id, rounds + 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_holds_each_message_once_and_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let trio = Trio::start().await;
    let clients = trio.clients();
    let players = under_load(&clients).await;
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let saved = saved_by(trio.operations(0), &first).await;
    assert_eq!((saved.source.node, saved.source.shards, saved.groups.len()), (1, 6, 7));
    // The cluster has served on, and is backed up again, by another node.
    rounds_more(&clients[0], &parent(1)).await;
    saved_by(trio.operations(2), &second).await;
    players.iter().for_each(JoinHandle::abort);
    trio.shutdown().await;

    for backup in [first, second] {
        let data = backup.with_extension("data");
        let server = restored(&backup, &data).await;
        goes_on(&server).await;
        server.shutdown().await;
        // It is a data directory like any other.
        let place = Place::Directory(data);
        let address = "127.0.0.1:0".parse().expect("an address");
        let again = Server::builder(place.clone()).options(Options::new(place)).listen(address).start();
        let again = again.await.expect("it starts again");
        let ended = history(&client_of(&again).await, &parent(0)).await;
        assert_eq!(count(&ended, EventType::WorkflowExecutionCompleted), 1);
        again.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_backup_unless_every_node_holds_messages_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut trio = Trio::start().await;
    let mut node = as_node(&trio, 1, 1);
    let hold = |lease_ms| HoldRequest { token: "another's".to_owned(), lease_ms };
    let release = ReleaseRequest { token: "another's".to_owned() };

    // A lease that has run out did not stand.
    node.hold(hold(1)).await.expect("nothing is held");
    saved_by(trio.operations(0), &folder.path().join("free")).await;
    assert!(!node.release(release.clone()).await.expect("it answers").into_inner().stood);

    // Another backup holds.
    node.hold(hold(60_000)).await.expect("nothing is held");
    let refused = backed_up(&trio, 0, &folder.path().join("held")).await.expect_err("another backup is being taken");
    assert!(refused.contains("node 2 did not hold messages back (another backup is being taken"), "{refused}");
    assert!(node.release(release).await.expect("it answers").into_inner().stood);
    saved_by(trio.operations(0), &folder.path().join("released")).await;

    trio.lose(2).await;
    let refused = backed_up(&trio, 0, &folder.path().join("lost")).await.expect_err("a node is gone");
    assert!(refused.contains("node 3 did not hold messages back"), "{refused}");
    assert!(!folder.path().join("lost").exists() && !folder.path().join("held").exists());
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_taken_while_the_leadership_of_the_metadata_moves() {
    let folder = tempfile::tempdir().expect("a folder");
    let trio = Trio::start().await;
    let moving = trio.passing_the_metadata_on();
    for number in 0..4 {
        let dir = folder.path().join(number.to_string());
        backed_up(&trio, number % 3, &dir).await.expect("somebody leads the metadata before long");
    }
    moving.abort();
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_page_gets_no_backup() {
    let folder = tempfile::tempdir().expect("a folder");
    let any = "127.0.0.1:0".parse().expect("an address");
    let server = Server::builder(Place::Memory).listen(any).operations(any).start().await.expect("it starts");
    let (operations, dir) = (server.operations().expect("it was asked for"), folder.path().join("backup"));
    let page = move || back_up_with(operations, &dir, "Origin: https://example.com\r\n");
    let refused = tokio::task::spawn_blocking(page).await.expect("it does not panic");
    assert_eq!(refused.expect_err("it is from a page"), "web pages may not ask for this\n");
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_runs_out_is_no_backup() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut options = Options::new(Place::Memory);
    options.hold_max = Duration::from_nanos(1);
    let any = "127.0.0.1:0".parse().expect("an address");
    let builder = Server::builder(Place::Memory).options(options).listen(any).operations(any);
    let server = builder.start().await.expect("it starts");
    let (operations, dir) = (server.operations().expect("it was asked for"), folder.path().join("backup"));
    let refused = tokio::task::spawn_blocking(move || back_up(operations, &dir)).await.expect("it does not panic");
    let refused = refused.expect_err("the views were taken when nothing was held any more");
    assert!(refused.contains("did not hold messages back until the views were taken"), "{refused}");
    assert!(!folder.path().join("backup").exists());
    server.shutdown().await;
}
