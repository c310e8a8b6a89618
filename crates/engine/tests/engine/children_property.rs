//! Random lives of a parent, its children and a stranger, with messages that come late, twice, or whose replies are lost.
//!
//! Laws: whatever is lost on the way, once everything is delivered nobody waits, no message and no receipt is left, every
//! request has one outcome in its history, and what it asked for is in its target's history exactly as often as the
//! sender was told.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*, sample::select};
use weft_engine::{Settings, state::ChildStage};
use weft_protocol::api::history::{HistoryEvent, history_event::Attributes};

use crate::{
    family::{Family, Way},
    laws::config,
};

pub(crate) const PARENT: &[&str] = &[
    "start request=a conflict=use",
    "start request=b conflict=terminate",
    "poll",
    "poll",
    "poll",
    "complete child=c",
    "complete child=c:policy=abandon send=x:s",
    "complete child=c:policy=cancel child=x",
    "complete child=c:reuse=terminate,retry=1s/2",
    "complete send=c:s,only stop-other=c",
    "complete send=x:s send=c:s",
    "complete stop-other=x send=p:s",
    "complete child=c send=c:s done",
    "complete done",
    "complete can=again",
    "complete fail=Fatal",
    "fail-task",
    "signal a",
    "terminate",
    "delete",
];

pub(crate) const OTHER: &[&str] = &[
    "start request=a conflict=use",
    "start request=b conflict=terminate",
    "poll",
    "poll",
    "complete",
    "complete done",
    "complete send=p:s",
    "complete child=x",
    "complete canceled",
    "complete fail=Oops",
    "complete can=again",
    "terminate",
    "delete",
];

#[derive(Clone, Copy, Debug)]
enum Step {
    Of(&'static str, &'static str),
    Post(&'static str, Way),
    Pass(&'static str),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ids = || select(&["p", "c", "x"][..]);
    let step = prop_oneof![
        6 => select(PARENT).prop_map(|line| Step::Of("p", line)),
        4 => (select(&["c", "x"][..]), select(OTHER)).prop_map(|(id, line)| Step::Of(id, line)),
        5 => ids().prop_map(|id| Step::Post(id, Way::ThereAndBack)),
        2 => ids().prop_map(|id| Step::Post(id, Way::ReplyLost)),
        1 => select(&["+1s", "+10s"][..]).prop_map(Step::Pass),
    ];
    vec(step, 0..80)
}

fn play(steps: &[Step]) {
    let mut family = Family::new(Settings::default());
    let mut histories = Histories::default();
    for step in steps {
        match step {
            Step::Of(id, line) => {
                let script = family.script(id);
                if let Some(request) = script.step(line) {
                    drop(script.send(request));
                }
            }
            Step::Post(id, way) => drop(family.post(id, *way)),
            Step::Pass(time) => family.pass(time),
        }
        histories.note(&family);
    }
    family.post_all();
    histories.note(&family);
    histories.note_waiting(&family);
    check_quiet(&family);
    histories.check();
}

/// Nothing is under way any more, and nobody waits.
pub(crate) fn check_quiet(family: &Family) {
    for script in family.scripts.values() {
        let table = &script.world.table;
        assert!(table.messages.is_empty(), "{:?} is left", table.messages);
        assert!(table.receipts.is_empty(), "{:?} is left", table.receipts);
        for run in script.world.workflow.runs.values() {
            assert!(run.external.is_empty(), "nobody waits any more");
            let unstarted = run.children.values().any(|child| matches!(child.stage, ChildStage::Initiated { .. }));
            assert!(!unstarted, "nobody waits any more");
            for child in run.children.values() {
                if let ChildStage::Started { run: first, .. } = &child.stage {
                    assert!(
                        is_open(family, &child.target.workflow, first),
                        "child {first} ended, {run:?} waits for it"
                    );
                }
            }
        }
    }
}

/// Is the chain of runs open that began with this one?
fn is_open(family: &Family, workflow: &weft_engine::WorkflowId, first_run: &weft_engine::RunId) -> bool {
    let open = family.scripts.get(workflow.as_str()).and_then(|script| script.world.workflow.open());
    open.is_some_and(|run| run.core.start.first_run == *first_run)
}

/// Does the history say that a reset made this run?
fn was_made_by_reset(run: &str, events: &[HistoryEvent]) -> bool {
    events.iter().any(|event| match event.attributes.as_ref() {
        Some(Attributes::WorkflowTaskFailedEventAttributes(it)) => it.new_run_id == run,
        _ => false,
    })
}

/// Every history that there ever was, the deleted ones included, by run.
#[derive(Default)]
pub(crate) struct Histories {
    all: BTreeMap<String, Vec<HistoryEvent>>,
    /// The runs that are open at the end.
    open: BTreeSet<String>,
}

impl Histories {
    pub(crate) fn note(&mut self, family: &Family) {
        for script in family.scripts.values() {
            for (run, events) in &script.world.table.histories {
                self.all.insert(run.to_string(), events.clone());
            }
        }
    }

    /// Outcomes that wait for a worker's answer are outcomes.
    pub(crate) fn note_waiting(&mut self, family: &Family) {
        for run in family.scripts.values().flat_map(|script| script.world.workflow.runs.values()) {
            if run.is_open() {
                self.open.insert(run.core.run.to_string());
            }
            let events = self.all.entry(run.core.run.to_string()).or_default();
            events.extend(run.buffered.values().cloned());
        }
    }

    pub(crate) fn check(&self) {
        let mut told = BTreeMap::new();
        let mut done: BTreeMap<String, u32> = BTreeMap::new();
        for (run, events) in &self.all {
            let mut here: BTreeMap<String, u32> = BTreeMap::new();
            for event in events {
                self.check_event(run, events, event, &mut told, &mut here);
            }
            for (request, times) in here {
                assert_eq!(times, 1, "{request} is in the history of {run} {times} times");
                // What a reset took along is counted where it was before.
                if !was_made_by_reset(run, events) {
                    *done.entry(request).or_default() += 1;
                }
            }
        }
        for (request, times) in &done {
            assert_eq!(*times, 1, "{request} is in its target's history {times} times");
        }
        for request in told.keys() {
            // A target that was deleted right after it was reached was never seen with it.
            assert!(done.get(request).is_none_or(|times| *times == 1), "{request} was told");
        }
    }

    fn check_event(
        &self,
        run: &str,
        events: &[HistoryEvent],
        event: &HistoryEvent,
        told: &mut BTreeMap<String, u32>,
        done: &mut BTreeMap<String, u32>,
    ) {
        let count = |wanted: &dyn Fn(&Attributes) -> Option<i64>| {
            let of = events.iter().filter_map(|it| wanted(it.attributes.as_ref()?));
            of.filter(|initiated| *initiated == event.event_id).count()
        };
        match event.attributes.as_ref() {
            // Clients name their requests otherwise.
            Some(Attributes::WorkflowExecutionSignaledEventAttributes(it)) if it.request_id.contains(':') => {
                *done.entry(it.request_id.clone()).or_default() += 1;
            }
            Some(Attributes::WorkflowExecutionStartedEventAttributes(it)) => {
                if let (Some(parent), true) = (&it.parent_workflow_execution, it.continued_execution_run_id.is_empty())
                {
                    let request = format!("{}:{}:0", parent.run_id, it.parent_initiated_event_id);
                    *done.entry(request).or_default() += 1;
                }
            }
            Some(Attributes::SignalExternalWorkflowExecutionInitiatedEventAttributes(_)) => {
                let signaled = count(&|it| match it {
                    Attributes::ExternalWorkflowExecutionSignaledEventAttributes(it) => Some(it.initiated_event_id),
                    _ => None,
                });
                let failed = count(&|it| match it {
                    Attributes::SignalExternalWorkflowExecutionFailedEventAttributes(it) => Some(it.initiated_event_id),
                    _ => None,
                });
                assert!(signaled + failed <= 1, "one outcome for signal {run}:{}", event.event_id);
                assert!(signaled + failed == 1 || !self.open.contains(run), "an outcome for {run}:{}", event.event_id);
                if signaled == 1 {
                    told.insert(format!("{run}:{}:0", event.event_id), 1);
                }
            }
            Some(Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(_)) => {
                let started = count(&|it| match it {
                    Attributes::ChildWorkflowExecutionStartedEventAttributes(it) => Some(it.initiated_event_id),
                    _ => None,
                });
                let failed = count(&|it| match it {
                    Attributes::StartChildWorkflowExecutionFailedEventAttributes(it) => Some(it.initiated_event_id),
                    _ => None,
                });
                assert!(started + failed <= 1, "one outcome for child {run}:{}", event.event_id);
                assert!(started + failed == 1 || !self.open.contains(run), "an outcome for {run}:{}", event.event_id);
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_is_lost_on_the_way_everything_is_done_once(steps in steps()) {
        play(&steps);
    }
}
