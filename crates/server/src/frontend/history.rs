//! Histories: in pages, forwards and backwards; waiting for news; the close event alone.
//!
//! Invariant: a token is checked against the run as it is before anything is read by it, so that a forged one reads
//! nothing that its owner could not read anyway. What is given once under a token is given again under it.

use bytes::Bytes;
use tonic::{Request, Response, Status};
use weft_engine::{EventId, Namespace, RunId, Target, WorkflowKey};
use weft_protocol::{
    api::{
        enums::HistoryEventFilterType,
        history::HistoryEvent,
        workflowservice::{GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryReverseRequest},
    },
    error::{Error, text},
    prost::Message,
    raw::{self, GetWorkflowExecutionHistoryResponse, GetWorkflowExecutionHistoryReverseResponse},
};
use weft_rows::token::{HistoryPage, Page};
use weft_shard::{Events, View};

use super::{context, errors};
use crate::node::Node;

mod next_run;

/// A page ends after this many bytes of events: many clients take no larger messages.
const PAGE_BYTES: usize = 4 << 20;

/// Tools that show what is stored and nothing else.
const TOOLS: [&str; 2] = ["temporal-cli", "temporal-ui"];

/// Events, and where they go on.
struct Given {
    events: Events,
    next: Option<HistoryPage>,
}

/// A call for a page.
struct Asked<'a> {
    node: &'a Node,
    key: WorkflowKey,
    /// Events of a page, at most.
    size: usize,
    /// Wait for news, if there are none and the run is open.
    wait: bool,
}

pub(crate) async fn get(
    node: &Node,
    request: Request<GetWorkflowExecutionHistoryRequest>,
) -> Result<Response<GetWorkflowExecutionHistoryResponse>, Status> {
    let deadline = context::wait_deadline(node, &request, node.options().history_wait);
    let for_tool = is_tool(&request);
    let follows = follows_next_run(&request);
    let body = request.into_inner();
    let namespace = context::namespace(node, &body.namespace).await?;
    let (key, run) = context::execution(node, &namespace, body.execution.as_ref())?;
    let token = read_token(&body.next_page_token, &namespace, &key, run.as_ref(), false)?;
    let close_only = body.history_event_filter_type() == HistoryEventFilterType::CloseEvent;
    let asked = Asked { node, key, size: page_size(node, body.maximum_page_size), wait: body.wait_new_event };
    let view = asked.look(token.as_ref().map(|page| &page.run).or(run.as_ref())).await?;
    let page = match token {
        Some(page) => page,
        None => {
            let show_transient = !(for_tool || close_only || body.wait_new_event);
            asked.first_page(&view, close_only, show_transient)
        }
    };
    let mut given = match asked.now(&page, &view).await? {
        Some(given) => given,
        None => asked.later(page, deadline).await?,
    };
    if close_only && !follows {
        given.events = given.events.iter().map(as_continued).collect::<Result<_, _>>()?;
    }
    Ok(Response::new(GetWorkflowExecutionHistoryResponse {
        history: Some(raw::history(&given.events)),
        next_page_token: given.next.map(|page| Page::History(page).encode()).unwrap_or_default(),
        ..GetWorkflowExecutionHistoryResponse::default()
    }))
}

impl Asked<'_> {
    async fn look(&self, run: Option<&RunId>) -> Result<Box<View>, Status> {
        let target = Target { run: run.cloned(), first_run: None };
        let view = self.node.shard(&self.key).look(self.key.clone(), target.clone()).await;
        view.map_err(|failure| errors::about(failure, &self.key, &target))
    }

    fn first_page(&self, view: &View, close_only: bool, show_transient: bool) -> HistoryPage {
        let core = &view.execution.core;
        let limits = &self.node.settings().limits;
        let suffix = if show_transient { view.execution.transient_events(limits) } else { Vec::new() };
        HistoryPage {
            key: self.key.clone(),
            run: core.run.clone(),
            branch: core.branch.clone(),
            next: EventId::FIRST,
            end: core.next_event_id,
            wait: self.wait,
            close_only,
            backwards: false,
            suffix,
        }
    }

    /// What there is to give now; `None` if there is nothing but the caller waits for it.
    async fn now(&self, page: &HistoryPage, view: &View) -> Result<Option<Given>, Status> {
        let core = &view.execution.core;
        let possible = page.branch == core.branch
            && EventId::FIRST <= page.next
            && page.next <= page.end
            && page.end <= core.next_event_id;
        if !possible {
            return Err(Error::invalid_argument(text::PAGE_TOKEN_INVALID).into());
        }
        let waits = self.wait && page.wait;
        match (page.close_only, &core.closed) {
            (true, Some(closed)) => {
                let events = self.read(page, closed.event_id, closed.event_id.next()).await?;
                return Ok(Some(Given { events, next: None }));
            }
            (true, None) if waits => return Ok(None),
            (true, None) => return Ok(Some(Given { events: Vec::new(), next: None })),
            (false, _) => {}
        }
        // What the first page promised comes first; what was added since, only to a caller that waits for it.
        let end = if waits && page.next == page.end { core.next_event_id } else { page.end };
        if waits && page.next == end && core.closed.is_none() {
            return Ok(None);
        }
        self.up_to(page, end, waits && core.closed.is_none()).await.map(Some)
    }

    async fn up_to(&self, page: &HistoryPage, end: EventId, goes_on: bool) -> Result<Given, Status> {
        let mut events = self.read(page, page.next, end).await?;
        let next = EventId(page.next.0 + i64::try_from(events.len()).unwrap_or(0));
        if next < end || goes_on {
            return Ok(Given { events, next: Some(HistoryPage { next, end, ..page.clone() }) });
        }
        events.extend(page.suffix.iter().map(encoded));
        Ok(Given { events, next: None })
    }

    /// Waits for news until the deadline (monotonic); then an empty page says where to ask again.
    async fn later(&self, page: HistoryPage, deadline: std::time::Duration) -> Result<Given, Status> {
        let mut watch = self.node.shard(&self.key).watch(&page.run);
        let mut stopping = self.node.stopping();
        let mut over = self.node.clock().sleep_until(deadline);
        loop {
            // Watched first, then looked at: nothing comes in between unseen.
            let view = self.look(Some(&page.run)).await?;
            if let Some(given) = self.now(&page, &view).await? {
                return Ok(given);
            }
            tokio::select! {
                () = watch.changed() => {}
                () = &mut over => return Ok(Given { events: Vec::new(), next: Some(page) }),
                _ = stopping.wait_for(|stopping| *stopping) => return Ok(Given { events: Vec::new(), next: Some(page) }),
            }
        }
    }

    async fn read(&self, page: &HistoryPage, from: EventId, to: EventId) -> Result<Events, Status> {
        let read = self.node.shard(&self.key).history().read(&self.key, &page.branch, from, to, self.size).await;
        Ok(within_page(read.map_err(|failure| errors::of_failure(failure, &self.key))?))
    }
}

pub(crate) async fn get_reverse(
    node: &Node,
    body: GetWorkflowExecutionHistoryReverseRequest,
) -> Result<Response<GetWorkflowExecutionHistoryReverseResponse>, Status> {
    let namespace = context::namespace(node, &body.namespace).await?;
    let (key, run) = context::execution(node, &namespace, body.execution.as_ref())?;
    let token = read_token(&body.next_page_token, &namespace, &key, run.as_ref(), true)?;
    let asked = Asked { node, key, size: page_size(node, body.maximum_page_size), wait: false };
    let view = asked.look(token.as_ref().map(|page| &page.run).or(run.as_ref())).await?;
    let core = &view.execution.core;
    let page = token.unwrap_or_else(|| HistoryPage {
        backwards: true,
        // The first event that is not wanted any more: those before it come next.
        next: core.next_event_id,
        ..asked.first_page(&view, false, false)
    });
    if page.branch != core.branch || page.next < EventId::FIRST || page.next > core.next_event_id {
        return Err(Error::invalid_argument(text::PAGE_TOKEN_INVALID).into());
    }
    let from = EventId(page.next.0.saturating_sub(i64::try_from(asked.size).unwrap_or(i64::MAX)).max(1));
    let read = node.shard(&asked.key).history().read(&asked.key, &page.branch, from, page.next, asked.size).await;
    let mut events = read.map_err(|failure| errors::of_failure(failure, &asked.key))?;
    events.reverse();
    let events = within_page(events);
    let next = EventId(page.next.0 - i64::try_from(events.len()).unwrap_or(0));
    let more = next > EventId::FIRST && !events.is_empty();
    Ok(Response::new(GetWorkflowExecutionHistoryReverseResponse {
        history: Some(raw::history(&events)),
        next_page_token: if more { Page::History(HistoryPage { next, ..page }).encode() } else { Vec::new() },
    }))
}

/// As many of these events as one answer holds, and at least one.
pub(crate) fn within_page(mut events: Events) -> Events {
    let mut bytes = 0;
    let fitting = events.iter().enumerate().take_while(|(place, event)| {
        bytes += event.len();
        *place == 0 || bytes <= PAGE_BYTES
    });
    events.truncate(fitting.count());
    events
}

/// An event that is not stored, beside those that are.
pub(crate) fn encoded(event: &HistoryEvent) -> Bytes {
    event.encode_to_vec().into()
}

fn page_size(node: &Node, asked: i32) -> usize {
    let longest = node.options().history_page;
    usize::try_from(asked).ok().filter(|size| *size > 0).unwrap_or(longest).min(longest)
}

/// A stored close event, as a client sees it that does not follow any end with a next run.
fn as_continued(event: &Bytes) -> Result<Bytes, Error> {
    let event = HistoryEvent::decode(event.clone()).map_err(|_| Error::internal("a stored event cannot be read"))?;
    Ok(encoded(&next_run::as_continued(event)))
}

/// Clients say what they can in a header, as a list.
fn follows_next_run<T>(request: &Request<T>) -> bool {
    let features = request.metadata().get("supported-features").and_then(|features| features.to_str().ok());
    features.is_some_and(|features| features.split(',').any(|feature| feature.trim() == next_run::FEATURE))
}

fn is_tool<T>(request: &Request<T>) -> bool {
    let name = request.metadata().get("client-name").and_then(|name| name.to_str().ok());
    name.is_some_and(|name| TOOLS.contains(&name))
}

/// Where a caller wants to go on, if its token fits to what else it says.
fn read_token(
    token: &[u8],
    namespace: &Namespace,
    key: &WorkflowKey,
    run: Option<&RunId>,
    backwards: bool,
) -> Result<Option<HistoryPage>, Error> {
    if token.is_empty() {
        return Ok(None);
    }
    let page = match Page::decode(token) {
        Ok(Page::History(page)) => page,
        Ok(Page::List(_)) | Err(_) => return Err(Error::invalid_argument(text::PAGE_TOKEN_INVALID)),
    };
    if page.key != *key || page.key.namespace != namespace.id || page.backwards != backwards {
        return Err(Error::invalid_argument(text::PAGE_TOKEN_INVALID));
    }
    if run.is_some_and(|run| *run != page.run) {
        return Err(Error::invalid_argument(text::PAGE_TOKEN_OF_ANOTHER_RUN));
    }
    Ok(Some(page))
}

#[cfg(test)]
mod tests {
    use weft_engine::state::Branch;

    use super::*;

    fn namespace() -> Namespace {
        let (name, retention) = ("default".into(), std::time::Duration::ZERO);
        Namespace { id: "ns".into(), name, retention, search_attributes: Default::default() }
    }

    fn key(workflow: &str) -> WorkflowKey {
        WorkflowKey { namespace: "ns".into(), workflow: workflow.into() }
    }

    fn page() -> HistoryPage {
        HistoryPage {
            key: key("w"),
            run: "run".into(),
            branch: Branch::root("run".into()),
            next: EventId(5),
            end: EventId(9),
            wait: false,
            close_only: false,
            backwards: false,
            suffix: Vec::new(),
        }
    }

    fn check(token: &[u8], workflow: &str, run: Option<&str>, expected: Result<Option<HistoryPage>, &str>) {
        let run = run.map(RunId::from);
        let found = read_token(token, &namespace(), &key(workflow), run.as_ref(), false);
        assert_eq!(found.map_err(|error| error.message), expected.map_err(str::to_owned));
    }

    #[test]
    fn a_token_belongs_to_its_workflow_and_run() {
        let token = Page::History(page()).encode();
        check(&[], "w", None, Ok(None));
        check(&token, "w", None, Ok(Some(page())));
        check(&token, "w", Some("run"), Ok(Some(page())));
        check(&token, "w", Some("other"), Err("RunId in the request does not match the NextPageToken."));
        check(&token, "another", None, Err("Invalid NextPageToken."));
    }

    #[test]
    fn what_is_no_token_of_ours_is_refused() {
        for token in [&b"garbage"[..], &[0, 1], &[1], &[1, 4, 255], &[255; 64], &Page::List(vec![1, 2]).encode()] {
            check(token, "w", None, Err("Invalid NextPageToken."));
        }
        let backwards = Page::History(HistoryPage { backwards: true, ..page() }).encode();
        check(&backwards, "w", None, Err("Invalid NextPageToken."));
    }

    #[test]
    fn a_page_holds_few_large_events_and_at_least_one() {
        let event = |bytes| Bytes::from(vec![b'1'; bytes]);
        assert_eq!(within_page(vec![event(PAGE_BYTES), event(1)]).len(), 1);
        assert_eq!(within_page(vec![event(PAGE_BYTES / 2), event(PAGE_BYTES / 4), event(PAGE_BYTES)]).len(), 2);
        assert_eq!(within_page(vec![]).len(), 0);
    }
}
