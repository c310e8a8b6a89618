//! Tests of workflows: a server in the test's own process whose time skips, so that a workflow that sleeps for 30 days
//! ends in milliseconds. No port, no download.
//!
//! ```
//! use std::time::Duration;
//! use weft::{Ctx, Result, testing::TestEnv, workflow};
//!
//! #[workflow]
//! async fn patient(ctx: Ctx) -> Result<String> {
//!     ctx.sleep(Duration::from_secs(30 * 24 * 60 * 60)).await?;
//!     Ok("done".to_owned())
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let env = TestEnv::start().await?;
//! let worker = env.worker("tests").workflow(patient).start()?;
//! let handle = env.client().start_workflow(patient, ()).id("p").task_queue("tests").await?;
//! assert_eq!(env.skip(handle.result()).await?, "done");
//! # worker.shutdown().await?;
//! # Ok(()) }
//! ```
//!
//! An activity is replaced by a closure with [`Worker::replace`]; histories are replayed by [`crate::Replayer`].

use std::{
    future::IntoFuture,
    time::{Duration, SystemTime},
};

use weft_env::{Clock, SkippingClock};
use weft_server::{
    Server as Core,
    node::{Options as NodeOptions, Place},
};

use crate::{
    Client, ConnectOptions, Worker,
    embedded::{Error, Server},
};

/// A test has few workflows: fewer shards start faster.
const SHARDS: u16 = 2;

/// A server in memory whose time skips when it is told to.
pub struct TestEnv {
    server: Server,
    clock: SkippingClock,
    client: Client,
}

impl TestEnv {
    /// Starts a server, with the machine's time for a beginning.
    ///
    /// # Errors
    /// When the process has no memory or no threads for it.
    pub async fn start() -> Result<Self, Error> {
        Self::with_options(ConnectOptions::default()).await
    }

    /// The same with other options of the client; the address in them does not matter.
    ///
    /// # Errors
    /// Also when a header in the options is none.
    pub async fn with_options(options: ConnectOptions) -> Result<Self, Error> {
        let clock = SkippingClock::locked();
        let node = NodeOptions { shards: SHARDS, ..NodeOptions::new(Place::Memory) };
        let server = Server::of(Core::builder(Place::Memory).options(node).skip_time(&clock)).await?;
        let client = server.client_with(options)?;
        Ok(Self { server, clock, client })
    }

    /// A client of the namespace `default`.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// A worker for a task queue.
    pub fn worker(&self, queue: impl Into<String>) -> Worker {
        Worker::new(&self.client, queue)
    }

    /// The time of workflows.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.clock.now().0.unsigned_abs())
    }

    /// Awaits something while time skips: whenever nothing is under way, it jumps to the next timer.
    pub async fn skip<F: IntoFuture>(&self, awaited: F) -> F::Output {
        let _unlocked = Unlocked::new(&self.clock);
        awaited.await
    }

    /// Lets this much time pass, with all that becomes due meanwhile.
    pub async fn sleep(&self, span: Duration) {
        // The counter began at one, so there is a lock to give away; and time is locked again at the very moment.
        let _ = self.clock.sleep_unlocked(span).await;
    }

    /// Stops the server. Dropping it does as well, less orderly.
    pub async fn shutdown(self) {
        self.server.shutdown().await;
    }
}

/// Time skips until this is dropped.
struct Unlocked<'a>(&'a SkippingClock);

impl<'a> Unlocked<'a> {
    fn new(clock: &'a SkippingClock) -> Self {
        // The counter begins at one and each guard gives back what it took, so it is never below zero here.
        let _ = clock.unlock();
        Self(clock)
    }
}

impl Drop for Unlocked<'_> {
    fn drop(&mut self) {
        self.0.lock();
    }
}
