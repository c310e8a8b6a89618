//! Histories page by page, live, and the outcome of a workflow across its runs.
//!
//! Invariant: following ends only with the run's closing event or an error that does not pass; a server that restarts,
//! or a long poll that ends empty, is asked again with the same token.

use std::time::Duration;

use weft_protocol::api::{
    common::Payload,
    enums::HistoryEventFilterType,
    failure::Failure,
    history::{HistoryEvent, history_event::Attributes},
    workflowservice::{GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryResponse},
};

use crate::{Client, Error, Run, WorkflowService, retry::Repeat};

/// Longer than any server lets a long poll wait.
const WAIT_TIMEOUT: Duration = Duration::from_secs(70);

/// The history of one run, page by page.
pub struct HistoryPages {
    client: Client,
    request: GetWorkflowExecutionHistoryRequest,
    ended: bool,
}

/// How a workflow ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The run that ended it: continue-as-new, retries and cron make more than one.
    pub run: Run,
    pub close: Close,
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Close {
    Completed(Vec<Payload>),
    Failed(Option<Box<Failure>>),
    Canceled(Vec<Payload>),
    Terminated { reason: String, details: Vec<Payload> },
    TimedOut,
}

/// The end of a run, or the run that goes on instead.
pub(crate) enum End {
    Close(Close),
    GoesOn(String),
}

impl Client {
    /// The history of a run as it is now; with `follow`, until the run closes.
    #[must_use]
    pub fn history(&self, run: &Run, follow: bool) -> HistoryPages {
        self.pages(run, follow, HistoryEventFilterType::AllEvent)
    }

    fn pages(&self, run: &Run, wait: bool, filter: HistoryEventFilterType) -> HistoryPages {
        let request = GetWorkflowExecutionHistoryRequest {
            namespace: self.namespace().to_owned(),
            execution: run.wire(),
            wait_new_event: wait,
            history_event_filter_type: filter.into(),
            skip_archival: true,
            ..GetWorkflowExecutionHistoryRequest::default()
        };
        HistoryPages { client: self.clone(), request, ended: false }
    }

    /// Waits for the end of a workflow, over all runs that follow the given one.
    ///
    /// # Errors
    /// When the workflow is unknown or removed, or the server stays away longer than retries last.
    pub async fn result(&self, run: &Run) -> Result<Outcome, Error> {
        let mut run = self.pinned(run).await?;
        loop {
            match self.end_of_run(&run).await? {
                End::Close(close) => return Ok(Outcome { run, close }),
                End::GoesOn(run_id) => run.run_id = run_id,
            }
        }
    }

    /// Waits for the end of one run.
    pub(crate) async fn end_of_run(&self, run: &Run) -> Result<End, Error> {
        end(self.closing_event(run).await?).ok_or(Error::Answer { call: HISTORY, what: "closing event" })
    }

    /// The run that is the latest now, so that the outcome can say whose it is.
    pub(crate) async fn pinned(&self, run: &Run) -> Result<Run, Error> {
        if !run.run_id.is_empty() {
            return Ok(run.clone());
        }
        let execution = self.describe(run).await?.workflow_execution_info.and_then(|info| info.execution);
        let missing = Error::Answer { call: "DescribeWorkflowExecution", what: "execution" };
        execution.map(|it| Run { workflow_id: it.workflow_id, run_id: it.run_id }).ok_or(missing)
    }

    async fn closing_event(&self, run: &Run) -> Result<HistoryEvent, Error> {
        let mut pages = self.pages(run, true, HistoryEventFilterType::CloseEvent);
        while let Some(page) = pages.next().await? {
            if let Some(event) = page.into_iter().next_back() {
                return Ok(event);
            }
        }
        Err(Error::Answer { call: HISTORY, what: "closing event" })
    }
}

const HISTORY: &str = "GetWorkflowExecutionHistory";

impl HistoryPages {
    /// The next events; none when the history is read to its end. A page may be empty while a run is followed.
    ///
    /// # Errors
    /// When the run is unknown, or the server stays away longer than retries last.
    pub async fn next(&mut self) -> Result<Option<Vec<HistoryEvent>>, Error> {
        if self.ended {
            return Ok(None);
        }
        let answer = match self.ask().await {
            // Nothing happened for so long: the same question again.
            Err(error) if self.request.wait_new_event && error.is_timeout() => return Ok(Some(Vec::new())),
            answer => answer?,
        };
        self.ended = answer.next_page_token.is_empty();
        self.request.next_page_token = answer.next_page_token;
        Ok(Some(answer.history.unwrap_or_default().events))
    }

    async fn ask(&self) -> Result<GetWorkflowExecutionHistoryResponse, Error> {
        let send =
            |mut stub: WorkflowService, request| async move { stub.get_workflow_execution_history(request).await };
        let limit = if self.request.wait_new_event { WAIT_TIMEOUT } else { self.client.options().call_timeout };
        self.client.call_within(HISTORY, limit, self.request.clone(), Repeat::Harmless, send).await
    }

    /// All events that are left.
    ///
    /// # Errors
    /// As for [`HistoryPages::next`].
    pub async fn all(mut self) -> Result<Vec<HistoryEvent>, Error> {
        let mut events = Vec::new();
        while let Some(page) = self.next().await? {
            events.extend(page);
        }
        Ok(events)
    }
}

fn end(event: HistoryEvent) -> Option<End> {
    let payloads = |payloads: Option<weft_protocol::api::common::Payloads>| payloads.unwrap_or_default().payloads;
    let or_next = |next: String, close: Close| if next.is_empty() { End::Close(close) } else { End::GoesOn(next) };
    Some(match event.attributes? {
        Attributes::WorkflowExecutionCompletedEventAttributes(it) => {
            or_next(it.new_execution_run_id, Close::Completed(payloads(it.result)))
        }
        Attributes::WorkflowExecutionFailedEventAttributes(it) => {
            or_next(it.new_execution_run_id, Close::Failed(it.failure.map(Box::new)))
        }
        Attributes::WorkflowExecutionTimedOutEventAttributes(it) => or_next(it.new_execution_run_id, Close::TimedOut),
        Attributes::WorkflowExecutionCanceledEventAttributes(it) => End::Close(Close::Canceled(payloads(it.details))),
        Attributes::WorkflowExecutionTerminatedEventAttributes(it) => {
            End::Close(Close::Terminated { reason: it.reason, details: payloads(it.details) })
        }
        Attributes::WorkflowExecutionContinuedAsNewEventAttributes(it) => End::GoesOn(it.new_execution_run_id),
        _ => return None,
    })
}
