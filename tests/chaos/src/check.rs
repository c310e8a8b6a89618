//! Reads everything through every node once all is healed, and holds it against the laws and what was told.
//!
//! Invariant: nothing is under way any more, so what two nodes say is the same.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use weft_laws::Runs;
use weft_protocol::api::{
    enums::WorkflowExecutionStatus,
    history::{HistoryEvent, history_event::Attributes as Event},
    workflowservice::ListWorkflowExecutionsRequest,
};

use crate::{
    accounts,
    book::Book,
    calls::{NAMESPACE, PATIENT, PROBE, within},
    errand,
    laws::{self, Listed, Messages},
    ledger::{Ledger, Reset, history, wrong},
    nodes::{Client, Nodes},
    schedule,
};

/// Histories that are read at the same time.
const READERS: usize = 8;

/// What came of checking.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// Workflows whose histories are as they should be.
    pub(crate) right: usize,
    pub(crate) wrong: usize,
    pub(crate) complaints: Vec<String>,
    pub(crate) done: Done,
}

/// How often what the laws are about took place.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    pub(crate) activities: usize,
    pub(crate) timers: usize,
    pub(crate) children: usize,
    pub(crate) updates: usize,
    pub(crate) payments: usize,
    pub(crate) continued: usize,
    pub(crate) resets: usize,
}

/// What is checked with what.
struct Check<'c> {
    nodes: &'c Nodes,
    ledger: &'c Ledger,
    book: &'c Book,
    /// By their workflow ids.
    listed: BTreeMap<String, Listed>,
    messages: Messages,
    checked: Checked,
}

/// Reads every history through every node and says what is wrong with it.
pub(crate) async fn check(nodes: &Nodes, ledger: &Ledger, book: &Book) -> anyhow::Result<Checked> {
    let mut lists = Vec::new();
    for node in 0..nodes.count() {
        lists.push(list(nodes.client(node)).await.with_context(|| format!("the list of node {}", node + 1))?);
    }
    let checked = Checked { complaints: book.complaints(), ..Checked::default() };
    let (listed, messages) = (lists[0].clone(), Messages::default());
    let mut check = Check { nodes, ledger, book, listed, messages, checked };
    let others = (1..nodes.count()).filter(|node| lists[*node] != lists[0]);
    check.checked.complaints.extend(others.map(|node| format!("node {} lists other runs than node 1", node + 1)));
    check.workflows().await?;
    check.accounts().await?;
    check.schedule().await?;
    check.lists();
    let Check { messages, mut checked, .. } = check;
    checked.complaints.extend(messages.judge().err());
    checked
        .complaints
        .extend(checked.done.missing().map(|what| format!("there were no {what}, so nothing is known of them")));
    Ok(checked)
}

impl Check<'_> {
    /// Those that clients and the schedule started, and children.
    async fn workflows(&mut self) -> anyhow::Result<()> {
        let asked = self.ledger.workflows().into_iter();
        let asked = asked.flat_map(|workflow| [errand::child_of(&workflow), Some(workflow)]).flatten();
        let scheduled: Vec<String> =
            self.listed.keys().filter(|workflow| schedule::is_its(workflow)).cloned().collect();
        let all = asked.chain(scheduled);
        let nodes = self.nodes;
        let mut read = stream::iter(all)
            .map(async |workflow| {
                let (events, differs) = read(nodes, &workflow, "").await?;
                anyhow::Ok((workflow, events, differs))
            })
            .buffered(READERS);
        while let Some((workflow, events, mut complaints)) = read.try_next().await? {
            complaints.extend(self.workflow(&workflow, &events).await?);
            self.checked.add(complaints);
        }
        Ok(())
    }

    /// What is wrong with a workflow whose last run has this history.
    async fn workflow(&mut self, workflow: &str, events: &[HistoryEvent]) -> anyhow::Result<Vec<String>> {
        let asked = self.ledger.of(workflow);
        let runs = self.listed.get(workflow).cloned().unwrap_or_default();
        let mut complaints = wrong(workflow, &asked, events);
        complaints.extend(laws::judge_reset(&asked.reset, &runs).err().map(|it| format!("{workflow}: {it}")));
        let (ended, last): (Vec<_>, Vec<_>) =
            runs.into_iter().partition(|(_, status)| *status == WorkflowExecutionStatus::Terminated);
        for (run, _) in ended {
            let (events, differs) = read(self.nodes, workflow, &run).await?;
            complaints.extend(differs);
            complaints.extend(self.run(workflow, &run, &events));
            self.checked.done.resets += 1;
        }
        if last.is_empty() != events.is_empty() {
            complaints.push(format!("{workflow}: it has {} events, and is listed as {last:?}", events.len()));
        }
        // The run that a reset begins has the first events of the one before it: which run it is, is not in its history.
        for (run, _) in last {
            complaints.extend(self.run(workflow, &run, events));
        }
        Ok(complaints)
    }

    /// What is wrong with a run by itself.
    fn run(&mut self, workflow: &str, run: &str, events: &[HistoryEvent]) -> Vec<String> {
        self.messages.add(run, events);
        self.checked.done.add(events);
        let broken = laws::broken(&self.book.of(run), events).into_iter();
        broken.map(|it| format!("{workflow} {run}: {it}")).collect()
    }

    async fn accounts(&mut self) -> anyhow::Result<()> {
        let mut balances = Vec::new();
        for account in accounts::all() {
            let runs = self.listed.get(&account).cloned().unwrap_or_default();
            let (nodes, name) = (self.nodes, account.as_str());
            let read: Vec<_> = stream::iter(runs.into_keys())
                .map(async |run| {
                    let (events, differs) = read(nodes, name, &run).await?;
                    anyhow::Ok((run, events, differs))
                })
                .buffered(READERS)
                .try_collect()
                .await?;
            let (mut runs, mut complaints) = (Runs::new(), Vec::new());
            for (run, events, differs) in read {
                complaints.extend(differs);
                complaints.extend(self.run(&account, &run, &events));
                runs.insert(run, events);
            }
            match accounts::judge(&runs, &self.book.orders_of(&account)) {
                Ok(balance) => balances.push(balance),
                Err(wrong) => complaints.push(format!("{account}: {wrong}")),
            }
            self.checked.add(complaints);
        }
        self.checked.complaints.extend(accounts::sum(&balances).err());
        Ok(())
    }

    async fn schedule(&mut self) -> anyhow::Result<()> {
        for node in 0..self.nodes.count() {
            let request = within(schedule::describe_request(), PATIENT);
            let shown = self.nodes.client(node).describe_schedule(request).await?.into_inner();
            let started = self.listed.iter().filter(|(workflow, _)| schedule::is_its(workflow)).map(|(_, runs)| runs);
            self.checked.complaints.extend(schedule::judge(&shown, started).err());
        }
        Ok(())
    }

    /// Each workflow id has the runs that were asked for.
    fn lists(&mut self) {
        let asked: BTreeSet<String> = self.ledger.workflows().into_iter().collect();
        let children: BTreeSet<String> = asked.iter().filter_map(|workflow| errand::child_of(workflow)).collect();
        for (workflow, runs) in &self.listed {
            let complaints = &mut self.checked.complaints;
            if !asked.contains(workflow) {
                complaints.extend(laws::judge_reset(&Reset::Never, runs).err().map(|it| format!("{workflow}: {it}")));
            }
            complaints.extend(laws::judge_runs(runs).err().map(|wrong| format!("{workflow}: {wrong}")));
            let is_known = workflow.starts_with(PROBE) || accounts::is_account(workflow) || schedule::is_its(workflow);
            if !is_known && !asked.contains(workflow) && !children.contains(workflow) {
                complaints.push(format!("{workflow}: nobody has started it"));
            }
        }
    }
}

impl Checked {
    fn add(&mut self, complaints: Vec<String>) {
        self.right += usize::from(complaints.is_empty());
        self.wrong += usize::from(!complaints.is_empty());
        self.complaints.extend(complaints);
    }
}

impl Done {
    fn add(&mut self, events: &[HistoryEvent]) {
        for event in events {
            let count = match &event.attributes {
                Some(Event::ActivityTaskCompletedEventAttributes(_)) => &mut self.activities,
                Some(Event::TimerFiredEventAttributes(_)) => &mut self.timers,
                Some(Event::ChildWorkflowExecutionCompletedEventAttributes(_)) => &mut self.children,
                Some(Event::WorkflowExecutionUpdateCompletedEventAttributes(_)) => &mut self.updates,
                Some(Event::ExternalWorkflowExecutionSignaledEventAttributes(_)) => &mut self.payments,
                Some(Event::WorkflowExecutionContinuedAsNewEventAttributes(_)) => &mut self.continued,
                _ => continue,
            };
            *count += 1;
        }
    }

    /// Everything that the laws are about, with its name.
    pub(crate) fn counts(&self) -> [(&'static str, usize); 7] {
        [
            ("activities", self.activities),
            ("timers", self.timers),
            ("children", self.children),
            ("updates", self.updates),
            ("payments between accounts", self.payments),
            ("runs that went on as new ones", self.continued),
            ("resets", self.resets),
        ]
    }

    fn missing(&self) -> impl Iterator<Item = &'static str> {
        self.counts().into_iter().filter_map(|(what, count)| (count == 0).then_some(what))
    }
}

/// A history, and which nodes have another one than the first.
async fn read(nodes: &Nodes, workflow: &str, run: &str) -> anyhow::Result<(Vec<HistoryEvent>, Vec<String>)> {
    let events = history(&mut nodes.client(0), workflow, run).await?;
    let mut complaints = Vec::new();
    for node in 1..nodes.count() {
        if history(&mut nodes.client(node), workflow, run).await? != events {
            complaints.push(format!("{workflow}: node {} has another history than node 1", node + 1));
        }
    }
    Ok((events, complaints))
}

/// All runs that a node lists.
pub(crate) async fn list(mut client: Client) -> anyhow::Result<BTreeMap<String, Listed>> {
    let (mut listed, mut next_page_token) = (BTreeMap::<String, Listed>::new(), Vec::new());
    loop {
        let request = ListWorkflowExecutionsRequest {
            namespace: NAMESPACE.to_owned(),
            page_size: 1_000,
            next_page_token,
            ..Default::default()
        };
        let page = client.list_workflow_executions(within(request, PATIENT)).await?.into_inner();
        for info in page.executions {
            let status = info.status();
            let execution = info.execution.unwrap_or_default();
            if listed.entry(execution.workflow_id).or_default().insert(execution.run_id.clone(), status).is_some() {
                anyhow::bail!("run {} is listed twice", execution.run_id);
            }
        }
        next_page_token = page.next_page_token;
        if next_page_token.is_empty() {
            return Ok(listed);
        }
    }
}

#[cfg(test)]
mod tests {
    use weft_protocol::api::history::TimerFiredEventAttributes;

    use super::*;
    use crate::laws::made_up;

    #[test]
    fn what_never_took_place_is_missed() {
        let mut done =
            Done { activities: 1, children: 1, updates: 1, payments: 1, continued: 1, resets: 1, ..Done::default() };
        assert_eq!(done.missing().collect::<Vec<_>>(), ["timers"]);
        let fired = Event::TimerFiredEventAttributes(TimerFiredEventAttributes::default());
        done.add(&made_up::history([fired]));
        assert_eq!(done.missing().count(), 0);
    }

    #[test]
    fn one_complaint_makes_a_workflow_wrong() {
        let mut checked = Checked::default();
        checked.add(Vec::new());
        checked.add(vec!["one".to_owned(), "other".to_owned()]);
        assert_eq!((checked.right, checked.wrong, checked.complaints.len()), (1, 1, 2));
    }
}
