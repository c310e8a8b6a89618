//! The links between nodes: one proxy for each direction of each pair, so that a link can be cut one way.
//!
//! Invariant: a cut link passes nothing, in either direction of its own connections: like a cable, it makes no answer.

use std::net::SocketAddr;

use anyhow::Context;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// The way from one node to another.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) address: SocketAddr,
    is_cut: watch::Sender<bool>,
}

impl Link {
    /// A way to `target`.
    pub(crate) async fn to(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port for a link")?;
        let address = listener.local_addr()?;
        let is_cut = watch::Sender::new(false);
        tokio::spawn(accept(listener, target, is_cut.subscribe()));
        Ok(Self { address, is_cut })
    }

    pub(crate) fn cut(&self, is_cut: bool) {
        self.is_cut.send_replace(is_cut);
    }
}

/// Ends with the link.
async fn accept(listener: TcpListener, target: SocketAddr, mut is_cut: watch::Receiver<bool>) {
    loop {
        let incoming = tokio::select! {
            incoming = listener.accept() => incoming,
            gone = gone(&mut is_cut) => return gone,
        };
        let Ok((from, _)) = incoming else { continue };
        tokio::spawn(pass(from, target, is_cut.clone()));
    }
}

async fn gone(is_cut: &mut watch::Receiver<bool>) {
    while is_cut.changed().await.is_ok() {}
}

async fn pass(from: TcpStream, target: SocketAddr, mut is_cut: watch::Receiver<bool>) {
    if is_cut.wait_for(|is_cut| !is_cut).await.is_err() {
        return;
    }
    // A node that is down refuses; dropping the other end says so.
    let Ok(to) = TcpStream::connect(target).await else { return };
    let _ = (from.set_nodelay(true), to.set_nodelay(true));
    let ((from_read, from_write), (to_read, to_write)) = (from.into_split(), to.into_split());
    tokio::select! {
        () = copy(from_read, to_write, is_cut.clone()) => {}
        () = copy(to_read, from_write, is_cut.clone()) => {}
    }
}

/// Passes bytes on while the link is whole; what comes while it is cut waits, as in a cable's buffers.
async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut is_cut: watch::Receiver<bool>) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let Ok(read) = from.read(&mut buffer).await else { return };
        if read == 0 || is_cut.wait_for(|is_cut| !is_cut).await.is_err() || to.write_all(&buffer[..read]).await.is_err()
        {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_cut_link_passes_nothing_until_it_is_mended() {
        let target = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let link = Link::to(target.local_addr().expect("it is bound")).await.expect("a link");
        let mut near = TcpStream::connect(link.address).await.expect("the link takes it");
        let (mut far, _) = target.accept().await.expect("it arrives");
        near.write_all(b"a").await.expect("sent");
        assert_eq!(far.read_u8().await.expect("passed"), b'a');
        link.cut(true);
        near.write_all(b"b").await.expect("sent");
        let mut one = [0];
        assert!(futures::poll!(std::pin::pin!(far.read(&mut one))).is_pending());
        link.cut(false);
        assert_eq!(far.read_u8().await.expect("passed"), b'b');
    }
}
