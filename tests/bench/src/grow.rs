//! A node of its own becomes a cluster of three, and how long its callers wait meanwhile.

use std::{path::Path, time::Duration};

use anyhow::Context;
use futures::future::try_join_all;
use tokio::sync::watch;
use weft_bench::wire;
use weft_env::{Clock, RealClock};

use crate::{
    cluster::{NODES, free_ports, settle},
    fill::{self, Fill},
    server::Server,
};

/// How long one try may take, and what is waited before the next.
const PATIENCE: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_millis(5);
/// So long the caller is at work before anything changes.
const CALLED_BEFORE: Duration = Duration::from_secs(2);

/// Makes so many closed workflows on one node, restarts it as the first of a cluster, lets two others join, and prints the
/// longest time between two starts that were taken one after the other.
pub(crate) async fn run(binary: &Path, scratch: &Path, shards: u16, workflows: u64) -> anyhow::Result<()> {
    let config = scratch.join("cluster.toml");
    std::fs::write(&config, format!("[storage]\nshards = {shards}\n"))?;
    let config = format!("--config={}", config.display());
    let ports = free_ports().await?;
    let clock = RealClock::new();
    let data = |node: usize| scratch.join(format!("node-{node}"));

    let alone = Server::start_with(binary, &data(1), false, std::slice::from_ref(&config)).await?;
    fill::fill([&alone], Fill::closed(workflows)).await?;
    let (tell, told) = watch::channel(Some(alone.address.clone()));
    let calling = tokio::spawn(longest_wait(told, clock));
    clock.sleep_until(clock.monotonic() + CALLED_BEFORE).await;

    let flags = |node: usize, how: String| {
        let listen = format!("--cluster-listen={}", ports[node - 1]);
        [config.clone(), "--cluster-name=grown".to_owned(), format!("--node={node}"), listen, how]
    };
    alone.stop().await?;
    let first = flags(1, format!("--member=1={}", ports[0]));
    let first = Server::start_with(binary, &data(1), false, &first).await?;
    tell.send_replace(Some(first.address.clone()));
    let join = |node| {
        let flags = flags(node, format!("--join={}", ports[0]));
        let data = data(node);
        async move { Server::start_with(binary, &data, false, &flags).await }
    };
    let began = clock.monotonic();
    let mut nodes = vec![Some(first)];
    nodes.extend(try_join_all((2..=NODES).map(join)).await?.into_iter().map(Some));
    settle(&nodes, shards, &clock).await?;
    let grown = clock.monotonic() - began;
    tell.send_replace(None);
    let (starts, longest) = calling.await.context("the caller panicked")??;
    println!(
        "one node with {workflows} closed workflows, {shards} shards, becomes three; a caller starts one workflow after another"
    );
    println!("the two others have everything and lead their share {} ms after they were started", grown.as_millis());
    println!("longest wait of the caller for a start to be taken: {} ms, of {starts} starts", longest.as_millis());
    for node in nodes.into_iter().flatten() {
        node.stop().await?;
    }
    Ok(())
}

/// Starts one workflow after the other, wherever it is told to, until it is told to stop; how many, and the longest time
/// from one that was taken to the next.
async fn longest_wait(mut told: watch::Receiver<Option<String>>, clock: RealClock) -> anyhow::Result<(u64, Duration)> {
    let (mut starts, mut longest, mut last) = (0_u64, Duration::ZERO, clock.monotonic());
    loop {
        let Some(address) = told.borrow_and_update().clone() else { return Ok((starts, longest)) };
        let Ok(mut service) = wire::connect(&address).await else {
            clock.sleep_until(clock.monotonic() + RETRY).await;
            continue;
        };
        while !told.has_changed()? {
            let mut start = tonic::Request::new(wire::start("grow", format!("grow-{starts}")));
            start.set_timeout(PATIENCE);
            if service.start_workflow_execution(start).await.is_err() {
                clock.sleep_until(clock.monotonic() + RETRY).await;
                continue;
            }
            starts += 1;
            longest = longest.max(clock.monotonic() - last);
            last = clock.monotonic();
        }
    }
}
