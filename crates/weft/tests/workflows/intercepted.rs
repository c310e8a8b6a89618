//! Interceptors see what comes and goes, add headers, and refuse.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use weft::{
    ActivityCtx, Caller, Ctx, Error, Inbound, InboundKind, Interceptor, NextActivity, Outbound, ReplayError, Replayer,
    Result, Value, Worker, activity,
    client::api::common::{Payload, Payloads},
    workflow,
};

use crate::world::{QUEUE, World};

const WHO: &str = "who";

#[derive(Default)]
struct Talk {
    over: bool,
}

#[workflow]
impl Talk {
    #[run]
    async fn run(ctx: Ctx<Self>) -> Result<Vec<String>> {
        let far = ctx.activity(who_calls, ()).await?;
        let near = ctx.local_activity(who_calls, ()).await?;
        ctx.wait_until(|talk: &Self| talk.over).await?;
        Ok(vec![far, near])
    }

    #[signal]
    fn end(&mut self) {
        self.over = true;
    }

    #[query]
    fn is_over(&self) -> bool {
        self.over
    }

    #[update]
    fn say(&mut self, text: String) -> usize {
        text.len()
    }
}

#[activity]
async fn who_calls(ctx: ActivityCtx) -> Result<String> {
    let payload = ctx.info().headers.get(WHO).ok_or_else(|| Error::new("nobody calls"))?;
    Ok(String::from_payload(payload)?)
}

#[derive(Clone, Default)]
struct Spy(Arc<Mutex<Vec<String>>>);

impl Spy {
    fn saw(&self, what: String) {
        self.0.lock().push(what);
    }
}

impl Interceptor for Spy {
    fn workflow_inbound(&self, call: &Inbound<'_>) -> Result<()> {
        if !call.is_replaying {
            self.saw(format!("{:?} {}", call.kind, call.name));
        }
        let rude = || call.input.iter().any(|payload| payload.data.windows(4).any(|word| word == b"rude"));
        if call.kind == InboundKind::Check && rude() { Err(Error::new("nothing rude here")) } else { Ok(()) }
    }

    fn workflow_outbound(&self, workflow: &Caller, call: &mut Outbound<'_>) {
        self.saw(format!("{:?} {}", call.kind, call.name));
        call.headers.extend(workflow.headers.clone());
    }

    fn activity(
        &self,
        ctx: ActivityCtx,
        input: Vec<Payload>,
        next: NextActivity,
    ) -> weft::BoxFuture<Result<Option<Payloads>>> {
        let (spy, kind) = (self.clone(), ctx.info().activity_type.clone());
        let running = next.run(ctx, input);
        Box::pin(async move {
            spy.saw(format!("before {kind}"));
            let done = running.await;
            spy.saw(format!("after {kind}"));
            done
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn interceptors_see_all_that_comes_and_goes() {
    let spy = Spy::default();
    let fill = |worker: Worker| worker.workflow(Talk::run).activity(who_calls).interceptor(spy.clone());
    // All is replayed at each task, and seen once all the same.
    let world = World::with(|worker| fill(worker).cached_workflows_max(0)).await;
    let start = world.client.start_workflow(Talk::run, ()).id("talk").task_queue(QUEUE);
    let talk = start.header(WHO, "me".to_owned().to_payload().expect("a text")).await.expect("it starts");
    assert_eq!(talk.update(Talk::say, "hello").await.expect("it is taken"), 5);
    let refused = talk.update(Talk::say, "rude").await.expect_err("it is refused");
    assert!(refused.to_string().contains("nothing rude here"), "{refused}");
    assert!(!talk.query(Talk::is_over, ()).await.expect("it answers"));
    talk.signal(Talk::end, ()).await.expect("it is taken");
    assert_eq!(talk.result().await.expect("it completes"), ["me", "me"]);
    let mut seen = HashMap::<String, usize>::new();
    for what in spy.0.lock().iter() {
        *seen.entry(what.clone()).or_default() += 1;
    }
    for (what, times) in [
        ("Run Talk", 1),
        ("Activity who_calls", 1),
        ("LocalActivity who_calls", 1),
        ("before who_calls", 2),
        ("after who_calls", 2),
        ("Check say", 2),
        ("Update say", 1),
        ("Query is_over", 1),
        ("Signal end", 1),
    ] {
        assert_eq!(seen.get(what), Some(&times), "{what} in {seen:?}");
    }
    world.end().await;
}

#[workflow]
async fn asks(ctx: Ctx, word: String) -> Result<String> {
    ctx.activity(echo, word).await
}

#[activity]
async fn echo(word: String) -> String {
    word
}

/// Says it in other words.
struct Politely;

impl Interceptor for Politely {
    fn workflow_outbound(&self, _: &Caller, call: &mut Outbound<'_>) {
        *call.input = vec!["please".to_owned().to_payload().expect("a text")];
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interceptor_may_change_what_leaves_a_workflow() {
    let fill = |worker: Worker| worker.workflow(asks).activity(echo).interceptor(Politely);
    let world = World::with(|worker| fill(worker).cached_workflows_max(0)).await;
    let start = world.client.start_workflow(asks, "now").id("asks").task_queue(QUEUE).await.expect("it starts");
    assert_eq!(start.result().await.expect("it completes"), "please");
    world.end().await;
}

#[derive(Default)]
struct Repeats {
    words: Vec<String>,
}

#[workflow]
impl Repeats {
    #[run]
    async fn run(ctx: Ctx<Self>) -> Result<Vec<String>> {
        ctx.wait_until(|repeats: &Self| !repeats.words.is_empty()).await?;
        let mut said = Vec::new();
        for word in ctx.with(|repeats| repeats.words.clone()) {
            said.push(ctx.activity(echo, word).await?);
        }
        Ok(said)
    }

    #[signal]
    fn hear(&mut self, word: String) {
        self.words.push(word);
    }
}

/// Lets no signal pass that has the word.
struct Deaf(&'static str);

impl Interceptor for Deaf {
    fn workflow_inbound(&self, call: &Inbound<'_>) -> Result<()> {
        let has_it = call.input.iter().any(|payload| payload.data == format!("{:?}", self.0).into_bytes());
        if call.kind == InboundKind::Signal && has_it { Err(Error::new("not this word")) } else { Ok(()) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_interceptor_refused_is_refused_again_at_replay() {
    let fill = |worker: Worker| worker.workflow(Repeats::run).activity(echo).interceptor(Deaf("rude"));
    let world = World::with(fill).await;
    let start = world.client.start_workflow(Repeats::run, ()).id("repeats").task_queue(QUEUE);
    let repeats = start.await.expect("it starts");
    repeats.signal(Repeats::hear, "rude").await.expect("it is taken");
    repeats.signal(Repeats::hear, "kind").await.expect("it is taken");
    assert_eq!(repeats.result().await.expect("it completes"), ["kind"]);

    let with = Replayer::new().workflow(Repeats::run).interceptor(Deaf("rude"));
    for replayer in [with, fill(Worker::new(&world.client, "none")).replayer()] {
        let replayed = replayer.replay_from(&world.client, "repeats").await.expect("it does the same again");
        assert!(replayed.outcome.is_some(), "{replayed:?}");
    }
    let without = Replayer::new().workflow(Repeats::run).replay_from(&world.client, "repeats").await;
    assert!(matches!(without, Err(ReplayError::Diverged(_))), "the word is heard: {without:?}");
    world.end().await;
}
