//! What a run knows: its operations, the commands of this turn, and what history has told it.
//!
//! Invariant: nothing here is polled or called; programs are polled while it is not borrowed.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    rc::Rc,
    string::String,
    vec::Vec,
};
use core::task::Waker;

use weft_protocol::api::{
    command::{
        CancelTimerCommandAttributes, RequestCancelActivityTaskCommandAttributes,
        RequestCancelExternalWorkflowExecutionCommandAttributes, UpsertWorkflowSearchAttributesCommandAttributes,
        command::Attributes,
    },
    common::Payload,
    history::WorkflowExecutionStartedEventAttributes,
    protocol::Message,
    sdk::UserMetadata,
};

use crate::{
    command::{Issued, Source},
    divergence::Divergence,
    failure,
    local::LocalActivity,
    markers::Markers,
    operation::{Kind, Operation, OperationId, Pending, Resolution, Stage},
    program::Task,
    random::Random,
    scope::{ScopeId, Scopes},
    tasks::Role,
};

/// What is told of a workflow when it starts, and stays.
#[derive(Clone, Debug, Default)]
pub struct Info {
    pub namespace: String,
    pub workflow_id: String,
    pub run_id: String,
    pub task_queue: String,
    /// As history has it: type, arguments, timeouts, memo, parent and the like.
    pub started: Rc<WorkflowExecutionStartedEventAttributes>,
}

/// When a workflow task was started: the only time that a program knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// The event of the workflow task, and so the length of the history that the program has seen.
    pub event_id: i64,
    /// Nanoseconds since 1970.
    pub now: i64,
    pub history_bytes: u64,
    /// The server finds the history long.
    pub suggests_continue_as_new: bool,
}

/// What becomes of an activity when the one who waits for it no longer wants it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cancellation {
    /// It is asked to stop, and not waited for.
    #[default]
    Try,
    /// It is asked to stop, and waited for until it has.
    Wait,
    /// It is not told, and not waited for.
    Abandon,
}

/// What becomes of a child when the one who waits for it no longer wants it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChildCancellation {
    /// It is asked to cancel itself, and waited for until it has ended.
    #[default]
    Wait,
    /// It is asked to cancel itself, and not waited for.
    Try,
    /// It is not told, and not waited for.
    Abandon,
}

/// Which events speak of an operation by the id of its first event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    Timer,
    Activity,
    Child,
    Signal,
    Cancel,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) info: Rc<Info>,
    pub(crate) moment: Moment,
    pub(crate) replaying: bool,
    closed: bool,
    pub(crate) scopes: Scopes,
    pub(crate) operations: BTreeMap<OperationId, Operation>,
    by_event: BTreeMap<(Family, i64), OperationId>,
    /// Conditions that have not come true: looked at each time the program comes to rest.
    unmet: BTreeSet<OperationId>,
    next_operation: u64,
    counters: BTreeMap<&'static str, u64>,
    pub(crate) commands: Vec<Issued>,
    pub(crate) messages: Vec<Message>,
    pub(crate) markers: Markers,
    /// Search attributes that were set since the run started, by the program or for its changes.
    pub(crate) upserted: BTreeMap<String, Payload>,
    pub(crate) random: Option<Random>,
    /// Local activities that the worker was not yet asked to run.
    pub(crate) local: Vec<LocalActivity>,
    /// Local activities that the program waits for, with their types, by their ids.
    pub(crate) open_locals: BTreeMap<String, (OperationId, String)>,
    /// Tasks that began and have not been polled.
    pub(crate) begun: Vec<(Role, Task)>,
    cancel_waiters: BTreeMap<ScopeId, Vec<Waker>>,
    /// The code asked for something that history should have and has not.
    pub(crate) parted: Option<Divergence>,
}

impl State {
    pub(crate) fn is_replaying(&self) -> bool {
        self.replaying
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// The program has ended: what its futures do while they are dropped concerns nobody.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.local.clear();
        self.open_locals.clear();
    }

    /// All that may hold the state itself, to be dropped while it is not in use.
    pub(crate) fn let_go(&mut self) -> impl Sized + use<> {
        (core::mem::take(&mut self.begun), core::mem::take(&mut self.operations))
    }

    /// An id for the next of its kind: ids are part of history, so they are counted, not drawn.
    pub(crate) fn next_id(&mut self, kind: &'static str) -> u64 {
        let counter = self.counters.entry(kind).or_default();
        *counter += 1;
        *counter
    }

    pub(crate) fn issue(&mut self, attributes: Attributes, at: Source) {
        if self.closed {
            return;
        }
        self.commands.push(Issued { attributes, metadata: None, begins: None, at: Some(at) });
    }

    pub(crate) fn upsert(&mut self, upsert: UpsertWorkflowSearchAttributesCommandAttributes, at: Source) {
        let set = upsert.search_attributes.iter().flat_map(|it| &it.indexed_fields);
        self.upserted.extend(set.map(|(name, value)| (name.clone(), value.clone())));
        self.issue(Attributes::UpsertWorkflowSearchAttributesCommandAttributes(upsert), at);
    }

    /// Begins an operation, by a command or without one. Where its scope is cancelled, it ends before it began.
    pub(crate) fn begin(
        &mut self,
        kind: Kind,
        scope: ScopeId,
        at: Source,
        command: Option<(Attributes, Option<UserMetadata>)>,
    ) -> OperationId {
        let id = OperationId(self.next_operation);
        self.next_operation += 1;
        let operation = Operation {
            kind,
            scope,
            at,
            event_id: None,
            cancel_asked: false,
            ended: Stage::default(),
            abandoned: false,
        };
        match &operation.kind {
            Kind::Condition { .. } => drop(self.unmet.insert(id)),
            Kind::LocalActivity { id: name, kind } => {
                self.open_locals.insert(name.clone(), (id, kind.clone()));
            }
            Kind::Timer { .. } | Kind::Activity { .. } | Kind::Child { .. } | Kind::External => {}
        }
        self.operations.insert(id, operation);
        if self.closed || self.scopes.reason(scope).is_some() {
            self.resolve_canceled(id);
        } else if let Some((attributes, metadata)) = command {
            self.commands.push(Issued { attributes, metadata, begins: Some(id), at: Some(at) });
        }
        id
    }

    /// History has the operation under this event.
    pub(crate) fn bind(&mut self, id: OperationId, family: Family, event_id: i64) {
        if let Some(operation) = self.operations.get_mut(&id) {
            operation.event_id = Some(event_id);
            self.by_event.insert((family, event_id), id);
        }
    }

    pub(crate) fn bound(&mut self, family: Family, event_id: i64) -> Option<&mut Operation> {
        self.by_event.get(&(family, event_id)).and_then(|id| self.operations.get_mut(id))
    }

    /// History says how the operation ended, and says no more of it.
    pub(crate) fn end(&mut self, family: Family, event_id: i64, resolution: Resolution) {
        let Some(id) = self.by_event.remove(&(family, event_id)) else { return };
        self.resolve(id, resolution);
    }

    pub(crate) fn resolve(&mut self, id: OperationId, resolution: Resolution) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        if let (Kind::Child { started, .. }, Err(failure)) = (&mut operation.kind, &resolution) {
            started.reach(Err(failure.clone()));
        }
        operation.ended.reach(resolution);
        self.unmet.remove(&id);
        if operation.abandoned {
            self.operations.remove(&id);
        }
    }

    /// The one who waited has its answer, or waits no more.
    ///
    /// What is returned may hold values of the program's: it is dropped while the state is not in use.
    #[must_use]
    pub(crate) fn release(&mut self, id: OperationId) -> Option<Operation> {
        let operation = self.operations.get_mut(&id)?;
        operation.abandoned = true;
        if operation.ended.reached { self.operations.remove(&id) } else { None }
    }

    /// Forgets a scope that nobody holds: what still runs in it belongs to the scope above.
    pub(crate) fn close_scope(&mut self, id: ScopeId) {
        // Whoever waits for its cancellation holds it, so those that are left have ended.
        self.cancel_waiters.remove(&id);
        let Some(parent) = self.scopes.close(id) else { return };
        for operation in self.operations.values_mut().filter(|operation| operation.scope == id) {
            operation.scope = parent;
        }
    }

    /// Cancels an operation that has not ended, in the manner that it began with.
    pub(crate) fn cancel(&mut self, id: OperationId) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        if operation.ended.reached || operation.cancel_asked || self.closed {
            return;
        }
        operation.cancel_asked = true;
        // What was begun last is mostly dropped first.
        let unsent = |commands: &[Issued]| commands.iter().rposition(|command| command.begins == Some(id));
        if operation.event_id.is_none()
            && let Some(unsent) = unsent(&self.commands)
        {
            self.commands.remove(unsent);
            return self.resolve_canceled(id);
        }
        let event_id = operation.event_id.unwrap_or_default();
        let (command, waits) = match &operation.kind {
            Kind::Timer { id } => {
                let cancel = CancelTimerCommandAttributes { timer_id: id.clone() };
                // No event will speak of it again by its first one.
                self.by_event.remove(&(Family::Timer, event_id));
                (Some(Attributes::CancelTimerCommandAttributes(cancel)), false)
            }
            Kind::Activity { cancellation, .. } => {
                let cancel = RequestCancelActivityTaskCommandAttributes { scheduled_event_id: event_id };
                let command = Attributes::RequestCancelActivityTaskCommandAttributes(cancel);
                match cancellation {
                    Cancellation::Try => (Some(command), false),
                    Cancellation::Wait => (Some(command), true),
                    Cancellation::Abandon => (None, false),
                }
            }
            Kind::Child { target, cancellation, .. } => {
                let child = target.workflow_execution.clone().unwrap_or_default();
                let cancel = RequestCancelExternalWorkflowExecutionCommandAttributes {
                    workflow_id: child.workflow_id,
                    run_id: child.run_id,
                    child_workflow_only: true,
                    ..RequestCancelExternalWorkflowExecutionCommandAttributes::default()
                };
                let command = Attributes::RequestCancelExternalWorkflowExecutionCommandAttributes(cancel);
                match cancellation {
                    ChildCancellation::Wait => (Some(command), true),
                    ChildCancellation::Try => (Some(command), false),
                    ChildCancellation::Abandon => (None, false),
                }
            }
            Kind::LocalActivity { id, .. } => {
                self.local.retain(|local| local.id != *id);
                self.open_locals.remove(id);
                (None, false)
            }
            Kind::Condition { .. } => (None, false),
            // What was sent to another workflow cannot be called back: its answer is waited for.
            Kind::External => (None, true),
        };
        let at = Some(operation.at);
        if let Some(attributes) = command {
            self.commands.push(Issued { attributes, metadata: None, begins: None, at });
        }
        if !waits {
            self.resolve_canceled(id);
        }
    }

    fn resolve_canceled(&mut self, id: OperationId) {
        let Some(operation) = self.operations.get(&id) else { return };
        let failure = match &operation.kind {
            Kind::Timer { .. } => failure::canceled("timer canceled"),
            Kind::Condition { .. } => failure::canceled("wait canceled"),
            Kind::External => failure::canceled("canceled"),
            Kind::Activity { id, kind, .. } | Kind::LocalActivity { id, kind } => failure::activity_canceled(id, kind),
            Kind::Child { target, .. } => failure::child_canceled(target.clone()),
        };
        self.resolve(id, Err(failure));
    }

    pub(crate) fn wait_for_cancel(&mut self, scope: ScopeId, waker: Waker) {
        // Whoever waits beside other things asks again each time it is polled.
        let waiters = self.cancel_waiters.entry(scope).or_default();
        if !waiters.iter().any(|known| known.will_wake(&waker)) {
            waiters.push(waker);
        }
    }

    pub(crate) fn wake_cancelled(&mut self, scopes: &[ScopeId]) {
        for waker in scopes.iter().filter_map(|scope| self.cancel_waiters.remove(scope)).flatten() {
            waker.wake();
        }
    }

    /// What is waited for, in the order in which it began.
    pub(crate) fn pending(&self) -> Vec<Pending> {
        let open = self.operations.values().filter(|operation| !operation.ended.reached && !operation.abandoned);
        open.map(|operation| Pending { what: operation.kind.describe(), at: operation.at }).collect()
    }

    /// Conditions that may have come true.
    pub(crate) fn conditions(&self) -> Vec<(OperationId, Rc<dyn Fn() -> bool>)> {
        let unmet = self.unmet.iter().filter_map(|id| Some((*id, self.operations.get(id)?)));
        unmet
            .filter_map(|(id, operation)| match &operation.kind {
                Kind::Condition { holds } => Some((id, Rc::clone(holds))),
                Kind::Timer { .. }
                | Kind::Activity { .. }
                | Kind::LocalActivity { .. }
                | Kind::Child { .. }
                | Kind::External => None,
            })
            .collect()
    }

    pub(crate) fn random(&mut self) -> u64 {
        let info = Rc::clone(&self.info);
        self.random.get_or_insert_with(|| Random::of_run(&info.started.original_execution_run_id)).next()
    }

    /// A random id of the form of a UUID, version 4.
    pub(crate) fn uuid(&mut self) -> String {
        let high = (self.random() & 0xffff_ffff_ffff_0fff) | 0x4000;
        let low = (self.random() & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }

    /// A task of the program's, polled with the others from now on.
    pub(crate) fn begin_task(&mut self, role: Role, task: Task) {
        self.begun.push((role, task));
    }
}

pub(crate) type Shared = Rc<core::cell::RefCell<State>>;
