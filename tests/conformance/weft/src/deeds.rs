//! The activities of the suite, and the signs by which a scenario sees and directs them.
//!
//! They all take a text and give a text, so that one workflow can be told which to run.

use std::{
    future::pending,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{anyhow, bail};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use weft::{ActivityCtx, Error, Failure, Result, Worker, activities, activity};

/// What a scenario has in common with the activities of one of its workers.
pub(crate) struct Signs {
    began: AtomicUsize,
    released: Semaphore,
    tokens: Mutex<Vec<Vec<u8>>>,
}

impl Default for Signs {
    fn default() -> Self {
        Self { began: AtomicUsize::new(0), released: Semaphore::new(0), tokens: Mutex::default() }
    }
}

impl Signs {
    /// How many activities that wait have begun.
    pub(crate) fn began(&self) -> usize {
        self.began.load(Ordering::Relaxed)
    }

    /// Lets all go on that wait, now or later.
    pub(crate) fn release(&self) {
        self.released.add_permits(1_000);
    }

    /// The task token of the activity that is to be completed from elsewhere.
    pub(crate) fn token(&self) -> Option<Vec<u8>> {
        self.tokens.lock().last().cloned()
    }
}

/// What this process does not come back from, if it is a worker process that is to be killed there.
static HANG: OnceLock<String> = OnceLock::new();

pub(crate) fn hang_in(what: &str) -> anyhow::Result<()> {
    if !["nothing", "activity", "workflow", "local activity"].contains(&what) {
        bail!("nothing hangs in {what:?}");
    }
    HANG.set(what.to_owned()).map_err(|_| anyhow!("said twice where to hang"))
}

pub(crate) fn hangs_in(what: &str) -> bool {
    HANG.get().is_some_and(|hang| hang == what)
}

pub(crate) struct Deeds {
    signs: Arc<Signs>,
}

impl Deeds {
    pub(crate) fn new(signs: Arc<Signs>) -> Self {
        Self { signs }
    }
}

pub(crate) fn functions(worker: Worker) -> Worker {
    worker.activity(echo).activity(succeeds_at).activity(fails).activity(fails_for_good).activity(hangs)
}

#[activity]
pub(crate) async fn echo(word: String) -> String {
    word
}

/// Fails until the attempt whose number it is given.
#[activity]
pub(crate) async fn succeeds_at(ctx: ActivityCtx, attempt: String) -> Result<String> {
    let now = ctx.info().attempt;
    if now < attempt.parse::<u32>()? {
        return Err(planned(&format!("attempt {now} fails")).into());
    }
    Ok(format!("attempt {now}"))
}

#[activity]
pub(crate) async fn fails(message: String) -> Result<String> {
    Err(planned(&message).into())
}

#[activity]
pub(crate) fn fails_for_good(message: String) -> Result<String> {
    Err(planned(&message).non_retryable().into())
}

/// In a worker process that is to be killed here: heartbeats, and never comes back.
#[activity]
pub(crate) async fn hangs(ctx: ActivityCtx, word: String) -> Result<String> {
    let here = if ctx.info().is_local { "local activity" } else { "activity" };
    if hangs_in(here) {
        ctx.heartbeat(&"page 7".to_owned())?;
        pending::<()>().await;
    }
    Ok(ctx.heartbeat_details()?.unwrap_or(word))
}

#[activities]
impl Deeds {
    /// Waits until its scenario lets it go on, or until it is cancelled.
    #[activity]
    pub(crate) async fn waits(&self, ctx: ActivityCtx, word: String) -> Result<String> {
        self.signs.began.fetch_add(1, Ordering::Relaxed);
        tokio::select! {
            _ = self.signs.released.acquire() => Ok(word),
            () = ctx.cancelled() => Err(ctx.cancellation()),
        }
    }

    /// Says how far it got, then is never heard of again; the next attempt goes on from there.
    #[activity]
    pub(crate) async fn reads(&self, ctx: ActivityCtx, page: String) -> Result<String> {
        if let Some(page) = ctx.heartbeat_details::<String>()? {
            return Ok(format!("read on from page {page}"));
        }
        ctx.heartbeat(&page)?;
        self.signs.began.fetch_add(1, Ordering::Relaxed);
        ctx.cancelled().await;
        Err(ctx.cancellation())
    }

    /// Heartbeats until it is cancelled or let go.
    #[activity]
    pub(crate) async fn beats(&self, ctx: ActivityCtx, word: String) -> Result<String> {
        self.signs.began.fetch_add(1, Ordering::Relaxed);
        let mut beat = tokio::time::interval(Duration::from_millis(100));
        loop {
            tokio::select! {
                _ = beat.tick() => ctx.heartbeat(&"alive".to_owned())?,
                _ = self.signs.released.acquire() => return Ok(word),
                () = ctx.cancelled() => {
                    return Err(Failure::canceled("stopped").with_details(&"stopped".to_owned())?.into());
                }
            }
        }
    }

    /// Is completed by somebody else.
    #[activity]
    pub(crate) async fn elsewhere(&self, ctx: ActivityCtx, _word: String) -> Result<String> {
        self.signs.tokens.lock().push(ctx.info().task_token.clone());
        Err(Error::completed_elsewhere())
    }
}

fn planned(message: &str) -> Failure {
    Failure::application(message).kind("Planned")
}
