//! The processes and what can be done to them.
//!
//! A node has a seat: where it stands and where its data are. One that is wiped comes back in its seat under another number.

use std::{
    fs::File,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use parking_lot::Mutex;
use tokio::process::{Child, Command};
use tonic::transport::{Channel, Endpoint};
use weft_env::Clock;
use weft_protocol::{
    api::workflowservice::GetSystemInfoRequest, services::workflow_service_client::WorkflowServiceClient,
};

use crate::{
    ground::Ground,
    operations,
    shim::{Control, Shim},
    upgrade,
};

/// Nodes that found the cluster; others join it.
pub(crate) const FOUNDERS: usize = 3;
/// A node that is started has answered by then, or never will.
const READY_MAX: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

pub(crate) type Client = WorkflowServiceClient<Channel>;

/// The cluster. Its seats are counted from 0.
pub(crate) struct Nodes {
    pub(crate) ground: Ground,
    clock: Arc<dyn Clock>,
    /// Where logs are, and data that have no disk of their own.
    place: PathBuf,
    shim: Option<Shim>,
    seats: Vec<Seat>,
}

struct Seat {
    server: Mutex<PathBuf>,
    number: Mutex<u64>,
    control: Control,
    process: Mutex<Option<Child>>,
}

impl Nodes {
    /// Starts all of them; they answer when this returns.
    pub(crate) async fn start(
        server: &Path,
        ground: Ground,
        place: &Path,
        shim: Option<Shim>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let count = ground.nodes();
        let seat = |number: u64| {
            let control = Control::create(place.join(format!("control-{number}")))?;
            let (server, number) = (Mutex::new(server.to_owned()), Mutex::new(number));
            anyhow::Ok(Seat { server, number, control, process: Mutex::default() })
        };
        let seats = (1..=count as u64).map(seat).collect::<anyhow::Result<_>>()?;
        let nodes = Self { ground, clock, place: place.to_owned(), shim, seats };
        (0..FOUNDERS).try_for_each(|node| nodes.run(node))?;
        for node in 0..FOUNDERS {
            nodes.ready(node).await?;
        }
        if nodes.are_placed() {
            nodes.place().await?;
        }
        Ok(nodes)
    }

    /// Lets the others join, and raises the format level: from then on nodes have copies of some shards only.
    async fn place(&self) -> anyhow::Result<()> {
        let asked = self.operations(0);
        for node in FOUNDERS..self.count() {
            self.run(node)?;
            self.ready(node).await?;
            let number = self.number(node);
            let is_in = async || {
                let picture = operations::wait(asked, number, "member").await;
                picture.is_ok_and(|picture| picture.state(number) == Some("member"))
            };
            self.until(node, "did not become a member", is_in).await?;
        }
        upgrade::tell(self, 0, "finalize").await
    }

    pub(crate) fn count(&self) -> usize {
        self.seats.len()
    }

    /// There are nodes that have no copy of some shards.
    pub(crate) fn are_placed(&self) -> bool {
        self.count() > FOUNDERS
    }

    /// Starts the process of a node that is down.
    pub(crate) fn run(&self, node: usize) -> anyhow::Result<()> {
        let (seat, addresses) = (&self.seats[node], self.ground.addresses(node));
        let server = seat.server.lock().clone();
        let log = File::options().create(true).append(true).open(self.log(node))?;
        let mut command = Command::from(self.ground.command(node, &server));
        command.arg("--data-dir").arg(self.folder(node)).args(["--cluster-name", "chaos", "--log-level", "info"]);
        command.arg("--node").arg(self.number(node).to_string());
        command.arg("--listen").arg(addresses.public.to_string());
        command.arg("--metrics-listen").arg(addresses.operations.to_string());
        command.arg("--cluster-listen").arg(addresses.internal.to_string());
        command.arg("--insecure-bind");
        let reached = |node| self.ground.addresses(node).advertised.to_string();
        if self.number(node) > FOUNDERS as u64 {
            command.arg("--advertise").arg(reached(node));
            (0..self.count()).filter(|other| *other != node).for_each(|other| {
                command.arg("--join").arg(reached(other));
            });
        } else {
            (0..FOUNDERS).for_each(|member| {
                command.arg("--member").arg(format!("{}={}", member + 1, reached(member)));
            });
        }
        if let Some(shim) = &self.shim {
            command.envs(shim.environment(&seat.control));
        }
        let child = command.stdout(Stdio::from(log.try_clone()?)).stderr(Stdio::from(log)).kill_on_drop(true).spawn();
        let child = child.with_context(|| format!("cannot run {}", server.display()))?;
        self.ground.stands(node, child.id());
        *seat.process.lock() = Some(child);
        Ok(())
    }

    /// kill -9. The process is gone when this returns.
    pub(crate) async fn kill(&self, node: usize) -> anyhow::Result<()> {
        let child = self.seats[node].process.lock().take();
        if let Some(mut child) = child {
            child.kill().await?;
        }
        Ok(())
    }

    /// SIGTERM: the node stops in order.
    pub(crate) async fn end(&self, node: usize) -> anyhow::Result<()> {
        let child = self.seats[node].process.lock().take();
        if let Some(mut child) = child {
            signal(&child, "TERM").await?;
            child.wait().await?;
        }
        Ok(())
    }

    /// Stops its time, or lets it go on.
    pub(crate) async fn freeze(&self, node: usize, frozen: bool) -> anyhow::Result<()> {
        let id = self.seats[node].process.lock().as_ref().and_then(Child::id);
        match id {
            Some(id) => signal_id(id, if frozen { "STOP" } else { "CONT" }).await,
            None => Ok(()),
        }
    }

    /// What makes its syncs slow and its clock wrong, if anything here can.
    pub(crate) fn control(&self, node: usize) -> Option<&Control> {
        self.shim.as_ref().map(|_| &self.seats[node].control)
    }

    /// From its next start on it is this program.
    pub(crate) fn replace(&self, node: usize, server: &Path) {
        *self.seats[node].server.lock() = server.to_owned();
    }

    /// Loses all data of a node that is down and has left the cluster, which will come back under this number.
    pub(crate) fn wipe(&self, node: usize, next: u64) -> anyhow::Result<()> {
        std::fs::remove_dir_all(self.folder(node))?;
        *self.seats[node].number.lock() = next;
        Ok(())
    }

    /// A client of a node, with a connection of its own that is made when it is needed.
    pub(crate) fn client(&self, node: usize) -> Client {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.ground.addresses(node).public));
        let endpoint = endpoint.expect("an address").connect_timeout(Duration::from_secs(1)).tcp_nodelay(true);
        Client::new(endpoint.connect_lazy()).max_decoding_message_size(64 << 20)
    }

    /// Its operations port.
    pub(crate) fn operations(&self, node: usize) -> SocketAddr {
        self.ground.addresses(node).operations
    }

    /// Waits until a node answers.
    pub(crate) async fn ready(&self, node: usize) -> anyhow::Result<()> {
        let answers = async || self.client(node).get_system_info(GetSystemInfoRequest {}).await.is_ok();
        self.until(node, "did not answer", answers).await
    }

    /// Waits until a node has applied what the others have committed.
    pub(crate) async fn current(&self, node: usize) -> anyhow::Result<()> {
        let is_current = async || operations::is_ready(self.operations(node)).await;
        self.until(node, "was not ready", is_current).await
    }

    /// Waits until all of them have.
    pub(crate) async fn all_current(&self) -> anyhow::Result<()> {
        for node in 0..self.count() {
            self.current(node).await?;
        }
        Ok(())
    }

    /// Asks again until it is so. A node that ended by itself is an error, and so is one that takes too long.
    pub(crate) async fn until(
        &self,
        node: usize,
        otherwise: &str,
        is_so: impl AsyncFn() -> bool,
    ) -> anyhow::Result<()> {
        let end = self.clock.monotonic() + READY_MAX;
        while !is_so().await {
            if let Some(status) = self.exited(node)? {
                bail!("node {} ended by itself: {status}; see {}", node + 1, self.log(node).display());
            }
            if self.clock.monotonic() > end {
                bail!("node {} {otherwise} in {READY_MAX:?}; see {}", node + 1, self.log(node).display());
            }
            self.clock.sleep_until(self.clock.monotonic() + LOOK).await;
        }
        Ok(())
    }

    /// How a process that was started ended by itself, if it has.
    pub(crate) fn exited(&self, node: usize) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.seats[node].process.lock().as_mut().map(Child::try_wait).transpose()?.flatten())
    }

    /// Its number among the nodes.
    pub(crate) fn number(&self, node: usize) -> u64 {
        *self.seats[node].number.lock()
    }

    fn folder(&self, node: usize) -> PathBuf {
        self.ground.disk(node).unwrap_or(&self.place).join(format!("data-{}", node + 1))
    }

    /// Where it says what goes on in it.
    pub(crate) fn log(&self, node: usize) -> PathBuf {
        self.place.join(format!("{}.log", node + 1))
    }

    /// Writes what each node says of the cluster beside its log.
    pub(crate) async fn account(&self) -> anyhow::Result<()> {
        for node in 0..self.count() {
            let said = operations::account(self.operations(node)).await;
            std::fs::write(self.log(node).with_extension("cluster.json"), said)?;
        }
        Ok(())
    }

    /// Ends all of them in order.
    pub(crate) async fn stop(&self) -> anyhow::Result<()> {
        for node in 0..self.count() {
            self.end(node).await?;
        }
        Ok(())
    }
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
