//! OTLP: a collector in this process gets the spans of real calls; a server whose collector is absent serves and stops.

use std::{collections::BTreeMap, net::SocketAddr};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind},
};
use tokio::{net::TcpListener, sync::mpsc};
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

use crate::process::{Process, call_twice};

/// Hands on what it is sent.
struct Collector {
    exports: mpsc::UnboundedSender<ExportTraceServiceRequest>,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.exports.send(request.into_inner()).expect("the test waits for it");
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

async fn collect() -> (SocketAddr, mpsc::UnboundedReceiver<ExportTraceServiceRequest>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it has one");
    let (exports, collected) = mpsc::unbounded_channel();
    let server = tonic::transport::Server::builder().add_service(TraceServiceServer::new(Collector { exports }));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    (address, collected)
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<&str, String> {
    let text = |attribute: &'_ KeyValue| match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    attributes.iter().map(|attribute| (attribute.key.as_str(), text(attribute))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_the_spans_of_calls_with_their_workflow_and_run() {
    let (collector, mut collected) = collect().await;
    // What is logged has nothing to do with what is traced.
    let server = Process::start(&["--otlp-endpoint", &format!("http://{collector}"), "--log-level", "info"]).await;
    let run = call_twice(&mut server.client().await, "order-7").await;
    server.stop().await;

    let mut spans: BTreeMap<String, Span> = BTreeMap::new();
    while let Ok(export) = collected.try_recv() {
        for resource in export.resource_spans {
            let about = resource.resource.expect("a resource");
            assert_eq!(texts(&about.attributes).get("service.name").map(String::as_str), Some("weft-server"));
            let all = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans.extend(all.map(|span| (span.name.clone(), span)));
        }
    }
    for call in ["StartWorkflowExecution", "TerminateWorkflowExecution"] {
        let name = format!("temporal.api.workflowservice.v1.WorkflowService/{call}");
        let span = spans.get(&name).unwrap_or_else(|| panic!("no span {name} among {:?}", spans.keys()));
        assert_eq!(span.kind(), SpanKind::Server);
        assert!(span.end_time_unix_nano > span.start_time_unix_nano);
        let attributes = texts(&span.attributes);
        let told = ["rpc", "namespace", "workflow", "run"].map(|name| attributes.get(name).map_or("", String::as_str));
        assert_eq!(told, [call, "default", "order-7", run.as_str()]);
        assert!(attributes["request"].parse::<u64>().expect("a number") > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_collector_is_absent_serves_and_stops_in_order() {
    // A port that is given to nobody who asks for any.
    let server = Process::start(&["--otlp-endpoint", "http://127.0.0.1:1"]).await;
    let run = call_twice(&mut server.client().await, "order-8").await;
    assert!(!run.is_empty());
    let said = server.stop().await;
    let told = said.iter().any(|line| line["target"] == "opentelemetry_sdk" && line["level"] == "ERROR");
    assert!(told, "the log says that traces are lost: {said:#?}");
}
