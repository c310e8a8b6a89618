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

use super::{files::FromFiles, throttle::Throttle};

/// Handshakes that run at once; those that came later wait in the listener's queue.
const HANDSHAKES_MAX: usize = 1024;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections that have come through their handshake, the quickest first.
pub(crate) fn incoming(
    listener: TcpListener,
    tls: Arc<FromFiles<ServerConfig>>,
    clock: Arc<dyn Clock>,
) -> impl Stream<Item = io::Result<TlsStream<TcpStream>>> {
    let door = Arc::new(Door { tls, clock, throttle: Throttle::default() });
    TcpIncoming::from(listener)
        .with_nodelay(Some(true))
        // A task each: the work of handshakes is spread over all threads.
        .map(move |accepted| tokio::spawn(Arc::clone(&door).enter(accepted)))
        .buffer_unordered(HANDSHAKES_MAX)
        // A task that panicked has said so.
        .filter_map(|entered| future::ready(entered.ok().flatten()))
}

/// What all connections of a port share.
struct Door {
    tls: Arc<FromFiles<ServerConfig>>,
    clock: Arc<dyn Clock>,
    throttle: Throttle,
}

impl Door {
    /// The connection, if its handshake succeeds. An error of the listener is handed on.
    async fn enter(self: Arc<Self>, accepted: io::Result<TcpStream>) -> Option<io::Result<TlsStream<TcpStream>>> {
        let stream = match accepted {
            Ok(stream) => stream,
            Err(error) => return Some(Err(error)),
        };
        let client = stream.peer_addr().ok();
        let handshake = TlsAcceptor::from(self.tls.current()).accept(stream);
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
            let why = why(error);
            tracing::warn!(?client, unsaid, "a TLS connection was refused: {why}");
        }
    }
}

/// What whoever looks after client and server can do about it.
fn why(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            "the client speaks no TLS, and this port speaks nothing else: switch TLS on in the client".to_owned()
        }
        Some(rustls::Error::NoCertificatesPresented) => {
            "the client shows no certificate, and must show one of an authority in tls.client_ca".to_owned()
        }
        Some(rustls::Error::InvalidCertificate(error)) => {
            format!("the client's certificate is not one of an authority in tls.client_ca, or not valid: {error}")
        }
        Some(rustls::Error::AlertReceived(alert)) => {
            format!("the client does not accept this server's certificate, or broke off: {alert:?}")
        }
        _ => error.to_string(),
    }
}
