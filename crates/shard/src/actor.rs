//! The loop of one shard on one node: follows leadership, and while it leads takes calls.
//!
//! Invariant (rule 3): a new leader first opens an epoch with an empty batch, and reads the store only when that batch
//! is applied; after any failed or void proposal it drops its state and begins again. What its group refused to take has
//! not failed (`pipeline`).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use tokio::sync::{mpsc, oneshot, watch};
use weft_engine::{Timestamp, WorkflowKey};
use weft_env::Clock;
use weft_raft::{Leadership, NodeId};
use weft_rows::{Ops, batch};

use crate::{
    call::{Call, Failure},
    leader::{Happening, Leader},
    loader::Opening,
    pipeline::{Epoch, Lost, commit, confirm},
    shared::Shared,
};

/// Between two tries to open an epoch, so that a store that cannot be read is not asked in a tight loop.
const REOPEN_PAUSE: Duration = Duration::from_millis(50);

/// How long what is under way may keep a shard from being handed over.
const QUIET_MAX: Duration = Duration::from_secs(1);

/// What a handle sends to its shard.
pub(crate) enum Mail {
    Call(Box<Call>),
    /// Another node is to lead, once what is under way is done; the sender goes when that was tried.
    HandOver(NodeId, oneshot::Sender<()>),
    /// Lifts the quarantine of an execution; answers whether there was one.
    ClearQuarantine(WorkflowKey, oneshot::Sender<bool>),
}

pub(crate) struct Actor {
    shared: Arc<Shared>,
    mail: mpsc::Receiver<Mail>,
    leadership: watch::Receiver<Leadership>,
    role: Role,
    leaving: Option<Leaving>,
    ready: watch::Sender<bool>,
}

/// Leadership that is on its way to another node. No calls are taken meanwhile, so that none is caught between the two.
struct Leaving {
    to: NodeId,
    /// Monotonic: then it moves, whatever is under way.
    until: Duration,
    moving: Option<BoxFuture<'static, ()>>,
    _asked: oneshot::Sender<()>,
}

enum Role {
    Follower,
    Opening { term: u64, opening: BoxFuture<'static, Result<Opened, Lost>> },
    Leading { term: u64, leader: Box<Leader> },
}

/// An epoch that was opened, and what its leader must know.
struct Opened {
    epoch: Epoch,
    last_stamp: Timestamp,
    opening: Opening,
}

enum Event {
    Leadership,
    Opened(Result<Box<Opened>, Lost>),
    Happening(Happening),
    Mail(Mail),
    /// What leaves has moved or has not, or has waited long enough.
    Leaving,
    /// All handles are gone or the group is: the shard ends.
    End,
}

impl Actor {
    pub(crate) fn new(shared: Arc<Shared>, mail: mpsc::Receiver<Mail>, ready: watch::Sender<bool>) -> Self {
        let leadership = shared.group.leadership();
        Self { shared, mail, leadership, role: Role::Follower, leaving: None, ready }
    }

    pub(crate) async fn run(mut self) {
        self.follow();
        loop {
            let event = self.next().await;
            if let Event::End = event {
                break;
            }
            self.on(event);
            self.take_what_waits();
            if self.has_something_to_send() {
                // Whoever is ready to ask goes into the same batch.
                tokio::task::yield_now().await;
                self.take_what_waits();
            }
            self.flush();
            self.leave_when_quiet();
        }
        self.step_down();
    }

    async fn next(&mut self) -> Event {
        let takes_mail = match &self.role {
            Role::Follower => true,
            Role::Opening { .. } => false,
            Role::Leading { leader, .. } => {
                debug_assert!(leader.gets_room(), "nothing is under way that would open the mailbox again");
                leader.has_room() && self.leaving.is_none()
            }
        };
        tokio::select! {
            biased;
            changed = self.leadership.changed() => if changed.is_ok() { Event::Leadership } else { Event::End },
            event = self.role.next() => event,
            () = left(self.leaving.as_mut(), self.shared.clock.as_ref()) => Event::Leaving,
            mail = self.mail.recv(), if takes_mail => mail.map_or(Event::End, Event::Mail),
        }
    }

    fn on(&mut self, event: Event) {
        match event {
            Event::Leadership => self.follow(),
            Event::Opened(Ok(opened)) => self.lead(*opened),
            Event::Opened(Err(lost)) => self.begin_again(&lost),
            Event::Happening(happening) => {
                let Role::Leading { leader, .. } = &mut self.role else { return };
                if let Err(lost) = leader.on(happening) {
                    self.begin_again(&lost);
                }
            }
            Event::Mail(mail) => self.receive(mail),
            Event::Leaving => match self.leaving.take() {
                Some(leaving) if leaving.moving.is_none() => self.leaving = Some(self.moved(leaving)),
                Some(_) | None => {}
            },
            Event::End => {}
        }
    }

    fn receive(&mut self, mail: Mail) {
        match (mail, &mut self.role) {
            (Mail::Call(call), Role::Leading { leader, .. }) => leader.take(*call),
            (Mail::Call(call), Role::Follower | Role::Opening { .. }) => {
                call.ask.fail(Failure::NotLeader);
            }
            (Mail::HandOver(to, asked), Role::Leading { .. }) => {
                let until = self.shared.clock.monotonic() + QUIET_MAX;
                self.leaving = Some(Leaving { to, until, moving: None, _asked: asked });
            }
            // There is nothing to hand over; that the sender is dropped says so.
            (Mail::HandOver(..), Role::Follower | Role::Opening { .. }) => {}
            // The caller may have gone.
            (Mail::ClearQuarantine(key, reply), Role::Leading { leader, .. }) => drop(reply.send(leader.release(&key))),
            (Mail::ClearQuarantine(_, reply), Role::Follower | Role::Opening { .. }) => drop(reply.send(false)),
        }
    }

    /// Takes what is in the mailbox without waiting, up to a batch's worth.
    fn take_what_waits(&mut self) {
        while let Role::Leading { leader, .. } = &self.role {
            if !leader.has_room() || self.leaving.is_some() {
                return;
            }
            let Ok(mail) = self.mail.try_recv() else { return };
            self.receive(mail);
        }
    }

    fn has_something_to_send(&self) -> bool {
        matches!(&self.role, Role::Leading { leader, .. } if leader.has_something_to_send())
    }

    fn flush(&mut self) {
        if let Role::Leading { leader, .. } = &mut self.role {
            leader.flush();
        }
    }

    /// Hands leadership over as soon as nothing is under way.
    fn leave_when_quiet(&mut self) {
        let Role::Leading { leader, .. } = &self.role else { return };
        let is_quiet = leader.is_quiet();
        if let Some(leaving) = self.leaving.take_if(|leaving| is_quiet && leaving.moving.is_none()) {
            self.leaving = Some(self.moved(leaving));
        }
    }

    fn moved(&self, leaving: Leaving) -> Leaving {
        let (group, to, shard) = (self.shared.group.clone(), leaving.to, self.shared.id.0);
        let moving = async move {
            if let Err(error) = group.transfer_leader(to).await {
                tracing::debug!(shard, %to, %error, "leadership was not handed over");
            }
        };
        Leaving { moving: Some(moving.boxed()), ..leaving }
    }

    /// Does what the group says of leadership.
    fn follow(&mut self) {
        let now = *self.leadership.borrow_and_update();
        let held = match &self.role {
            Role::Follower => None,
            Role::Opening { term, .. } | Role::Leading { term, .. } => Some(*term),
        };
        if now.mine && held == Some(now.term) {
            return;
        }
        self.step_down();
        if now.mine {
            self.open(now.term, Duration::ZERO);
        }
    }

    fn open(&mut self, term: u64, pause: Duration) {
        let opening = open(Arc::clone(&self.shared), term, pause).boxed();
        self.role = Role::Opening { term, opening };
    }

    fn lead(&mut self, opened: Opened) {
        let Opened { epoch, last_stamp, opening } = opened;
        let leader = Leader::open(Arc::clone(&self.shared), epoch, last_stamp, opening);
        self.role = Role::Leading { term: epoch.term, leader: Box::new(leader) };
        self.ready.send_replace(true);
    }

    fn step_down(&mut self) {
        self.leaving = None;
        self.ready.send_replace(false);
        if let Role::Leading { leader, .. } = std::mem::replace(&mut self.role, Role::Follower) {
            leader.fail();
        }
    }

    /// Everything in memory is in doubt.
    fn begin_again(&mut self, lost: &Lost) {
        self.step_down();
        let now = *self.leadership.borrow_and_update();
        if now.mine && self.shared.group.fault().is_none() {
            tracing::warn!(shard = self.shared.id.0, term = now.term, %lost, "the shard opens a new epoch");
            self.open(now.term, REOPEN_PAUSE);
        }
    }
}

/// Waits until what leaves has moved or has not, or has waited long enough. Cancel safe.
async fn left(leaving: Option<&mut Leaving>, clock: &dyn Clock) {
    match leaving {
        None => futures::future::pending().await,
        Some(Leaving { moving: Some(moving), .. }) => moving.await,
        Some(Leaving { until, .. }) => clock.sleep_until(*until).await,
    }
}

impl Role {
    /// Waits for whatever this role waits for. Cancel safe.
    async fn next(&mut self) -> Event {
        match self {
            Self::Follower => futures::future::pending().await,
            Self::Opening { opening, .. } => Event::Opened(opening.await.map(Box::new)),
            Self::Leading { leader, .. } => Event::Happening(leader.next().await),
        }
    }
}

/// Opens the next epoch and reads what its leader must know.
async fn open(shared: Arc<Shared>, term: u64, pause: Duration) -> Result<Opened, Lost> {
    if !pause.is_zero() {
        shared.clock.sleep_until(shared.clock.monotonic() + pause).await;
    }
    confirm(shared.group.clone(), term).await?;
    let row = shared.replica.applied();
    let epoch = Epoch { leader: shared.node, term, epoch: row.epoch + 1 };
    let header = batch::BatchHeader {
        leader: epoch.leader,
        term,
        epoch: epoch.epoch,
        sequence: 0,
        stamp: row.stamp,
        kind: batch::BatchKind::Open,
    };
    commit(&shared.group, Bytes::from(batch::encode(&header, &Ops::default(), &[]))).await?;
    let (reader, slots) = (shared.reader.clone(), shared.slots);
    let (tasks, messages) = (shared.limits.tasks_per_read, shared.limits.outbox_held);
    let opening = shared.pool.call(move || reader.opening(slots, tasks, messages)).await;
    match opening {
        Ok(Ok(opening)) => Ok(Opened { epoch, last_stamp: Timestamp(row.stamp), opening }),
        Ok(Err(error)) => {
            tracing::error!(shard = shared.id.0, %error, "reading the shard's rows failed");
            Err(Lost::Unread)
        }
        Err(panic) => {
            tracing::error!(shard = shared.id.0, %panic, "reading the shard's rows panicked");
            Err(Lost::Unread)
        }
    }
}
