//! Three nodes of a cluster on this machine, and what they cost.

use std::{
    collections::BTreeMap,
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

/// A Raft group, as one node knows it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Group {
    pub(crate) leader: Option<u64>,
    pub(crate) applied: u64,
    /// The index of its last entry.
    pub(crate) log: u64,
}

/// By their numbers: 0 is that of the metadata, those of shards count from 1.
pub(crate) type Groups = BTreeMap<u64, Group>;

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

/// Prints the lines of one node and of three, in turn as often as asked, and the ratios of their rates.
pub(crate) async fn compare(binary: &Path, scratch: &Path, args: &Args) -> anyhow::Result<()> {
    let mut ratios: Vec<(&str, Vec<f64>)> = Vec::new();
    for round in 0..args.rounds.get() {
        let scratch = scratch.join(round.to_string());
        std::fs::create_dir(&scratch)?;
        let compared = compare_once(binary, &scratch, args, round == 0).await?;
        std::fs::remove_dir_all(&scratch)?;
        for (line, (name, ratio)) in compared.into_iter().enumerate() {
            match ratios.get_mut(line) {
                Some((_, ratios)) => ratios.push(ratio),
                None => ratios.push((name, vec![ratio])),
            }
        }
    }
    for (name, mut ratios) in ratios {
        ratios.sort_by(f64::total_cmp);
        let median = f64::midpoint(ratios[(ratios.len() - 1) / 2], ratios[ratios.len() / 2]);
        let range = match ratios.as_slice() {
            [least, .., most] => format!(" in the median of {}, {least:.2} to {most:.2}", ratios.len()),
            [_] | [] => String::new(),
        };
        println!("{name}: {median:.2} of one node's rate{range}");
    }
    Ok(())
}

/// The ratios by the names of their lines.
async fn compare_once(
    binary: &Path,
    scratch: &Path,
    args: &Args,
    also_idle: bool,
) -> anyhow::Result<Vec<(&'static str, f64)>> {
    println!("one node");
    let alone = Server::start(binary, &scratch.join("alone"), false).await?;
    alone.settle().await?;
    let before = measure(std::slice::from_ref(&alone), "alone", &args.only, args.seconds).await?;
    alone.stop().await?;
    println!("\n{NODES} nodes; what they used is that of all together");
    let cluster = Cluster::start(binary, scratch, args.shards).await?;
    if also_idle {
        cluster.idle().await?;
    } else {
        cluster.rest().await?;
    }
    let nodes: Vec<Server> = cluster.nodes.into_iter().flatten().collect();
    let after = measure(&nodes, "cluster", &args.only, args.seconds).await?;
    println!();
    for node in nodes {
        node.stop().await?;
    }
    Ok(before.iter().zip(after).map(|((name, before), (_, after))| (*name, after / before)).collect())
}

impl Cluster {
    pub(crate) async fn start(binary: &Path, scratch: &Path, shards: u16) -> anyhow::Result<Self> {
        let config = scratch.join("cluster.toml");
        std::fs::write(&config, format!("[storage]\nshards = {shards}\n"))?;
        let listen = free_ports().await?;
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

    /// The groups, as one node knows them.
    pub(crate) async fn groups(&self, asked: usize) -> anyhow::Result<Groups> {
        groups(self.node(asked)?).await
    }

    /// Who leads each group, as one node knows it, the metadata's group first.
    pub(crate) async fn leaders(&self, asked: usize) -> anyhow::Result<Vec<Option<u64>>> {
        Ok(self.groups(asked).await?.into_values().map(|group| group.leader).collect())
    }

    /// See [`settle`].
    pub(crate) async fn settle(&self) -> anyhow::Result<()> {
        settle(&self.nodes, self.shards, &self.clock).await
    }

    /// Waits until all others know that another leads what a node led that stands still.
    pub(crate) async fn without(&self, node: usize) -> anyhow::Result<()> {
        let until = self.clock.monotonic() + SETTLED_MAX;
        let stands = Some(node as u64 + 1);
        for other in (0..NODES).filter(|other| *other != node) {
            while self.leaders(other).await?.iter().any(|leader| leader.is_none() || *leader == stands) {
                if self.clock.monotonic() > until {
                    bail!("after {SETTLED_MAX:?} node {} still leads, for node {}", node + 1, other + 1);
                }
                self.clock.sleep_until(self.clock.monotonic() + LOOK).await;
            }
        }
        Ok(())
    }

    /// What the nodes use when nobody asks anything of them.
    pub(crate) async fn idle(&self) -> anyhow::Result<()> {
        self.rest().await?;
        let nodes = || self.nodes.iter().flatten();
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

    /// Waits until no node has anything to do.
    async fn rest(&self) -> anyhow::Result<()> {
        for node in self.nodes.iter().flatten() {
            node.settle().await?;
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

/// An address for each node that nobody listens on.
pub(crate) async fn free_ports() -> anyhow::Result<Vec<SocketAddr>> {
    let mut ports = Vec::new();
    for _ in 0..NODES {
        ports.push(TcpListener::bind("127.0.0.1:0").await.context("no free port")?);
    }
    Ok(ports.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?)
}

async fn groups(node: &Server) -> anyhow::Result<Groups> {
    let found = node.operations("/admin/cluster").await?;
    let groups = found["groups"].as_array().context("a cluster has groups")?;
    let group = |it: &serde_json::Value| {
        let index = |what: &str| it[what].as_u64().unwrap_or_default();
        let group = Group { leader: it["leader"].as_u64(), applied: index("applied"), log: index("log") };
        Ok((it["group"].as_u64().context("a group has a number")?, group))
    };
    groups.iter().map(group).collect()
}

/// Waits until each node leads its share and has applied what the others have, and all know who leads.
pub(crate) async fn settle(nodes: &[Option<Server>], shards: u16, clock: &RealClock) -> anyhow::Result<()> {
    let until = clock.monotonic() + SETTLED_MAX;
    loop {
        let mut seen = Vec::new();
        for (number, node) in (1..).zip(nodes) {
            seen.push(groups(node.as_ref().with_context(|| format!("node {number} is down"))?).await?);
        }
        let Some(amiss) = amiss(&seen, shards) else { return Ok(()) };
        if clock.monotonic() > until {
            bail!("after {SETTLED_MAX:?} {amiss}: {seen:?}");
        }
        clock.sleep_until(clock.monotonic() + LOOK).await;
    }
}

/// What is not yet as it is to be, by what each node knows.
fn amiss(seen: &[Groups], shards: u16) -> Option<&'static str> {
    let all = || seen.iter().flatten();
    if all().any(|(_, group)| group.leader.is_none()) {
        return Some("a node does not know who leads");
    }
    let mut furthest = BTreeMap::<u64, u64>::new();
    for (number, group) in all() {
        let applied = furthest.entry(*number).or_default();
        *applied = group.applied.max(*applied);
    }
    if all().any(|(number, group)| furthest.get(number).is_some_and(|applied| group.applied < *applied)) {
        return Some("a node has not applied what another has");
    }
    let least = usize::from(shards) / NODES;
    let leads = |groups: &Groups, node| groups.values().filter(|group| group.leader == Some(node)).count();
    let is_even = |groups: &Groups| (1..=NODES as u64).all(|node| leads(groups, node) >= least);
    (!seen.iter().all(is_even)).then_some("leaderships are not spread evenly")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three nodes that know the metadata's group and the only shard's, as the last of them sees the shard.
    fn seen(leader: Option<u64>, applied: u64) -> Vec<Groups> {
        let group = |leader, applied| Group { leader, applied, log: 7 };
        let node = |shard| Groups::from([(0, group(Some(1), 3)), (1, shard)]);
        vec![node(group(Some(2), 7)), node(group(Some(2), 7)), node(group(leader, applied))]
    }

    #[test]
    fn a_cluster_of_one_shard_is_settled_once_all_nodes_know_its_leader_and_have_all_of_it() {
        assert_eq!(amiss(&seen(Some(2), 7), 1), None);
        assert_eq!(amiss(&seen(None, 7), 1), Some("a node does not know who leads"));
        assert_eq!(amiss(&seen(Some(2), 6), 1), Some("a node has not applied what another has"));
    }

    #[test]
    fn each_node_leads_its_share_of_many_shards() {
        assert_eq!(amiss(&seen(Some(2), 7), 3), Some("leaderships are not spread evenly"));
        let group = |number: u64| (number, Group { leader: Some(number % 3 + 1), applied: 1, log: 1 });
        let even = Groups::from_iter((0..=3).map(group));
        assert_eq!(amiss(&[even.clone(), even.clone(), even], 3), None);
    }
}
