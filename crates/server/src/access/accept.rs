//! Connections of a port that speaks TLS, after their handshake.
//!
//! Invariant: a handshake has a time limit and so many at most run at once; one that fails concerns its caller only, and
//! the log says why in words that help. Each one sees the certificates that were current when it began.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use futures::{Stream, StreamExt, future};
use rustls::{InvalidMessage, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tonic::transport::server::TcpIncoming;
use weft_env::Clock;

use super::throttle::Throttle;

/// Handshakes that run at once; those that came later wait in the listener's queue.
const HANDSHAKES_MAX: usize = 1024;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Who comes to a port, for the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who {
    is: &'static str,
    /// Where the authorities of their certificates are set.
    authority: &'static str,
}

pub(crate) const CLIENTS: Who = Who { is: "the client", authority: "tls.client_ca" };
pub(crate) const OPERATORS: Who = Who { is: "the caller of the operations port", authority: "operations.client_ca" };
pub(crate) const NODES: Who = Who { is: "the node", authority: "cluster.tls.ca" };

/// Connections that have come through their handshake, the quickest first.
pub(crate) fn incoming(
    listener: TcpListener,
    tls: impl Fn() -> Arc<ServerConfig> + Send + Sync + 'static,
    who: Who,
    clock: Arc<dyn Clock>,
) -> impl Stream<Item = io::Result<TlsStream<TcpStream>>> {
    let door = Arc::new(Door { tls, who, clock, throttle: Throttle::default() });
    TcpIncoming::from(listener)
        .with_nodelay(Some(true))
        // A task each: the work of handshakes is spread over all threads.
        .map(move |accepted| tokio::spawn(Arc::clone(&door).enter(accepted)))
        .buffer_unordered(HANDSHAKES_MAX)
        // A task that panicked has said so.
        .filter_map(|entered| future::ready(entered.ok().flatten()))
}

/// What all connections of a port share.
struct Door<F> {
    tls: F,
    who: Who,
    clock: Arc<dyn Clock>,
    throttle: Throttle,
}

impl<F: Fn() -> Arc<ServerConfig>> Door<F> {
    /// The connection, if its handshake succeeds. An error of the listener is handed on.
    async fn enter(self: Arc<Self>, accepted: io::Result<TcpStream>) -> Option<io::Result<TlsStream<TcpStream>>> {
        let stream = match accepted {
            Ok(stream) => stream,
            Err(error) => return Some(Err(error)),
        };
        let client = stream.peer_addr().ok();
        let handshake = TlsAcceptor::from((self.tls)()).accept(stream);
        let shaken = tokio::select! {
            shaken = handshake => shaken,
            () = self.clock.sleep_until(self.clock.monotonic() + HANDSHAKE_TIMEOUT) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, "it does not finish its handshake"))
            }
        };
        match shaken {
            Ok(stream) => Some(Ok(stream)),
            Err(error) => {
                self.tell(client, &error);
                None
            }
        }
    }

    fn tell(&self, client: Option<SocketAddr>, error: &io::Error) {
        // Probes of load balancers connect and leave.
        if [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset].contains(&error.kind()) {
            return tracing::debug!(?client, %error, "a connection ended before its handshake");
        }
        if let Some(unsaid) = self.throttle.speak(self.clock.monotonic()) {
            let why = self.who.why(error);
            tracing::warn!(?client, unsaid, "a TLS connection was refused: {why}");
        }
    }
}

impl Who {
    /// What whoever looks after both sides can do about it.
    fn why(self, error: &io::Error) -> String {
        let Self { is, authority } = self;
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner {
            Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
                format!("{is} speaks no TLS, and this port speaks nothing else: switch TLS on there")
            }
            Some(rustls::Error::NoCertificatesPresented) => {
                format!("{is} shows no certificate, and must show one of an authority in {authority}")
            }
            Some(rustls::Error::InvalidCertificate(error)) => {
                format!("the certificate of {is} is not one of an authority in {authority}, or not valid: {error}")
            }
            Some(rustls::Error::AlertReceived(alert)) => {
                format!("{is} does not accept this server's certificate, or broke off: {alert:?}")
            }
            _ => error.to_string(),
        }
    }
}
