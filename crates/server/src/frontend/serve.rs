//! The public API on a socket, or through memory to this process: HTTP/2, compression, limits, health and reflection.
//!
//! Invariant: a stopping server takes no new connection, tells its clients to go elsewhere, and ends when the calls
//! that are under way have ended; whoever stops it ends the long polls first.

use std::{io, iter, sync::Arc, time::Duration};

use futures::Stream;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::watch,
};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::{
    codec::CompressionEncoding,
    service::Routes,
    transport::{
        Server,
        server::{Connected, TcpIncoming},
    },
};
use weft_protocol::{
    rpc::Service,
    services::{
        FILE_DESCRIPTOR_SET, operator_service_server::OperatorServiceServer,
        workflow_service_server::WorkflowServiceServer,
    },
    test_service::{NAME as TEST_SERVICE, test_service_server::TestServiceServer},
    weft::{HISTORY_SERVICE, history_service_server::HistoryServiceServer},
};

use super::{Frontend, test_service::Steering, trace};
use crate::{
    access::{self, Admission, KeyCheck},
    connections::Connections,
    connector::Incoming,
    routing::Routed,
};

/// As much as SDKs take; requests of the same size come from SDKs that are configured so.
const MESSAGE_BYTES_MAX: usize = 128 << 20;
/// Each waiting poll is a stream, and a process with hundreds of workers has a single connection. Over all connections,
/// matching bounds the polls.
const STREAMS_PER_CONNECTION_MAX: u32 = 10_000;
/// What is received ahead of its reader, per call and per connection: large payloads come in one go, and h2 lets as many
/// small frames wait as half of a connection's window has room for.
const STREAM_WINDOW_BYTES: u32 = 4 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;
/// Tokens of authorization systems are long; hyper takes 16 KiB by default.
const HEADER_BYTES_MAX: u32 = 64 << 10;
/// Calls that a client gave up before they were looked at. A worker that shuts down gives up hundreds at once; hyper
/// takes 20 for an attack by default.
const RESETS_PENDING_MAX: usize = 1000;
/// A client that does not answer for so long is gone, and what waits for it is given to others. Clients ping by
/// themselves as well, every 30 s; h2 answers as often as they like.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

impl Frontend {
    /// Serves a port until the node stops.
    pub(crate) async fn serve(
        self,
        listener: TcpListener,
        admission: Admission,
        connections: Connections,
        stopping: watch::Receiver<bool>,
    ) {
        let clock = Arc::clone(self.node.clock());
        let check = admission.key_check(Arc::clone(&clock));
        match admission.tls() {
            Some(tls) => {
                let incoming = access::incoming(listener, tls, access::CLIENTS, clock);
                self.serve_all(incoming, check, connections, stopping).await;
            }
            None => {
                let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
                self.serve_all(incoming, check, connections, stopping).await;
            }
        }
    }

    /// Serves this process until the node stops.
    pub(crate) async fn serve_here(
        self,
        incoming: Incoming,
        connections: Connections,
        stopping: watch::Receiver<bool>,
    ) {
        let check = KeyCheck::nobody(Arc::clone(self.node.clock()));
        self.serve_all(ReceiverStream::new(incoming).map(Ok), check, connections, stopping).await;
    }

    async fn serve_all<S, I>(
        self,
        incoming: S,
        check: KeyCheck,
        connections: Connections,
        mut stopping: watch::Receiver<bool>,
    ) where
        S: Stream<Item = io::Result<I>>,
        I: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    {
        // A sender that is gone means the same as one that says so.
        let stop = async move { drop(stopping.wait_for(|stopping| *stopping).await) };
        let routed = Routed::new(self.node.clone(), self.routes().await);
        let incoming = incoming.map(move |came| came.map(|connection| connections.take(connection)));
        if let Err(error) = transport().layer(check).serve_with_incoming_shutdown(routed, incoming, stop).await {
            tracing::error!(%error, "serving the public API failed");
        }
    }

    /// The services, for calls that are answered here.
    pub(crate) async fn routes(self) -> Routes {
        let workflow = WorkflowServiceServer::new(self.clone())
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let history = HistoryServiceServer::new(self.clone())
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let test = self
            .node
            .clock()
            .skipping()
            .map(|clock| TestServiceServer::new(Steering::of(clock)).accept_compressed(CompressionEncoding::Gzip));
        let operator = OperatorServiceServer::new(self)
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let (reporter, health) = tonic_health::server::health_reporter();
        let services = [Service::WorkflowService.full_name(), Service::OperatorService.full_name(), HISTORY_SERVICE];
        let tests = test.as_ref().map(|_| TEST_SERVICE);
        for name in iter::once("").chain(services).chain(tests) {
            reporter.set_service_status(name, tonic_health::ServingStatus::Serving).await;
        }
        let health = health.accept_compressed(CompressionEncoding::Gzip);
        let reflect = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let reflection = reflect().build_v1().expect("the descriptors were made by the build");
        let reflection_alpha = reflect().build_v1alpha().expect("the descriptors were made by the build");
        let routes = Routes::new(workflow)
            .add_service(operator)
            .add_service(history)
            .add_service(health)
            .add_service(reflection.accept_compressed(CompressionEncoding::Gzip))
            .add_service(reflection_alpha.accept_compressed(CompressionEncoding::Gzip));
        match test {
            Some(test) => routes.add_service(test),
            None => routes,
        }
    }
}

fn transport() -> Server {
    Server::builder()
        .trace_fn(trace::span)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .http2_max_header_list_size(HEADER_BYTES_MAX)
        .http2_max_pending_accept_reset_streams(Some(RESETS_PENDING_MAX))
        .http2_keepalive_interval(Some(PING_INTERVAL))
        .http2_keepalive_timeout(Some(PING_TIMEOUT))
}
