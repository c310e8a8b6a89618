//! A typed workflow as replay sees it: values in and out of payloads, panics as failed workflow tasks, and the queries
//! that every workflow answers.

use std::{
    any::Any,
    cell::RefCell,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::Rc,
    task::{Context as Polled, Poll},
};

use tracing::{subscriber::NoSubscriber, warn};
use weft_client::{Args, Failure, Value};
use weft_protocol::{
    api::{
        common::{Payload, Payloads},
        failure,
        sdk::{WorkflowDefinition as Described, WorkflowInteractionDefinition, WorkflowMetadata},
    },
    payload,
};
use weft_replay::{Context, End, Outcome, Program, Query, Reaction, Signal, Task, UpdateRequest};

use crate::{
    Ctx, Error, Handlers, Result, Workflow,
    error::panic_text,
    handlers::{Handling, written},
    workflow::LocalFuture,
};

const STACK: &str = "__stack_trace";
const METADATA: &str = "__temporal_workflow_metadata";

pub(crate) struct Typed<W: Workflow> {
    ctx: Ctx<W::State>,
    handlers: Handlers<W::State>,
    args: Option<W::Args>,
}

/// Makes the program of a workflow, once its arguments are known.
pub(crate) fn program<W: Workflow>(context: Context) -> std::result::Result<Box<dyn Program>, Box<failure::Failure>> {
    let make = || {
        let started = Rc::clone(&context.info().started);
        let args = W::Args::from_payloads(payloads(started.input.as_ref()))
            .map_err(|error| Error::from(error).context(format_args!("the arguments of workflow {}", W::NAME)))?;
        let state = W::init(&args)?;
        let ctx = Ctx::new(context.clone(), Rc::new(RefCell::new(state)));
        Ok(Box::new(Typed::<W> { ctx, handlers: W::handlers(), args: Some(args) }) as Box<dyn Program>)
    };
    match quietly(&context, make) {
        Ok(made) => made.map_err(Error::into_wire),
        Err(panicked) => Err(panicked),
    }
}

impl<W: Workflow> Program for Typed<W> {
    fn main(&mut self) -> Task {
        let ctx = self.ctx.clone();
        let Some(args) = self.args.take() else { return Box::pin(async { End::Handler }) };
        let run = W::run(ctx.clone(), args);
        guarded(&self.ctx, async move {
            let result = run.await;
            let running = ctx.handlers_running();
            if running > 0 {
                warn!(running, "the workflow ended while handlers were running: wait for `handlers_finished` before");
            }
            End::Workflow(outcome(&ctx, result))
        })
    }

    fn signal(&mut self, signal: Signal) -> Reaction {
        let Some(handler) = self.handlers.signals.get(signal.name.as_str()) else {
            warn!(signal = signal.name, "dropped a signal that the workflow has no handler for");
            return Reaction::Done(End::Handler);
        };
        let core = self.ctx.core().clone();
        let handled = match quietly(&core, || handler(&self.ctx, payloads(signal.input.as_ref()))) {
            Ok(handled) => handled,
            Err(panicked) => return Reaction::Done(End::TaskFailed(panicked)),
        };
        match handled {
            Ok(Handling::Done(done)) => Reaction::Done(signal_end(&self.ctx, done)),
            Ok(Handling::Later(later)) => {
                let ctx = self.ctx.clone();
                Reaction::Task(guarded(&self.ctx, async move {
                    let _running = ctx.handler_runs();
                    signal_end(&ctx, later.await)
                }))
            }
            Err(error) => {
                // Whoever sent it made a mistake, and the workflow must not die of it.
                warn!(signal = signal.name, ?error, "dropped a signal whose arguments cannot be read");
                Reaction::Done(End::Handler)
            }
        }
    }

    fn validate(&mut self, update: &UpdateRequest) -> std::result::Result<(), Box<failure::Failure>> {
        let Some(handler) = self.handlers.updates.get(update.name.as_str()) else {
            let known: Vec<&str> = self.handlers.updates.keys().copied().collect();
            let message = format!("the workflow takes no update {:?}; it takes {known:?}", update.name);
            return Err(Error::from(Failure::application(message).kind("UnknownUpdate").non_retryable()).into_wire());
        };
        let core = self.ctx.core().clone();
        let checked = quietly(&core, || self.ctx.with(|state| (handler.check)(state, payloads(update.input.as_ref()))));
        match checked {
            Ok(checked) => checked.map_err(Error::into_wire),
            Err(panicked) => Err(panicked),
        }
    }

    fn update(&mut self, update: UpdateRequest) -> Reaction {
        let Some(handler) = self.handlers.updates.get(update.name.as_str()) else {
            let message = format!("the workflow no longer takes update {:?}, which its history accepted", update.name);
            return Reaction::Done(End::TaskFailed(Error::new(message).into_wire()));
        };
        let core = self.ctx.core().clone();
        let handled = match quietly(&core, || (handler.run)(&self.ctx, payloads(update.input.as_ref()))) {
            Ok(handled) => handled,
            Err(panicked) => return Reaction::Done(End::TaskFailed(panicked)),
        };
        match handled {
            Ok(Handling::Done(done)) => Reaction::Done(End::Update(done.map_err(Error::into_wire))),
            Ok(Handling::Later(later)) => {
                let ctx = self.ctx.clone();
                Reaction::Task(guarded(&self.ctx, async move {
                    let _running = ctx.handler_runs();
                    End::Update(later.await.map_err(Error::into_wire))
                }))
            }
            Err(error) => Reaction::Done(End::Update(Err(error.into_wire()))),
        }
    }

    fn holds(&self, condition: &dyn Fn() -> bool) -> std::result::Result<bool, Box<failure::Failure>> {
        quietly(self.ctx.core(), condition)
    }

    fn query(&mut self, query: &Query) -> std::result::Result<Option<Payloads>, Box<failure::Failure>> {
        let answer = match query.name.as_str() {
            STACK => written(&self.stack()),
            METADATA => self.metadata(),
            name => match self.handlers.queries.get(name) {
                Some(handler) => {
                    let core = self.ctx.core().clone();
                    let answer =
                        quietly(&core, || self.ctx.with(|state| handler(state, payloads(query.input.as_ref()))));
                    answer.unwrap_or_else(|panicked| Err(Error::of_wire(panicked)))
                }
                None => {
                    let known: Vec<&str> = self.handlers.queries.keys().copied().collect();
                    Err(Error::new(format!("the workflow answers no query {name:?}; it answers {known:?}")))
                }
            },
        };
        answer.map_err(Error::into_wire)
    }
}

impl<W: Workflow> Typed<W> {
    /// What the workflow waits for, and at which lines.
    fn stack(&self) -> String {
        let pending = self.ctx.core().pending();
        let lines = pending.iter().map(|it| format!("{}\n    at {}", it.what, it.at));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn metadata(&self) -> Result<Option<Payloads>> {
        let of = |names: Vec<&'static str>| {
            let named =
                |name: &'static str| WorkflowInteractionDefinition { name: name.to_owned(), ..Default::default() };
            names.into_iter().map(named).collect()
        };
        let metadata = WorkflowMetadata {
            definition: Some(Described {
                r#type: W::NAME.to_owned(),
                query_definitions: of(self.handlers.queries.keys().copied().collect()),
                signal_definitions: of(self.handlers.signals.keys().copied().collect()),
                update_definitions: of(self.handlers.updates.keys().copied().collect()),
            }),
            current_details: self.ctx.details(),
        };
        let json = weft_protocol::json::to_json(&metadata)
            .map_err(|error| Error::new(format!("cannot write the workflow's metadata: {error}")))?;
        let mut payload = payload::json_plain(json.to_string());
        payload.metadata.insert(payload::ENCODING.to_owned(), payload::JSON_PROTOBUF.to_vec());
        payload.metadata.insert("messageType".to_owned(), b"temporal.api.sdk.v1.WorkflowMetadata".to_vec());
        Ok(Some(payload::list(payload)))
    }
}

fn signal_end<S: 'static>(ctx: &Ctx<S>, done: Result<()>) -> End {
    match done {
        Ok(()) => End::Handler,
        Err(error) => End::Workflow(outcome::<S, ()>(ctx, Err(error))),
    }
}

fn outcome<S: 'static, T: Value>(ctx: &Ctx<S>, result: Result<T>) -> Outcome {
    let error = match result.and_then(|value| written(&value)) {
        Ok(result) => return Outcome::Completed(result),
        Err(error) => error,
    };
    match error.into_continue_as_new() {
        Ok(next) => Outcome::ContinuedAsNew(next),
        // A workflow that was asked to cancel, and ends by that, is canceled rather than failed.
        Err(error) if error.is_canceled() && ctx.is_workflow_cancelled() => {
            Outcome::Canceled(payload::list_of(error.into_failure().detail_payloads().to_vec()))
        }
        Err(error) => Outcome::Failed(error.into_wire()),
    }
}

fn payloads(input: Option<&Payloads>) -> &[Payload] {
    input.map(|input| input.payloads.as_slice()).unwrap_or_default()
}

/// A task whose panics fail the workflow task, and whose log lines are not repeated at replay.
fn guarded<S: 'static>(ctx: &Ctx<S>, inner: impl Future<Output = End> + 'static) -> Task {
    Box::pin(Guarded { core: ctx.core().clone(), inner: Box::pin(inner) })
}

struct Guarded {
    core: Context,
    inner: LocalFuture<End>,
}

impl Future for Guarded {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, polled: &mut Polled<'_>) -> Poll<End> {
        let core = self.core.clone();
        match quietly(&core, || self.inner.as_mut().poll(polled)) {
            Ok(ready) => ready,
            Err(panicked) => Poll::Ready(End::TaskFailed(panicked)),
        }
    }
}

/// Runs the user's code: without log lines where it does again what it has done, and with its panics caught.
pub(crate) fn quietly<T>(core: &Context, run: impl FnOnce() -> T) -> std::result::Result<T, Box<failure::Failure>> {
    let caught = if core.is_replaying() {
        tracing::subscriber::with_default(NoSubscriber::default(), || catch_unwind(AssertUnwindSafe(run)))
    } else {
        catch_unwind(AssertUnwindSafe(run))
    };
    caught.map_err(|panic| panicked(panic.as_ref()))
}

fn panicked(panic: &(dyn Any + Send)) -> Box<failure::Failure> {
    let text = panic_text(panic);
    // What tokio says where its timers, sockets or tasks are used without its runtime: workflows have none.
    let failure = if text.contains("there is no reactor running") || text.contains("no runtime") {
        let message = "the workflow uses an async runtime's timer, socket or task, which history does not record: use \
                       the context's own timers (`ctx.sleep`), and do everything else in an activity";
        Failure::application(message).kind("ForeignFuture")
    } else {
        Failure::application(format!("the workflow's code panicked: {text}")).kind("Panic")
    };
    Error::from(failure).into_wire()
}
