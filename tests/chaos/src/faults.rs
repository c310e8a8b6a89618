//! What is broken next, by the seed.
//!
//! Invariant: never more than one node is down, frozen, cut off, without room or on its way out at a time, so that the
//! others owe their clients progress: of three copies of a shard two are left; each fault is healed before the next one.

mod kind;
mod moved;
mod node;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use anyhow::{Context, bail, ensure};
use futures::future::join_all;
use weft_env::{Clock, SeededIds};

use kind::Deck;
pub(crate) use kind::Kind;

use crate::{calls::probe_until_told, nodes::Nodes};

/// Workflow ids that are next to certain to be in all shards.
const PROBES: usize = 64;
/// Many times what the others wait before they stand for what a silent node led, and longer than a workflow task may take.
const LONG_FREEZE: Duration = Duration::from_secs(30);
/// How long before its end every shard is asked again.
const LAST_PROBES: Duration = Duration::from_secs(10);

pub(crate) struct Faults<'n> {
    nodes: &'n Nodes,
    clock: &'n Arc<dyn Clock>,
    ids: SeededIds,
    deck: Deck,
    kills: u64,
    freezes: u64,
    has_done_all: bool,
}

/// What was done.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    /// To whom, and what came of it.
    pub(crate) account: String,
    /// How soon each shard answered, where that was asked.
    pub(crate) answered: Vec<Duration>,
}

impl<'n> Faults<'n> {
    /// Only those kinds, if any are named.
    pub(crate) fn new(
        nodes: &'n Nodes,
        clock: &'n Arc<dyn Clock>,
        ids: SeededIds,
        only: &[Kind],
    ) -> anyhow::Result<Self> {
        let missing: Vec<_> = only.iter().filter_map(|kind| Some((*kind, kind.cannot(nodes)?))).collect();
        ensure!(missing.is_empty(), "this machine cannot have {missing:?}");
        let wanted = |kind: &Kind| (only.is_empty() || only.contains(kind)) && kind.cannot(nodes).is_none();
        let deck = Deck::of(Kind::ALL.into_iter().filter(wanted));
        Ok(Self { nodes, clock, ids, deck, kills: 0, freezes: 0, has_done_all: false })
    }

    /// What this machine does not allow, and why.
    pub(crate) fn left_out(nodes: &Nodes) -> BTreeMap<Kind, &'static str> {
        let asked = Kind::ALL.into_iter().filter(|kind| !kind.is_unasked(nodes));
        asked.filter_map(|kind| Some((kind, kind.cannot(nodes)?))).collect()
    }

    /// Whether every kind was there.
    pub(crate) fn has_done_all(&self) -> bool {
        self.has_done_all
    }

    /// Breaks something, heals it, and gives the cluster a breath.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Fault> {
        let kind = self.deck.deal(&self.ids);
        let node = usize::try_from(self.ids.below(self.nodes.count() as u64)).unwrap_or(0);
        let fault = self.one(kind, node).await?;
        self.has_done_all |= self.deck.is_empty();
        for node in 0..self.nodes.count() {
            if let Some(status) = self.nodes.exited(node)? {
                bail!("{fault}: node {} ended by itself afterwards: {status}", node + 1);
            }
        }
        let breath = self.span();
        self.wait(breath / 4).await;
        Ok(fault)
    }

    async fn one(&mut self, kind: Kind, node: usize) -> anyhow::Result<Fault> {
        let (other, span) = ((node + 1 + usize::from(self.ids.below(2) == 1)) % self.nodes.count(), self.span());
        let seat = node + 1;
        let account = match kind {
            Kind::Failover => return self.failover(node).await,
            Kind::Kill => {
                self.nodes.kill(node).await?;
                self.wait(span).await;
                self.back(node).await?;
                format!("node {seat} for {span:.1?}")
            }
            Kind::Restart => {
                self.nodes.end(node).await?;
                self.back(node).await?;
                format!("node {seat}")
            }
            Kind::Freeze => {
                self.nodes.freeze(node, true).await?;
                self.wait(span).await;
                self.nodes.freeze(node, false).await?;
                format!("node {seat} for {span:.1?}")
            }
            Kind::LongFreeze => self.long_freeze(node).await?,
            Kind::Isolate | Kind::Mute => {
                self.apart(span, node, kind == Kind::Isolate).await?;
                format!("node {seat} for {span:.1?}")
            }
            Kind::Cut => {
                self.nodes.ground.cut(node, other, true)?;
                self.wait(span).await;
                self.nodes.ground.cut(node, other, false)?;
                format!("node {seat} to node {} for {span:.1?}", other + 1)
            }
            Kind::Flap => self.flap(node).await?,
            Kind::Rolling => {
                for node in 0..self.nodes.count() {
                    self.nodes.end(node).await?;
                    self.back(node).await?;
                }
                "all nodes".to_owned()
            }
            Kind::FullDisk => self.full_disk(node, span).await?,
            Kind::SlowSyncs => self.slow_syncs(node, span).await?,
            Kind::ClockJump => self.clock_jump(node, span).await?,
            Kind::Wipe => self.wipe(node).await?,
            Kind::Move => self.move_copy(node, span).await?,
            Kind::Mixed => self.mixed(node, other, span).await?,
        };
        Ok(Fault { kind, account, answered: Vec::new() })
    }

    /// kill -9 of any node, and how soon every shard answers those who call another one.
    pub(crate) async fn next_failover(&mut self) -> anyhow::Result<Fault> {
        let node = usize::try_from(self.ids.below(self.nodes.count() as u64)).unwrap_or(0);
        self.failover(node).await
    }

    async fn failover(&mut self, node: usize) -> anyhow::Result<Fault> {
        self.kills += 1;
        self.nodes.kill(node).await?;
        let answered = self.probe(node, &format!("killed-{}", self.kills)).await;
        self.back(node).await?;
        let last = answered.iter().max().copied().unwrap_or_default();
        let account = format!("node {}; the last one answered after {last:.2?}", node + 1);
        Ok(Fault { kind: Kind::Failover, account, answered })
    }

    /// Starts workflows of all shards at nodes other than this one, and says how long each took to be answered.
    async fn probe(&self, node: usize, name: &str) -> Vec<Duration> {
        let began = self.clock.monotonic();
        let asks = (0..PROBES).map(|probe| {
            let client = self.nodes.client((node + 1 + probe % 2) % self.nodes.count());
            let (name, clock) = (format!("{name}-{probe}"), Arc::clone(self.clock));
            async move {
                probe_until_told(client, &name).await;
                clock.monotonic() - began
            }
        });
        join_all(asks).await
    }

    /// Nothing else is broken meanwhile: the other nodes answer for all shards, at its beginning and near its end.
    async fn long_freeze(&mut self, node: usize) -> anyhow::Result<String> {
        self.freezes += 1;
        self.nodes.freeze(node, true).await?;
        let thaw = self.clock.monotonic() + LONG_FREEZE;
        let served = async {
            let first = self.probe(node, &format!("frozen-{}", self.freezes)).await;
            self.clock.sleep_until(thaw - LAST_PROBES).await;
            let again = self.probe(node, &format!("still-frozen-{}", self.freezes)).await;
            [first, again].map(|answered| answered.into_iter().max().unwrap_or_default())
        };
        let served = tokio::time::timeout(LONG_FREEZE, served).await;
        self.clock.sleep_until(thaw).await;
        self.nodes.freeze(node, false).await?;
        let seat = node + 1;
        let [first, again] =
            served.with_context(|| format!("some shards did not answer while node {seat} was frozen"))?;
        let thawed = self.clock.monotonic();
        self.nodes.current(node).await?;
        let caught_up = self.clock.monotonic() - thawed;
        Ok(format!(
            "node {seat}; all shards answered after {first:.2?}, and near the end after {again:.2?}; it had caught up \
             {caught_up:.1?} later"
        ))
    }

    async fn flap(&self, node: usize) -> anyhow::Result<String> {
        let times = 3 + self.ids.below(3);
        for _ in 0..times {
            self.nodes.kill(node).await?;
            self.nodes.run(node)?;
            self.wait(Duration::from_millis(50 + self.ids.below(400))).await;
        }
        self.nodes.ready(node).await?;
        Ok(format!("node {}, {times} times", node + 1))
    }

    /// Cuts what leads from a node, and to it if so, for a while.
    async fn apart(&self, span: Duration, node: usize, both_ways: bool) -> anyhow::Result<()> {
        for is_cut in [true, false] {
            for other in (0..self.nodes.count()).filter(|other| *other != node) {
                self.nodes.ground.cut(node, other, is_cut)?;
                if both_ways {
                    self.nodes.ground.cut(other, node, is_cut)?;
                }
            }
            if is_cut {
                self.wait(span).await;
            }
        }
        Ok(())
    }

    async fn back(&self, node: usize) -> anyhow::Result<()> {
        self.nodes.run(node)?;
        self.nodes.ready(node).await
    }

    fn span(&self) -> Duration {
        Duration::from_millis(500 + self.ids.below(4_000))
    }

    async fn wait(&self, span: Duration) {
        self.clock.sleep_until(self.clock.monotonic() + span).await;
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.account)
    }
}
