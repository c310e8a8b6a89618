//! One node against three of a cluster, on the same machine, one after the other in one run.

use std::{net::SocketAddr, path::Path, time::Duration};

use anyhow::Context;
use futures::future::try_join_all;
use tokio::net::TcpListener;
use weft_env::{Clock, RealClock};

use crate::{Args, measure, server::Server};

const NODES: usize = 3;
/// So long the cluster is left alone to see what it costs then.
const IDLE: Duration = Duration::from_secs(15);

/// Prints the lines of both, and the ratios of their rates.
pub(crate) async fn compare(binary: &Path, scratch: &Path, args: &Args) -> anyhow::Result<()> {
    println!("one node");
    let alone = Server::start(binary, &scratch.join("alone"), false).await?;
    alone.settle().await?;
    let before = measure(std::slice::from_ref(&alone), "alone", &args.only, args.seconds).await?;
    alone.stop().await?;
    println!("\n{NODES} nodes; what they used is that of all together");
    let nodes = start(binary, scratch).await?;
    idle(&nodes).await?;
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

async fn start(binary: &Path, scratch: &Path) -> anyhow::Result<Vec<Server>> {
    let mut ports = Vec::new();
    for _ in 0..NODES {
        ports.push(TcpListener::bind("127.0.0.1:0").await.context("no free port")?);
    }
    let addresses: Vec<SocketAddr> = ports.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?;
    drop(ports);
    let members = (1..).zip(&addresses).map(|(node, address)| format!("--member={node}={address}"));
    let members: Vec<String> = members.chain(["--cluster-name=bench".to_owned()]).collect();
    let starting = (1..).zip(&addresses).map(|(node, address)| {
        let own = [format!("--node={node}"), format!("--cluster-listen={address}")];
        let flags: Vec<String> = members.iter().cloned().chain(own).collect();
        let data = scratch.join(format!("node-{node}"));
        async move { Server::start_with(binary, &data, false, &flags).await }
    });
    try_join_all(starting).await
}

/// What the nodes use when nobody asks anything of them.
async fn idle(nodes: &[Server]) -> anyhow::Result<()> {
    let clock = RealClock::new();
    for node in nodes {
        node.settle().await?;
    }
    let mut before = Vec::new();
    for node in nodes {
        before.push(node.counts().await?.cpu_seconds);
    }
    clock.sleep_until(clock.monotonic() + IDLE).await;
    for (number, (node, before)) in (1..).zip(nodes.iter().zip(before)) {
        let share = (node.counts().await?.cpu_seconds - before) / IDLE.as_secs_f64() * 100.0;
        println!("node {number} idle: {share:.1}% of a core, {} MiB resident", node.resident_mib()?);
    }
    Ok(())
}
