//! Accounts that pay each other: workflows that send amounts as signals, and go on as new runs with what they have.
//!
//! Invariant: whatever goes wrong, all accounts together have at their ends what they began with. A payment that arrives
//! twice, or not at all, or in a run that was lost, shows in the sum.

use std::collections::BTreeSet;

use weft_laws::{Account, Runs, balance_of, orders_are_there};
use weft_protocol::api::{
    command::Command,
    history::{HistoryEvent, history_event::Attributes as Event},
};

use crate::commands;

/// What each account begins with.
pub(crate) const BEGINS_WITH: i64 = 1_000;
pub(crate) const KIND: &str = "account";
pub(crate) const CLOSE: &str = Account::CLOSE;
const COUNT: u64 = 6;
const AMOUNT_MAX: u64 = 50;

/// The workflow ids of all accounts.
pub(crate) fn all() -> impl Iterator<Item = String> {
    (0..COUNT).map(name)
}

fn name(number: u64) -> String {
    format!("{KIND}-{number}")
}

pub(crate) fn is_account(workflow: &str) -> bool {
    all().any(|account| account == workflow)
}

/// Who is told to pay, and the signal that says whom, how much, and under which name, drawn by `below`.
///
/// The last account never pays: nothing keeps it from going on as a new run after each payment that it gets, while the answer
/// to whoever paid may still be on its way.
pub(crate) fn draw_order(name_of_order: &str, below: impl Fn(u64) -> u64) -> (String, String) {
    let last = COUNT - 1;
    let from = below(last);
    let to = if below(2) == 0 { last } else { (from + 1 + below(last - 1)) % last };
    (name(from), format!("pay:{}:{}:{name_of_order}", name(to), 1 + below(AMOUNT_MAX)))
}

/// The commands that follow from the history of an account's run.
pub(crate) fn decide(history: &[HistoryEvent]) -> Vec<Command> {
    let account = Account::of(history);
    if !account.orders.is_empty() {
        let pay =
            |(name, (whom, amount)): (String, (String, i64))| commands::tell(&whom, format!("credit:{amount}:{name}"));
        return account.orders.into_iter().map(pay).collect();
    }
    let has = commands::text(&account.balance.to_string());
    if !account.under_way.is_empty() {
        Vec::new()
    } else if account.is_closed {
        vec![commands::complete(has)]
    } else if account.is_paid {
        vec![commands::go_on_as_new(KIND, has)]
    } else {
        Vec::new()
    }
}

/// What an account had at its end, given what was acknowledged to it.
///
/// # Errors
/// What is wrong with its runs.
pub(crate) fn judge(runs: &Runs, acknowledged: &BTreeSet<String>) -> Result<i64, String> {
    runs.values().try_for_each(|run| requests_once(run))?;
    orders_are_there(runs, acknowledged)?;
    balance_of(runs)
}

/// No signal is twice in a run.
///
/// A run is closed with the request ids that it knows: a client that asks again may come to the next one, and have it pay once
/// more. That a payment comes once is told by the event that asked for it, in [`crate::laws::Messages`].
fn requests_once(run: &[HistoryEvent]) -> Result<(), String> {
    let mut requests = BTreeSet::new();
    for event in run {
        if let Some(Event::WorkflowExecutionSignaledEventAttributes(it)) = &event.attributes
            && !requests.insert(it.request_id.as_str())
        {
            return Err(format!("signal {} is there twice", it.signal_name));
        }
    }
    Ok(())
}

/// All accounts have together what they began with.
///
/// # Errors
/// What they have.
pub(crate) fn sum(balances: &[i64]) -> Result<(), String> {
    let (began_with, ended_with) = (BEGINS_WITH * balances.len().cast_signed() as i64, balances.iter().sum::<i64>());
    if began_with == ended_with {
        Ok(())
    } else {
        Err(format!("accounts began with {began_with} and ended with {ended_with}"))
    }
}

#[cfg(test)]
mod tests {
    use weft_protocol::api::{
        enums::CommandType,
        history::{
            ExternalWorkflowExecutionSignaledEventAttributes as Arrived,
            SignalExternalWorkflowExecutionInitiatedEventAttributes as Initiated,
            WorkflowExecutionSignaledEventAttributes as Signaled, WorkflowExecutionStartedEventAttributes as Started,
        },
    };

    use super::*;
    use crate::laws::made_up::history;

    fn started(before: &str, has: i64) -> Event {
        Event::WorkflowExecutionStartedEventAttributes(Started {
            continued_execution_run_id: before.to_owned(),
            input: commands::text(&has.to_string()),
            ..Started::default()
        })
    }

    fn signaled(name: &str) -> Event {
        let (signal_name, request_id) = (name.to_owned(), format!("request-{name}"));
        let signal = Signaled { signal_name, request_id, ..Signaled::default() };
        Event::WorkflowExecutionSignaledEventAttributes(signal)
    }

    fn initiated(name: &str) -> Event {
        let signal_name = name.to_owned();
        Event::SignalExternalWorkflowExecutionInitiatedEventAttributes(Initiated {
            signal_name,
            ..Initiated::default()
        })
    }

    fn arrived(initiated_event_id: i64) -> Event {
        let arrived = Arrived { initiated_event_id, ..Arrived::default() };
        Event::ExternalWorkflowExecutionSignaledEventAttributes(arrived)
    }

    #[test]
    fn an_account_pays_before_it_goes_on_or_ends() {
        let commands_after = |events: Vec<Event>| -> Vec<CommandType> {
            decide(&history(events)).iter().map(Command::command_type).collect()
        };
        let order = || signaled("pay:other:3:one");
        assert_eq!(commands_after(vec![started("", 5)]), []);
        let paid = || vec![started("", 5), signaled("credit:7:first")];
        assert_eq!(commands_after(paid()), [CommandType::ContinueAsNewWorkflowExecution]);
        let ordered = vec![started("", 5), order(), signaled(CLOSE)];
        assert_eq!(commands_after(ordered.clone()), [CommandType::SignalExternalWorkflowExecution]);
        let under_way = [ordered, vec![initiated("credit:3:one")]].concat();
        assert_eq!(commands_after(under_way.clone()), []);
        assert_eq!(commands_after([under_way, vec![arrived(4)]].concat()), [CommandType::CompleteWorkflowExecution]);
    }

    #[test]
    fn what_was_paid_is_there_once() {
        let one = history([started("", 5), signaled("credit:7:first")]);
        assert_eq!(requests_once(&one), Ok(()));
        let twice = history([signaled("credit:7:first"), signaled("credit:7:first")]);
        assert_eq!(requests_once(&twice), Err("signal credit:7:first is there twice".to_owned()));
        assert_eq!(sum(&[BEGINS_WITH + 3, BEGINS_WITH - 3]), Ok(()));
        assert!(sum(&[BEGINS_WITH, BEGINS_WITH - 3]).is_err());
    }

    #[test]
    fn nobody_pays_himself_and_the_last_one_pays_nobody() {
        let ids = weft_env::SeededIds::new(1);
        for _ in 0..1_000 {
            let (from, order) = draw_order("one", |bound| ids.below(bound));
            assert!(!order.contains(&from) && is_account(&from) && from != name(COUNT - 1), "{from} {order}");
        }
    }
}
