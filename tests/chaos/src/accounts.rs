//! Accounts that pay each other: workflows that send amounts as signals, and go on as new runs with what they have.
//!
//! Invariant: whatever goes wrong, all accounts together have at their ends what they began with. A payment that arrives
//! twice, or not at all, or in a run that was lost, shows in the sum.

use std::collections::{BTreeMap, BTreeSet};

use weft_protocol::api::{
    command::Command,
    common::Payloads,
    history::{HistoryEvent, history_event::Attributes as Event},
};

use crate::commands;

/// What each account begins with.
pub(crate) const BEGINS_WITH: i64 = 1_000;
pub(crate) const KIND: &str = "account";
/// The signal on which an account ends, when it has paid all that it was told to.
pub(crate) const CLOSE: &str = "close";
const COUNT: u64 = 6;
const AMOUNT_MAX: u64 = 50;

/// The runs of an account, by their ids.
pub(crate) type Runs = BTreeMap<String, Vec<HistoryEvent>>;

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

/// What an account knows from the history of its run.
#[derive(Debug, Default)]
struct Account {
    balance: i64,
    /// To whom, and how much, by the names that tell them apart.
    orders: BTreeMap<String, (String, i64)>,
    /// Payments of which nobody knows yet whether they arrived, by the events that asked for them.
    under_way: BTreeMap<i64, i64>,
    is_closed: bool,
    is_paid: bool,
}

impl Account {
    fn of(history: &[HistoryEvent]) -> Self {
        let mut account = Self::default();
        history.iter().for_each(|event| account.see(event));
        account
    }

    fn see(&mut self, event: &HistoryEvent) {
        match &event.attributes {
            Some(Event::WorkflowExecutionStartedEventAttributes(it)) => {
                self.balance = number(it.input.as_ref()).unwrap_or_default();
            }
            Some(Event::WorkflowExecutionSignaledEventAttributes(it)) => {
                match it.signal_name.split(':').collect::<Vec<_>>()[..] {
                    ["credit", amount, _] => {
                        self.is_paid = true;
                        self.balance += amount.parse::<i64>().unwrap_or_default();
                    }
                    ["pay", whom, amount, name] => {
                        let order = (whom.to_owned(), amount.parse().unwrap_or_default());
                        self.orders.insert(name.to_owned(), order);
                    }
                    _ => self.is_closed |= it.signal_name == CLOSE,
                }
            }
            Some(Event::SignalExternalWorkflowExecutionInitiatedEventAttributes(it)) => {
                let name = it.signal_name.rsplit(':').next().unwrap_or_default();
                if let Some((_, amount)) = self.orders.remove(name) {
                    self.balance -= amount;
                    self.under_way.insert(event.event_id, amount);
                }
            }
            Some(Event::ExternalWorkflowExecutionSignaledEventAttributes(it)) => {
                self.under_way.remove(&it.initiated_event_id);
            }
            // Whoever was to have it is closed.
            Some(Event::SignalExternalWorkflowExecutionFailedEventAttributes(it)) => {
                self.balance += self.under_way.remove(&it.initiated_event_id).unwrap_or_default();
            }
            _ => {}
        }
    }
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
    orders(runs, acknowledged)?;
    chain(runs)
}

/// What was acknowledged is in one of the runs, and no signal is twice in one of them.
///
/// A run is closed with the request ids that it knows: a client that asks again may come to the next one, and have it pay once
/// more. That a payment comes once is told by the event that asked for it, in [`crate::laws::Messages`].
fn orders(runs: &Runs, acknowledged: &BTreeSet<String>) -> Result<(), String> {
    let mut heard = BTreeSet::new();
    for run in runs.values() {
        let mut requests = BTreeSet::new();
        for event in run {
            let Some(Event::WorkflowExecutionSignaledEventAttributes(it)) = &event.attributes else { continue };
            if !requests.insert(it.request_id.as_str()) {
                return Err(format!("signal {} is there twice", it.signal_name));
            }
            heard.insert(it.signal_name.as_str());
        }
    }
    match acknowledged.iter().find(|order| !heard.contains(order.as_str())) {
        Some(lost) => Err(format!("{lost} was acknowledged and is in none of its runs")),
        None => Ok(()),
    }
}

/// The runs are one chain in which each goes on where the one before it ended, and there are no others.
fn chain(runs: &Runs) -> Result<i64, String> {
    let is_first = |events: &&Vec<HistoryEvent>| match events.first().and_then(|event| event.attributes.as_ref()) {
        Some(Event::WorkflowExecutionStartedEventAttributes(it)) => it.continued_execution_run_id.is_empty(),
        _ => false,
    };
    let mut firsts = runs.values().filter(is_first);
    let (Some(mut run), None) = (firsts.next(), firsts.next()) else {
        return Err(format!("not one of {} runs is the first", runs.len()));
    };
    for place in 1..=runs.len() {
        let has = Account::of(run).balance;
        let (said, next) = match run.last().and_then(|event| event.attributes.as_ref()) {
            Some(Event::WorkflowExecutionCompletedEventAttributes(it)) => (number(it.result.as_ref()), None),
            Some(Event::WorkflowExecutionContinuedAsNewEventAttributes(it)) => {
                (number(it.input.as_ref()), Some(it.new_execution_run_id.as_str()))
            }
            end => return Err(format!("a run ends with {end:?}")),
        };
        if said != Some(has) {
            return Err(format!("a run has {has} by its history and says {said:?}"));
        }
        let Some(next) = next else {
            let others = runs.len() - place;
            return if others == 0 {
                Ok(has)
            } else {
                Err(format!("{others} of its runs go on from none of the others"))
            };
        };
        run = runs.get(next).ok_or_else(|| format!("run {next} was begun and is not there"))?;
        let begins_with = run.first().and_then(|event| match &event.attributes {
            Some(Event::WorkflowExecutionStartedEventAttributes(it)) => number(it.input.as_ref()),
            _ => None,
        });
        if begins_with != said {
            return Err(format!("run {next} begins with {begins_with:?}, and the one before it ended with {said:?}"));
        }
    }
    Err(format!("its {} runs have no end", runs.len()))
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

fn number(payloads: Option<&Payloads>) -> Option<i64> {
    let data = &payloads?.payloads.first()?.data;
    std::str::from_utf8(data).ok()?.trim_matches('"').parse().ok()
}

#[cfg(test)]
mod tests {
    use weft_protocol::api::{
        enums::CommandType,
        history::{
            ExternalWorkflowExecutionSignaledEventAttributes as Arrived,
            SignalExternalWorkflowExecutionInitiatedEventAttributes as Initiated,
            WorkflowExecutionCompletedEventAttributes as Completed,
            WorkflowExecutionContinuedAsNewEventAttributes as WentOn,
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

    fn went_on(next: &str, has: i64) -> Event {
        Event::WorkflowExecutionContinuedAsNewEventAttributes(WentOn {
            new_execution_run_id: next.to_owned(),
            input: commands::text(&has.to_string()),
            ..WentOn::default()
        })
    }

    fn completed(has: i64) -> Event {
        let result = commands::text(&has.to_string());
        Event::WorkflowExecutionCompletedEventAttributes(Completed { result, ..Completed::default() })
    }

    /// It is paid 7 in its first run and pays 3 in its second.
    fn runs() -> Runs {
        let first = history([started("", 5), signaled("credit:7:first"), went_on("b", 12)]);
        let pays = [signaled("pay:other:3:second"), initiated("credit:3:second"), arrived(3), signaled(CLOSE)];
        let second = history([started("a", 12)].into_iter().chain(pays).chain([completed(9)]));
        [("a".to_owned(), first), ("b".to_owned(), second)].into()
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
    fn the_runs_of_an_account_are_one_chain() {
        assert_eq!(chain(&runs()), Ok(9));
        let mut more = runs();
        more.insert("c".to_owned(), history([started("a", 12), completed(12)]));
        assert_eq!(chain(&more), Err("1 of its runs go on from none of the others".to_owned()));
        let mut fewer = runs();
        fewer.remove("b");
        assert_eq!(chain(&fewer), Err("run b was begun and is not there".to_owned()));
    }

    #[test]
    fn what_was_paid_is_there_once() {
        let mut lost = runs();
        lost.insert("a".to_owned(), history([started("", 5), went_on("b", 12)]));
        assert_eq!(chain(&lost), Err("a run has 5 by its history and says Some(12)".to_owned()));
        let mut other = runs();
        other.insert("b".to_owned(), history([started("a", 13), completed(13)]));
        assert!(chain(&other).is_err());
        let mut twice = runs();
        twice.insert("c".to_owned(), history([signaled("credit:7:first"), signaled("credit:7:first")]));
        assert_eq!(orders(&twice, &BTreeSet::new()), Err("signal credit:7:first is there twice".to_owned()));
        assert_eq!(sum(&[BEGINS_WITH + 3, BEGINS_WITH - 3]), Ok(()));
        assert!(sum(&[BEGINS_WITH, BEGINS_WITH - 3]).is_err());
    }

    #[test]
    fn an_order_that_was_acknowledged_is_in_one_of_the_runs() {
        let order = |name: &str| BTreeSet::from([format!("pay:other:3:{name}")]);
        assert_eq!(judge(&runs(), &order("second")), Ok(9));
        assert!(judge(&runs(), &order("third")).is_err());
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
