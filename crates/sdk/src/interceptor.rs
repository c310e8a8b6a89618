//! Interceptors: what looks at calls as they come in and go out, and adds to their headers.
//!
//! Invariant: what leaves a workflow is intercepted when it is sent and never again at replay, so an interceptor may do
//! there what is not deterministic. What comes into a workflow is seen at replay again, and says so.

use std::{collections::HashMap, sync::Arc};

use tracing::warn;
use weft_protocol::api::{
    command::{Command, command::Attributes},
    common::{Header, Payload, Payloads, WorkflowExecution},
    failure,
};
use weft_replay::{Context, End, LocalActivity, Program, Query, Reaction, Signal, Task, UpdateRequest};

use crate::{ActivityCtx, ActivityInfo, Error, Result, activity::BoxFuture, program::quietly, worker::RunActivity};

/// Looks at what a worker does. Each method has a default that lets everything pass as it is.
pub trait Interceptor: Send + Sync + 'static {
    /// Something comes to a workflow. At replay it comes again, and must be answered as it was the first time.
    ///
    /// # Errors
    /// To refuse it: an update and a query are answered with the error, a signal is dropped, and a run fails its
    /// workflow task.
    fn workflow_inbound(&self, call: &Inbound<'_>) -> Result<()> {
        let _ = call;
        Ok(())
    }

    /// A workflow calls something. This is the one time that it leaves: not at replay.
    fn workflow_outbound(&self, workflow: &Caller, call: &mut Outbound<'_>) {
        let _ = (workflow, call);
    }

    /// An activity is to run, a local one too.
    fn activity(
        &self,
        ctx: ActivityCtx,
        input: Vec<Payload>,
        next: NextActivity,
    ) -> BoxFuture<Result<Option<Payloads>>> {
        next.run(ctx, input)
    }

    /// An activity's heartbeat leaves.
    fn heartbeat(&self, activity: &ActivityInfo, details: &mut Vec<Payload>) {
        let _ = (activity, details);
    }
}

/// What comes to a workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboundKind {
    /// The workflow begins.
    Run,
    Signal,
    /// An update is checked; it is not yet taken.
    Check,
    Update,
    Query,
}

/// Something that comes to a workflow.
#[derive(Debug)]
#[non_exhaustive]
pub struct Inbound<'a> {
    pub kind: InboundKind,
    /// Of the workflow type, signal, update or query.
    pub name: &'a str,
    pub workflow_type: &'a str,
    pub workflow_id: &'a str,
    pub run_id: &'a str,
    pub input: &'a [Payload],
    pub headers: &'a HashMap<String, Payload>,
    pub is_replaying: bool,
}

/// A workflow that calls something.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Caller {
    pub workflow: WorkflowExecution,
    pub workflow_type: String,
    /// Those with which it was started.
    pub headers: HashMap<String, Payload>,
}

impl Caller {
    pub(crate) fn new(workflow: WorkflowExecution, workflow_type: String, headers: HashMap<String, Payload>) -> Self {
        Self { workflow, workflow_type, headers }
    }
}

/// What a workflow calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboundKind {
    Activity,
    LocalActivity,
    Child,
    /// Of another workflow.
    Signal,
    ContinueAsNew,
}

/// Something that a workflow calls.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outbound<'a> {
    pub kind: OutboundKind,
    /// Of the activity type, workflow type or signal.
    pub name: &'a str,
    pub input: &'a mut Vec<Payload>,
    pub headers: &'a mut HashMap<String, Payload>,
}

/// The interceptors of a worker: the first is the outermost.
pub(crate) type Interceptors = Arc<[Arc<dyn Interceptor>]>;

/// The rest of the way to an activity.
pub struct NextActivity {
    interceptors: Interceptors,
    index: usize,
    run: RunActivity,
}

impl NextActivity {
    pub(crate) fn new(interceptors: &Interceptors, run: RunActivity) -> Self {
        Self { interceptors: Arc::clone(interceptors), index: 0, run }
    }

    /// Goes on.
    #[must_use = "an activity runs when this is awaited"]
    pub fn run(mut self, ctx: ActivityCtx, input: Vec<Payload>) -> BoxFuture<Result<Option<Payloads>>> {
        match self.interceptors.get(self.index).cloned() {
            Some(interceptor) => {
                self.index += 1;
                interceptor.activity(ctx, input, self)
            }
            None => (self.run)(ctx, input),
        }
    }
}

/// Shows the interceptors the commands that leave a workflow.
pub(crate) fn outbound(interceptors: &Interceptors, caller: &Caller, commands: &mut [Command]) {
    if interceptors.is_empty() {
        return;
    }
    for attributes in commands.iter_mut().filter_map(|command| command.attributes.as_mut()) {
        let (kind, name, input, header) = match attributes {
            Attributes::ScheduleActivityTaskCommandAttributes(it) => (
                OutboundKind::Activity,
                it.activity_type.clone().unwrap_or_default().name,
                &mut it.input,
                &mut it.header,
            ),
            Attributes::StartChildWorkflowExecutionCommandAttributes(it) => {
                (OutboundKind::Child, it.workflow_type.clone().unwrap_or_default().name, &mut it.input, &mut it.header)
            }
            Attributes::SignalExternalWorkflowExecutionCommandAttributes(it) => {
                (OutboundKind::Signal, it.signal_name.clone(), &mut it.input, &mut it.header)
            }
            Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(it) => (
                OutboundKind::ContinueAsNew,
                it.workflow_type.clone().unwrap_or_default().name,
                &mut it.input,
                &mut it.header,
            ),
            // The others have no headers, or go nowhere.
            _ => continue,
        };
        show(interceptors, caller, kind, &name, input, header);
    }
}

/// Shows the interceptors a local activity that begins.
pub(crate) fn local(interceptors: &Interceptors, caller: &Caller, local: &mut LocalActivity) {
    if !interceptors.is_empty() {
        show(interceptors, caller, OutboundKind::LocalActivity, &local.kind, &mut local.input, &mut local.header);
    }
}

fn show(
    interceptors: &Interceptors,
    caller: &Caller,
    kind: OutboundKind,
    name: &str,
    input: &mut Option<Payloads>,
    header: &mut Option<Header>,
) {
    let mut payloads = input.take().unwrap_or_default().payloads;
    let mut fields = header.take().unwrap_or_default().fields;
    for interceptor in interceptors.iter() {
        let (input, headers) = (&mut payloads, &mut fields);
        interceptor.workflow_outbound(caller, &mut Outbound { kind, name, input, headers });
    }
    *input = (!payloads.is_empty()).then_some(Payloads { payloads });
    *header = (!fields.is_empty()).then_some(Header { fields });
}

/// A program that shows the interceptors what comes to it.
pub(crate) struct Intercepted {
    inner: Box<dyn Program>,
    context: Context,
    interceptors: Interceptors,
}

type Made = std::result::Result<Box<dyn Program>, Box<failure::Failure>>;

impl Intercepted {
    /// The program itself where there are no interceptors.
    pub(crate) fn program(interceptors: &Interceptors, context: Context, make: impl FnOnce(Context) -> Made) -> Made {
        if interceptors.is_empty() {
            return make(context);
        }
        let interceptors = Arc::clone(interceptors);
        let started = context.info().started.clone();
        let kind = started.workflow_type.clone().unwrap_or_default().name;
        let seen =
            seen(&interceptors, &context, InboundKind::Run, &kind, started.input.as_ref(), started.header.as_ref());
        seen.map_err(Error::into_wire)?;
        let inner = make(context.clone())?;
        Ok(Box::new(Self { inner, context, interceptors }))
    }

    fn seen(&self, kind: InboundKind, name: &str, input: Option<&Payloads>, header: Option<&Header>) -> Result<()> {
        seen(&self.interceptors, &self.context, kind, name, input, header)
    }
}

fn seen(
    interceptors: &Interceptors,
    context: &Context,
    kind: InboundKind,
    name: &str,
    input: Option<&Payloads>,
    header: Option<&Header>,
) -> Result<()> {
    let (info, none) = (context.info(), HashMap::new());
    let call = Inbound {
        kind,
        name,
        workflow_type: info.started.workflow_type.as_ref().map(|kind| kind.name.as_str()).unwrap_or_default(),
        workflow_id: &info.workflow_id,
        run_id: &info.run_id,
        input: input.map(|input| input.payloads.as_slice()).unwrap_or_default(),
        headers: header.map_or(&none, |header| &header.fields),
        // Queries and checks leave nothing in history, so they are never done again.
        is_replaying: context.is_replaying() && !matches!(kind, InboundKind::Query | InboundKind::Check),
    };
    // A user's code too: a panic of it refuses, and does not end the thread.
    let asked =
        quietly(context, || interceptors.iter().try_for_each(|interceptor| interceptor.workflow_inbound(&call)));
    asked.unwrap_or_else(|panicked| Err(Error::of_wire(panicked)))
}

impl Program for Intercepted {
    fn main(&mut self) -> Task {
        self.inner.main()
    }

    fn signal(&mut self, signal: Signal) -> Reaction {
        match self.seen(InboundKind::Signal, &signal.name, signal.input.as_ref(), signal.header.as_ref()) {
            Ok(()) => self.inner.signal(signal),
            Err(error) => {
                warn!(signal = signal.name, ?error, "an interceptor refused a signal");
                Reaction::Done(End::Handler)
            }
        }
    }

    fn validate(&mut self, update: &UpdateRequest) -> std::result::Result<(), Box<failure::Failure>> {
        self.seen(InboundKind::Check, &update.name, update.input.as_ref(), update.header.as_ref())
            .map_err(Error::into_wire)?;
        self.inner.validate(update)
    }

    fn update(&mut self, update: UpdateRequest) -> Reaction {
        match self.seen(InboundKind::Update, &update.name, update.input.as_ref(), update.header.as_ref()) {
            Ok(()) => self.inner.update(update),
            Err(error) => Reaction::Done(End::Update(Err(error.into_wire()))),
        }
    }

    fn query(&mut self, query: &Query) -> std::result::Result<Option<Payloads>, Box<failure::Failure>> {
        self.seen(InboundKind::Query, &query.name, query.input.as_ref(), query.header.as_ref())
            .map_err(Error::into_wire)?;
        self.inner.query(query)
    }
}
