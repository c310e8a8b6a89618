//! Words for resets: `reset EVENT` names the end of a workflow task, `reset last` and `reset first` find one.

use weft_engine::{EventId, Excluded, Past, PostReset, Request, ResetChildren, ResetWorkflow, RunId, Target};
use weft_protocol::api::{
    enums::EventType,
    history::{HistoryEvent, history_event::Attributes},
};

use crate::{
    operate::run_options,
    script::{Line, Script},
};

/// `reset EVENT|first|last [run=] [request=] [without=signals,updates,options] [keep=EVENT] [signal=NAME] [leave] [dry]
/// [old]`, and what `options` knows. With `old`, the last event of what was read is missing.
pub(crate) fn request(script: &Script, line: &Line<'_>) -> Option<Request> {
    let workflow = &script.world.workflow;
    let run: RunId =
        line.get("run").map_or_else(|| workflow.current.as_ref().map(|it| it.run.clone()), |run| Some(run.into()))?;
    let target = Target { run: Some(run.clone()), first_run: None };
    let histories = &script.world.table.histories;
    let mut base = histories.get(&run).cloned().unwrap_or_default();
    if line.has("old") {
        base.pop();
    }
    let without = line.get("without").unwrap_or_default();
    let body = ResetWorkflow {
        request: line.get("request").unwrap_or("reset").into(),
        reason: "again".to_owned(),
        finish: finish(&base, line.first())?,
        excluded: Excluded {
            signals: without.contains("signals"),
            updates: without.contains("updates"),
            options: without.contains("options"),
        },
        children: if line.has("leave") { ResetChildren::Leave } else { ResetChildren::Reconnect },
        keep_until: line.get("keep").map(|event| EventId(event.parse().expect("a number"))),
        operations: operations(line),
        dry_run: line.has("dry"),
        past: Past { later: later(script, &base), base, head: [0; 32] },
    };
    Some(Request::Reset(target, Box::new(body)))
}

/// The options stand before the signal.
fn operations(line: &Line<'_>) -> Vec<PostReset> {
    let options = Some(run_options(line)).filter(|update| !update.paths.is_empty());
    let options = options.map(|update| PostReset::UpdateRun(Box::new(update)));
    let signal = line.get("signal").map(|name| PostReset::Signal(Box::new(crate::script::named_signal(name))));
    options.into_iter().chain(signal).collect()
}

/// The runs that followed, as far as they are there.
fn later(script: &Script, base: &[HistoryEvent]) -> Vec<(RunId, Vec<HistoryEvent>)> {
    let mut later = Vec::new();
    let mut last = base.last();
    while let Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(it)) =
        last.and_then(|last| last.attributes.as_ref())
    {
        let run = RunId::from(it.new_execution_run_id.as_str());
        let Some(events) = script.world.table.histories.get(&run) else { break };
        later.push((run, events.clone()));
        last = events.last();
    }
    later
}

fn finish(base: &[HistoryEvent], which: &str) -> Option<EventId> {
    let mut started = base.iter().filter(|event| event.event_type() == EventType::WorkflowTaskStarted);
    let started = match which {
        "first" => started.next(),
        "last" => started.rfind(|event| event.event_id < base.len() as i64),
        event => return Some(EventId(event.parse().expect("a number"))),
    };
    started.map(|event| EventId(event.event_id).next())
}
