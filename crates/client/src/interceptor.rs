//! Interceptors of a client: what looks at calls as they leave, and adds to their headers.
//!
//! Invariant: a call is shown once, before its payloads are encoded, however often it is then repeated; what is refused
//! never leaves. Deliberately not here: calls by raw stubs, what comes to a worker (the SDK has its own), and changes of a
//! schedule: they send a whole schedule back as it was read, with the headers that it was created with.

use std::{any::Any, collections::HashMap, sync::Arc};

use weft_protocol::{
    api::{
        common::{Header, Payload, Payloads, WorkflowExecution, WorkflowType},
        schedule::schedule_action::Action,
        workflow::{PostResetOperation, post_reset_operation::Variant},
        workflowservice::{
            CreateScheduleRequest, ExecuteMultiOperationRequest, QueryWorkflowRequest, ResetWorkflowExecutionRequest,
            SignalWithStartWorkflowExecutionRequest, SignalWorkflowExecutionRequest, StartBatchOperationRequest,
            StartWorkflowExecutionRequest, UpdateWorkflowExecutionRequest,
            execute_multi_operation_request::operation::Operation, start_batch_operation_request::Operation as Batched,
        },
    },
    weft::ResetToEventRequest,
};

use crate::{BoxError, Error};

/// Looks at what a client calls. Each method has a default that lets everything pass as it is.
pub trait ClientInterceptor: Send + Sync + 'static {
    /// Something is about to be sent that a workflow will see. A signal or an update that comes with a start is shown
    /// after the start.
    ///
    /// # Errors
    /// To refuse it: the caller gets [`Error::Intercepted`], and nothing is sent.
    fn outbound(&self, call: &mut ClientCall<'_>) -> Result<(), BoxError> {
        let _ = call;
        Ok(())
    }

    /// A call, whatever it is for, was answered or given up; it is named as the API names it.
    fn answered(&self, call: &str, error: Option<&Error>) {
        let _ = (call, error);
    }
}

/// What a client asks of a workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCallKind {
    Start,
    /// Also one that a reset sends to the new run, or that a batch operation sends to all that its filter finds.
    Signal,
    Query,
    Update,
    /// A schedule is created; this is what it will start.
    Schedule,
}

/// Something that a client sends.
#[derive(Debug)]
#[non_exhaustive]
pub struct ClientCall<'a> {
    pub kind: ClientCallKind,
    /// Of the workflow type, signal, query or update.
    pub name: &'a str,
    /// Empty where a filter finds the workflows: in a batch operation.
    pub workflow_id: &'a str,
    pub input: &'a mut Vec<Payload>,
    /// Interceptors of the worker see them.
    pub headers: &'a mut HashMap<String, Payload>,
}

/// The interceptors of a client: the first is the outermost.
#[derive(Clone, Default)]
pub(crate) struct ClientInterceptors(Vec<Arc<dyn ClientInterceptor>>);

impl ClientInterceptors {
    pub(crate) fn push(&mut self, interceptor: impl ClientInterceptor) {
        self.0.push(Arc::new(interceptor));
    }

    /// Shows a request of any kind; those that no workflow sees pass.
    pub(crate) fn outbound(&self, call: &'static str, request: &mut dyn Any) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        self.request(request).map_err(|error| Error::Intercepted { call, error })
    }

    pub(crate) fn answered<T>(&self, call: &str, answer: &Result<T, Error>) {
        self.0.iter().rev().for_each(|interceptor| interceptor.answered(call, answer.as_ref().err()));
    }

    fn request(&self, request: &mut dyn Any) -> Result<(), BoxError> {
        use ClientCallKind::{Query, Schedule, Signal};
        if let Some(it) = request.downcast_mut::<StartWorkflowExecutionRequest>() {
            self.start(it)
        } else if let Some(it) = request.downcast_mut::<SignalWithStartWorkflowExecutionRequest>() {
            let (id, header) = (&it.workflow_id, &mut it.header);
            self.show(ClientCallKind::Start, name(&it.workflow_type), id, &mut it.input, header)?;
            self.show(Signal, &it.signal_name, id, &mut it.signal_input, header)
        } else if let Some(it) = request.downcast_mut::<ExecuteMultiOperationRequest>() {
            it.operations.iter_mut().filter_map(|it| it.operation.as_mut()).try_for_each(|it| match it {
                Operation::StartWorkflow(it) => self.start(it),
                Operation::UpdateWorkflow(it) => self.update(it),
            })
        } else if let Some(it) = request.downcast_mut::<SignalWorkflowExecutionRequest>() {
            self.show(Signal, &it.signal_name, id(&it.workflow_execution), &mut it.input, &mut it.header)
        } else if let Some(it) = request.downcast_mut::<QueryWorkflowRequest>() {
            let id = id(&it.execution);
            let Some(query) = &mut it.query else { return Ok(()) };
            self.show(Query, &query.query_type, id, &mut query.query_args, &mut query.header)
        } else if let Some(it) = request.downcast_mut::<UpdateWorkflowExecutionRequest>() {
            self.update(it)
        } else if let Some(it) = request.downcast_mut::<CreateScheduleRequest>() {
            let action = it.schedule.as_mut().and_then(|it| it.action.as_mut()).and_then(|it| it.action.as_mut());
            let Some(Action::StartWorkflow(it)) = action else { return Ok(()) };
            self.show(Schedule, name(&it.workflow_type), &it.workflow_id, &mut it.input, &mut it.header)
        } else {
            self.signals_of_operators(request)
        }
    }

    /// Signals that come with what is not a call to a workflow.
    fn signals_of_operators(&self, request: &mut dyn Any) -> Result<(), BoxError> {
        if let Some(it) = request.downcast_mut::<ResetWorkflowExecutionRequest>() {
            self.after_reset(id(&it.workflow_execution), &mut it.post_reset_operations)
        } else if let Some(it) = request.downcast_mut::<ResetToEventRequest>() {
            // Nothing is sent when it is only asked what would be done.
            if it.dry_run {
                return Ok(());
            }
            self.after_reset(id(&it.execution), &mut it.post_reset_operations)
        } else if let Some(it) = request.downcast_mut::<StartBatchOperationRequest>() {
            match &mut it.operation {
                Some(Batched::SignalOperation(it)) => {
                    self.show(ClientCallKind::Signal, &it.signal, "", &mut it.input, &mut it.header)
                }
                Some(Batched::ResetOperation(it)) => self.after_reset("", &mut it.post_reset_operations),
                // The others bring nothing that a workflow sees.
                _ => Ok(()),
            }
        } else {
            Ok(())
        }
    }

    fn after_reset(&self, id: &str, operations: &mut [PostResetOperation]) -> Result<(), BoxError> {
        operations.iter_mut().filter_map(|it| it.variant.as_mut()).try_for_each(|it| match it {
            Variant::SignalWorkflow(it) => {
                self.show(ClientCallKind::Signal, &it.signal_name, id, &mut it.input, &mut it.header)
            }
            Variant::UpdateWorkflowOptions(_) => Ok(()),
        })
    }

    fn start(&self, it: &mut StartWorkflowExecutionRequest) -> Result<(), BoxError> {
        self.show(ClientCallKind::Start, name(&it.workflow_type), &it.workflow_id, &mut it.input, &mut it.header)
    }

    fn update(&self, it: &mut UpdateWorkflowExecutionRequest) -> Result<(), BoxError> {
        let id = id(&it.workflow_execution);
        let Some(input) = it.request.as_mut().and_then(|it| it.input.as_mut()) else { return Ok(()) };
        self.show(ClientCallKind::Update, &input.name, id, &mut input.args, &mut input.header)
    }

    fn show(
        &self,
        kind: ClientCallKind,
        name: &str,
        workflow_id: &str,
        input: &mut Option<Payloads>,
        header: &mut Option<Header>,
    ) -> Result<(), BoxError> {
        let mut payloads = input.take().unwrap_or_default().payloads;
        let mut fields = header.take().unwrap_or_default().fields;
        let shown = self.0.iter().try_for_each(|interceptor| {
            let (input, headers) = (&mut payloads, &mut fields);
            interceptor.outbound(&mut ClientCall { kind, name, workflow_id, input, headers })
        });
        *input = (!payloads.is_empty()).then_some(Payloads { payloads });
        *header = (!fields.is_empty()).then_some(Header { fields });
        shown
    }
}

fn name(kind: &Option<WorkflowType>) -> &str {
    kind.as_ref().map(|kind| kind.name.as_str()).unwrap_or_default()
}

fn id(execution: &Option<WorkflowExecution>) -> &str {
    execution.as_ref().map(|execution| execution.workflow_id.as_str()).unwrap_or_default()
}
