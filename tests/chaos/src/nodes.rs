//! The three processes and what can be done to them.

use std::{
    fs::File,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use parking_lot::Mutex;
use tokio::{
    net::TcpListener,
    process::{Child, Command},
};
use tonic::transport::{Channel, Endpoint};
use weft_env::Clock;
use weft_protocol::{
    api::workflowservice::GetSystemInfoRequest, services::workflow_service_client::WorkflowServiceClient,
};

use crate::links::Link;

pub(crate) const NODES: usize = 3;
/// A node that is started has answered by then, or never will.
const READY_MAX: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

pub(crate) type Client = WorkflowServiceClient<Channel>;

/// The cluster. Its nodes are numbered from 0 here, and from 1 among themselves.
pub(crate) struct Nodes {
    server: PathBuf,
    clock: Arc<dyn Clock>,
    folders: Vec<PathBuf>,
    public: Vec<SocketAddr>,
    operations: Vec<SocketAddr>,
    internal: Vec<SocketAddr>,
    /// `links[a][b]` leads from a to b; nothing leads from a node to itself.
    links: Vec<Vec<Option<Link>>>,
    processes: Vec<Mutex<Option<Child>>>,
}

impl Nodes {
    /// Starts all of them; they answer when this returns.
    pub(crate) async fn start(server: PathBuf, data: &Path, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let (public, operations, internal) = (ports().await?, ports().await?, ports().await?);
        let mut links = Vec::new();
        for from in 0..NODES {
            let mut row = Vec::new();
            for (to, address) in internal.iter().enumerate() {
                row.push(if from == to { None } else { Some(Link::to(*address).await?) });
            }
            links.push(row);
        }
        let folders = (1..=NODES).map(|node| data.join(node.to_string())).collect();
        let processes = (0..NODES).map(|_| Mutex::default()).collect();
        let nodes = Self { server, clock, folders, public, operations, internal, links, processes };
        (0..NODES).try_for_each(|node| nodes.run(node))?;
        nodes.all_ready().await?;
        Ok(nodes)
    }

    /// Starts the process of a node that is down.
    pub(crate) fn run(&self, node: usize) -> anyhow::Result<()> {
        let folder = &self.folders[node];
        std::fs::create_dir_all(folder)?;
        let log = File::options().create(true).append(true).open(folder.with_extension("log"))?;
        let mut command = Command::new(&self.server);
        command.arg("--data-dir").arg(folder).args(["--cluster-name", "chaos", "--log-level", "info"]);
        command.arg("--node").arg((node + 1).to_string());
        command.arg("--listen").arg(self.public[node].to_string());
        command.arg("--metrics-listen").arg(self.operations[node].to_string());
        command.arg("--cluster-listen").arg(self.internal[node].to_string());
        for member in 0..NODES {
            let address = self.links[node][member].as_ref().map_or(self.internal[member], |link| link.address);
            command.arg("--member").arg(format!("{}={address}", member + 1));
        }
        let child = command.stdout(Stdio::from(log.try_clone()?)).stderr(Stdio::from(log)).kill_on_drop(true).spawn();
        let child = child.with_context(|| format!("cannot run {}", self.server.display()))?;
        *self.processes[node].lock() = Some(child);
        Ok(())
    }

    /// kill -9. The process is gone when this returns.
    pub(crate) async fn kill(&self, node: usize) -> anyhow::Result<()> {
        let child = self.processes[node].lock().take();
        if let Some(mut child) = child {
            child.kill().await?;
        }
        Ok(())
    }

    /// SIGTERM: the node stops in order.
    pub(crate) async fn end(&self, node: usize) -> anyhow::Result<()> {
        let child = self.processes[node].lock().take();
        if let Some(mut child) = child {
            signal(&child, "TERM").await?;
            child.wait().await?;
        }
        Ok(())
    }

    /// Stops its time, or lets it go on.
    pub(crate) async fn freeze(&self, node: usize, frozen: bool) -> anyhow::Result<()> {
        let id = self.processes[node].lock().as_ref().and_then(Child::id);
        match id {
            Some(id) => signal_id(id, if frozen { "STOP" } else { "CONT" }).await,
            None => Ok(()),
        }
    }

    /// Cuts or mends the way from one node to another; the way back is another one.
    pub(crate) fn cut(&self, from: usize, to: usize, is_cut: bool) {
        if let Some(link) = &self.links[from][to] {
            link.cut(is_cut);
        }
    }

    /// A client of a node, with a connection of its own that is made when it is needed.
    pub(crate) fn client(&self, node: usize) -> Client {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.public[node])).expect("an address");
        let channel = endpoint.connect_timeout(Duration::from_secs(1)).tcp_nodelay(true).connect_lazy();
        Client::new(channel).max_decoding_message_size(64 << 20)
    }

    /// Waits until every node answers.
    pub(crate) async fn all_ready(&self) -> anyhow::Result<()> {
        for node in 0..NODES {
            self.ready(node).await?;
        }
        Ok(())
    }

    /// Waits until a node answers.
    pub(crate) async fn ready(&self, node: usize) -> anyhow::Result<()> {
        let end = self.clock.monotonic() + READY_MAX;
        loop {
            if self.client(node).get_system_info(GetSystemInfoRequest {}).await.is_ok() {
                return Ok(());
            }
            if let Some(status) = self.exited(node)? {
                bail!("node {} ended by itself: {status}; see {}", node + 1, self.log(node).display());
            }
            if self.clock.monotonic() > end {
                bail!("node {} did not answer in {READY_MAX:?}; see {}", node + 1, self.log(node).display());
            }
            self.clock.sleep_until(self.clock.monotonic() + LOOK).await;
        }
    }

    fn exited(&self, node: usize) -> anyhow::Result<Option<std::process::ExitStatus>> {
        Ok(self.processes[node].lock().as_mut().map(Child::try_wait).transpose()?.flatten())
    }

    fn log(&self, node: usize) -> PathBuf {
        self.folders[node].with_extension("log")
    }

    /// Ends all of them in order.
    pub(crate) async fn stop(&self) -> anyhow::Result<()> {
        for node in 0..NODES {
            self.end(node).await?;
        }
        Ok(())
    }
}

/// Free ports, one for each node. Whoever takes one in between makes a node fail to start, which is said.
async fn ports() -> anyhow::Result<Vec<SocketAddr>> {
    let mut held = Vec::new();
    for _ in 0..NODES {
        held.push(TcpListener::bind("127.0.0.1:0").await.context("no free port")?);
    }
    held.iter().map(|port| Ok(port.local_addr()?)).collect()
}

async fn signal(child: &Child, name: &str) -> anyhow::Result<()> {
    match child.id() {
        Some(id) => signal_id(id, name).await,
        None => Ok(()),
    }
}

async fn signal_id(id: u32, name: &str) -> anyhow::Result<()> {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(id.to_string()).status().await?;
    if sent.success() { Ok(()) } else { bail!("kill -{name} {id} failed") }
}
