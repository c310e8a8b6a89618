//! `POST /admin/backup`: a backup of all shards, sent while the node serves ([`crate::backup`]).
//!
//! Invariants: whoever has a backup has all histories, and this port may ask nobody who he is; so it is given to callers of
//! this machine alone. What is sent is read piece by piece, as fast as it is taken; a reader that takes nothing is given
//! up, because what it reads keeps old rows alive; for the same reason few read at once, and none for ever.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, StreamBody};
use hyper::body;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use weft_raft::{MachineError, PictureOf};

use super::{Answer, Body};
use crate::{
    backup::{Frame, GroupHead, Source},
    node::{
        Node,
        point::{Point, READERS_MAX},
        views::View,
    },
};

/// Pieces that wait to be sent.
const PIECES_WAITING: usize = 4;
/// How long a reader may take nothing.
const STALLED: Duration = Duration::from_secs(60);

type Sender = mpsc::Sender<Bytes>;

/// The backup, or why there is none.
pub(super) async fn send(node: &Node, caller: SocketAddr) -> Response<Body> {
    if !caller.ip().to_canonical().is_loopback() {
        let says = "a backup is everything that the cluster knows: it is given to callers of this machine alone; \
                    run wfctl on the node's machine, or in its container or pod, or reach the port through a tunnel";
        return refuse(StatusCode::FORBIDDEN, says);
    }
    let Ok(room) = Arc::clone(&node.inner().backups).try_acquire_owned() else {
        let says = format!("{READERS_MAX} backups are being read from this node: try again when one has ended");
        return refuse(StatusCode::SERVICE_UNAVAILABLE, &says);
    };
    match node.point().await {
        Ok(point) => {
            let (held_ms, groups) = (point.held.as_millis(), point.views.len());
            tracing::info!(%caller, held_ms, groups, "a backup is being sent");
            let (sender, receiver) = mpsc::channel(PIECES_WAITING);
            let reading = read(node.clone(), point, sender);
            tokio::spawn(async move {
                reading.await;
                drop(room);
            });
            let frames = ReceiverStream::new(receiver).map(|bytes| Ok::<_, io::Error>(body::Frame::data(bytes)));
            let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
            let kind = http::HeaderValue::from_static("application/octet-stream");
            response.headers_mut().insert(CONTENT_TYPE, kind);
            response
        }
        Err(error) => refuse(StatusCode::SERVICE_UNAVAILABLE, &format!("there is no backup: {error}")),
    }
}

fn refuse(status: StatusCode, says: &str) -> Response<Body> {
    Answer::json(status, &json!({ "error": says })).into_response()
}

/// Why nothing more is sent.
enum Ended {
    /// Nobody takes it.
    Left,
    Failed(String),
}

impl From<MachineError> for Ended {
    fn from(error: MachineError) -> Self {
        Self::Failed(error.to_string())
    }
}

async fn read(node: Node, point: Point, sender: Sender) {
    let source = source(&node, &point);
    match all(&node, source, point, &sender).await {
        Ok(()) => {}
        Err(Ended::Left) => tracing::info!("whoever asked for a backup left before its end"),
        Err(Ended::Failed(why)) => {
            tracing::warn!(why, "a backup broke off");
            // Where nobody takes it nobody needs to know.
            let _ = push(&node, &sender, &Frame::Failed(why)).await;
        }
    }
}

fn source(node: &Node, point: &Point) -> Source {
    let options = node.options();
    let taken_at = jiff::Timestamp::from_nanosecond(i128::from(node.clock().now().0)).unwrap_or_default();
    Source {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        cluster_name: options.cluster.name.clone(),
        cluster: node.cluster().to_string(),
        node: options.node,
        shards: options.shards,
        level: node.metadata().members().level.number(),
        taken_at: taken_at.to_string(),
        held_ms: u64::try_from(point.held.as_millis()).unwrap_or(u64::MAX),
    }
}

async fn all(node: &Node, source: Source, point: Point, sender: &Sender) -> Result<(), Ended> {
    let until = node.clock().monotonic().saturating_add(node.options().backup_max);
    push(node, sender, &Frame::Source(source)).await?;
    for view in &point.views {
        push(node, sender, &Frame::Group(GroupHead { group: view.group(), index: view.index() })).await?;
        let mut cursor = Some(Bytes::new());
        while let Some(at) = cursor {
            let PictureOf { bytes, next } = piece(node, &point, (view, at), until).await?;
            push(node, sender, &Frame::Piece(bytes)).await?;
            cursor = next;
        }
    }
    push(node, sender, &Frame::End).await
}

async fn piece(node: &Node, point: &Point, (view, at): (&View, Bytes), until: Duration) -> Result<PictureOf, Ended> {
    if node.clock().monotonic() >= until {
        let hours = node.options().backup_max.as_secs_f32() / 3600.0;
        return Err(Ended::Failed(format!("it was read for longer than {hours} h: a faster disk may help")));
    }
    let mut stopping = node.stopping();
    tokio::select! {
        biased;
        _ = stopping.wait_for(|stopping| *stopping) => {
            Err(Ended::Failed("the server is stopping: ask another node".to_owned()))
        }
        piece = point.piece(view, at) => Ok(piece?),
    }
}

async fn push(node: &Node, sender: &Sender, frame: &Frame) -> Result<(), Ended> {
    let clock = node.clock();
    let mut stopping = node.stopping();
    let mut sending = pin!(sender.send(frame.encode()));
    tokio::select! {
        biased;
        sent = &mut sending => sent.map_err(|_| Ended::Left),
        () = clock.sleep_until(clock.monotonic() + STALLED) => Err(Ended::Left),
        // Nobody knows whether the reader goes on, and the store is to be let go of.
        _ = stopping.wait_for(|stopping| *stopping) => Err(Ended::Left),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Options, Place, World};

    const HERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9);

    async fn node(backup_max: Duration) -> Node {
        let options = Options { backup_max, ..Options::new(Place::Memory) };
        Node::open(options, World::real()).await.expect("it opens")
    }

    async fn said(response: Response<Body>) -> (StatusCode, String) {
        let status = response.status();
        let body = response.into_body().collect().await.expect("it ends").to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn few_read_a_backup_at_once() {
        let node = node(Duration::from_secs(3600)).await;
        let mut reading = Vec::new();
        for _ in 0..READERS_MAX {
            // There are more groups than pieces that wait, so it is not at its end.
            let response = send(&node, HERE).await;
            assert_eq!(response.status(), StatusCode::OK);
            reading.push(response);
        }
        let (status, says) = said(send(&node, HERE).await).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(says.contains("2 backups are being read"), "{says}");
        // Whoever leaves makes room.
        drop(reading.pop());
        let room = node.inner().backups.acquire().await.expect("it is never closed");
        drop(room);
        assert_eq!(said(send(&node, HERE).await).await.0, StatusCode::OK);
        node.shutdown().await;
    }

    #[tokio::test]
    async fn a_backup_that_is_read_for_too_long_breaks_off() {
        let node = node(Duration::from_nanos(1)).await;
        let (status, says) = said(send(&node, HERE).await).await;
        assert_eq!(status, StatusCode::OK);
        assert!(says.contains("it was read for longer than"), "{says}");
        node.shutdown().await;
    }
}
