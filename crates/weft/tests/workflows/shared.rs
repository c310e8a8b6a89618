//! Handlers that several workflows share.

use std::marker::PhantomData;

use weft::{
    Ctx, Handlers, Result,
    client::{QueryDefinition, SignalDefinition, WorkflowDefinition},
    workflow,
};

use crate::world::{QUEUE, World};

/// What has a valve can be closed and opened.
trait HasValve: WorkflowDefinition + Sized {
    fn is_open(&mut self) -> &mut bool;
    fn seen(&self) -> bool;

    const TURN: Turn<Self> = Turn(PhantomData);
    const STANDS: Stands<Self> = Stands(PhantomData);
}

struct Turn<W>(PhantomData<fn() -> W>);

impl<W: WorkflowDefinition> SignalDefinition for Turn<W> {
    type Workflow = W;
    type Args = (bool,);
    const NAME: &'static str = "turn";
}

struct Stands<W>(PhantomData<fn() -> W>);

impl<W: WorkflowDefinition> QueryDefinition for Stands<W> {
    type Workflow = W;
    type Args = ();
    type Output = String;
    const NAME: &'static str = "stands";
}

fn valve<S: HasValve>(handlers: Handlers<S>) -> Handlers<S> {
    handlers
        .signal_async::<Turn<S>, _>(|ctx, (open,)| async move {
            ctx.with_mut(|state| *state.is_open() = open);
            Ok(())
        })
        .query::<Stands<S>>(|state, ()| Ok(if state.seen() { "open" } else { "closed" }.to_owned()))
}

#[derive(Default)]
struct Pipe {
    open: bool,
}

impl HasValve for Pipe {
    fn is_open(&mut self) -> &mut bool {
        &mut self.open
    }

    fn seen(&self) -> bool {
        self.open
    }
}

#[workflow(with = valve)]
impl Pipe {
    #[run]
    async fn run(ctx: Ctx<Self>) -> Result<String> {
        ctx.wait_until(|pipe: &Self| pipe.open).await?;
        Ok("water".to_owned())
    }
}

#[derive(Default)]
struct Tank {
    open: bool,
    drained: bool,
}

impl HasValve for Tank {
    fn is_open(&mut self) -> &mut bool {
        &mut self.open
    }

    fn seen(&self) -> bool {
        self.open
    }
}

#[workflow(name = "tank", with = valve)]
impl Tank {
    #[run]
    async fn run(ctx: Ctx<Self>) -> Result<()> {
        ctx.wait_until(|tank: &Self| tank.open && tank.drained).await
    }

    #[signal]
    fn drain(&mut self) {
        self.drained = true;
    }

    /// In the place of the valve's.
    #[query]
    fn stands(&self) -> String {
        format!("{}, {}", self.open, self.drained)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workflows_share_handlers_and_have_their_own() {
    let world = World::with(|worker| worker.workflow(Pipe::run).workflow(Tank::run)).await;
    let pipe = world.client.start_workflow(Pipe::run, ()).id("pipe").task_queue(QUEUE).await.expect("it starts");
    assert_eq!(pipe.query(Pipe::STANDS, ()).await.expect("it answers"), "closed");
    pipe.signal(Pipe::TURN, true).await.expect("it is taken");
    assert_eq!(pipe.result().await.expect("it completes"), "water");

    let tank = world.client.start_workflow(Tank::run, ()).id("tank").task_queue(QUEUE).await.expect("it starts");
    tank.signal(Tank::drain, ()).await.expect("it is taken");
    assert_eq!(tank.query(Tank::stands, ()).await.expect("it answers"), "false, true");
    tank.signal(Tank::TURN, true).await.expect("it is taken");
    tank.result().await.expect("it completes");
    world.end().await;
}
