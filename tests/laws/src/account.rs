//! Accounts that pay each other by signals and go on as new runs with what they have, as their histories tell it.
//!
//! Invariant: a payment that arrives twice, or not at all, or in a run that was lost, shows in what the accounts have at their
//! ends. An account is told `pay:WHOM:AMOUNT:NAME`, pays `credit:AMOUNT:NAME`, and ends after [`Account::CLOSE`].

use std::collections::{BTreeMap, BTreeSet};

use weft_protocol::api::{
    common::Payloads,
    history::{HistoryEvent, history_event::Attributes as Event},
};

/// The runs of an account, by their ids.
pub type Runs = BTreeMap<String, Vec<HistoryEvent>>;

/// What an account knows from the history of its run.
#[derive(Debug, Default)]
pub struct Account {
    pub balance: i64,
    /// To whom, and how much, by the names that tell them apart.
    pub orders: BTreeMap<String, (String, i64)>,
    /// Payments of which nobody knows yet whether they arrived, by the events that asked for them.
    pub under_way: BTreeMap<i64, i64>,
    pub is_closed: bool,
    /// It was paid.
    pub is_paid: bool,
}

impl Account {
    /// The signal on which an account ends, when it has paid all that it was told to.
    pub const CLOSE: &str = "close";

    /// After these events.
    #[must_use]
    pub fn of<'h>(history: impl IntoIterator<Item = &'h HistoryEvent>) -> Self {
        let mut account = Self::default();
        history.into_iter().for_each(|event| account.see(event));
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
                    _ => self.is_closed |= it.signal_name == Self::CLOSE,
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

/// What was acknowledged to an account is in one of its runs.
///
/// # Errors
/// What is in none.
pub fn orders_are_there(runs: &Runs, acknowledged: &BTreeSet<String>) -> Result<(), String> {
    let mut heard = BTreeSet::new();
    for event in runs.values().flatten() {
        if let Some(Event::WorkflowExecutionSignaledEventAttributes(it)) = &event.attributes {
            heard.insert(&it.signal_name);
        }
    }
    match acknowledged.iter().find(|order| !heard.contains(order)) {
        Some(lost) => Err(format!("{lost} was acknowledged and is in none of its runs")),
        None => Ok(()),
    }
}

/// What an account had at its end: its runs are one chain, in which each goes on where the one before it ended, and there are no
/// others.
///
/// # Errors
/// What is wrong with its runs.
pub fn balance_of(runs: &Runs) -> Result<i64, String> {
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

/// The number in a payload.
#[must_use]
pub fn number(payloads: Option<&Payloads>) -> Option<i64> {
    let data = &payloads?.payloads.first()?.data;
    std::str::from_utf8(data).ok()?.trim_matches('"').parse().ok()
}

#[cfg(test)]
mod tests {
    use weft_protocol::{
        api::history::{
            ExternalWorkflowExecutionSignaledEventAttributes as Arrived,
            SignalExternalWorkflowExecutionInitiatedEventAttributes as Initiated,
            WorkflowExecutionCompletedEventAttributes as Completed,
            WorkflowExecutionContinuedAsNewEventAttributes as WentOn,
            WorkflowExecutionSignaledEventAttributes as Signaled, WorkflowExecutionStartedEventAttributes as Started,
        },
        payload,
    };

    use super::*;

    fn history(events: impl IntoIterator<Item = Event>) -> Vec<HistoryEvent> {
        let event =
            |(attributes, event_id)| HistoryEvent { event_id, attributes: Some(attributes), ..HistoryEvent::default() };
        events.into_iter().zip(1..).map(event).collect()
    }

    fn has(balance: i64) -> Option<Payloads> {
        Some(payload::list(payload::json_string(&balance.to_string())))
    }

    fn started(before: &str, balance: i64) -> Event {
        Event::WorkflowExecutionStartedEventAttributes(Started {
            continued_execution_run_id: before.to_owned(),
            input: has(balance),
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

    fn went_on(next: &str, balance: i64) -> Event {
        Event::WorkflowExecutionContinuedAsNewEventAttributes(WentOn {
            new_execution_run_id: next.to_owned(),
            input: has(balance),
            ..WentOn::default()
        })
    }

    fn completed(balance: i64) -> Event {
        let result = has(balance);
        Event::WorkflowExecutionCompletedEventAttributes(Completed { result, ..Completed::default() })
    }

    /// It is paid 7 in its first run and pays 3 in its second.
    fn runs() -> Runs {
        let first = history([started("", 5), signaled("credit:7:first"), went_on("b", 12)]);
        let pays = [signaled("pay:other:3:second"), initiated("credit:3:second"), arrived(3), signaled(Account::CLOSE)];
        let second = history([started("a", 12)].into_iter().chain(pays).chain([completed(9)]));
        [("a".to_owned(), first), ("b".to_owned(), second)].into()
    }

    #[test]
    fn the_runs_of_an_account_are_one_chain() {
        assert_eq!(balance_of(&runs()), Ok(9));
        let mut more = runs();
        more.insert("c".to_owned(), history([started("a", 12), completed(12)]));
        assert_eq!(balance_of(&more), Err("1 of its runs go on from none of the others".to_owned()));
        let mut fewer = runs();
        fewer.remove("b");
        assert_eq!(balance_of(&fewer), Err("run b was begun and is not there".to_owned()));
    }

    #[test]
    fn what_was_paid_is_there_once() {
        let mut lost = runs();
        lost.insert("a".to_owned(), history([started("", 5), went_on("b", 12)]));
        assert_eq!(balance_of(&lost), Err("a run has 5 by its history and says Some(12)".to_owned()));
        let mut other = runs();
        other.insert("b".to_owned(), history([started("a", 13), completed(13)]));
        assert!(balance_of(&other).is_err());
    }

    #[test]
    fn an_order_that_was_acknowledged_is_in_one_of_the_runs() {
        let order = |name: &str| BTreeSet::from([format!("pay:other:3:{name}")]);
        assert_eq!(orders_are_there(&runs(), &order("second")), Ok(()));
        assert!(orders_are_there(&runs(), &order("third")).is_err());
    }
}
