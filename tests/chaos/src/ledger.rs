//! What clients asked for and what they were told, and the histories held against it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use parking_lot::Mutex;
use tonic::Code;
use weft_protocol::api::{
    enums::EventType,
    history::{HistoryEvent, history_event::Attributes},
    workflowservice::GetWorkflowExecutionHistoryRequest,
};

use crate::{
    calls::{NAMESPACE, PATIENT, execution, within},
    errand::FINISH,
    nodes::Client,
};

/// Whether a client was told that something was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Done,
    /// It gave up before it was told anything.
    Nothing,
}

/// Whether a workflow was reset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reset {
    #[default]
    Never,
    /// Nobody was told what came of it.
    Asked,
    /// To this run.
    Done(String),
}

/// What was asked about one workflow id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// The run that was started, if anybody was told so.
    pub(crate) run: Option<String>,
    /// Signals by their names, each of which was sent by one client, if need be again and again.
    pub(crate) signals: BTreeMap<String, Told>,
    pub(crate) reset: Reset,
}

/// All workflows that clients have asked for.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<BTreeMap<String, Asked>>);

impl Ledger {
    pub(crate) fn asks(&self, workflow: &str) {
        self.0.lock().entry(workflow.to_owned()).or_default();
    }

    pub(crate) fn started(&self, workflow: &str, run: String) {
        self.0.lock().entry(workflow.to_owned()).or_default().run = Some(run);
    }

    pub(crate) fn signalled(&self, workflow: &str, signal: &str, told: Told) {
        self.0.lock().entry(workflow.to_owned()).or_default().signals.insert(signal.to_owned(), told);
    }

    pub(crate) fn resets(&self, workflow: &str, reset: Reset) {
        self.0.lock().entry(workflow.to_owned()).or_default().reset = reset;
    }

    /// Whether it was told so, and that was acknowledged.
    pub(crate) fn is_told(&self, workflow: &str, signal: &str) -> bool {
        self.0.lock().get(workflow).is_some_and(|asked| asked.signals.get(signal) == Some(&Told::Done))
    }

    pub(crate) fn workflows(&self) -> Vec<String> {
        self.0.lock().keys().cloned().collect()
    }

    pub(crate) fn of(&self, workflow: &str) -> Asked {
        self.0.lock().get(workflow).cloned().unwrap_or_default()
    }
}

/// What is wrong with the history of a workflow, of which this was asked.
pub(crate) fn wrong(workflow: &str, asked: &Asked, events: &[HistoryEvent]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut complain = |what: String| complaints.push(format!("{workflow}: {what}"));
    if events.is_empty() {
        if asked.run.is_some() || asked.signals.values().any(|told| *told == Told::Done) {
            complain("it was started, and is not there".to_owned());
        }
        return complaints;
    }
    if let Some(place) = events.iter().zip(1..).position(|(event, id)| event.event_id != id) {
        complain(format!("event {} stands at place {}", events[place].event_id, place + 1));
    }
    for pair in events.windows(2) {
        let nanos = |event: &HistoryEvent| event.event_time.as_ref().map(|time| (time.seconds, time.nanos));
        if nanos(&pair[1]) < nanos(&pair[0]) {
            complain(format!("event {} is earlier than the one before it", pair[1].event_id));
        }
    }
    let run = events.first().and_then(|event| match &event.attributes {
        Some(Attributes::WorkflowExecutionStartedEventAttributes(it)) => Some(it.original_execution_run_id.clone()),
        _ => None,
    });
    if asked.run.is_some() && run != asked.run {
        complain(format!("run {:?} was started, and it is run {run:?}", asked.run));
    }
    let mut had = BTreeSet::new();
    for name in events.iter().filter_map(signal_name) {
        if !had.insert(name) {
            complain(format!("signal {name} is there twice"));
        }
        if !asked.signals.contains_key(name) {
            complain(format!("signal {name} was sent by nobody"));
        }
    }
    for (name, told) in &asked.signals {
        if *told == Told::Done && !had.contains(name.as_str()) {
            complain(format!("signal {name} was taken, and is not there"));
        }
    }
    let is_over = events.last().is_some_and(|event| event.event_type() == EventType::WorkflowExecutionCompleted);
    if had.contains(FINISH) && !is_over {
        complain("it was to finish, and has not".to_owned());
    }
    complaints
}

fn signal_name(event: &HistoryEvent) -> Option<&str> {
    match &event.attributes {
        Some(Attributes::WorkflowExecutionSignaledEventAttributes(it)) => Some(&it.signal_name),
        _ => None,
    }
}

/// The whole history of a run, or of the current one; empty if there is no such workflow.
pub(crate) async fn history(client: &mut Client, workflow: &str, run: &str) -> anyhow::Result<Vec<HistoryEvent>> {
    let (mut events, mut next_page_token) = (Vec::new(), Vec::new());
    loop {
        let request = GetWorkflowExecutionHistoryRequest {
            namespace: NAMESPACE.to_owned(),
            execution: execution(workflow, run),
            next_page_token,
            ..Default::default()
        };
        let page = match client.get_workflow_execution_history(within(request, PATIENT)).await {
            Ok(page) => page.into_inner(),
            Err(status) if status.code() == Code::NotFound => return Ok(Vec::new()),
            Err(status) => bail!("the history of {workflow} cannot be read once all is healed: {status}"),
        };
        events.extend(page.history.unwrap_or_default().events);
        next_page_token = page.next_page_token;
        if next_page_token.is_empty() {
            return Ok(events);
        }
    }
}

#[cfg(test)]
mod tests {
    use weft_protocol::{
        Timestamp,
        api::history::{WorkflowExecutionSignaledEventAttributes, WorkflowExecutionStartedEventAttributes},
    };

    use super::*;

    fn events(signals: &[&str]) -> Vec<HistoryEvent> {
        let started = WorkflowExecutionStartedEventAttributes {
            original_execution_run_id: "run".to_owned(),
            ..Default::default()
        };
        let signal = |name: &&str| {
            Attributes::WorkflowExecutionSignaledEventAttributes(WorkflowExecutionSignaledEventAttributes {
                signal_name: (*name).to_owned(),
                ..Default::default()
            })
        };
        let attributes = [Attributes::WorkflowExecutionStartedEventAttributes(started)]
            .into_iter()
            .chain(signals.iter().map(signal));
        let event =
            |(attributes, event_id)| HistoryEvent { event_id, attributes: Some(attributes), ..HistoryEvent::default() };
        attributes.zip(1..).map(event).collect()
    }

    fn asked(signals: &[(&str, Told)]) -> Asked {
        let signals = signals.iter().map(|(name, told)| ((*name).to_owned(), *told)).collect();
        Asked { run: Some("run".to_owned()), signals, ..Asked::default() }
    }

    #[test]
    fn what_was_told_is_there_once() {
        let told = asked(&[("a", Told::Done), ("b", Told::Nothing)]);
        assert_eq!(wrong("w", &told, &events(&["a"])), Vec::<String>::new());
        assert_eq!(wrong("w", &told, &events(&["a", "b"])), Vec::<String>::new());
        assert_eq!(wrong("w", &told, &events(&["b"])), ["w: signal a was taken, and is not there"]);
        assert_eq!(wrong("w", &told, &events(&["a", "a"])), ["w: signal a is there twice"]);
        assert_eq!(wrong("w", &told, &events(&["a", "c"])), ["w: signal c was sent by nobody"]);
    }

    #[test]
    fn what_was_started_is_there_and_is_that_run() {
        assert_eq!(wrong("w", &asked(&[]), &[]), ["w: it was started, and is not there"]);
        assert_eq!(wrong("w", &Asked::default(), &[]), Vec::<String>::new());
        let other = Asked { run: Some("other".to_owned()), ..Asked::default() };
        assert_eq!(wrong("w", &other, &events(&[])).len(), 1);
    }

    #[test]
    fn events_are_numbered_without_a_gap() {
        let mut events = events(&["a"]);
        events[1].event_id = 3;
        assert_eq!(wrong("w", &asked(&[("a", Told::Done)]), &events), ["w: event 3 stands at place 2"]);
    }

    #[test]
    fn time_goes_forward() {
        let mut events = events(&["a"]);
        for (event, seconds) in events.iter_mut().zip([9, 8]) {
            event.event_time = Some(Timestamp { seconds, nanos: 0 });
        }
        assert_eq!(wrong("w", &asked(&[("a", Told::Done)]), &events), ["w: event 2 is earlier than the one before it"]);
    }

    #[test]
    fn what_is_to_finish_finishes() {
        let told = asked(&[(FINISH, Told::Done)]);
        assert_eq!(wrong("w", &told, &events(&[FINISH])), ["w: it was to finish, and has not"]);
    }
}
