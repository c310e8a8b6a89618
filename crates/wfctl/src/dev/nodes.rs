//! `wfctl dev --nodes N --data DIR`: real server processes on this machine, each with a folder of its own.
//!
//! Invariant: all of them take calls when their addresses are printed, and none stays behind. One that ends is told of,
//! and not started again.

use std::path::{Path, PathBuf};

use anyhow::Context;
use futures_util::future::{select_all, try_join_all};
use serde_json::{Value, json};
use weft_server::config::{self, Config, File};

use super::{
    Args, RETENTION, Signals,
    child::{Folder, Node, Ready},
    ports::Ports,
};
use crate::{cli::Global, exit::Failure, output::Output};

/// Ports that the system chose may be taken before a server has them.
const STARTS_MAX: usize = 3;
/// The cluster's name. Its id is made from it, so the same data goes on under it.
const CLUSTER: &str = "dev";
/// What a server says of a port that another one has.
const TAKEN: &str = "is in use";
/// What is logged, where nobody says otherwise: it goes to files.
const LOG: &str = "info";

pub(super) fn run(args: &Args, count: u32, global: &Global, output: &Output) -> anyhow::Result<()> {
    let Some(data) = &args.data else {
        return Err(Failure::usage("--nodes needs --data DIR: each node has a folder there").into());
    };
    let dir = std::path::absolute(data).with_context(|| format!("{} is no path", data.display()))?;
    super::block_on(serve(&Plan { args, count, global, dir }, output))
}

/// What is asked for.
struct Plan<'a> {
    args: &'a Args,
    count: u32,
    global: &'a Global,
    dir: PathBuf,
}

/// The nodes, and what each said when it was ready.
type Cluster = (Vec<Node>, Vec<Ready>);

async fn serve(plan: &Plan<'_>, output: &Output) -> anyhow::Result<()> {
    // Before anything is started, so that an early signal is not missed; what is started ends when it is dropped.
    let mut signals = Signals::listen()?;
    let (mut nodes, ready) = tokio::select! {
        started = plan.start() => started?,
        () = signals.next() => return Err(Failure::refused("ended before all nodes took calls").into()),
    };
    banner(&plan.dir, &nodes, &ready, output)?;
    loop {
        let (said, index) = tokio::select! {
            ended = one_ended(&mut nodes) => ended,
            () = signals.next() => return stop(nodes, &mut signals, output).await,
        };
        nodes.remove(index);
        if nodes.is_empty() {
            return Err(Failure::refused(format!("{said}; no node is left")).into());
        }
        output.note(said);
    }
}

impl Plan<'_> {
    /// Starts all nodes, and waits until they take calls.
    async fn start(&self) -> anyhow::Result<Cluster> {
        for _ in 1..STARTS_MAX {
            match self.start_once().await {
                Err(error) if self.args.port == 0 && error.to_string().contains(TAKEN) => {}
                started => return started,
            }
        }
        self.start_once().await
    }

    async fn start_once(&self) -> anyhow::Result<Cluster> {
        let ports = Ports::choose(self.args, self.count)?;
        let nodes: anyhow::Result<Vec<Node>> = (1..=self.count)
            .map(|number| {
                let folder = Folder(self.dir.join(format!("node-{number}")));
                Node::start(number, folder, self.file(number, &ports)?)
            })
            .collect();
        let mut nodes = nodes?;
        let ready = try_join_all(nodes.iter_mut().map(Node::ready)).await?;
        Ok((nodes, ready))
    }

    /// A node's configuration, but for its place.
    fn file(&self, number: u32, ports: &[Ports]) -> anyhow::Result<File> {
        let mut file = File::default();
        let own = ports[number as usize - 1];
        file.server.in_memory = false;
        file.server.insecure_bind = true;
        file.server.listen = own.api.to_string();
        file.server.metrics_listen = own.operations.to_string();
        if self.count > 1 {
            let member = |(number, ports): (u32, &Ports)| (number.to_string(), ports.internal.to_string());
            CLUSTER.clone_into(&mut file.cluster.name);
            file.cluster.node = number;
            file.cluster.listen = own.internal.to_string();
            file.cluster.members = (1..).zip(ports).map(member).collect();
        }
        file.log.level = self.args.log.clone().unwrap_or_else(|| LOG.to_owned());
        if let Some(name) = self.global.namespace.clone().filter(|name| name != "default") {
            let retention = config::Span(RETENTION);
            file.namespaces.push(config::Namespace { name, retention, search_attributes: Default::default() });
        }
        // What is wrong with a flag is said once, and before anything is started.
        let mut placed = file.clone();
        placed.server.data_dir = Some(self.dir.clone());
        Config::check(&placed).map_err(|error| Failure::usage(error.to_string()))?;
        Ok(file)
    }
}

/// Waits until one of them has ended; what is to be said, and which it is.
async fn one_ended(nodes: &mut [Node]) -> (String, usize) {
    let (said, index, _) = select_all(nodes.iter_mut().map(|node| Box::pin(node.ended()))).await;
    (said, index)
}

/// Stops all of them in order.
async fn stop(nodes: Vec<Node>, signals: &mut Signals, output: &Output) -> anyhow::Result<()> {
    output.note("stopping; Ctrl-C again ends at once");
    for node in &nodes {
        node.terminate()?;
    }
    tokio::select! {
        stopped = try_join_all(nodes.into_iter().map(Node::stopped)) => stopped.map(drop),
        () = signals.next() => Err(Failure::refused("ended before the nodes had stopped").into()),
    }
}

fn banner(dir: &Path, nodes: &[Node], ready: &[Ready], output: &Output) -> anyhow::Result<()> {
    let both = || nodes.iter().zip(ready);
    if output.is_json() {
        let nodes: Vec<Value> = both().map(|(node, ready)| json_node(node, ready)).collect();
        return Ok(output.line(json!({ "data": dir, "nodes": nodes }))?);
    }
    let version = env!("CARGO_PKG_VERSION");
    output.line(format_args!("Weft {version} runs as {} processes; Ctrl-C stops them\n", nodes.len()))?;
    for (node, ready) in both() {
        let at = ready.metrics.as_ref().map(|at| format!("http://{at}/healthz and /metrics")).unwrap_or_default();
        output.line(format_args!("node {} takes calls on {}", node.number, ready.address))?;
        output.line(output.pairs(vec![
            ("process", ready.pid.to_string()),
            ("operations", at),
            ("data", node.folder.data().display().to_string()),
            ("log", node.folder.log().display().to_string()),
        ]))?;
    }
    Ok(())
}

fn json_node(node: &Node, ready: &Ready) -> Value {
    json!({
        "node": node.number,
        "address": ready.address,
        "internal": node.internal,
        "operations": ready.metrics,
        "pid": ready.pid,
        "data": node.folder.data(),
        "log": node.folder.log(),
        "config": node.folder.config(),
    })
}
