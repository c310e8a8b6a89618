//! Connections that end with the server that they lead to.
//!
//! Invariant: a connection that is cut fails for both of its sides, and the calls on it end as if their callers had gone:
//! so nothing that came by it outlives the server. Until then it costs nothing but a look when it waits anyway.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

/// All connections of a server. Clones are the same ones.
#[derive(Clone, Default)]
pub(crate) struct Connections(CancellationToken);

impl Connections {
    /// One of them from now on.
    pub(crate) fn take<I>(&self, connection: I) -> Connection<I> {
        // A token of its own: those that wait by the same one would all wait for its lock at each look.
        Connection { inner: connection, cut: Box::pin(self.0.child_token().cancelled_owned()) }
    }

    /// Ends all of them, those that come later too.
    pub(crate) fn cut(&self) {
        self.0.cancel();
    }
}

/// See the module.
pub(crate) struct Connection<I> {
    inner: I,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<I> Connection<I> {
    /// Looks whether it was cut only where there is nothing else to do.
    fn unless_cut<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            return polled;
        }
        ready!(self.cut.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the server has stopped")))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Connection<I> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_read(context, buf);
        self.unless_cut(context, polled)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Connection<I> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(context, buf);
        self.unless_cut(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(context, bufs);
        self.unless_cut(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_flush(context);
        self.unless_cut(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_shutdown(context);
        self.unless_cut(context, polled)
    }
}

impl<I: Connected> Connected for Connection<I> {
    type ConnectInfo = I::ConnectInfo;

    fn connect_info(&self) -> I::ConnectInfo {
        self.inner.connect_info()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn a_connection_carries_bytes_until_it_is_cut() {
        let connections = Connections::default();
        let (mut theirs, ours) = duplex(64);
        let mut ours = connections.take(ours);
        theirs.write_all(b"hello").await.expect("there is room");
        let mut heard = [0; 5];
        ours.read_exact(&mut heard).await.expect("it was sent");
        assert_eq!(&heard, b"hello");
        let (read, ()) = tokio::join!(ours.read(&mut heard), async { connections.cut() });
        assert_eq!(read.expect_err("it was cut while it waited").kind(), io::ErrorKind::ConnectionAborted);
    }

    #[tokio::test]
    async fn whoever_does_not_read_does_not_hold_a_cut_connection() {
        let connections = Connections::default();
        let (_theirs, ours) = duplex(1);
        let mut ours = connections.take(ours);
        let (written, ()) = tokio::join!(ours.write_all(b"more than fits"), async { connections.cut() });
        assert_eq!(written.expect_err("nobody read").kind(), io::ErrorKind::ConnectionAborted);
        let (_theirs, ours) = duplex(1);
        let later = connections.take(ours).read(&mut [0]).await;
        assert_eq!(later.expect_err("it came too late").kind(), io::ErrorKind::ConnectionAborted);
    }
}
