//! Random requests: what must hold of every request (`world.rs`) holds of them too, and a repeated one is answered as
//! before.

use proptest::{collection::vec, prelude::*, sample::select};
use weft_engine::{Answer, EventId, Refusal, Request, Settings, Started, Transition};
use weft_protocol::api::history::history_event::Attributes;

use crate::{
    laws::config,
    script::{Script, changed},
};

pub(crate) const STARTS: &[&str] = &[
    "start request=a",
    "start request=b conflict=terminate eager",
    "start request=c conflict=use attach",
    "start request=d reuse=reject",
    "start request=e run-timeout=7s execution-timeout=25s",
    "start request=f delay=3s",
    "start request=g cron=5s",
    "start request=h retry=1s/3 memo=1",
    "signal-with-start s request=i conflict=use",
    "signal-with-start s request=j conflict=terminate delay=2s",
];

pub(crate) const NEWS: &[&str] = &[
    "signal a",
    "signal a request=x",
    "signal a request=y",
    "cancel",
    "cancel request=other",
    "query 1",
    "query 2 if-open",
    "forget",
    "reset-sticky",
    "sticky-gone",
    "wake",
    "update u1",
    "update u1",
    "update u2",
    "update u3",
    "find u1",
    "find u1",
    "find u2",
    "update-with-start u4 request=k",
    "update-with-start u1 request=l conflict=use",
    "lose",
    "replied started",
    "replied done",
    "replied not-found",
    "reset first request=r1",
    "reset last request=r2",
    "reset last request=r3 without=signals signal=s",
    "reset first run=run-1 request=r4 without=updates",
    "reset 5 request=r5 keep=12",
    "reset first request=r7 old",
    "reset last request=r8 leave",
];

/// What operators do to a run.
const OPERATIONS: &[&str] = &[
    "freeze",
    "freeze request=x reason=r",
    "thaw",
    "thaw",
    "options urgency=1",
    "options fairness=k auto-upgrade",
    "options unset",
    "options urgency=2 once=r",
];

pub(crate) const ENDS: &[&str] = &[
    "terminate",
    "delete",
    "delete run=run-1",
    "complete done",
    "complete marker=m fail=Oops",
    "complete fail=Fatal",
    "complete canceled",
    "complete can=again",
    "fail-task cause=too-large",
];

pub(crate) const POLLS: &[&str] =
    &["poll", "poll", "poll", "poll sticky", "poll sticky", "poll gone", "poll request=another", "give-back"];

pub(crate) const ANSWERS: &[&str] = &[
    "complete",
    "complete marker=m",
    "complete memo=2 sa=\"v\"",
    "complete sticky",
    "complete sticky",
    "complete sticky new",
    "complete sticky force new",
    "complete force",
    "complete marker=m force new",
    "complete stale marker=m",
    "complete answer=1",
    "complete marker=",
    "complete child",
    "complete child=kid",
    "complete send=kid:s stop-other=kid",
    "complete child=kid:policy=abandon send=kid:s done",
    "complete unknown",
    "complete sa=unknown",
    "fail-task",
    "fail-task",
    "give-back request=inline",
    "complete accept=u1",
    "complete accept=u1 respond=u1 sticky",
    "complete reject=u1 discards sticky new",
    "complete reject=u1 accept=u2 sticky new",
    "complete accepted=u2 responded=u2 marker=m",
    "complete respond=u1 sticky new",
    "complete reject=u1 reject=u2 sticky new",
    "complete resurrect=u3 force new sticky",
    "complete accept=u1 done",
    "complete accept=u2 can=again",
];

const TIMES: &[&str] = &["+100ms", "+1s", "+5s", "+10s", "+1m"];

pub(crate) fn lines() -> impl Strategy<Value = Vec<&'static str>> {
    let line = prop_oneof![
        3 => select(STARTS),
        6 => select(NEWS),
        1 => select(OPERATIONS),
        1 => select(ENDS),
        8 => select(POLLS),
        8 => select(ANSWERS),
        3 => select(TIMES),
        1 => Just("+2h"),
    ];
    vec(line, 0..80)
}

/// Small limits, so that they are met.
pub(crate) fn tight() -> Settings {
    changed(|settings| {
        settings.limits.buffered_events = 3;
        settings.limits.history_events_warn = 20;
        settings.limits.history_events_error = 40;
        settings.limits.suggest_continue_as_new_events = 10;
        settings.limits.attached_queries = 1;
        settings.limits.updates_in_flight = 2;
        settings.limits.updates = 4;
        settings.limits.speculative_events = 2;
        settings.limits.suggest_continue_as_new_updates = 2;
        settings.workflow_task_heartbeat_max = std::time::Duration::from_secs(8);
    })
}

/// The same request again is the same thing asked, not another.
fn is_repeatable(request: &Request) -> bool {
    match request {
        Request::Start(_)
        | Request::SignalWithStart(..)
        | Request::Fork(_)
        | Request::Cancel(..)
        | Request::StartWorkflowTask(_)
        | Request::CompleteWorkflowTask(_)
        | Request::FailWorkflowTask(_)
        | Request::StickyUnavailable(..)
        | Request::StartActivityTask(_)
        | Request::CompleteActivity(..)
        | Request::FailActivity(..)
        | Request::CancelActivity(..)
        | Request::Heartbeat(..)
        | Request::ForgetQuery(..)
        | Request::Update(..)
        | Request::FindUpdate(..)
        | Request::Reset(..)
        | Request::OperateOnce(..)
        | Request::Wake(_)
        | Request::Deliver(_)
        | Request::Replied(_) => true,
        // Schedules have scenarios of their own.
        Request::Schedule(_) => false,
        Request::Signal(_, body) => body.request.is_some(),
        // These say "not found" when there is nothing left to do.
        Request::Terminate(..)
        // The second time it starts nothing, and says so.
        | Request::UpdateWithStart(..)
        // Unpausing twice is one thing too many.
        | Request::Operate(..)
        | Request::Delete(..)
        | Request::Query(..)
        | Request::ResetSticky(_)
        | Request::GiveBackWorkflowTask(..)
        | Request::GiveBackActivityTask(..)
        // Each has its own id, and says so when it is there.
        | Request::Job(_) => false,
    }
}

/// The answer as a caller compares it. Whoever signals with start again found the run that the first asking started.
fn shown(request: &Request, answer: Answer) -> String {
    match (request, answer) {
        // The first time it says what came of it.
        (Request::OperateOnce(..), _) => "done once".to_owned(),
        (Request::SignalWithStart(..), Answer::Started(it)) => format!("{:?}", Started { started: false, ..it }),
        (_, other) => format!("{other:?}"),
    }
}

fn play(settings: Settings, lines: &[&'static str], repeat: bool) {
    let mut script = Script::new(settings);
    for line in lines {
        match script.step(line) {
            Some(request) if repeat && is_repeatable(&request) => repeat_it(&mut script, request),
            Some(request) => drop(script.send(request)),
            None => {}
        }
    }
}

/// Carries out a request twice and compares.
fn repeat_it(script: &mut Script, request: Request) {
    let open = |script: &Script| script.world.workflow.runs.values().filter(|run| run.is_open()).count();
    let before = open(script);
    let Ok((written, first)) = script.send(request.clone()) else { return };
    if matches!(first, Answer::TaskTimedOut) || (matches!(request, Request::Signal(..)) && open(script) < before) {
        return;
    }
    let again = script.world.request(request.clone());
    // The first time, updates were given up. Now they are gone, so what is wrong may be said of another one.
    if let (Answer::TaskFailed { .. }, Err(Refusal::InvalidArgument(_))) = (&first, &again) {
        return;
    }
    let (transition, mut second) = again.unwrap_or_else(|refusal| {
        panic!("{request:?} was answered {first:?} and then refused: {refusal:?}");
    });
    assert!(transition.events.is_empty(), "{request:?} writes {:?} when repeated", transition.events);
    if let (Answer::TaskFailed { .. }, Answer::TaskFailedBefore { event, .. }) = (&first, &second) {
        second = Answer::TaskFailed { message: failure_in(&written, *event) };
    }
    assert_eq!(shown(&request, first), shown(&request, second));
}

/// The text of the failure in an event.
fn failure_in(written: &Transition, event: EventId) -> String {
    let events = written.events.iter().flat_map(|appended| &appended.events);
    let told = events.filter(|it| it.event_id == event.0).filter_map(|it| match &it.attributes {
        Some(Attributes::WorkflowTaskFailedEventAttributes(it)) => it.failure.clone(),
        _ => None,
    });
    told.map(|failure| failure.message).next().unwrap_or_else(|| panic!("event {event} is no failure"))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_is_asked_the_invariants_hold(lines in lines()) {
        play(Settings::default(), &lines, false);
    }

    #[test]
    fn whatever_is_asked_near_the_limits_the_invariants_hold(lines in lines()) {
        play(tight(), &lines, false);
    }

    #[test]
    fn a_repeated_request_is_answered_as_before_and_writes_nothing(lines in lines()) {
        play(Settings::default(), &lines, true);
    }
}
