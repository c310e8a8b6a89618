//! Plays a plan: the workflow's code, as replay runs it.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    panic::Location,
    pin::Pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use weft_protocol::{
    api::{
        command::*,
        common::{ActivityType, Payloads, RetryPolicy, WorkflowExecution, WorkflowType},
        failure::Failure,
        taskqueue::TaskQueue,
    },
    payload,
    time::proto_duration,
};
use weft_replay::{
    Config, Context, End, Info, LocalActivity, Outcome, Program, Query, Reaction, Run, ScopeId, Signal, Source, Task,
    UpdateRequest, Wait,
};

use crate::plan::{self, Step};

/// A bug in the workflow's code, planted to be found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    None,
    /// It throws dice of its own.
    Chance,
    /// Another worker leaves a step out.
    Forgotten,
    /// Another worker does two steps in the other order.
    Swapped,
}

type Playing = Pin<Box<dyn Future<Output = u64>>>;

#[derive(Clone)]
struct Player {
    context: Context,
    scope: ScopeId,
    heard: Rc<RefCell<Vec<String>>>,
    fault: Fault,
    /// Different in each run that is built: what code must not look at.
    worker: Rc<Cell<u64>>,
}

#[track_caller]
fn here() -> Source {
    Location::caller().into()
}

fn mix(so_far: u64, more: u64) -> u64 {
    (so_far ^ more).wrapping_mul(0x0100_0000_01b3).rotate_left(7)
}

fn hash(text: &[u8]) -> u64 {
    text.iter().fold(7, |so_far, byte| mix(so_far, u64::from(*byte)))
}

pub(crate) fn number(value: u64) -> Option<Payloads> {
    Some(payload::list(payload::json_plain(value.to_string())))
}

pub(crate) fn read(payloads: Option<&Payloads>) -> u64 {
    let json = payloads.and_then(|it| it.payloads.first()).and_then(payload::as_json).unwrap_or_default();
    std::str::from_utf8(json).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn told(resolution: &weft_replay::Resolution) -> u64 {
    match resolution {
        Ok(result) => read(result.as_ref()),
        Err(failure) => hash(failure.message.as_bytes()),
    }
}

async fn of(wait: Wait) -> u64 {
    told(&wait.await)
}

impl Player {
    fn timer(&self, seconds: u64) -> Wait {
        self.context.timer(self.scope, Duration::from_secs(seconds), None, here())
    }

    fn within(&self, parent: Option<ScopeId>) -> Self {
        Self { scope: self.context.open_scope(parent), ..self.clone() }
    }

    fn play(&self, step: &Rc<Step>) -> Playing {
        let (it, step) = (self.clone(), Rc::clone(step));
        Box::pin(async move {
            match &*step {
                Step::Timer(_) | Step::Drawn | Step::Activity(_) | Step::Local | Step::Signal(_) | Step::Stop(_) => {
                    of(it.wait_for(&step)).await
                }
                Step::Effect => it.effect(),
                Step::Version(change) => {
                    let entered = it.context.patched(&format!("change-{change}"), here());
                    if entered { of(it.timer(1)).await } else { 1 }
                }
                Step::Child(id, cancellation, awaited) => it.child(id, *cancellation, *awaited).await,
                Step::Hear(count, seconds) => {
                    let (heard, count) = (Rc::clone(&it.heard), *count);
                    let met = it.context.condition(it.scope, move || heard.borrow().len() >= count, here());
                    let over = it.timer(*seconds);
                    race(vec![Box::pin(of(met)), Box::pin(of(over))]).await
                }
                Step::All(steps) => all(it.each(steps)).await,
                Step::Race(steps) => race(it.each(steps)).await,
                Step::Seq(steps) => {
                    let mut so_far = 3;
                    for step in steps {
                        so_far = mix(so_far, it.play(step).await);
                    }
                    so_far
                }
                Step::Limited(seconds, step) => it.limited(*seconds, step).await,
                Step::Shielded(step) => {
                    let within = it.within(None);
                    let said = within.play(step).await;
                    it.context.close_scope(within.scope);
                    said
                }
                Step::Beside(step) => {
                    let beside = it.play(step);
                    it.context.spawn(Box::pin(async move {
                        beside.await;
                        End::Handler
                    }));
                    5
                }
            }
        })
    }

    /// Steps that are one operation.
    fn wait_for(&self, step: &Step) -> Wait {
        match step {
            Step::Timer(seconds) => self.timer(*seconds),
            Step::Activity(cancellation) => {
                let schedule = ScheduleActivityTaskCommandAttributes {
                    activity_type: Some(ActivityType { name: "work".to_owned() }),
                    task_queue: Some(TaskQueue { name: "queue".to_owned(), ..TaskQueue::default() }),
                    start_to_close_timeout: Some(proto_duration(Duration::from_secs(5))),
                    retry_policy: Some(RetryPolicy { maximum_attempts: 3, ..RetryPolicy::default() }),
                    ..Default::default()
                };
                self.context.activity(self.scope, schedule, *cancellation, None, here())
            }
            Step::Local => {
                let local = LocalActivity { kind: "local".to_owned(), ..LocalActivity::default() };
                self.context.local_activity(self.scope, local, here())
            }
            Step::Signal(id) => {
                let execution = Some(WorkflowExecution { workflow_id: id.clone(), run_id: String::new() });
                let signal = SignalExternalWorkflowExecutionCommandAttributes {
                    execution,
                    signal_name: "told".to_owned(),
                    ..Default::default()
                };
                self.context.signal_external(self.scope, signal, here())
            }
            Step::Stop(id) => {
                let cancel = RequestCancelExternalWorkflowExecutionCommandAttributes {
                    workflow_id: id.clone(),
                    ..Default::default()
                };
                self.context.cancel_external(self.scope, cancel, here())
            }
            Step::Drawn
            | Step::Effect
            | Step::Version(_)
            | Step::Child(..)
            | Step::Hear(..)
            | Step::All(_)
            | Step::Race(_)
            | Step::Seq(_)
            | Step::Limited(..)
            | Step::Shielded(_)
            | Step::Beside(_) => self.timer(1 + self.context.random() % 10),
        }
    }

    fn effect(&self) -> u64 {
        let drawn = self.worker.get();
        let make = || vec![payload::json_plain(drawn.to_string())];
        let made = self.context.side_effect(make, here()).unwrap_or_default();
        read(Some(&Payloads { payloads: made }))
    }

    async fn limited(&self, seconds: u64, step: &Rc<Step>) -> u64 {
        let within = self.within(Some(self.scope));
        let inner = within.play(step);
        let over = self.timer(seconds);
        let (context, scope) = (self.context.clone(), within.scope);
        let cancels: Playing = Box::pin(async move {
            let over = of(over).await;
            context.cancel_scope(scope, "its time is over");
            over
        });
        let said = first(inner, cancels).await;
        self.context.close_scope(within.scope);
        said
    }

    /// The steps of a list, begun in its order; a planted bug changes it on some workers.
    fn each(&self, steps: &[Rc<Step>]) -> Vec<Playing> {
        let mut playing: Vec<Playing> = steps.iter().map(|step| self.play(step)).collect();
        match self.fault {
            Fault::None => {}
            Fault::Chance => self.worker.set(self.worker.get().wrapping_mul(0x5851_f42d_4c95_7f2d).rotate_left(17)),
            Fault::Forgotten | Fault::Swapped => {}
        }
        if self.worker.get() % 2 == 1 {
            match self.fault {
                Fault::None => {}
                Fault::Chance | Fault::Swapped => playing.reverse(),
                Fault::Forgotten => drop(playing.pop()),
            }
        }
        playing
    }

    async fn child(&self, id: &str, cancellation: weft_replay::ChildCancellation, awaited: bool) -> u64 {
        let start = StartChildWorkflowExecutionCommandAttributes {
            workflow_id: id.to_owned(),
            workflow_type: Some(WorkflowType { name: "Random".to_owned() }),
            input: number(0),
            ..Default::default()
        };
        let mut child = self.context.child(self.scope, start, cancellation, None, here());
        if awaited {
            return of(child.ended).await;
        }
        let started = of(child.started).await;
        child.ended.detach();
        started
    }
}

/// Waits for all, and tells what they came to in the order of the list.
async fn all(playing: Vec<Playing>) -> u64 {
    futures_util::future::join_all(playing).await.into_iter().fold(11, mix)
}

/// Waits for the first, and lets go of the others.
async fn race(playing: Vec<Playing>) -> u64 {
    let (said, index, rest) = futures_util::future::select_all(playing).await;
    drop(rest);
    mix(said, index as u64)
}

/// Waits for the first of two, and for that first when the other has ended meanwhile.
async fn first(mut inner: Playing, mut beside: Playing) -> u64 {
    let mut over = false;
    std::future::poll_fn(move |polled| {
        if let Poll::Ready(said) = inner.as_mut().poll(polled) {
            return Poll::Ready(said);
        }
        if !over && beside.as_mut().poll(polled).is_ready() {
            over = true;
            return inner.as_mut().poll(polled);
        }
        Poll::Pending
    })
    .await
}

struct Playable {
    player: Player,
    seed: u64,
}

impl Program for Playable {
    fn main(&mut self) -> Task {
        let player = self.player.clone();
        let info = player.context.info();
        let plan = plan::of(self.seed, &info.workflow_id);
        let round = read(info.started.input.as_ref());
        Box::pin(async move {
            let said = player.play(&plan.step).await;
            let is_canceled = player.context.cancel_reason(ScopeId::ROOT).is_some();
            End::Workflow(if round + 1 < plan.rounds && !is_canceled {
                Outcome::ContinuedAsNew(Box::new(ContinueAsNewWorkflowExecutionCommandAttributes {
                    workflow_type: Some(WorkflowType { name: "Random".to_owned() }),
                    input: number(round + 1),
                    ..Default::default()
                }))
            } else if is_canceled {
                Outcome::Canceled(number(said))
            } else {
                Outcome::Completed(number(said))
            })
        })
    }

    fn signal(&mut self, signal: Signal) -> Reaction {
        self.player.heard.borrow_mut().push(signal.name);
        Reaction::Done(End::Handler)
    }

    fn validate(&mut self, update: &UpdateRequest) -> Result<(), Box<Failure>> {
        if update.name == "bad" { Err(weft_replay::application("refused", "Refused", true)) } else { Ok(()) }
    }

    fn update(&mut self, update: UpdateRequest) -> Reaction {
        self.player.heard.borrow_mut().push(update.name.clone());
        if update.name != "slow" {
            let count = self.player.heard.borrow().len() as u64;
            return Reaction::Done(End::Update(Ok(number(count))));
        }
        let wait = self.player.timer(2);
        Reaction::Task(Box::pin(async move { End::Update(Ok(number(told(&wait.await)))) }))
    }

    fn query(&mut self, _: &Query) -> Result<Option<Payloads>, Box<Failure>> {
        Ok(number(self.player.heard.borrow().len() as u64))
    }
}

/// A run of a workflow on a worker of this number.
pub(crate) fn run(seed: u64, fault: Fault, workflow: &str, run_id: &str, worker: u64) -> Run {
    let info = Info {
        namespace: "default".to_owned(),
        workflow_id: workflow.to_owned(),
        run_id: run_id.to_owned(),
        task_queue: "queue".to_owned(),
        ..Info::default()
    };
    let program = move |context| -> Result<Box<dyn Program>, Box<Failure>> {
        let worker = Rc::new(Cell::new(worker));
        let player = Player { context, scope: ScopeId::ROOT, heard: Rc::default(), fault, worker };
        Ok(Box::new(Playable { player, seed }))
    };
    Run::new(Config { info, foreign: None, program: Box::new(program) })
}
