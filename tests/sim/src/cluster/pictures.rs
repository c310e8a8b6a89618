//! Counts the pictures of groups' rows that nodes take from each other.

use std::sync::Arc;

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use weft_raft::{
    GroupId, NodeId, Transport, Unreachable,
    forge::{self, Asked},
};

use super::net::Net;

/// The way, and the count beside it.
pub(crate) fn counted(way: Arc<dyn Transport>, net: Net) -> Arc<dyn Transport> {
    Arc::new(Counted { way, net })
}

struct Counted {
    way: Arc<dyn Transport>,
    net: Net,
}

impl Transport for Counted {
    fn send(&self, to: NodeId, group: GroupId, message: Bytes) -> BoxFuture<'static, Result<Bytes, Unreachable>> {
        let sent = self.way.send(to, group, message.clone());
        if !matches!(forge::asked(message), Ok(Asked::Piece)) {
            return sent;
        }
        let net = self.net.clone();
        async move {
            let answer = sent.await?;
            if forge::is_installed(answer.clone()) {
                net.installed();
            }
            Ok(answer)
        }
        .boxed()
    }

    fn pulse(&self, to: NodeId, message: Bytes) -> BoxFuture<'static, Result<Bytes, Unreachable>> {
        self.way.pulse(to, message)
    }
}
