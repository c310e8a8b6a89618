//! Clients that start workflows, signal and update them and have accounts pay each other, and workers that do what those
//! workflows say.

mod caller;
mod worker;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, ensure};
use parking_lot::Mutex;
use tokio::{sync::watch, task::JoinHandle, time::timeout};
use weft_env::{Clock, SeededIds};

use caller::Caller;
use worker::Worker;

use crate::{accounts, book::Book, calls::start_request, commands, errand::FINISH, ledger::Ledger, nodes::Nodes};

const WORKERS: usize = 9;
/// A workflow that can finish has done so by then, once the one before it has.
const FINISHED_MAX: Duration = Duration::from_secs(60);

/// The clients and workers.
pub(crate) struct Load {
    stop: watch::Sender<bool>,
    clients: Vec<JoinHandle<()>>,
    workers: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    /// Who sees to it that everything ends.
    last: Caller,
}

#[derive(Default)]
struct Shared {
    answered: AtomicU64,
    given_up: AtomicU64,
    slowest: Mutex<Duration>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) answered: u64,
    pub(crate) given_up: u64,
    pub(crate) finished: u64,
    /// The longest that a client waited to be told, retries included.
    pub(crate) slowest: Duration,
}

impl Load {
    /// Accounts are open when this returns.
    pub(crate) async fn start(
        nodes: &Nodes,
        (ledger, book): (&Arc<Ledger>, &Arc<Book>),
        clock: &Arc<dyn Clock>,
        clients: usize,
        ids: &SeededIds,
    ) -> anyhow::Result<Self> {
        let (stop, shared) = (watch::Sender::new(false), Arc::<Shared>::default());
        let all = || (0..nodes.count()).map(|node| nodes.client(node)).collect::<Vec<_>>();
        let caller = |gives_up| Caller {
            nodes: all(),
            ledger: Arc::clone(ledger),
            book: Arc::clone(book),
            clock: Arc::clone(clock),
            shared: Arc::clone(&shared),
            ids: ids.fork(),
            gives_up,
            silent: None,
        };
        let worker = |name: String, number| Worker {
            name,
            home: number % nodes.count(),
            nodes: all(),
            book: Arc::clone(book),
            clock: Arc::clone(clock),
            ids: ids.fork(),
        };
        let mut last = caller(false);
        timeout(FINISHED_MAX, open(&mut last)).await.context("nothing could be begun in time")??;
        let workflows = (0..WORKERS).map(|number| worker(format!("workflows-{number}"), number).workflows());
        let mut workers: Vec<_> = workflows.map(tokio::spawn).collect();
        let activities = (0..WORKERS).map(|number| worker(format!("activities-{number}"), number).activities());
        workers.extend(activities.map(tokio::spawn));
        let clients = (0..clients).map(|number| tokio::spawn(live(caller(true), number, stop.subscribe()))).collect();
        Ok(Self { stop, clients, workers, shared, clock: Arc::clone(clock), last })
    }

    /// Lets clients end what they are at, and sees to it that all workflows end that are there, and then the accounts.
    pub(crate) async fn finish(mut self, ledger: &Ledger, book: &Book) -> Work {
        self.stop.send_replace(true);
        let ended = self.clock.monotonic() + FINISHED_MAX;
        for client in self.clients {
            match timeout(ended.saturating_sub(self.clock.monotonic()), client).await {
                Ok(Ok(())) => {}
                Ok(Err(panicked)) => book.complain(format!("a client: {panicked}")),
                Err(_) => book.complain("a client had no answer to the end".to_owned()),
            }
        }
        let mut end = self.clock.monotonic() + FINISHED_MAX;
        let mut finished = 0;
        let workflows = ledger.workflows().into_iter().map(|workflow| (workflow, FINISH));
        for (workflow, finish) in workflows.chain(accounts::all().map(|account| (account, accounts::CLOSE))) {
            if self.last.see_to_its_end(&workflow, finish, end).await {
                end = self.clock.monotonic() + FINISHED_MAX;
                finished += 1;
            }
        }
        self.last.see_to_the_schedule(end).await;
        self.workers.iter().for_each(JoinHandle::abort);
        Work {
            answered: self.shared.answered.load(Ordering::Relaxed),
            given_up: self.shared.given_up.load(Ordering::Relaxed),
            finished,
            slowest: *self.shared.slowest.lock(),
        }
    }
}

/// Opens the accounts and creates the schedule.
async fn open(caller: &mut Caller) -> anyhow::Result<()> {
    for account in accounts::all() {
        let request = start_request(&account, accounts::KIND, commands::text(&accounts::BEGINS_WITH.to_string()));
        caller.begin(request).await.with_context(|| format!("{account} cannot be opened"))?;
    }
    ensure!(caller.schedule().await, "the schedule cannot be created");
    Ok(())
}

/// One workflow after the other.
async fn live(mut caller: Caller, number: usize, stopping: watch::Receiver<bool>) {
    for life in 0_u64.. {
        if *stopping.borrow() {
            return;
        }
        caller.life(&format!("w{number}-{life}")).await;
    }
}
