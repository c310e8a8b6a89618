//! `/metrics` in Prometheus' text format with what the documentation promises, and `/healthz` with its reasons.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use weft_env::disk::{Disk, SimDisk};
use weft_server::{
    Server,
    node::{Options, Place, World},
};

use crate::{http, process::Process};

/// The documentation promises these.
const DOCUMENTED: &str = include_str!("../../../../docs/operations.md");

/// One family of Prometheus' text format.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    /// By what stands between the braces.
    samples: BTreeMap<String, f64>,
}

/// Reads the text format, strictly: a family is said what it is before its samples, once.
fn parse(text: &str) -> BTreeMap<String, Family> {
    let is_name = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_' || first == ':')
            && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_' || char == ':')
    };
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("a help text");
            assert!(is_name(name) && !help.is_empty(), "{line}");
            assert!(families.insert(name.to_owned(), Family::default()).is_none(), "twice: {line}");
            name.clone_into(&mut current);
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a type");
            assert_eq!(name, current, "{line}");
            assert!(["counter", "gauge"].contains(&kind), "{line}");
            kind.clone_into(&mut families.get_mut(name).expect("it was helped").kind);
        } else {
            let (sample, value) = line.rsplit_once(' ').expect("a value");
            let (name, labels) = sample.split_once('{').map_or((sample, ""), |(name, labels)| {
                let labels = labels.strip_suffix('}').expect("a closing brace");
                let (label, quoted) = labels.split_once('=').expect("a label");
                assert!(
                    is_name(label) && quoted.len() > 2 && quoted.starts_with('"') && quoted.ends_with('"'),
                    "{line}"
                );
                (name, labels)
            });
            assert_eq!(name, current, "{line}");
            let family = families.get_mut(name).expect("it was helped");
            assert!(!family.kind.is_empty(), "no type before {line}");
            let value = value.parse().unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(family.samples.insert(labels.to_owned(), value).is_none(), "twice: {line}");
        }
    }
    families
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_prometheus_text_and_have_what_is_documented() {
    let server = Process::start(&[]).await;
    crate::process::call_twice(&mut server.client().await, "counted").await;
    let answer = http::get(server.operations, "/metrics").await;
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "text/plain; version=0.0.4; charset=utf-8"));
    let families = parse(&answer.body);
    let promised: Vec<&str> =
        DOCUMENTED.split('`').filter(|word| word.starts_with("weft_") && !word.contains('=')).collect();
    assert!(promised.len() >= 7, "{promised:?}");
    for name in promised {
        assert!(families.get(name).is_some_and(|family| !family.samples.is_empty()), "{name} is documented");
    }
    for (name, family) in &families {
        assert_eq!(family.kind == "counter", name.ends_with("_total"), "{name} is a {}", family.kind);
    }
    let calls: f64 = families["weft_shard_calls_total"].samples.values().sum();
    assert!(calls >= 2.0, "{calls}");
    assert!(families["weft_log_syncs_total"].samples[""] > 0.0);
    server.stop().await;
}

/// A server on a simulated disk.
async fn on(disk: &SimDisk) -> Server {
    let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    let mut options = Options::new(Place::Memory);
    options.shards = 2;
    options.wal.segment_bytes = 64 << 10;
    options.wal.small_segment_bytes = 64 << 10;
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let world = World { disk: Some(shared), ..World::real() };
    let builder = Server::builder(Place::Memory).options(options).world(world);
    builder.listen(any).operations(any).start().await.expect("it starts")
}

/// Asks until the health is `status`: what it tells of comes soon, and not at once.
async fn health(server: &Server, status: u16) -> String {
    let address = server.operations().expect("it has one");
    loop {
        let answer = http::get(address, "/healthz").await;
        if answer.status == status {
            return answer.body;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_that_the_disk_is_full_and_that_there_is_room_again() {
    let disk = SimDisk::new(0);
    let server = on(&disk).await;
    assert_eq!(health(&server, 200).await, "ok\n");
    disk.set_capacity(Some(disk.used()));
    fill(&server).await;
    assert_eq!(health(&server, 503).await, "the disk is nearly full: writes are refused\n");
    disk.set_capacity(None);
    assert_eq!(health(&server, 200).await, "ok\n");
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_that_the_disk_failed() {
    let disk = SimDisk::new(0);
    let server = on(&disk).await;
    disk.fail_sync(0);
    fill(&server).await;
    let reasons = health(&server, 503).await;
    assert!(reasons.starts_with("the node cannot go on: "), "{reasons}");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_that_the_server_stops() {
    let server = on(&SimDisk::new(0)).await;
    let address = server.operations().expect("it has one");
    let asked = async |path| http::get(address, path).await.status;
    assert_eq!((asked("/livez").await, asked("/readyz").await), (200, 200));
    server.node().stop_polls();
    assert_eq!(health(&server, 503).await, "the server is stopping\n");
    assert_eq!((asked("/livez").await, asked("/readyz").await), (200, 503), "it lives, and takes nothing new");
    server.shutdown().await;
}

/// Starts workflows until one is refused.
async fn fill(server: &Server) {
    use weft_protocol::{
        api::{
            common::{Payload, Payloads, WorkflowType},
            taskqueue::TaskQueue,
            workflowservice::StartWorkflowExecutionRequest,
        },
        services::workflow_service_client::WorkflowServiceClient,
    };
    let endpoint = tonic::transport::Channel::from_shared(format!("http://{}", server.address())).expect("a URI");
    let mut client = WorkflowServiceClient::new(endpoint.connect().await.expect("it listens"));
    for number in 0.. {
        let payload = Payload { data: vec![7; 10_000], ..Payload::default() };
        let request = StartWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_id: format!("w{number}"),
            workflow_type: Some(WorkflowType { name: "order".to_owned() }),
            task_queue: Some(TaskQueue { name: "queue".to_owned(), ..TaskQueue::default() }),
            request_id: format!("r{number}"),
            input: Some(Payloads { payloads: vec![payload] }),
            ..StartWorkflowExecutionRequest::default()
        };
        if client.start_workflow_execution(request).await.is_err() {
            return;
        }
    }
}
