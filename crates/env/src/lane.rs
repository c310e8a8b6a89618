//! Where blocking work runs: a [`Lane`] runs closures one after the other in the order in which they came, a
//! [`Pool`] runs several at once. Neither ever runs them on the async runtime's own threads.
//!
//! Invariants: queues are bounded; every closure that was accepted runs, also when the last handle is dropped (which
//! waits for it); a closure that panics is reported to its caller and the lane goes on with the next one.
//!
//! The `inline` variants run everything on the caller's thread before the call returns: with them a simulation has no
//! threads and is deterministic. A held lane is for one in which work takes time: it runs what its hand lets run, and
//! forgets the rest.

mod executor;

use std::future::Future;
use std::io;
use std::sync::Arc;

use executor::Executor;
pub use executor::Hand;

/// A closure panicked; what it would have given is lost, the lane is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("blocking work panicked: {message}")]
pub struct Panicked {
    pub message: String,
}

/// An ordered executor of blocking closures. Clones are handles to the same lane.
#[derive(Clone, Debug)]
pub struct Lane {
    executor: Arc<Executor>,
}

/// A bounded number of threads for blocking closures that need no order, such as reads.
#[derive(Clone, Debug)]
pub struct Pool {
    executor: Arc<Executor>,
}

impl Lane {
    /// A thread of its own with room for `capacity` waiting closures.
    pub fn thread(name: &str, capacity: usize) -> io::Result<Self> {
        Ok(Self { executor: Arc::new(Executor::threads(name, 1, capacity)?) })
    }

    /// Runs everything at once on the caller. A closure that is given to the lane by one of its own closures runs
    /// after that one, as it would on a thread.
    pub fn inline() -> Self {
        Self { executor: Arc::new(Executor::inline()) }
    }

    /// Runs nothing by itself: what is given to it waits for the hand, on whose thread it runs then. For a simulation in
    /// which work takes time.
    pub fn held() -> (Self, Hand) {
        let (executor, hand) = Executor::held();
        (Self { executor: Arc::new(executor) }, hand)
    }

    /// Runs `work` after everything that came before it, without telling anyone. Blocks while the queue is full:
    /// async callers that may meet a full queue use [`Lane::call`], and closures of this lane must not fill it.
    pub fn run(&self, work: impl FnOnce() + Send + 'static) {
        self.executor.run(Box::new(work));
    }

    /// Like [`Lane::run`], and the future gives the result. The place in the queue is taken now, before the first
    /// poll; only when the queue is full does the future wait for room first. Dropping it does not stop `work` if it
    /// has its place.
    pub fn call<T, W>(&self, work: W) -> impl Future<Output = Result<T, Panicked>> + Send + use<T, W>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        self.executor.call(work)
    }

    /// Like [`Lane::call`] for callers that are not async: blocks until the result is there. Never from the lane's
    /// own closures.
    pub fn call_blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Panicked> {
        executor::block_on(self.call(work))
    }

    /// How many closures have panicked so far, those of [`Lane::run`] included.
    pub fn panics(&self) -> u64 {
        self.executor.panics()
    }
}

impl Pool {
    /// `threads` threads that share a queue with room for `capacity` waiting closures.
    pub fn threads(name: &str, threads: usize, capacity: usize) -> io::Result<Self> {
        Ok(Self { executor: Arc::new(Executor::threads(name, threads, capacity)?) })
    }

    /// Runs everything at once on the caller.
    pub fn inline() -> Self {
        Self { executor: Arc::new(Executor::inline()) }
    }

    /// See [`Lane::run`]; without order.
    pub fn run(&self, work: impl FnOnce() + Send + 'static) {
        self.executor.run(Box::new(work));
    }

    /// See [`Lane::call`]; without order.
    pub fn call<T, W>(&self, work: W) -> impl Future<Output = Result<T, Panicked>> + Send + use<T, W>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        self.executor.call(work)
    }

    /// See [`Lane::call_blocking`]; without order.
    pub fn call_blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Panicked> {
        executor::block_on(self.call(work))
    }

    /// How many closures have panicked so far.
    pub fn panics(&self) -> u64 {
        self.executor.panics()
    }
}

#[cfg(test)]
mod tests;
