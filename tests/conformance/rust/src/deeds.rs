//! The activities of the suite, and the signs by which a scenario sees and directs them.
//!
//! They all take a text and give a text, so that one workflow can be told which to run.

use std::{
    future::pending,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, anyhow, bail};
use temporalio_macros::activities;
use temporalio_sdk::{
    ApplicationFailure,
    activities::{ActivityContext, ActivityError},
};
use tokio::sync::Semaphore;

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
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).last().cloned()
    }
}

/// What this process does not come back from, if it is a worker process that is to be killed there.
static HANG: OnceLock<String> = OnceLock::new();

pub(crate) fn hang_in(what: &str) -> Result<()> {
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

#[activities]
impl Deeds {
    #[activity]
    pub(crate) async fn echo(_ctx: ActivityContext, word: String) -> Result<String, ActivityError> {
        Ok(word)
    }

    /// Fails until the attempt whose number it is given.
    #[activity]
    pub(crate) async fn succeeds_at(ctx: ActivityContext, attempt: String) -> Result<String, ActivityError> {
        let now = ctx.info().attempt;
        if now < attempt.parse::<u32>()? {
            return Err(planned(&format!("attempt {now} fails"), false));
        }
        Ok(format!("attempt {now}"))
    }

    #[activity]
    pub(crate) async fn fails(_ctx: ActivityContext, message: String) -> Result<String, ActivityError> {
        Err(planned(&message, false))
    }

    #[activity]
    pub(crate) async fn fails_for_good(_ctx: ActivityContext, message: String) -> Result<String, ActivityError> {
        Err(planned(&message, true))
    }

    /// Waits until its scenario lets it go on, or until it is cancelled.
    #[activity]
    pub(crate) async fn waits(self: Arc<Self>, ctx: ActivityContext, word: String) -> Result<String, ActivityError> {
        self.signs.began.fetch_add(1, Ordering::Relaxed);
        tokio::select! {
            _ = self.signs.released.acquire() => Ok(word),
            () = ctx.cancelled() => Err(ActivityError::cancelled()),
        }
    }

    /// Says how far it got, then is never heard of again; the next attempt goes on from there.
    #[activity]
    pub(crate) async fn reads(self: Arc<Self>, ctx: ActivityContext, page: String) -> Result<String, ActivityError> {
        match ctx.heartbeat_details().deserialize::<String>()? {
            Some(page) => Ok(format!("read on from page {page}")),
            None => {
                ctx.record_heartbeat(page).await?;
                self.signs.began.fetch_add(1, Ordering::Relaxed);
                ctx.cancelled().await;
                Err(ActivityError::cancelled())
            }
        }
    }

    /// Heartbeats until it is cancelled or let go.
    #[activity]
    pub(crate) async fn beats(self: Arc<Self>, ctx: ActivityContext, word: String) -> Result<String, ActivityError> {
        self.signs.began.fetch_add(1, Ordering::Relaxed);
        let mut beat = tokio::time::interval(Duration::from_millis(100));
        loop {
            tokio::select! {
                _ = beat.tick() => ctx.record_heartbeat("alive".to_owned()).await?,
                _ = self.signs.released.acquire() => return Ok(word),
                () = ctx.cancelled() => return Err(ActivityError::cancelled_with_details("stopped".to_owned())),
            }
        }
    }

    /// Is completed by somebody else.
    #[activity]
    pub(crate) async fn elsewhere(
        self: Arc<Self>,
        ctx: ActivityContext,
        _word: String,
    ) -> Result<String, ActivityError> {
        self.signs.tokens.lock().unwrap_or_else(PoisonError::into_inner).push(ctx.info().task_token.clone());
        Err(ActivityError::WillCompleteAsync)
    }

    /// In a worker process that is to be killed here: heartbeats, and never comes back.
    #[activity]
    pub(crate) async fn hangs(ctx: ActivityContext, word: String) -> Result<String, ActivityError> {
        let here = if ctx.info().is_local { "local activity" } else { "activity" };
        if hangs_in(here) {
            ctx.record_heartbeat("page 7".to_owned()).await?;
            pending::<()>().await;
        }
        Ok(ctx.heartbeat_details().deserialize::<String>()?.unwrap_or(word))
    }
}

fn planned(message: &str, non_retryable: bool) -> ActivityError {
    let failure = ApplicationFailure::builder(anyhow!("{message}")).type_name("Planned".to_owned());
    ActivityError::application(failure.non_retryable(non_retryable).build())
}
