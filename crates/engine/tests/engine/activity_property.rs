//! Random lives of activities and timers: what must hold of all of them, besides what holds of every request.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*, sample::select};
use weft_engine::{Answer, Request, Settings};
use weft_protocol::api::history::{HistoryEvent, history_event::Attributes};

use crate::{laws::config, script::Script, worker::pending};

/// Each line as often as it should come.
pub(crate) const LINES: &[&str] = &[
    "start request=again reuse=allow",
    "signal s",
    "signal s",
    "terminate",
    "poll",
    "poll",
    "poll",
    "poll",
    "complete",
    "complete marker=m",
    "complete activity=a",
    "complete activity=a:start=3s,retry=1s/3 activity=b:close=9s,retry=1s/0",
    "complete activity=a:start=20s,beat=2s,retry=500ms/2",
    "complete activity=b:start=9s,wait=2s",
    "complete activity=a:start=3s,eager activity=b:start=9s,beat=4s",
    "complete new activity=b:start=3s,eager cancel-activity=5",
    "complete cancel-activity=5",
    "complete cancel-activity=6",
    "complete timer=t:2s",
    "complete timer=t:0s timer=u:5s",
    "complete timer=u:1s cancel-timer=t",
    "complete cancel-timer=t",
    "complete cancel-timer=u",
    "complete cancel-timer=t done",
    "complete done",
    "complete can=again",
    "take a",
    "take a",
    "take b",
    "take b",
    "take a attempt=2",
    "take a request=another",
    "finish a",
    "finish b",
    "finish a stale",
    "finish b by-id",
    "fail-activity a",
    "fail-activity a",
    "fail-activity b delay=2s",
    "fail-activity b final",
    "fail-activity a stale",
    "fail-activity a by-id beat=x",
    "stop a",
    "stop b by-id",
    "beat a details=x",
    "beat b",
    "beat a stale",
    "return a",
    "+500ms",
    "+1s",
    "+1s",
    "+2s",
    "+5s",
    "+10s",
];

/// What operators do to activities and to the run that waits for them.
pub(crate) const OPERATIONS: &[&str] = &[
    "pause id=a",
    "pause type=activity",
    "pause id=b request=other",
    "unpause all",
    "unpause id=a attempts heartbeat jitter=3s",
    "reset-activity id=a",
    "reset-activity all heartbeat keep-paused",
    "reset-activity id=b original jitter=2s",
    "set id=a start=5s queue=other",
    "set all retry=2s/4 beat=1s",
    "set id=b close=0s start=0s",
    "set all original",
    "unpause all once=r",
    "reset-activity id=a once=s",
    "take a queue=queue",
    "freeze",
    "thaw",
    "thaw",
    "return b",
    "thaw",
    "options urgency=1",
];

fn lines() -> impl Strategy<Value = Vec<&'static str>> {
    vec(prop_oneof![5 => select(LINES), 1 => select(OPERATIONS)], 0..120)
}

fn began() -> Script {
    let mut script = Script::new(Settings::default());
    let start = script.step("start").expect("a start needs nothing");
    script.send(start).expect("nothing runs yet");
    script
}

fn play(lines: &[&'static str]) -> Script {
    let mut script = began();
    let mut handed = BTreeMap::new();
    for line in lines {
        let Some(request) = script.step(line) else { continue };
        let late = is_late(&script, line, &request);
        let outcome = script.send(request);
        assert!(!late || outcome.is_err(), "{line}: an answer of an earlier attempt is taken");
        if let Ok((_, Answer::ActivityTask(task))) = outcome {
            let key = (task.token.run.clone(), task.token.scheduled_event_id);
            let last = handed.insert(key, task.token.attempt).unwrap_or(1);
            let in_order = (last..=last + 1).contains(&task.token.attempt);
            // An operator may let it begin again.
            assert!(in_order || task.token.attempt <= 2, "attempt {last} comes before the one after it");
        }
    }
    script
}

/// It is answered by a token although the activity's next attempt has started.
fn is_late(script: &Script, line: &str, request: &Request) -> bool {
    let (Request::CompleteActivity(which, ..)
    | Request::FailActivity(which, _)
    | Request::CancelActivity(which, ..)
    | Request::Heartbeat(which, ..)) = request
    else {
        return false;
    };
    let weft_engine::ActivityRef::Token(token) = which else { return false };
    let id = line.split_whitespace().nth(1).unwrap_or_default();
    pending(script, id).is_some_and(|it| {
        it.scheduled_event_id == token.scheduled_event_id && it.is_started() && it.attempt > token.attempt
    })
}

/// What came after each started timer and each scheduled activity, by the number of the event that began it.
fn ends(history: &[HistoryEvent]) -> BTreeMap<i64, Vec<&'static str>> {
    let mut ends: BTreeMap<i64, Vec<&'static str>> = BTreeMap::new();
    for event in history {
        let (of, what) = match event.attributes.as_ref().expect("an event has attributes") {
            Attributes::TimerFiredEventAttributes(it) => (it.started_event_id, "fired"),
            Attributes::TimerCanceledEventAttributes(it) => (it.started_event_id, "canceled"),
            Attributes::ActivityTaskStartedEventAttributes(it) => (it.scheduled_event_id, "started"),
            Attributes::ActivityTaskCompletedEventAttributes(it) => (it.scheduled_event_id, "ended"),
            Attributes::ActivityTaskFailedEventAttributes(it) => (it.scheduled_event_id, "ended"),
            Attributes::ActivityTaskTimedOutEventAttributes(it) => (it.scheduled_event_id, "ended"),
            Attributes::ActivityTaskCanceledEventAttributes(it) => (it.scheduled_event_id, "ended"),
            Attributes::TimerStartedEventAttributes(_) | Attributes::ActivityTaskScheduledEventAttributes(_) => {
                ends.insert(event.event_id, Vec::new());
                continue;
            }
            _ => continue,
        };
        ends.get_mut(&of).expect("what ends has begun").push(what);
    }
    ends
}

/// An activity's end names its start, if it had one.
fn check_started(history: &[HistoryEvent]) {
    let started: BTreeMap<i64, i64> = history
        .iter()
        .filter_map(|event| match event.attributes.as_ref() {
            Some(Attributes::ActivityTaskStartedEventAttributes(it)) => Some((it.scheduled_event_id, event.event_id)),
            _ => None,
        })
        .collect();
    for event in history {
        let (scheduled, named) = match event.attributes.as_ref() {
            Some(Attributes::ActivityTaskCompletedEventAttributes(it)) => (it.scheduled_event_id, it.started_event_id),
            Some(Attributes::ActivityTaskFailedEventAttributes(it)) => (it.scheduled_event_id, it.started_event_id),
            Some(Attributes::ActivityTaskTimedOutEventAttributes(it)) => (it.scheduled_event_id, it.started_event_id),
            Some(Attributes::ActivityTaskCanceledEventAttributes(it)) => (it.scheduled_event_id, it.started_event_id),
            _ => continue,
        };
        assert_eq!(started.get(&scheduled).copied().unwrap_or_default(), named);
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn each_timer_ends_once_and_each_activity_has_one_life(lines in lines()) {
        let script = play(&lines);
        for (run, history) in &script.world.table.histories {
            check_started(history);
            let execution = &script.world.workflow.runs[run];
            for (began, ended) in ends(history) {
                let pending = execution.timers.values().any(|it| it.started_event_id.0 == began)
                    || execution.activities.keys().any(|id| id.0 == began);
                let lives = matches!(ended[..], ["fired" | "canceled" | "ended"] | ["started", "ended"]);
                let unseen = !execution.is_open() || !execution.buffered.is_empty();
                prop_assert!(lives || (ended.is_empty() && (pending || unseen)), "event {began} came to {ended:?}");
                prop_assert!(!(lives && pending), "event {began} ended and is pending");
            }
        }
    }

    #[test]
    fn an_activity_that_beats_in_time_lives_on(gaps in vec(0u64..2000, 0..20)) {
        let mut script = began();
        for line in ["poll", "complete activity=a:start=1h,beat=2s,retry=1s/1", "take a"] {
            let request = script.step(line).expect("there is what the line names");
            script.send(request).expect("nothing stands against it");
        }
        for gap in gaps {
            let time = format!("+{gap}ms");
            prop_assert!(script.step(&time).is_none());
            let beat = script.step("beat a").expect("there is a token");
            prop_assert!(script.send(beat).is_ok());
        }
        prop_assert!(script.step("+1999ms").is_none());
        prop_assert!(pending(&script, "a").is_some());
        prop_assert!(script.step("+1ms").is_none());
        prop_assert!(pending(&script, "a").is_none());
    }

    #[test]
    fn what_is_due_is_done_by_its_time(lines in lines()) {
        let mut script = play(&lines);
        prop_assert!(script.step("+1h").is_none());
        let now = script.world.now;
        if let Some((at, what)) = script.world.current().and_then(weft_engine::earliest) {
            prop_assert!(at > now, "{what:?} was due at {at:?}");
        }
    }
}
