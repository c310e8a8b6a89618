//! What is broken next, by the seed.
//!
//! Invariant: never more than one node is down, frozen or cut off at a time, so that the other two owe their clients
//! progress; each fault is healed before the next one.

use std::{fmt, sync::Arc, time::Duration};

use futures::future::join_all;
use weft_env::{Clock, SeededIds};

use crate::{
    load,
    nodes::{NODES, Nodes},
};

/// Workflow ids that are next to certain to be in all shards.
const PROBES: usize = 64;

pub(crate) struct Faults<'n> {
    nodes: &'n Nodes,
    clock: &'n Arc<dyn Clock>,
    ids: SeededIds,
    kills: u64,
}

/// What was done.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    Kill {
        node: usize,
        down: Duration,
    },
    /// A node was killed and stayed down until every shard had answered: how soon each did.
    Failover {
        node: usize,
        answered: Vec<Duration>,
    },
    Restart {
        node: usize,
    },
    Freeze {
        node: usize,
        stood: Duration,
    },
    Isolate {
        node: usize,
        apart: Duration,
    },
    /// Nothing of the node reached the others, while it heard them.
    Mute {
        node: usize,
        apart: Duration,
    },
    Cut {
        from: usize,
        to: usize,
        apart: Duration,
    },
    /// Killed again and again, before it could do much.
    Flap {
        node: usize,
        times: u64,
    },
    Rolling,
}

impl<'n> Faults<'n> {
    pub(crate) fn new(nodes: &'n Nodes, clock: &'n Arc<dyn Clock>, ids: SeededIds) -> Self {
        Self { nodes, clock, ids, kills: 0 }
    }

    /// Breaks something, heals it, and gives the cluster a breath.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Fault> {
        let node = usize::try_from(self.ids.below(NODES as u64)).unwrap_or(0);
        let (other, span) = ((node + 1 + usize::from(self.ids.below(2) == 1)) % NODES, self.span());
        let fault = match self.ids.below(9) {
            0 | 1 => self.kill(node, span).await?,
            2 => self.failover().await?,
            3 => {
                self.nodes.end(node).await?;
                self.back(node).await?;
                Fault::Restart { node }
            }
            4 => {
                self.nodes.freeze(node, true).await?;
                self.wait(span).await;
                self.nodes.freeze(node, false).await?;
                Fault::Freeze { node, stood: span }
            }
            5 => {
                self.apart(span, &[(node, true, true)]).await;
                Fault::Isolate { node, apart: span }
            }
            6 => {
                self.apart(span, &[(node, true, false)]).await;
                Fault::Mute { node, apart: span }
            }
            7 => {
                self.nodes.cut(node, other, true);
                self.wait(span).await;
                self.nodes.cut(node, other, false);
                Fault::Cut { from: node, to: other, apart: span }
            }
            _ if self.ids.below(2) == 0 => self.flap(node).await?,
            _ => {
                for node in 0..NODES {
                    self.nodes.end(node).await?;
                    self.back(node).await?;
                }
                Fault::Rolling
            }
        };
        let breath = self.span();
        self.wait(breath / 4).await;
        Ok(fault)
    }

    /// kill -9, and how soon every shard answers those who call another node.
    pub(crate) async fn failover(&mut self) -> anyhow::Result<Fault> {
        let node = usize::try_from(self.ids.below(NODES as u64)).unwrap_or(0);
        self.kills += 1;
        self.nodes.kill(node).await?;
        let killed = self.clock.monotonic();
        let asks = (0..PROBES).map(|probe| {
            let client = self.nodes.client((node + 1 + probe % 2) % NODES);
            let id = format!("probe-{}-{probe}", self.kills);
            let clock = Arc::clone(self.clock);
            async move {
                load::start_until_told(client, &id).await;
                clock.monotonic() - killed
            }
        });
        let answered = join_all(asks).await;
        self.back(node).await?;
        Ok(Fault::Failover { node, answered })
    }

    async fn kill(&self, node: usize, down: Duration) -> anyhow::Result<Fault> {
        self.nodes.kill(node).await?;
        self.wait(down).await;
        self.back(node).await?;
        Ok(Fault::Kill { node, down })
    }

    async fn flap(&self, node: usize) -> anyhow::Result<Fault> {
        let times = 3 + self.ids.below(3);
        for _ in 0..times {
            self.nodes.kill(node).await?;
            self.nodes.run(node)?;
            self.wait(Duration::from_millis(50 + self.ids.below(400))).await;
        }
        self.nodes.ready(node).await?;
        Ok(Fault::Flap { node, times })
    }

    /// Cuts what leads from these nodes (first flag) and to them (second one) for a while.
    async fn apart(&self, span: Duration, whom: &[(usize, bool, bool)]) {
        for is_cut in [true, false] {
            for &(node, out, back) in whom {
                for other in (0..NODES).filter(|other| *other != node) {
                    if out {
                        self.nodes.cut(node, other, is_cut);
                    }
                    if back {
                        self.nodes.cut(other, node, is_cut);
                    }
                }
            }
            if is_cut {
                self.wait(span).await;
            }
        }
    }

    /// Heals everything, and waits until all nodes answer.
    pub(crate) async fn heal(&self) -> anyhow::Result<()> {
        for from in 0..NODES {
            (0..NODES).for_each(|to| self.nodes.cut(from, to, false));
            self.nodes.freeze(from, false).await?;
        }
        self.nodes.all_ready().await
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

impl Fault {
    /// What kind it is, for counts.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Kill { .. } => "kill -9",
            Self::Failover { .. } => "kill -9 with every shard timed",
            Self::Restart { .. } => "stop in order and start",
            Self::Freeze { .. } => "SIGSTOP",
            Self::Isolate { .. } => "cut off both ways",
            Self::Mute { .. } => "cut off one way",
            Self::Cut { .. } => "one link cut",
            Self::Flap { .. } => "killed again and again",
            Self::Rolling => "rolling restart",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Self::Kill { node, down: span }
            | Self::Freeze { node, stood: span }
            | Self::Isolate { node, apart: span }
            | Self::Mute { node, apart: span } => write!(f, "node {}: {name} for {span:?}", node + 1),
            Self::Failover { node, answered } => {
                let last = answered.iter().max().copied().unwrap_or_default();
                write!(f, "node {}: {name}; the last one answered after {last:?}", node + 1)
            }
            Self::Cut { from, to, apart } => write!(f, "node {} to node {}: {name} for {apart:?}", from + 1, to + 1),
            Self::Flap { node, times } => write!(f, "node {}: {name}, {times} times", node + 1),
            Self::Restart { node } => write!(f, "node {}: {name}", node + 1),
            Self::Rolling => f.write_str(name),
        }
    }
}
