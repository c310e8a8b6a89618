//! Updates in the lives of workflows: what a client wants of them, how it waits for them, and what the workflow says.
//!
//! Invariant: an update has one id for ever and is asked for again under it, so the workflow may accept it once; what a
//! caller was told of its outcome is what every later caller is told.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use weft_engine::{
    Answer, Refusal, Request, RunId, Target, UpdateBody, UpdateId, UpdateNews, UpdateStage, WorkflowKey,
};
use weft_env::SeededIds;
use weft_protocol::{
    Any,
    api::{
        command::{Command, ProtocolMessageCommandAttributes, command::Attributes},
        enums::CommandType,
        failure::Failure as WireFailure,
        history::{HistoryEvent, history_event::Attributes as Event},
        protocol::{Message, message::SequencingId},
        update::{Acceptance, Input, Meta, Outcome, Rejection, Request as Asked, Response, outcome::Value},
    },
    payload,
    prost::{Message as _, Name},
};

use crate::{
    decide,
    ledger::About,
    plan::WorkflowPlan,
    scene::{Scene, unheard},
};

/// A caller that has heard nothing for so long asks again.
const PATIENCE: Duration = Duration::from_millis(400);
/// What the workflow says to those that it does not want.
const REJECTED: &str = "not wanted";

/// One update of a workflow.
pub(crate) struct UpdatePlan {
    pub(crate) id: String,
    /// How many of the client's signals come before it.
    after: usize,
    pause_ms: u64,
    kind: Kind,
    /// The caller waits for the outcome, not for the acceptance alone.
    waits: bool,
}

/// What the workflow does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Quick,
    /// It is completed when a timer of so many milliseconds has fired.
    Slow(u64),
    Rejected,
}

impl UpdatePlan {
    /// Half of the workflows are not updated.
    pub(crate) fn draw_some(dice: &SeededIds, signals: usize) -> Vec<Self> {
        let count = dice.below(5).saturating_sub(2);
        (0..count).map(|number| Self::draw(dice, number, signals)).collect()
    }

    fn draw(dice: &SeededIds, number: u64, signals: usize) -> Self {
        let kind = match dice.below(5) {
            0 => Kind::Rejected,
            1 | 2 => Kind::Slow(1 + dice.below(100)),
            _ => Kind::Quick,
        };
        let after = usize::try_from(dice.below(signals as u64 + 1)).expect("small");
        Self { id: format!("u{number}"), after, pause_ms: dice.below(150), kind, waits: dice.below(3) > 0 }
    }

    pub(crate) fn pause_ms(&self) -> u64 {
        self.pause_ms
    }

    /// The workflow ends only when it has had it.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.kind != Kind::Rejected
    }
}

/// The updates that come after so many signals, side by side.
pub(crate) async fn after(scene: &Scene, plan: &WorkflowPlan, signals: usize, run: &RunId) {
    let numbers = (0..plan.updates.len()).filter(|number| plan.updates[*number].after == signals);
    let callers: Vec<_> =
        numbers.map(|number| tokio::spawn(one(scene.clone(), plan.id.clone(), number, run.clone()))).collect();
    for caller in callers {
        // A panic is found by the hook.
        let _ = caller.await;
    }
}

async fn one(scene: Scene, workflow: String, number: usize, run: RunId) {
    let plans = Arc::clone(&scene.plan);
    let Some(plan) = plans.of(&workflow).and_then(|plan| plan.updates.get(number)) else { return };
    let caller = Caller { scene: &scene, key: scene.key(&workflow), run, plan };
    let name = format!("{workflow} update {}", plan.id);
    if scene.ledger.state(&name).is_none() {
        scene.sleep_ms(scene.dice.below(plan.pause_ms + 1)).await;
    }
    let about = About::Update { run: caller.run.clone(), id: plan.id.clone(), rejected: plan.kind == Kind::Rejected };
    caller.settle(&name, &about, plan.waits).await;
    let told = format!("{name} outcome");
    let is_accepted = scene.ledger.state(&name).is_some_and(|state| state.is_acknowledged());
    // Another caller asks after it.
    if is_accepted && plan.waits && scene.ledger.state(&told).is_none() {
        caller.settle(&told, &about, true).await;
    }
}

/// Whoever asks for one update.
struct Caller<'c> {
    scene: &'c Scene,
    key: WorkflowKey,
    run: RunId,
    plan: &'c UpdatePlan,
}

/// What a caller hears.
enum Heard {
    Accepted,
    Completed(Outcome),
    Rejected(WireFailure),
    /// The run ended before the update was accepted.
    Closed,
    /// It was accepted, and the run ended before it was completed.
    CutShort,
    /// To be asked again.
    Nothing,
}

impl Caller<'_> {
    /// Asks until it is known how far the update has come, or for as long as this life lasts.
    async fn settle(&self, name: &str, about: &About, waits: bool) {
        let ledger = &self.scene.ledger;
        while !ledger.state(name).is_some_and(|state| state.is_settled()) {
            ledger.asking(name, about);
            match self.ask(waits).await {
                Heard::Accepted | Heard::CutShort => ledger.acknowledged(name, None),
                Heard::Completed(outcome) => {
                    self.scene.note(&format!("{name}: {outcome:?}"));
                    ledger.acknowledged(name, None);
                    if !ledger.tell(&format!("{} {}", self.run, self.plan.id), &outcome.encode_to_vec()) {
                        ledger.violate(format!("{name}: another outcome was told before: {outcome:?}"));
                    }
                }
                Heard::Rejected(failure) => {
                    if failure.message != REJECTED || self.plan.kind != Kind::Rejected {
                        ledger.violate(format!("{name}: rejected: {failure:?}"));
                    }
                    ledger.refused(name);
                    ledger.cover(|counts| counts.rejected_updates += 1);
                }
                Heard::Closed => ledger.refused(name),
                Heard::Nothing => self.scene.sleep_ms(2 + self.scene.dice.below(20)).await,
            }
        }
    }

    /// Asks once, and waits for what comes of it.
    async fn ask(&self, waits: bool) -> Heard {
        let scene = self.scene;
        let shard = scene.node.shard(&self.key);
        let (id, namespace) = (UpdateId::from(self.plan.id.as_str()), Arc::clone(&scene.namespace));
        let asked = shard.update(self.key.clone(), namespace, id, self.request());
        let asked = if !scene.calm && scene.one_in(12) { unheard(asked).await } else { Some(asked.await) };
        let (status, following) = match asked {
            Some(Ok((Answer::Update(status), following))) => (status, following),
            Some(Ok((other, _))) => {
                scene.ledger.violate(format!("{}: an update was answered with {other:?}", self.key.workflow));
                return Heard::Nothing;
            }
            Some(Err(weft_shard::Failure::Refused(refusal))) => return self.refused(&refusal),
            Some(Err(failure)) => {
                scene.failed(&self.key, &failure);
                return Heard::Nothing;
            }
            None => return Heard::Nothing,
        };
        let mut following = match (status.stage, following) {
            (UpdateStage::Completed(event), _) => return self.outcome(event.0, &status.branch).await,
            (UpdateStage::CutShort, _) => return Heard::CutShort,
            (UpdateStage::Accepted, _) if !waits => return Heard::Accepted,
            (UpdateStage::Admitted | UpdateStage::Accepted, Some(following)) => following,
            (UpdateStage::Admitted | UpdateStage::Accepted, None) => return Heard::Nothing,
        };
        loop {
            match tokio::time::timeout(PATIENCE, following.next()).await {
                Ok(Some(UpdateNews::Accepted)) if waits => {}
                Ok(Some(UpdateNews::Accepted)) => return Heard::Accepted,
                Ok(Some(UpdateNews::Completed(outcome))) => return Heard::Completed(*outcome),
                Ok(Some(UpdateNews::Rejected(failure))) => return Heard::Rejected(*failure),
                Ok(Some(UpdateNews::Closed { .. })) => return Heard::Closed,
                Ok(Some(UpdateNews::CutShort)) => return Heard::CutShort,
                Ok(Some(UpdateNews::TaskFailed) | None) | Err(_) => return Heard::Nothing,
            }
        }
    }

    fn refused(&self, refusal: &Refusal) -> Heard {
        match refusal {
            Refusal::WorkflowClosed => Heard::Closed,
            // Paused, broken for now, or about to end.
            Refusal::Precondition(_) | Refusal::NotReady(_) | Refusal::Busy(_) => Heard::Nothing,
            other => {
                self.scene.ledger.violate(format!("{}: an update was refused: {other:?}", self.key.workflow));
                Heard::Nothing
            }
        }
    }

    /// The outcome stands in its event.
    async fn outcome(&self, event: i64, branch: &weft_engine::state::Branch) -> Heard {
        let history = self.scene.node.shard(&self.key).history();
        match history.event(&self.key, branch, weft_engine::EventId(event)).await {
            Ok(HistoryEvent {
                attributes: Some(Event::WorkflowExecutionUpdateCompletedEventAttributes(it)), ..
            }) => Heard::Completed(it.outcome.unwrap_or_default()),
            Ok(other) => {
                self.scene.ledger.violate(format!("{}: this completes no update: {other:?}", self.key.workflow));
                Heard::Nothing
            }
            Err(failure) => {
                self.scene.failed(&self.key, &failure);
                Heard::Nothing
            }
        }
    }

    fn request(&self) -> Request {
        let id = self.plan.id.as_str();
        let target = Target { run: Some(self.run.clone()), first_run: None };
        let meta = Some(Meta { update_id: id.to_owned(), identity: "client".to_owned() });
        let input = Some(Input { header: None, name: "Update".to_owned(), args: None });
        let asked = Asked { meta, input, ..Asked::default() };
        Request::Update(target, UpdateBody { id: id.into(), request: Arc::new(asked) })
    }
}

/// What the workflow says to its updates.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) commands: Vec<Command>,
    pub(crate) messages: Vec<Message>,
    /// It has had all that it waits for.
    pub(crate) is_done: bool,
}

/// An update that was asked for and is not accepted.
struct Waiting {
    request: Option<Asked>,
    message: String,
    sequencing: i64,
}

/// What is new to the workflow is accepted or rejected; what was accepted is completed when its time has come.
pub(crate) fn answers(plan: &WorkflowPlan, history: &[Arc<HistoryEvent>], asked: &[Message], dice: &SeededIds) -> Said {
    let Known { mut waiting, mut accepted, mut completed } = read(history, asked);
    let mut said = Said { is_done: true, ..Said::default() };
    for update in &plan.updates {
        let id = update.id.as_str();
        if let Some(waiting) = waiting.remove(id) {
            if update.kind == Kind::Rejected {
                said.messages.push(message(id, "reject", &rejection(waiting)));
                continue;
            }
            said.say(message(id, "accept", &acceptance(waiting)));
            match update.kind {
                Kind::Slow(ms) => said.commands.push(decide::timer(&timer_of(id), ms)),
                Kind::Quick | Kind::Rejected => accepted.push((id.to_owned(), true)),
            }
        }
        let is_due = accepted.iter().any(|(accepted, is_due)| accepted == id && *is_due);
        if is_due && !completed.iter().any(|done| done == id) {
            said.say(message(id, "complete", &response(id, dice)));
            completed.push(id.to_owned());
        }
        said.is_done &= !update.is_waited_for() || completed.iter().any(|done| done == id);
    }
    said
}

/// What a workflow knows of its updates.
#[derive(Default)]
struct Known {
    waiting: BTreeMap<String, Waiting>,
    /// … and whether they are to be completed.
    accepted: Vec<(String, bool)>,
    completed: Vec<String>,
}

fn read(history: &[Arc<HistoryEvent>], asked: &[Message]) -> Known {
    let Known { mut waiting, mut accepted, mut completed } = Known::default();
    for event in history {
        match &event.attributes {
            Some(Event::WorkflowExecutionUpdateAdmittedEventAttributes(it)) => {
                let id =
                    it.request.as_ref().and_then(|request| request.meta.as_ref()).map(|meta| meta.update_id.clone());
                let id = id.unwrap_or_default();
                let (message, sequencing) = (format!("{id}/request"), event.event_id);
                waiting.insert(id, Waiting { request: None, message, sequencing });
            }
            Some(Event::WorkflowExecutionUpdateAcceptedEventAttributes(it)) => {
                waiting.remove(&it.protocol_instance_id);
                accepted.push((it.protocol_instance_id.clone(), false));
            }
            Some(Event::WorkflowExecutionUpdateCompletedEventAttributes(it)) => {
                completed.push(it.meta.as_ref().map(|meta| meta.update_id.clone()).unwrap_or_default());
            }
            Some(Event::TimerFiredEventAttributes(it)) => {
                for (id, is_due) in &mut accepted {
                    *is_due |= timer_of(id) == it.timer_id;
                }
            }
            _ => {}
        }
    }
    for message in asked {
        let request = message.body.as_ref().and_then(|body| Asked::decode(&*body.value).ok());
        let Some(SequencingId::EventId(sequencing)) = message.sequencing_id else { continue };
        let id = message.protocol_instance_id.clone();
        waiting.insert(id, Waiting { request, message: message.id.clone(), sequencing });
    }
    Known { waiting, accepted, completed }
}

impl Said {
    /// A message whose place among the commands matters.
    fn say(&mut self, message: Message) {
        let named = ProtocolMessageCommandAttributes { message_id: message.id.clone() };
        let named = Attributes::ProtocolMessageCommandAttributes(named);
        self.commands.push(decide::command(CommandType::ProtocolMessage, named));
        self.messages.push(message);
    }
}

fn timer_of(update: &str) -> String {
    format!("update-{update}")
}

fn acceptance(waiting: Waiting) -> Acceptance {
    Acceptance {
        accepted_request_message_id: waiting.message,
        accepted_request_sequencing_event_id: waiting.sequencing,
        accepted_request: waiting.request,
    }
}

fn rejection(waiting: Waiting) -> Rejection {
    Rejection {
        rejected_request_message_id: waiting.message,
        rejected_request_sequencing_event_id: waiting.sequencing,
        rejected_request: waiting.request,
        failure: Some(WireFailure { message: REJECTED.to_owned(), ..WireFailure::default() }),
    }
}

/// No two are the same: an update that was completed twice is seen.
fn response(id: &str, dice: &SeededIds) -> Response {
    let result = payload::list(payload::json_string(&format!("{id} {:x}", dice.below(u64::MAX))));
    Response {
        meta: Some(Meta { update_id: id.to_owned(), identity: "worker".to_owned() }),
        outcome: Some(Outcome { value: Some(Value::Success(result)) }),
    }
}

fn message<M: weft_protocol::prost::Message + Name>(id: &str, what: &str, body: &M) -> Message {
    let type_url = format!("type.googleapis.com/{}", M::full_name());
    Message {
        id: format!("{id}/{what}"),
        protocol_instance_id: id.to_owned(),
        body: Some(Any { type_url, value: body.encode_to_vec() }),
        sequencing_id: None,
    }
}
