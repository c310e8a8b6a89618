//! Three nodes of a cluster on this machine, and what they cost.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use futures::future::try_join_all;
use tokio::net::TcpListener;
use weft_env::{Clock, RealClock};

use crate::{Args, measure, server::Server};

pub(crate) const NODES: usize = 3;
/// So long the cluster is left alone to see what it costs then.
const IDLE: Duration = Duration::from_secs(30);
/// By then leaderships are where they belong.
const SETTLED_MAX: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);

/// The nodes, some of them down.
pub(crate) struct Cluster {
    binary: PathBuf,
    scratch: PathBuf,
    config: PathBuf,
    flags: Vec<String>,
    listen: Vec<SocketAddr>,
    pub(crate) nodes: Vec<Option<Server>>,
    pub(crate) shards: u16,
    pub(crate) clock: RealClock,
}

/// Prints the lines of one node and of three, and the ratios of their rates.
pub(crate) async fn compare(binary: &Path, scratch: &Path, args: &Args) -> anyhow::Result<()> {
    println!("one node");
    let alone = Server::start(binary, &scratch.join("alone"), false).await?;
    alone.settle().await?;
    let before = measure(std::slice::from_ref(&alone), "alone", &args.only, args.seconds).await?;
    alone.stop().await?;
    println!("\n{NODES} nodes; what they used is that of all together");
    let cluster = Cluster::start(binary, scratch, args.shards).await?;
    cluster.idle().await?;
    let nodes: Vec<Server> = cluster.nodes.into_iter().flatten().collect();
    let after = measure(&nodes, "cluster", &args.only, args.seconds).await?;
    println!();
    for ((name, before), (_, after)) in before.iter().zip(after) {
        println!("{name}: {:.2} of one node's rate", after / before);
    }
    for node in nodes {
        node.stop().await?;
    }
    Ok(())
}

impl Cluster {
    pub(crate) async fn start(binary: &Path, scratch: &Path, shards: u16) -> anyhow::Result<Self> {
        let config = scratch.join("cluster.toml");
        std::fs::write(&config, format!("[storage]\nshards = {shards}\n"))?;
        let mut ports = Vec::new();
        for _ in 0..NODES {
            ports.push(TcpListener::bind("127.0.0.1:0").await.context("no free port")?);
        }
        let listen: Vec<SocketAddr> = ports.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?;
        drop(ports);
        let members = (1..).zip(&listen).map(|(node, address)| format!("--member={node}={address}"));
        let flags = members.chain(["--cluster-name=bench".to_owned()]).collect();
        let (binary, scratch) = (binary.to_owned(), scratch.to_owned());
        let mut cluster =
            Self { binary, scratch, config, flags, listen, nodes: Vec::new(), shards, clock: RealClock::new() };
        let nodes = try_join_all((0..NODES).map(|node| cluster.run(node))).await?;
        cluster.nodes = nodes.into_iter().map(Some).collect();
        cluster.settle().await?;
        Ok(cluster)
    }

    async fn run(&self, node: usize) -> anyhow::Result<Server> {
        let own = [
            format!("--node={}", node + 1),
            format!("--cluster-listen={}", self.listen[node]),
            format!("--config={}", self.config.display()),
        ];
        let flags: Vec<String> = self.flags.iter().cloned().chain(own).collect();
        Server::start_with(&self.binary, &self.scratch.join(format!("node-{}", node + 1)), false, &flags).await
    }

    pub(crate) fn node(&self, node: usize) -> anyhow::Result<&Server> {
        self.nodes[node].as_ref().with_context(|| format!("node {} is down", node + 1))
    }

    /// SIGKILL.
    pub(crate) async fn kill(&mut self, node: usize) -> anyhow::Result<()> {
        self.nodes[node].take().with_context(|| format!("node {} is down", node + 1))?.kill().await
    }

    /// Starts a node again, and waits until it serves.
    pub(crate) async fn restart(&mut self, node: usize) -> anyhow::Result<()> {
        self.nodes[node] = Some(self.run(node).await?);
        Ok(())
    }

    /// Who leads each group, as one node knows it, the metadata's group first.
    pub(crate) async fn leaders(&self, asked: usize) -> anyhow::Result<Vec<Option<u64>>> {
        let found = self.node(asked)?.operations("/admin/cluster").await?;
        let groups = found["groups"].as_array().context("a cluster has groups")?;
        Ok(groups.iter().map(|group| group["leader"].as_u64()).collect())
    }

    /// Waits until each node leads its share.
    pub(crate) async fn settle(&self) -> anyhow::Result<()> {
        let least = usize::from(self.shards) / NODES;
        let until = self.clock.monotonic() + SETTLED_MAX;
        loop {
            let leaders = self.leaders(0).await?;
            let leads = |node: u64| leaders.iter().filter(|leader| **leader == Some(node)).count();
            if (1..=NODES as u64).all(|node| leads(node) >= least) {
                return Ok(());
            }
            if self.clock.monotonic() > until {
                bail!("after {SETTLED_MAX:?} leaderships are not spread evenly: {leaders:?}");
            }
            self.clock.sleep_until(self.clock.monotonic() + LOOK).await;
        }
    }

    /// Waits until others lead what a node led that stands still.
    pub(crate) async fn without(&self, node: usize) -> anyhow::Result<()> {
        let until = self.clock.monotonic() + SETTLED_MAX;
        let stands = Some(node as u64 + 1);
        while self.leaders(0).await?.iter().any(|leader| leader.is_none() || *leader == stands) {
            if self.clock.monotonic() > until {
                bail!("after {SETTLED_MAX:?} node {} still leads", node + 1);
            }
            self.clock.sleep_until(self.clock.monotonic() + LOOK).await;
        }
        Ok(())
    }

    /// What the nodes use when nobody asks anything of them.
    pub(crate) async fn idle(&self) -> anyhow::Result<()> {
        let nodes = || self.nodes.iter().flatten();
        for node in nodes() {
            node.settle().await?;
        }
        let mut before = Vec::new();
        for node in nodes() {
            before.push(node.counts().await?.cpu_seconds);
        }
        self.clock.sleep_until(self.clock.monotonic() + IDLE).await;
        for (number, (node, before)) in (1..).zip(nodes().zip(before)) {
            let share = (node.counts().await?.cpu_seconds - before) / IDLE.as_secs_f64() * 100.0;
            let resident = node.resident_mib()?;
            println!("node {number} idle, {} shards: {share:.2}% of a core, {resident} MiB resident", self.shards);
        }
        Ok(())
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        for node in self.nodes.into_iter().flatten() {
            node.stop().await?;
        }
        Ok(())
    }
}
