//! Accounts that pay each other: workflows that send amounts as signals, and go on as new runs with what they have.
//!
//! Invariant: whatever goes wrong, all accounts together have at their ends what they began with. A payment that arrives
//! twice, or not at all, or in a run that was lost, shows in the sum; a run takes its request ids with it, so that what is
//! brought again to the next one is known by its receipt alone.

use std::{collections::BTreeMap, sync::Arc};

use tonic::Code;
use weft_laws::{Account, Runs, balance_of, orders_are_there};
use weft_protocol::{
    api::{
        command::{
            Command, CompleteWorkflowExecutionCommandAttributes, ContinueAsNewWorkflowExecutionCommandAttributes,
            SignalExternalWorkflowExecutionCommandAttributes, command::Attributes,
        },
        common::{WorkflowExecution, WorkflowType},
        enums::CommandType,
        history::{HistoryEvent, history_event::Attributes as Event},
        taskqueue::TaskQueue,
        workflowservice::{SignalWorkflowExecutionRequest, StartWorkflowExecutionRequest},
    },
    payload,
};

use super::{
    client::{Api, NAMESPACE, PATIENCE, Scene, Settled, seconds, within},
    laws::{self, Messages},
};
use crate::decide::{QUEUE, command};

/// What each account begins with.
const BEGINS_WITH: i64 = 1000;
/// How often whoever does nothing else has accounts pay, at most, and the longest pauses between two payments.
const PAYMENTS: u64 = 20;
const PAUSE_MAX_MS: u64 = 1200;
const HASTY_PAUSE_MAX_MS: u64 = 40;
const KIND: &str = "Account";

/// The commands of an account's worker; none for another workflow.
pub(crate) fn decide(scene: &Scene, workflow: &str, history: &[Arc<HistoryEvent>]) -> Option<Vec<Command>> {
    is_account(scene, workflow).then(|| commands(history))
}

fn is_account(scene: &Scene, workflow: &str) -> bool {
    scene.accounts.iter().any(|account| account == workflow)
}

fn commands(history: &[Arc<HistoryEvent>]) -> Vec<Command> {
    let account = Account::of(history.iter().map(AsRef::as_ref));
    if !account.orders.is_empty() {
        return account.orders.into_iter().map(|(name, (whom, amount))| payment(&name, whom, amount)).collect();
    }
    let has = Some(payload::list(payload::json_string(&account.balance.to_string())));
    if !account.under_way.is_empty() {
        Vec::new()
    } else if account.is_closed {
        let complete = CompleteWorkflowExecutionCommandAttributes { result: has };
        let complete = Attributes::CompleteWorkflowExecutionCommandAttributes(complete);
        vec![command(CommandType::CompleteWorkflowExecution, complete)]
    } else if account.is_paid {
        // Each payment is to another run, so that one that is brought again comes to a run that does not know it.
        let go_on = ContinueAsNewWorkflowExecutionCommandAttributes {
            workflow_type: Some(WorkflowType { name: KIND.to_owned() }),
            task_queue: Some(TaskQueue { name: QUEUE.to_owned(), ..TaskQueue::default() }),
            input: has,
            workflow_task_timeout: Some(seconds(2000)),
            ..ContinueAsNewWorkflowExecutionCommandAttributes::default()
        };
        let go_on = Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(go_on);
        vec![command(CommandType::ContinueAsNewWorkflowExecution, go_on)]
    } else {
        Vec::new()
    }
}

fn payment(name: &str, whom: String, amount: i64) -> Command {
    let signal = SignalExternalWorkflowExecutionCommandAttributes {
        execution: Some(WorkflowExecution { workflow_id: whom, run_id: String::new() }),
        signal_name: format!("credit:{amount}:{name}"),
        ..SignalExternalWorkflowExecutionCommandAttributes::default()
    };
    let signal = Attributes::SignalExternalWorkflowExecutionCommandAttributes(signal);
    command(CommandType::SignalExternalWorkflowExecution, signal)
}

/// Opens an account, and closes it when nothing goes wrong any more.
pub(crate) async fn keep(scene: Scene, workflow: String) {
    let what = format!("open {workflow}");
    let request = StartWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_id: workflow.clone(),
        workflow_type: Some(WorkflowType { name: KIND.to_owned() }),
        task_queue: Some(TaskQueue { name: QUEUE.to_owned(), ..TaskQueue::default() }),
        request_id: workflow.clone(),
        input: Some(payload::list(payload::json_string(&BEGINS_WITH.to_string()))),
        workflow_task_timeout: Some(seconds(2000)),
        ..StartWorkflowExecutionRequest::default()
    };
    let opened = scene.settle(&what, |mut api: Api| {
        let request = within(request.clone(), PATIENCE);
        async move { api.start_workflow_execution(request).await }
    });
    match opened.await {
        Settled::Answered(_) => {}
        // It goes on as a new run before its start is heard of, and then the start is another one's.
        Settled::Refused { status, for_certain: false } if status.code() == Code::AlreadyExists => {}
        Settled::Refused { status, .. } => return scene.record.violate(format!("{what}: {status}")),
    }
    while !scene.is_calm() {
        scene.sleep_ms(200).await;
    }
    tell(&scene, &workflow, Account::CLOSE.to_owned(), &format!("close {workflow}")).await;
    loop {
        let Some(events) = scene.history(&workflow, "").await else { return };
        let last = events.last().and_then(|event| event.attributes.as_ref());
        if matches!(last, Some(Event::WorkflowExecutionCompletedEventAttributes(_))) {
            return;
        }
        scene.sleep_ms(500).await;
    }
}

/// Has one account pay another one. The last one never pays: nothing keeps it from going on after each payment that it gets,
/// while the answer to whoever paid may still be on its way.
pub(crate) async fn transfer(scene: &Scene, name: &str) {
    let count = scene.accounts.len() as u64;
    let last = count - 1;
    let from = scene.dice.below(last);
    let others = scene.dice.below(2) == 0 && last > 1;
    let to = if others { (from + 1 + scene.dice.below(last - 1)) % last } else { last };
    let account = |number: u64| &scene.accounts[usize::try_from(number).expect("few")];
    let order = format!("pay:{}:{}:{name}", account(to), 1 + scene.dice.below(50));
    if tell(scene, account(from), order.clone(), name).await {
        scene.book.ordered(account(from), &order);
    }
}

/// Has accounts pay each other one after the other, most of all while answers get lost.
pub(crate) async fn pay(scene: Scene, number: u64) {
    for payment in 0..PAYMENTS {
        if scene.is_calm() {
            return;
        }
        transfer(&scene, &format!("p{number}-{payment}")).await;
        let until = scene.dice.below(PAUSE_MAX_MS);
        let mut waited = 0;
        while waited < until && !scene.is_hasty() {
            scene.sleep_ms(HASTY_PAUSE_MAX_MS).await;
            waited += HASTY_PAUSE_MAX_MS;
        }
        scene.sleep_ms(scene.dice.below(HASTY_PAUSE_MAX_MS)).await;
    }
}

/// Says whether it was acknowledged.
async fn tell(scene: &Scene, workflow: &str, signal_name: String, name: &str) -> bool {
    let what = format!("tell {workflow} {signal_name}");
    let request = SignalWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_execution: Some(WorkflowExecution { workflow_id: workflow.to_owned(), run_id: String::new() }),
        signal_name,
        request_id: name.to_owned(),
        ..SignalWorkflowExecutionRequest::default()
    };
    let told = scene.settle(&what, |mut api: Api| {
        let request = within(request.clone(), PATIENCE);
        async move { api.signal_workflow_execution(request).await }
    });
    match told.await {
        // One that is not open yet, or is closed.
        Settled::Refused { status, .. } if status.code() != Code::NotFound => {
            scene.record.violate(format!("{what}: {status}"));
            false
        }
        Settled::Answered(_) => true,
        Settled::Refused { .. } => false,
    }
}

/// Looks at all runs of all accounts, when they are closed.
pub(crate) async fn check(scene: &Scene, listed: &[(String, String)]) {
    let mut messages = Messages::default();
    let mut runs = BTreeMap::<&str, Runs>::new();
    for (workflow, run) in listed.iter().filter(|(workflow, _)| is_account(scene, workflow)) {
        let Some(events) = scene.history(workflow, run).await else { return };
        if let Err(wrong) = laws::failures(&events) {
            return scene.record.violate(format!("{workflow} {run}: {wrong}"));
        }
        messages.add(run, &events);
        runs.entry(workflow).or_default().insert(run.clone(), events);
    }
    let mut sum = 0;
    for account in scene.accounts.iter() {
        let known = runs.get(account.as_str()).ok_or_else(|| "it has no runs".to_owned());
        let judged = known.and_then(|runs| {
            orders_are_there(runs, &scene.book.orders_of(account))?;
            balance_of(runs)
        });
        match judged {
            Ok(balance) => sum += balance,
            Err(wrong) => return scene.record.violate(format!("{account}: {wrong}")),
        }
    }
    if let Err(wrong) = messages.judge() {
        scene.record.violate(wrong);
    }
    let began_with = BEGINS_WITH * i64::try_from(scene.accounts.len()).expect("few");
    if sum != began_with {
        scene.record.violate(format!("accounts began with {began_with} and ended with {sum}"));
    }
    scene.record.cover(|counts| {
        counts.transfers += messages.count();
        counts.continued += runs.values().map(|runs| runs.len() as u64 - 1).sum::<u64>();
    });
}
