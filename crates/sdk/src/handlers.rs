//! The signals, queries and updates that a workflow takes, by their names.

use std::{collections::BTreeMap, future::Future, rc::Rc};

use weft_client::{Args, QueryDefinition, SignalDefinition, UpdateDefinition, Value};
use weft_protocol::{
    api::common::{Payload, Payloads},
    payload,
};

use crate::{Ctx, Error, Result, workflow::LocalFuture};

/// What is done about something that came: now, or by a future.
pub(crate) enum Handling<T> {
    Done(Result<T>),
    Later(LocalFuture<Result<T>>),
}

type OnSignal<S> = dyn Fn(&Ctx<S>, &[Payload]) -> Result<Handling<()>>;
type OnQuery<S> = dyn Fn(&S, &[Payload]) -> Result<Option<Payloads>>;
type OnUpdate<S> = dyn Fn(&Ctx<S>, &[Payload]) -> Result<Handling<Option<Payloads>>>;
type Check<S> = dyn Fn(&S, &[Payload]) -> Result<()>;

/// The handlers of a workflow. `#[workflow]` fills it with those of its impl block.
///
/// What several workflows share is a function that adds to it, named by `#[workflow(with = function)]`. A handler in the
/// impl block takes the place of a shared one with the same name.
///
/// ```ignore
/// /// The signal `pause` of every workflow that has a valve.
/// pub struct Pause<W>(PhantomData<fn() -> W>);
///
/// impl<W: WorkflowDefinition> SignalDefinition for Pause<W> {
///     type Workflow = W;
///     type Args = (bool,);
///     const NAME: &'static str = "pause";
/// }
///
/// pub fn valve<S: HasValve + WorkflowDefinition>(handlers: Handlers<S>) -> Handlers<S> {
///     handlers.signal::<Pause<S>>(|state, (paused,)| Ok(state.valve().paused = paused))
/// }
///
/// #[workflow(with = valve)]
/// impl Pipeline { … }
/// ```
pub struct Handlers<S> {
    pub(crate) signals: BTreeMap<&'static str, Rc<OnSignal<S>>>,
    pub(crate) queries: BTreeMap<&'static str, Rc<OnQuery<S>>>,
    pub(crate) updates: BTreeMap<&'static str, Update<S>>,
}

pub(crate) struct Update<S> {
    pub(crate) run: Rc<OnUpdate<S>>,
    pub(crate) check: Rc<Check<S>>,
}

impl<S> Default for Handlers<S> {
    fn default() -> Self {
        Self { signals: BTreeMap::new(), queries: BTreeMap::new(), updates: BTreeMap::new() }
    }
}

impl<S: 'static> Handlers<S> {
    /// A signal that changes the state and is done.
    #[must_use]
    pub fn signal<D: SignalDefinition>(mut self, handler: fn(&mut S, D::Args) -> Result<()>) -> Self {
        let on = move |ctx: &Ctx<S>, input: &[Payload]| {
            let args = D::Args::from_payloads(input)?;
            Ok(Handling::Done(ctx.with_mut(|state| handler(state, args))))
        };
        self.signals.insert(D::NAME, Rc::new(on));
        self
    }

    /// A signal whose handler may wait.
    #[must_use]
    pub fn signal_async<D: SignalDefinition, F>(mut self, handler: fn(Ctx<S>, D::Args) -> F) -> Self
    where
        F: Future<Output = Result<()>> + 'static,
    {
        let on = move |ctx: &Ctx<S>, input: &[Payload]| {
            let args = D::Args::from_payloads(input)?;
            Ok(Handling::Later(Box::pin(handler(ctx.clone(), args))))
        };
        self.signals.insert(D::NAME, Rc::new(on));
        self
    }

    /// A query; it changes nothing.
    #[must_use]
    pub fn query<D: QueryDefinition>(mut self, handler: fn(&S, D::Args) -> Result<D::Output>) -> Self {
        let on = move |state: &S, input: &[Payload]| {
            let answer = handler(state, D::Args::from_payloads(input)?)?;
            written(&answer)
        };
        self.queries.insert(D::NAME, Rc::new(on));
        self
    }

    /// An update that changes the state and is done. The check refuses it before anything of it is recorded.
    #[must_use]
    pub fn update<D: UpdateDefinition>(
        mut self,
        handler: fn(&mut S, D::Args) -> Result<D::Output>,
        check: fn(&S, &D::Args) -> Result<()>,
    ) -> Self {
        let on = move |ctx: &Ctx<S>, input: &[Payload]| {
            let args = D::Args::from_payloads(input)?;
            let done = ctx.with_mut(|state| handler(state, args)).and_then(|output| written(&output));
            Ok(Handling::Done(done))
        };
        self.updates.insert(D::NAME, Update { run: Rc::new(on), check: checked::<D, S>(check) });
        self
    }

    /// An update whose handler may wait.
    #[must_use]
    pub fn update_async<D: UpdateDefinition, F>(
        mut self,
        handler: fn(Ctx<S>, D::Args) -> F,
        check: fn(&S, &D::Args) -> Result<()>,
    ) -> Self
    where
        F: Future<Output = Result<D::Output>> + 'static,
    {
        let on = move |ctx: &Ctx<S>, input: &[Payload]| {
            let running = handler(ctx.clone(), D::Args::from_payloads(input)?);
            let later: LocalFuture<Result<Option<Payloads>>> = Box::pin(async move { written(&running.await?) });
            Ok(Handling::Later(later))
        };
        self.updates.insert(D::NAME, Update { run: Rc::new(on), check: checked::<D, S>(check) });
        self
    }
}

/// Arguments that cannot be read are refused by the check, so that they never become part of history.
fn checked<D: UpdateDefinition, S: 'static>(check: fn(&S, &D::Args) -> Result<()>) -> Rc<Check<S>> {
    Rc::new(move |state, input| check(state, &D::Args::from_payloads(input)?))
}

pub(crate) fn written<T: Value>(value: &T) -> Result<Option<Payloads>> {
    let payload = value.to_payload().map_err(Error::from)?;
    Ok(Some(payload::list(payload)))
}
