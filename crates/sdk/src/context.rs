//! [`Ctx`]: all that a workflow may ask of the world.
//!
//! Invariant: everything here is the same when the workflow is replayed. Time is when the workflow task was started,
//! chance is seeded by the run, and what comes from outside comes through activities, signals and side effects.

mod activity;
mod child;
mod external;
mod local;
mod options;
mod timer;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::Future,
    panic::Location,
    rc::Rc,
    time::{Duration, SystemTime},
};

use weft_client::{Args, IntoArgs, NamesWorkflow, Value, WorkflowDefinition};
use weft_protocol::{
    api::{
        command::{
            ContinueAsNewWorkflowExecutionCommandAttributes, ModifyWorkflowPropertiesCommandAttributes,
            UpsertWorkflowSearchAttributesCommandAttributes,
        },
        common::{Memo, Payload, Payloads, SearchAttributes, WorkflowExecution, WorkflowType},
        enums::TaskQueueKind,
        sdk::UserMetadata,
        taskqueue::TaskQueue,
    },
    payload,
    time::proto_duration,
};
use weft_replay::{CHANGES, Context, End, ScopeId, Source, Wait};

pub use activity::ActivityCall;
pub use child::{ChildCall, ChildHandle};
pub use external::External;
pub use local::LocalActivityCall;
pub use options::Options;
pub use timer::TimerCall;

use crate::{Error, Result, workflow::LocalFuture};

/// A workflow's context. Clones are the same; it goes into futures and handlers by value.
///
/// `S` is the workflow's state: the type that is marked `#[workflow]`, or `()` for a plain function.
pub struct Ctx<S = ()> {
    core: Context,
    shared: Rc<Shared<S>>,
    scope: Rc<Scope>,
    /// What calls begin with in this context.
    options: Rc<Options>,
}

struct Shared<S> {
    state: Rc<RefCell<S>>,
    handlers_running: Cell<usize>,
    details: RefCell<String>,
    /// What of the memo this run has set since it started, which its first event cannot know.
    memo_set: RefCell<HashMap<String, Payload>>,
}

/// Values as a run started with them, and those that it has set since; a null takes away.
fn as_set(
    mut values: HashMap<String, Payload>,
    set: impl IntoIterator<Item = (String, Payload)>,
) -> HashMap<String, Payload> {
    values.extend(set);
    values.retain(|_, value| !payload::is_null(value));
    values
}

/// A cancellation scope, forgotten with the last context in it.
struct Scope {
    core: Context,
    id: ScopeId,
}

impl Drop for Scope {
    fn drop(&mut self) {
        if self.id != ScopeId::ROOT && !self.core.is_closed() {
            self.core.close_scope(self.id);
        }
    }
}

impl<S> Clone for Ctx<S> {
    fn clone(&self) -> Self {
        Self {
            core: self.core.clone(),
            shared: Rc::clone(&self.shared),
            scope: Rc::clone(&self.scope),
            options: Rc::clone(&self.options),
        }
    }
}

/// Of a workflow and its run, what history tells.
#[derive(Clone, Debug, Default)]
pub struct WorkflowInfo {
    pub namespace: String,
    pub workflow_id: String,
    pub run_id: String,
    pub workflow_type: String,
    pub task_queue: String,
    /// Of retries of the whole workflow, from 1.
    pub attempt: u32,
    pub cron: String,
    pub parent: Option<WorkflowExecution>,
    pub continued_from_run_id: Option<String>,
    /// The first run of the chain of retries and continuations.
    pub first_run_id: String,
    pub identity: String,
    pub memo: HashMap<String, Payload>,
    pub headers: HashMap<String, Payload>,
}

impl<S: 'static> Ctx<S> {
    pub(crate) fn new(core: Context, state: Rc<RefCell<S>>) -> Self {
        let scope = Rc::new(Scope { core: core.clone(), id: ScopeId::ROOT });
        let shared = Shared {
            state,
            handlers_running: Cell::new(0),
            details: RefCell::new(String::new()),
            memo_set: RefCell::default(),
        };
        Self { core, shared: Rc::new(shared), scope, options: Rc::default() }
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) fn core(&self) -> &Context {
        &self.core
    }

    fn scope_id(&self) -> ScopeId {
        self.scope.id
    }

    // ---- state -----------------------------------------------------------------------------------------------

    /// Looks at the workflow's state.
    ///
    /// # Panics
    /// When it is called within [`Ctx::with_mut`].
    pub fn with<T>(&self, look: impl FnOnce(&S) -> T) -> T {
        look(&self.shared.state.borrow())
    }

    /// Changes the workflow's state.
    ///
    /// # Panics
    /// When it is called within [`Ctx::with`] or [`Ctx::with_mut`].
    pub fn with_mut<T>(&self, change: impl FnOnce(&mut S) -> T) -> T {
        change(&mut self.shared.state.borrow_mut())
    }

    /// Waits until the state is as it should be.
    ///
    /// # Errors
    /// When this context is cancelled before.
    #[track_caller]
    pub fn wait_until(&self, holds: impl Fn(&S) -> bool + 'static) -> LocalFuture<Result<()>> {
        let state = Rc::clone(&self.shared.state);
        let wait = self.core.condition(self.scope_id(), move || holds(&state.borrow()), here());
        Box::pin(done(wait))
    }

    /// Waits until the state is as it should be, but no longer than this; `false` when the time is over.
    ///
    /// # Errors
    /// When this context is cancelled before.
    #[track_caller]
    pub fn wait_until_for(&self, longest: Duration, holds: impl Fn(&S) -> bool + 'static) -> LocalFuture<Result<bool>> {
        let state = Rc::clone(&self.shared.state);
        let holds = Rc::new(move || holds(&state.borrow()));
        let (met, late) = (Rc::clone(&holds), holds);
        let met = self.core.condition(self.scope_id(), move || met(), here());
        let over = self.core.timer(self.scope_id(), longest, None, here());
        Box::pin(async move {
            match futures_util::future::select(met, over).await {
                futures_util::future::Either::Left((met, _)) => met.map(|_| true),
                // What came with the task that rang was not late.
                futures_util::future::Either::Right((over, _)) => over.map(|_| late()),
            }
            .map_err(Error::of_wire)
        })
    }

    // ---- time and chance -------------------------------------------------------------------------------------

    /// When the workflow task that is being worked on was started.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        let nanos = self.core.moment().now;
        let span = Duration::from_nanos(nanos.unsigned_abs());
        if nanos < 0 { SystemTime::UNIX_EPOCH - span } else { SystemTime::UNIX_EPOCH + span }
    }

    /// Waits. The timer is the server's: it rings also when no worker has been running meanwhile.
    ///
    /// # Errors
    /// When this context is cancelled before.
    #[track_caller]
    pub fn sleep(&self, span: Duration) -> TimerCall {
        TimerCall::new(&self.core, Rc::clone(&self.scope), span, here())
    }

    /// A random number, the same at each replay.
    #[must_use]
    pub fn random(&self) -> u64 {
        self.core.random()
    }

    /// A random UUID, the same at each replay.
    #[must_use]
    pub fn uuid(&self) -> String {
        self.core.uuid()
    }

    /// A value that is made once and recorded: for what is quick, cannot fail, and is not the same twice.
    ///
    /// # Errors
    /// When the value cannot be written or read.
    #[track_caller]
    pub fn side_effect<T: Value>(&self, make: impl FnOnce() -> T) -> Result<T> {
        let mut unwritten = None;
        let recorded = self.core.side_effect(
            || match make().to_payload() {
                Ok(payload) => vec![payload],
                Err(error) => {
                    unwritten = Some(error);
                    Vec::new()
                }
            },
            here(),
        );
        if let Some(error) = unwritten {
            return Err(error.into());
        }
        // Without a record code and history have parted, and the run says where whatever is answered here.
        let payloads = recorded.ok_or_else(|| Error::new("history has no such side effect"))?;
        Ok(weft_client::result_from_payloads(&payloads)?)
    }

    /// Whether this run takes the new way at a change: `true` in new runs, `false` in runs that passed here before the
    /// change was made.
    #[track_caller]
    #[must_use]
    pub fn patched(&self, change: &str) -> bool {
        self.core.patched(change, here())
    }

    /// Says that no run is left that passed here before the change; the old way may go.
    #[track_caller]
    pub fn deprecate_patch(&self, change: &str) {
        self.core.deprecate_patch(change, here());
    }

    /// Whether this is done again that history has already. Log lines are left out by themselves.
    #[must_use]
    pub fn is_replaying(&self) -> bool {
        self.core.is_replaying()
    }

    // ---- cancellation ----------------------------------------------------------------------------------------

    /// A context that can be cancelled on its own, and is cancelled with this one.
    #[must_use]
    pub fn cancellable(&self) -> Self {
        self.in_scope(self.core.open_scope(Some(self.scope_id())))
    }

    /// A context that is not cancelled with this one: for what must be done in any case, such as compensations.
    #[must_use]
    pub fn shielded(&self) -> Self {
        self.in_scope(self.core.open_scope(None))
    }

    fn in_scope(&self, id: ScopeId) -> Self {
        Self { scope: Rc::new(Scope { core: self.core.clone(), id }), ..self.clone() }
    }

    /// Cancels what was begun in this context: each timer, activity, child and wait, in its own manner.
    pub fn cancel(&self, reason: &str) {
        self.core.cancel_scope(self.scope_id(), reason);
    }

    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.core.cancel_reason(self.scope_id()).is_some()
    }

    /// Somebody asked the workflow to cancel itself.
    #[must_use]
    pub fn is_workflow_cancelled(&self) -> bool {
        self.core.cancel_reason(ScopeId::ROOT).is_some()
    }

    /// Ready with the reason once this context is cancelled.
    pub fn cancelled(&self) -> LocalFuture<String> {
        let (core, scope) = (self.core.clone(), Rc::clone(&self.scope));
        Box::pin(async move { core.cancelled(scope.id).await })
    }

    // ---- this workflow ---------------------------------------------------------------------------------------

    #[must_use]
    pub fn info(&self) -> WorkflowInfo {
        let info = self.core.info();
        let started = &info.started;
        WorkflowInfo {
            namespace: info.namespace.clone(),
            workflow_id: info.workflow_id.clone(),
            run_id: info.run_id.clone(),
            workflow_type: started.workflow_type.clone().unwrap_or_default().name,
            task_queue: info.task_queue.clone(),
            attempt: started.attempt.unsigned_abs(),
            cron: started.cron_schedule.clone(),
            parent: started.parent_workflow_execution.clone(),
            continued_from_run_id: Some(started.continued_execution_run_id.clone()).filter(|id| !id.is_empty()),
            first_run_id: started.first_execution_run_id.clone(),
            identity: started.identity.clone(),
            memo: self.memo(),
            headers: started.header.clone().unwrap_or_default().fields,
        }
    }

    /// How many events this run has so far.
    #[must_use]
    pub fn history_length(&self) -> u64 {
        self.core.moment().event_id.unsigned_abs()
    }

    /// The server finds the history long enough: continue as new soon.
    #[must_use]
    pub fn should_continue_as_new(&self) -> bool {
        self.core.moment().suggests_continue_as_new
    }

    /// Ends this run and goes on as a new one of the same workflow: return it as an error.
    ///
    /// ```ignore
    /// return Err(ctx.continue_as_new(Subscription::run, next));
    /// ```
    pub fn continue_as_new<W: NamesWorkflow>(
        &self,
        _workflow: W,
        args: impl IntoArgs<<W::Workflow as WorkflowDefinition>::Args>,
    ) -> Error {
        let payloads = match args.into_args().to_payloads() {
            Ok(payloads) => payloads,
            Err(error) => return error.into(),
        };
        let info = self.core.info();
        let started = &info.started;
        Error::continue_as_new(ContinueAsNewWorkflowExecutionCommandAttributes {
            workflow_type: Some(WorkflowType { name: W::Workflow::NAME.to_owned() }),
            task_queue: Some(task_queue(info.task_queue.clone())),
            input: Some(Payloads { payloads }),
            workflow_run_timeout: started.workflow_run_timeout,
            workflow_task_timeout: started.workflow_task_timeout,
            retry_policy: started.retry_policy.clone(),
            memo: Some(Memo { fields: self.memo() }).filter(|memo| !memo.fields.is_empty()),
            header: started.header.clone(),
            search_attributes: self.attributes_of_next(),
            ..ContinueAsNewWorkflowExecutionCommandAttributes::default()
        })
    }

    /// Puts a value into the memo; `None` takes it out.
    ///
    /// # Errors
    /// When the value cannot be written.
    #[track_caller]
    pub fn set_memo<T: Value>(&self, key: &str, value: Option<T>) -> Result<()> {
        let value = match value {
            Some(value) => value.to_payload()?,
            None => payload::null(),
        };
        self.shared.memo_set.borrow_mut().insert(key.to_owned(), value.clone());
        let memo = Memo { fields: [(key.to_owned(), value)].into() };
        let modify = ModifyWorkflowPropertiesCommandAttributes { upserted_memo: Some(memo) };
        self.core.modify_properties(modify, here());
        Ok(())
    }

    /// Sets search attributes.
    #[track_caller]
    pub fn set_search_attributes(&self, attributes: weft_client::SearchAttributes) {
        let search_attributes = Some(attributes.into());
        let upsert = UpsertWorkflowSearchAttributesCommandAttributes { search_attributes };
        self.core.upsert_search_attributes(upsert, here());
    }

    /// The search attributes as this run has them now.
    #[must_use]
    pub fn search_attributes(&self) -> weft_client::SearchAttributes {
        self.attributes().map(Into::into).unwrap_or_default()
    }

    fn memo(&self) -> HashMap<String, Payload> {
        let started = self.core.info().started.memo.clone().unwrap_or_default();
        as_set(started.fields, self.shared.memo_set.borrow().clone())
    }

    fn attributes(&self) -> Option<SearchAttributes> {
        let started = self.core.info().started.search_attributes.clone().unwrap_or_default();
        let indexed_fields = as_set(started.indexed_fields, self.core.upserted_search_attributes());
        (!indexed_fields.is_empty()).then_some(SearchAttributes { indexed_fields })
    }

    /// Those that a run that continues this one begins with. It enters changes anew, and says then which.
    fn attributes_of_next(&self) -> Option<SearchAttributes> {
        let mut attributes = self.attributes()?;
        attributes.indexed_fields.remove(CHANGES);
        Some(attributes).filter(|it| !it.indexed_fields.is_empty())
    }

    /// Says in a few words, for people who look at it, how the workflow stands.
    pub fn set_details(&self, details: impl Into<String>) {
        *self.shared.details.borrow_mut() = details.into();
    }

    pub(crate) fn details(&self) -> String {
        self.shared.details.borrow().clone()
    }

    /// Runs a future beside the workflow. It ends with the workflow.
    pub fn spawn(&self, beside: impl Future<Output = ()> + 'static) {
        self.core.spawn(Box::pin(async move {
            beside.await;
            End::Handler
        }));
    }

    /// Waits until no handler of a signal or update is running: before a workflow ends or continues as new.
    ///
    /// # Errors
    /// When this context is cancelled before.
    #[track_caller]
    pub fn handlers_finished(&self) -> LocalFuture<Result<()>> {
        let shared = Rc::clone(&self.shared);
        let wait = self.core.condition(self.scope_id(), move || shared.handlers_running.get() == 0, here());
        Box::pin(done(wait))
    }

    pub(crate) fn handlers_running(&self) -> usize {
        self.shared.handlers_running.get()
    }

    /// Counts a handler until it is dropped.
    pub(crate) fn handler_runs(&self) -> impl Drop + use<S> {
        struct Running<S>(Rc<Shared<S>>);
        impl<S> Drop for Running<S> {
            fn drop(&mut self) {
                self.0.handlers_running.set(self.0.handlers_running.get().saturating_sub(1));
            }
        }
        self.shared.handlers_running.set(self.shared.handlers_running.get() + 1);
        Running(Rc::clone(&self.shared))
    }

    /// The same context, with other beginnings for the calls that are made in it.
    #[must_use]
    pub fn with_options(&self, options: Options) -> Self {
        Self { options: Rc::new(options), ..self.clone() }
    }
}

/// The line of the user's code that called.
#[track_caller]
fn here() -> Source {
    Location::caller().into()
}

fn metadata(summary: Option<&str>) -> Option<UserMetadata> {
    let summary = payload::json_string(summary?);
    Some(UserMetadata { summary: Some(summary), ..UserMetadata::default() })
}

fn proto(span: Option<Duration>) -> Option<weft_protocol::Duration> {
    span.map(proto_duration)
}

/// The arguments, or why they cannot be written: told when the call is awaited.
fn input<A: Args>(args: A) -> Result<Option<Payloads>> {
    Ok(Some(Payloads { payloads: args.to_payloads()? }))
}

/// A queue that anybody may poll.
fn task_queue(name: String) -> TaskQueue {
    TaskQueue { name, kind: TaskQueueKind::Normal.into(), ..TaskQueue::default() }
}

/// Waits for what gives nothing.
async fn done(wait: Wait) -> Result<()> {
    wait.await.map(drop).map_err(Error::of_wire)
}

/// Waits for a value.
async fn value<T: Value>(wait: Wait) -> Result<T> {
    let result = wait.await.map_err(Error::of_wire)?.unwrap_or_default();
    Ok(weft_client::result_from_payloads(&result.payloads)?)
}
