//! The server as a whole: a node, its public API and its operations port, started and stopped together.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use weft_server::{Server, node::Place};
//!
//! let server = Server::builder(Place::Memory).listen("127.0.0.1:0".parse()?).start().await?;
//! println!("connect an SDK to {}", server.address());
//! server.shutdown().await;
//! # Ok(()) }
//! ```
//!
//! A process that wants a server for itself alone needs no port: [`Builder::embed`], and [`Connector`] is the way in.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use weft_env::SkippingClock;

use crate::{
    access::{self, Admission, Mutual},
    cluster::{self, ClusterError, Gate, Links, Reach},
    connections::Connections,
    connector::Connector,
    frontend::Frontend,
    node::{
        Node, OpenError, Options, Place, World,
        hold::{Hold, Released},
    },
    operations::{self, Operated},
};

/// How long a stopping server waits for calls that are under way.
const DRAIN: Duration = Duration::from_secs(3);

/// What to start.
pub struct Builder {
    options: Options,
    world: World,
    listen: SocketAddr,
    operations: Option<SocketAddr>,
    access: access::Options,
    internal: Option<TcpListener>,
}

/// A running server. Dropping it does not stop it in order: call [`Server::shutdown`].
pub struct Server {
    running: Running,
    address: SocketAddr,
    operations: Option<SocketAddr>,
}

/// A running server without any port, for this process alone. Dropping it does not stop it in order: call
/// [`Embedded::shutdown`].
pub struct Embedded {
    running: Running,
}

/// How what serves is told that the server stops. Clones are of the same server.
#[derive(Clone, Default)]
struct Ending {
    stop: watch::Sender<bool>,
    connections: Connections,
}

/// What a server is apart from its ports.
struct Running {
    node: Node,
    connector: Connector,
    ending: Ending,
    tasks: Vec<JoinHandle<()>>,
    /// Closes the internal port, once the replicas have stopped.
    close: watch::Sender<bool>,
    door: Option<JoinHandle<()>>,
    released: Released,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "{address} is in use: another server may be running there; \
         stop it, or choose another address (port 0 lets the system choose)"
    )]
    InUse { address: SocketAddr },
    #[error("cannot listen on {address}: {error}")]
    Listen { address: SocketAddr, error: io::Error },
    #[error(transparent)]
    Access(#[from] access::Error),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

impl Builder {
    /// All options of the node.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Address of the public API; port 0 lets the system choose.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Address of metrics, health and administration; none by default.
    #[must_use]
    pub fn operations(mut self, address: SocketAddr) -> Self {
        self.operations = Some(address);
        self
    }

    /// TLS and API keys of the ports; neither by default. The way in for this process needs none.
    #[must_use]
    pub fn access(mut self, access: access::Options) -> Self {
        self.access = access;
        self
    }

    /// Wall time is what `clock` says, and skips; closed workflows are kept for a century of it. In memory only.
    #[must_use]
    pub fn skip_time(self, clock: &SkippingClock) -> Self {
        self.world(World::skipping(clock.clone()))
    }

    /// The port for the other nodes of the cluster, bound already: whoever starts several in one process knows its
    /// address before the others are started. By default the address of the options is bound.
    #[must_use]
    pub fn internal(mut self, listener: TcpListener) -> Self {
        self.internal = Some(listener);
        self
    }

    /// Another clock, disk or source of chance, for tests.
    #[must_use]
    pub fn world(mut self, world: World) -> Self {
        self.world = world;
        self
    }

    /// Opens the data and takes calls.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left running.
    pub async fn start(self) -> Result<Server, StartError> {
        // Certificates and ports first: what is wrong with them is found before the data is touched.
        let admission = Admission::open(&self.access)?;
        let operators = Admission::of_operations(&self.access)?;
        let api = listen(self.listen).await?;
        let operations = match self.operations {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let address = local(&api, self.listen)?;
        let operations_address = operations.as_ref().map(|listener| local(listener, self.listen)).transpose()?;
        let (clock, ending) = (Arc::clone(&self.world.clock), Ending::default());
        let stopping = ending.stop.subscribe();
        let operated = Operated::default();
        let keep = |files: &Admission| tokio::spawn(files.clone().keep(Arc::clone(&clock), stopping.clone()));
        let mut tasks = vec![keep(&admission), keep(&operators)];
        if let Some(listener) = operations {
            let (operated, connections) = (operated.clone(), ending.connections.clone());
            let serving =
                operations::serve(operated, listener, operators, Arc::clone(&clock), connections, stopping.clone());
            tasks.push(tokio::spawn(serving));
        }
        let mut running = match Running::start(self.options, self.world, self.internal, &self.access, &ending).await {
            Ok(running) => running,
            Err(error) => {
                ending.stop.send_replace(true);
                ending.connections.cut();
                futures::future::join_all(tasks).await;
                return Err(error);
            }
        };
        operated.open(running.node.clone());
        let frontend = Frontend::new(running.node.clone());
        tasks.push(tokio::spawn(frontend.serve(api, admission, ending.connections, stopping)));
        running.tasks.extend(tasks);
        Ok(Server { running, address, operations: operations_address })
    }

    /// Opens the data and takes calls of this process, on no port: what was set of addresses does not matter.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left running.
    pub async fn embed(self) -> Result<Embedded, StartError> {
        let ending = Ending::default();
        let running = Running::start(self.options, self.world, self.internal, &self.access, &ending).await?;
        Ok(Embedded { running })
    }
}

impl Server {
    /// A server with its data in `place`, on the default port.
    #[must_use]
    pub fn builder(place: Place) -> Builder {
        Builder {
            options: Options::new(place),
            world: World::real(),
            listen: SocketAddr::from(([127, 0, 0, 1], 7233)),
            operations: None,
            access: access::Options::default(),
            internal: None,
        }
    }

    /// Where the public API is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where metrics, health and administration are.
    #[must_use]
    pub fn operations(&self) -> Option<SocketAddr> {
        self.operations
    }

    /// The way in for this process, beside the port.
    #[must_use]
    pub fn connector(&self) -> &Connector {
        &self.running.connector
    }

    #[must_use]
    pub fn node(&self) -> &Node {
        &self.running.node
    }

    /// Waits until the node cannot go on, and says why.
    pub async fn failed(&self) -> Arc<str> {
        self.running.failed().await
    }

    /// Stops in order: no new calls, long polls answered empty, what is under way written, a checkpoint made. When this
    /// returns all files are closed, and the data can be opened again; who has kept a handle of the node or of its parts is
    /// waited for a few seconds, and then named in the log.
    pub async fn shutdown(self) {
        self.running.shutdown().await;
    }
}

impl Embedded {
    /// The way in.
    #[must_use]
    pub fn connector(&self) -> &Connector {
        &self.running.connector
    }

    #[must_use]
    pub fn node(&self) -> &Node {
        &self.running.node
    }

    /// Waits until the node cannot go on, and says why.
    pub async fn failed(&self) -> Arc<str> {
        self.running.failed().await
    }

    /// Stops as [`Server::shutdown`] does.
    pub async fn shutdown(self) {
        self.running.shutdown().await;
    }
}

impl Running {
    async fn start(
        options: Options,
        world: World,
        internal: Option<TcpListener>,
        access: &access::Options,
        ending: &Ending,
    ) -> Result<Self, StartError> {
        let (connections, stop) = (&ending.connections, &ending.stop);
        let clock = Arc::clone(&world.clock);
        let mutual = access.nodes.as_ref().map(|files| Mutual::open(files, access.reload_interval)).transpose()?;
        let connector = mutual.as_ref().map(|mutual| mutual.connector(Arc::clone(&clock)));
        let reach = world.network.clone().map(Reach::Network).or(connector.map(Reach::Tls)).unwrap_or(Reach::Tcp);
        let links = Links::of(&options, &reach)?;
        let (close, closing) = watch::channel(false);
        let gate = Gate::new(&links.peers, links.inbox.clone(), Arc::clone(&clock), closing.clone());
        // Before the node: its replicas speak to the others while it is put together.
        let on_port =
            |listener| cluster::listen(gate.clone(), listener, mutual.clone(), connections.clone(), closing.clone());
        let door = match (options.cluster.is_alone(), internal, &world.network) {
            (true, _, _) => None,
            (false, Some(listener), _) => Some(tokio::spawn(on_port(listener))),
            (false, None, None) => Some(tokio::spawn(on_port(listen(options.cluster.listen).await?))),
            (false, None, Some(network)) => {
                let network = Arc::clone(network);
                Some(tokio::spawn(cluster::listen_within(gate.clone(), network, connections.clone(), closing)))
            }
        };
        // From here on too: a node whose certificates have expired waits for the others until it has new ones.
        let keeping = |mutual: Mutual| tokio::spawn(mutual.keep(Arc::clone(&clock), stop.subscribe()));
        let mut tasks = Vec::from_iter(mutual.map(keeping));
        let (hold, released) = Hold::new(Arc::clone(&clock));
        // Boxed: the future of all that a node opens would stand in that of every caller.
        let node = match Box::pin(Node::open_among(options, world, links, hold)).await {
            Ok(node) => node,
            Err(error) => {
                drop(gate);
                stop.send_replace(true);
                futures::future::join_all(tasks).await;
                end(door, connections, released).await;
                return Err(error.into());
            }
        };
        gate.open(Frontend::new(node.clone()).routes().await);
        let (connector, incoming) = Connector::new();
        let here = Frontend::new(node.clone());
        tasks.push(tokio::spawn(here.serve_here(incoming, connections.clone(), stop.subscribe())));
        Ok(Self { node, connector, ending: ending.clone(), tasks, close, door, released })
    }

    async fn failed(&self) -> Arc<str> {
        let clock = self.node.clock();
        loop {
            if let Some(fault) = self.node.fault() {
                return fault;
            }
            clock.sleep_until(clock.monotonic() + Duration::from_millis(200)).await;
        }
    }

    async fn shutdown(self) {
        // While calls are still taken: they go on at the others.
        self.node.inner().hand_over().await;
        self.ending.stop.send_replace(true);
        self.node.stop_polls();
        let clock = Arc::clone(self.node.clock());
        let drained = futures::future::join_all(self.tasks);
        tokio::select! {
            _ = drained => {}
            () = clock.sleep_until(clock.monotonic() + DRAIN) => {
                tracing::warn!("calls were still under way when the server stopped");
            }
        }
        self.node.shutdown().await;
        self.close.send_replace(true);
        drop(self.node);
        end(self.door, &self.ending.connections, self.released).await;
    }
}

/// Closes the internal port and all connections, and waits until nothing has the files of the node open.
async fn end(door: Option<JoinHandle<()>>, connections: &Connections, released: Released) {
    // The others keep theirs open; there is nobody left behind the door.
    connections.cut();
    if let Some(door) = door {
        door.abort();
        // Its port is free when this returns. The only error is that it was stopped.
        let _ = door.await;
    }
    released.wait().await;
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => StartError::InUse { address },
        _ => StartError::Listen { address, error },
    })
}

fn local(listener: &TcpListener, address: SocketAddr) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|error| StartError::Listen { address, error })
}
