//! kill -9 of one node after the other, and how soon each shard that it led takes a start again.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use futures::future::try_join_all;
use weft_bench::wire::{self, NAMESPACE, Service};
use weft_engine::{NamespaceId, WorkflowId, WorkflowKey};
use weft_env::{Clock, RealClock};
use weft_protocol::api::workflowservice::DescribeNamespaceRequest;
use weft_rows::{ranges, slot_of};

use crate::cluster::{Cluster, NODES};

/// A caller that was told to try again does so after this.
const RETRY: Duration = Duration::from_millis(5);
/// How long one try may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Kills so often, and prints how long it took.
pub(crate) async fn run(cluster: &mut Cluster, kills: usize) -> anyhow::Result<()> {
    let (mut each, mut last) = (Vec::new(), Vec::new());
    for kill in 0..kills {
        let took = once(cluster, kill).await.with_context(|| format!("kill {}", kill + 1))?;
        last.extend(took.iter().max());
        each.extend(took);
    }
    println!("{kills} times kill -9, {} shards; from the kill to the first start that is taken", cluster.shards);
    show("each shard that the node led", &mut each);
    show("the last of them", &mut last);
    Ok(())
}

fn show(what: &str, took: &mut [Duration]) {
    took.sort_unstable();
    let at = |share: f64| took.get((took.len() as f64 * share) as usize).or(took.last()).map_or(0, Duration::as_millis);
    println!(
        "{what}: {} measured, p50 {} ms, p90 {} ms, p99 {} ms, max {} ms",
        took.len(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    );
}

async fn once(cluster: &mut Cluster, kill: usize) -> anyhow::Result<Vec<Duration>> {
    let leaders = cluster.leaders(0).await?;
    // Whoever leads the only shard; of many, each node leads some.
    let leads = leaders.get(1).copied().flatten().and_then(|leader| usize::try_from(leader).ok());
    let node = if usize::from(cluster.shards) < NODES { leads.context("nobody leads")? - 1 } else { kill % NODES };
    let others: Vec<usize> = (0..NODES).filter(|other| *other != node).collect();
    let mut services = Vec::new();
    for other in &others {
        services.push(wire::connect(&cluster.node(*other)?.address).await?);
    }
    let ids = ids(&mut services[0], cluster.shards, kill).await?;
    // Group 0 is that of the metadata.
    let led = leaders.iter().enumerate().skip(1).filter(|(_, leader)| **leader == Some(node as u64 + 1));
    let led: Vec<String> = led.filter_map(|(group, _)| ids.get(&group).cloned()).collect();
    let clock = RealClock::new();
    // Before the signal: waiting for the process's end is part of what callers wait for.
    let killed = clock.monotonic();
    cluster.kill(node).await?;
    let starts = led.into_iter().zip(services.iter().cycle()).map(|(id, service)| {
        let service = service.clone();
        async move {
            until_taken(service, &id, &clock).await?;
            anyhow::Ok(clock.monotonic() - killed)
        }
    });
    let took = try_join_all(starts).await?;
    cluster.restart(node).await?;
    cluster.settle().await?;
    Ok(took)
}

/// A workflow id for each group of a shard.
async fn ids(service: &mut Service, shards: u16, kill: usize) -> anyhow::Result<BTreeMap<usize, String>> {
    let request = DescribeNamespaceRequest { namespace: NAMESPACE.to_owned(), ..Default::default() };
    let described = service.describe_namespace(request).await?.into_inner();
    let namespace = NamespaceId::from(described.namespace_info.context("a namespace has an id")?.id);
    let ranges = ranges(shards);
    let mut ids = BTreeMap::new();
    for number in 0.. {
        let id = format!("failover-{kill}-{number}");
        let slot = slot_of(&WorkflowKey { namespace: namespace.clone(), workflow: WorkflowId::from(id.as_str()) });
        // The groups of shards count from 1.
        ids.entry(1 + ranges.partition_point(|range| range.last < slot)).or_insert(id);
        if ids.len() == usize::from(shards) {
            break;
        }
    }
    Ok(ids)
}

async fn until_taken(mut service: Service, id: &str, clock: &RealClock) -> anyhow::Result<()> {
    let until = clock.monotonic() + Duration::from_secs(60);
    loop {
        let mut start = tonic::Request::new(wire::start("failover", id.to_owned()));
        start.set_timeout(PATIENCE);
        match service.start_workflow_execution(start).await {
            Ok(_) => return Ok(()),
            Err(status) if clock.monotonic() > until => return Err(status).context("it is never taken"),
            Err(_) => clock.sleep_until(clock.monotonic() + RETRY).await,
        }
    }
}
