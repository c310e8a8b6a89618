//! Workflows that do one thing each: greet, fail, go on as new, label themselves, write a lot.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use weft::{Ctx, Failure, Result, SearchAttributeKey, SearchAttributes, Value, workflow};

use crate::deeds::hangs_in;

/// A search attribute that every server has.
pub(crate) const BATCHER_USER: SearchAttributeKey<String> = SearchAttributeKey::keyword("BatcherUser");

#[derive(Default)]
pub(crate) struct Greeter;

#[workflow]
impl Greeter {
    #[run]
    pub(crate) async fn run(_ctx: Ctx<Self>, name: String) -> Result<String> {
        Ok(format!("Hello, {name}!"))
    }
}

/// In a worker process that is to be killed here: keeps its first task for ever.
#[derive(Default)]
pub(crate) struct Thinker;

#[workflow]
impl Thinker {
    #[run]
    pub(crate) async fn run(_ctx: Ctx<Self>) -> Result<String> {
        while hangs_in("workflow") {
            std::thread::park();
        }
        Ok("thought".to_owned())
    }
}

/// Fails until the run's attempt with this number; type `Planned`.
#[derive(Default)]
pub(crate) struct Flaky;

#[workflow]
impl Flaky {
    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>, attempt: u32) -> Result<String> {
        let now = ctx.info().attempt;
        if now < attempt {
            return Err(Failure::application(format!("run {now} fails")).kind("Planned").into());
        }
        Ok(format!("run {now}"))
    }
}

/// Counts in runs: each goes on as new until the second number is reached.
#[derive(Default)]
pub(crate) struct Relay;

#[workflow]
impl Relay {
    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>, now: u32, last: u32) -> Result<u32> {
        if now < last {
            return Err(ctx.continue_as_new(Self::run, (now + 1, last)));
        }
        Ok(now)
    }
}

/// Fails the first task of each run, and none after it.
#[derive(Default)]
pub(crate) struct Clumsy;

/// Runs that have failed a task: outside of what a workflow may know, as a fault in its code would be.
static FELL: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

#[workflow]
impl Clumsy {
    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>) -> Result<String> {
        let first = FELL.lock().insert(ctx.info().workflow_id);
        assert!(!first, "fell over");
        Ok("stood up".to_owned())
    }
}

/// Changes its memo and a search attribute.
#[derive(Default)]
pub(crate) struct Labeller;

#[workflow]
impl Labeller {
    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>) -> Result<(String, String)> {
        let before = ctx.search_attributes().get(&BATCHER_USER).unwrap_or_default();
        let colour = ctx.info().memo.get("colour").map(String::from_payload).transpose()?.unwrap_or_default();
        ctx.set_memo("colour", Some("red".to_owned()))?;
        ctx.set_memo("size", None::<u32>)?;
        ctx.set_search_attributes(SearchAttributes::new().set(&BATCHER_USER, "somebody else"));
        Ok((before, colour))
    }
}

#[derive(Default)]
pub(crate) struct Patched;

#[workflow]
impl Patched {
    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>) -> Result<String> {
        let way = if ctx.patched("better") { "the better way" } else { "the old way" };
        Ok(way.to_owned())
    }
}

/// Writes so many pages into its history, then waits for `end`.
#[derive(Default)]
pub(crate) struct Scribe {
    ended: bool,
}

#[workflow]
impl Scribe {
    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>, pages: u32) -> Result<u32> {
        for page in 0..pages {
            ctx.set_memo("page", Some(page))?;
        }
        ctx.wait_until(|state: &Self| state.ended).await?;
        Ok(pages)
    }

    #[signal]
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }
}
