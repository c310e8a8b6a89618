//! What a program may ask of the world. Everything else is not deterministic, and not for it.

use alloc::{
    collections::BTreeMap,
    rc::Rc,
    string::{String, ToString},
    vec::Vec,
};
use core::{
    cell::RefCell,
    pin::Pin,
    task::{Context as Polled, Poll},
    time::Duration,
};

use weft_protocol::{
    api::{
        command::{
            ModifyWorkflowPropertiesCommandAttributes, RequestCancelExternalWorkflowExecutionCommandAttributes,
            ScheduleActivityTaskCommandAttributes, SignalExternalWorkflowExecutionCommandAttributes,
            StartChildWorkflowExecutionCommandAttributes, StartTimerCommandAttributes,
            UpsertWorkflowSearchAttributesCommandAttributes, command::Attributes,
        },
        common::{Payload, WorkflowExecution},
        failure::ChildWorkflowExecutionFailureInfo,
        sdk::UserMetadata,
    },
    time::proto_duration,
};

use crate::{
    command::Source,
    local::LocalActivity,
    operation::{Kind, OperationId, Pending, Resolution, Stage},
    program::Task,
    scope::ScopeId,
    state::{Cancellation, ChildCancellation, Info, Moment, Shared, State},
    tasks::Role,
};

/// A program's way to its run. Clones are the same way.
#[derive(Clone, Default)]
pub struct Context(pub(crate) Shared);

/// Waits for the end of an operation. Dropping it before cancels the operation, unless it was detached.
#[must_use = "it is cancelled when it is dropped"]
pub struct Wait {
    state: Shared,
    id: OperationId,
    which: Which,
    cancels: bool,
    done: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Which {
    Started,
    Ended,
}

/// A child that is being started: first that it runs, then its end.
pub struct Child {
    pub started: Wait,
    pub ended: Wait,
}

impl Context {
    #[must_use]
    pub fn info(&self) -> Rc<Info> {
        Rc::clone(&self.0.borrow().info)
    }

    /// When the workflow task that is being worked on was started.
    #[must_use]
    pub fn moment(&self) -> Moment {
        self.0.borrow().moment
    }

    /// Whether this is done again that history has already: what should happen once, such as logging, is not repeated.
    #[must_use]
    pub fn is_replaying(&self) -> bool {
        self.0.borrow().is_replaying()
    }

    /// The program was dropped or has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.borrow().is_closed()
    }

    #[must_use]
    pub fn random(&self) -> u64 {
        self.0.borrow_mut().random()
    }

    #[must_use]
    pub fn uuid(&self) -> String {
        self.0.borrow_mut().uuid()
    }

    /// What the program waits for, in the order in which it began.
    #[must_use]
    pub fn pending(&self) -> Vec<Pending> {
        self.0.borrow().pending()
    }

    /// Runs a future beside the others. It is polled for the first time after what runs now.
    pub fn spawn(&self, task: Task) {
        self.0.borrow_mut().begin_task(Role::Spawned, task);
    }

    /// A new scope: below a parent, or on its own.
    #[must_use]
    pub fn open_scope(&self, parent: Option<ScopeId>) -> ScopeId {
        self.0.borrow_mut().scopes.open(parent)
    }

    pub fn close_scope(&self, scope: ScopeId) {
        self.0.borrow_mut().close_scope(scope);
    }

    pub fn cancel_scope(&self, scope: ScopeId, reason: &str) {
        self.0.borrow_mut().cancel_scope(scope, reason);
    }

    /// Why the scope was cancelled; `None` while it was not.
    #[must_use]
    pub fn cancel_reason(&self, scope: ScopeId) -> Option<String> {
        self.0.borrow().scopes.reason(scope).map(ToString::to_string)
    }

    /// Ready with the reason once the scope is cancelled.
    pub async fn cancelled(&self, scope: ScopeId) -> String {
        core::future::poll_fn(|polled| match self.cancel_reason(scope) {
            Some(reason) => Poll::Ready(reason),
            None => {
                self.0.borrow_mut().wait_for_cancel(scope, polled.waker().clone());
                Poll::Pending
            }
        })
        .await
    }

    pub fn timer(&self, scope: ScopeId, span: Duration, metadata: Option<UserMetadata>, at: Source) -> Wait {
        let mut state = self.0.borrow_mut();
        let id = state.next_id("timer").to_string();
        let start =
            StartTimerCommandAttributes { timer_id: id.clone(), start_to_fire_timeout: Some(proto_duration(span)) };
        let command = Attributes::StartTimerCommandAttributes(start);
        let begun = state.begin(Kind::Timer { id }, scope, at, Some((command, metadata)));
        self.wait(begun)
    }

    /// Ready when the condition holds. It is looked at whenever the program came to rest, and must not change anything.
    pub fn condition(&self, scope: ScopeId, holds: impl Fn() -> bool + 'static, at: Source) -> Wait {
        let begun = self.0.borrow_mut().begin(Kind::Condition { holds: Rc::new(holds) }, scope, at, None);
        self.wait(begun)
    }

    /// Schedules an activity. An empty activity id is chosen here.
    pub fn activity(
        &self,
        scope: ScopeId,
        mut schedule: ScheduleActivityTaskCommandAttributes,
        cancellation: Cancellation,
        metadata: Option<UserMetadata>,
        at: Source,
    ) -> Wait {
        let mut state = self.0.borrow_mut();
        if schedule.activity_id.is_empty() {
            schedule.activity_id = state.next_id("activity").to_string();
        }
        let kind = Kind::Activity {
            id: schedule.activity_id.clone(),
            kind: schedule.activity_type.clone().unwrap_or_default().name,
            cancellation,
        };
        let command = Attributes::ScheduleActivityTaskCommandAttributes(schedule);
        let begun = state.begin(kind, scope, at, Some((command, metadata)));
        self.wait(begun)
    }

    /// Runs an activity within the worker; its end is a marker in history. The id is chosen here.
    pub fn local_activity(&self, scope: ScopeId, mut local: LocalActivity, at: Source) -> Wait {
        let mut state = self.0.borrow_mut();
        local.id = state.next_id("local activity").to_string();
        let kind = Kind::LocalActivity { id: local.id.clone(), kind: local.kind.clone() };
        let begun = state.begin(kind, scope, at, None);
        if state.operations.get(&begun).is_some_and(|operation| !operation.ended.reached) {
            state.local.push(local);
        }
        self.wait(begun)
    }

    /// Starts a child. An empty workflow id is chosen here.
    pub fn child(
        &self,
        scope: ScopeId,
        mut start: StartChildWorkflowExecutionCommandAttributes,
        cancellation: ChildCancellation,
        metadata: Option<UserMetadata>,
        at: Source,
    ) -> Child {
        let mut state = self.0.borrow_mut();
        if start.workflow_id.is_empty() {
            start.workflow_id = state.uuid();
        }
        let target = ChildWorkflowExecutionFailureInfo {
            workflow_execution: Some(WorkflowExecution {
                workflow_id: start.workflow_id.clone(),
                run_id: String::new(),
            }),
            workflow_type: start.workflow_type.clone(),
            ..ChildWorkflowExecutionFailureInfo::default()
        };
        let command = Attributes::StartChildWorkflowExecutionCommandAttributes(start);
        let kind = Kind::Child { target, cancellation, started: Stage::default() };
        let begun = state.begin(kind, scope, at, Some((command, metadata)));
        let mut started = self.wait(begun);
        started.which = Which::Started;
        Child { started, ended: self.wait(begun) }
    }

    pub fn signal_external(
        &self,
        scope: ScopeId,
        signal: SignalExternalWorkflowExecutionCommandAttributes,
        at: Source,
    ) -> Wait {
        let command = Attributes::SignalExternalWorkflowExecutionCommandAttributes(signal);
        let begun = self.0.borrow_mut().begin(Kind::External, scope, at, Some((command, None)));
        self.wait(begun)
    }

    pub fn cancel_external(
        &self,
        scope: ScopeId,
        cancel: RequestCancelExternalWorkflowExecutionCommandAttributes,
        at: Source,
    ) -> Wait {
        let command = Attributes::RequestCancelExternalWorkflowExecutionCommandAttributes(cancel);
        let begun = self.0.borrow_mut().begin(Kind::External, scope, at, Some((command, None)));
        self.wait(begun)
    }

    pub fn upsert_search_attributes(&self, upsert: UpsertWorkflowSearchAttributesCommandAttributes, at: Source) {
        self.0.borrow_mut().upsert(upsert, at);
    }

    /// The search attributes that were set since the run started, by the program or for its changes, as they are now; a
    /// null is one that was taken away.
    #[must_use]
    pub fn upserted_search_attributes(&self) -> BTreeMap<String, Payload> {
        self.0.borrow().upserted.clone()
    }

    pub fn modify_properties(&self, modify: ModifyWorkflowPropertiesCommandAttributes, at: Source) {
        self.issue(Attributes::ModifyWorkflowPropertiesCommandAttributes(modify), at);
    }

    /// Whether this run enters a changed piece of code. What was answered once is answered for the rest of the run.
    #[must_use]
    pub fn patched(&self, change: &str, at: Source) -> bool {
        self.0.borrow_mut().patched(change, false, at)
    }

    /// Says that no running workflow is older than a change: its marker may be missing in new histories.
    pub fn deprecate_patch(&self, change: &str, at: Source) {
        self.0.borrow_mut().patched(change, true, at);
    }

    /// A value that is made once, and found in history ever after.
    ///
    /// Nothing where history has none here, though it has what follows: the run then tells where code and history part,
    /// whatever the program makes of it.
    #[must_use]
    pub fn side_effect(&self, make: impl FnOnce() -> Vec<Payload>, at: Source) -> Option<Vec<Payload>> {
        self.0.borrow_mut().side_effect(make, at)
    }

    fn issue(&self, attributes: Attributes, at: Source) {
        self.0.borrow_mut().issue(attributes, at);
    }

    fn wait(&self, id: OperationId) -> Wait {
        Wait { state: Rc::clone(&self.0), id, which: Which::Ended, cancels: true, done: false }
    }
}

impl Wait {
    /// Dropping it no longer cancels.
    pub fn detach(&mut self) {
        self.cancels = false;
    }

    /// Cancels the operation in its manner; its end is still waited for.
    pub fn cancel(&self) {
        self.state.borrow_mut().cancel(self.id);
    }

    /// The run of a child that was started.
    #[must_use]
    pub fn child_run(&self) -> Option<WorkflowExecution> {
        self.state.borrow().operations.get(&self.id)?.kind.child_run().cloned()
    }
}

impl Future for Wait {
    type Output = Resolution;

    fn poll(mut self: Pin<&mut Self>, polled: &mut Polled<'_>) -> Poll<Resolution> {
        let shared = Rc::clone(&self.state);
        let mut state = shared.borrow_mut();
        let ready = state.stage(self.id, self.which).and_then(|stage| {
            if stage.resolution.is_none() {
                stage.waker = Some(polled.waker().clone());
            }
            stage.resolution.take()
        });
        let Some(resolution) = ready else { return Poll::Pending };
        self.done = true;
        let released = if self.which == Which::Ended { state.release(self.id) } else { None };
        drop(state);
        drop(released);
        Poll::Ready(resolution)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if self.done || self.which == Which::Started {
            return;
        }
        // A future may be dropped by a program while this state is in use only at its end, and then nothing matters.
        let Ok(mut state) = RefCell::try_borrow_mut(&self.state) else { return };
        if self.cancels {
            state.cancel(self.id);
        }
        let released = state.release(self.id);
        drop(state);
        drop(released);
    }
}

impl State {
    fn stage(&mut self, id: OperationId, which: Which) -> Option<&mut Stage> {
        let operation = self.operations.get_mut(&id)?;
        match (&mut operation.kind, which) {
            (Kind::Child { started, .. }, Which::Started) => Some(started),
            (
                Kind::Timer { .. }
                | Kind::Activity { .. }
                | Kind::LocalActivity { .. }
                | Kind::Child { .. }
                | Kind::External
                | Kind::Condition { .. },
                Which::Started | Which::Ended,
            ) => Some(&mut operation.ended),
        }
    }
}
