//! Links between nodes that have no network of their own: what one node sends another goes through this program, which
//! holds back what would go over a link that is cut.
//!
//! Invariants: a node has one address for all others, as in a real network, so who calls is told by the process that has
//! the other end of the connection. What is held back arrives when the link is whole again, whole and in order, as TCP
//! would send it again; that a connection has ended, or failed, is held back too. No new connection comes through while one of its ways
//! is cut. Unlike in a real network its caller is not kept waiting for the connection, but for what it asks on it.

use std::{
    collections::BTreeSet,
    fs, io,
    net::{SocketAddr, SocketAddrV4},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use weft_env::Clock;

/// From one node to another.
pub(crate) type Link = (usize, usize);

/// A process that has just been started may call before it is known here.
const KNOWN_WITHIN: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(10);
const PIECE: usize = 64 << 10;

/// The links between all nodes. They go with this.
#[derive(Debug)]
pub(crate) struct Links {
    addresses: Vec<SocketAddr>,
    cuts: watch::Sender<BTreeSet<Link>>,
    processes: Arc<Processes>,
    _listening: JoinSet<()>,
}

/// The process of each node, where it has one.
#[derive(Debug)]
struct Processes(Mutex<Vec<Option<u32>>>);

impl Links {
    /// Links between nodes that listen there.
    pub(crate) async fn lay(nodes: &[SocketAddr], clock: &Arc<dyn Clock>) -> anyhow::Result<Self> {
        let cuts = watch::Sender::new(BTreeSet::new());
        let processes = Arc::new(Processes(Mutex::new(vec![None; nodes.len()])));
        let (mut addresses, mut listening) = (Vec::new(), JoinSet::new());
        for (node, target) in nodes.iter().enumerate() {
            let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port")?;
            addresses.push(listener.local_addr()?);
            let (processes, clock) = (Arc::clone(&processes), Arc::clone(clock));
            let door = Door { node, target: *target, cuts: cuts.subscribe(), processes, clock };
            listening.spawn(door.listen(listener));
        }
        Ok(Self { addresses, cuts, processes, _listening: listening })
    }

    /// Where the others reach a node.
    pub(crate) fn address(&self, node: usize) -> SocketAddr {
        self.addresses[node]
    }

    /// From now on this process is the node.
    pub(crate) fn stands(&self, node: usize, process: Option<u32>) {
        self.processes.0.lock()[node] = process;
    }

    /// Nothing goes that way any more, or it does again.
    pub(crate) fn cut(&self, link: Link, is_cut: bool) {
        self.cuts.send_modify(|cuts| {
            if is_cut {
                cuts.insert(link);
            } else {
                cuts.remove(&link);
            }
        });
    }
}

/// Where the others reach one node.
#[derive(Clone)]
struct Door {
    node: usize,
    target: SocketAddr,
    cuts: watch::Receiver<BTreeSet<Link>>,
    processes: Arc<Processes>,
    clock: Arc<dyn Clock>,
}

impl Door {
    async fn listen(self, listener: TcpListener) {
        let mut carried = JoinSet::new();
        loop {
            tokio::select! {
                came = listener.accept() => {
                    if let Ok((stream, caller)) = came {
                        carried.spawn(self.clone().carry(stream, caller));
                    }
                }
                Some(_) = carried.join_next() => {}
            }
        }
    }

    /// Until both sides have ended, or one has failed.
    async fn carry(self, caller: TcpStream, at: SocketAddr) {
        let carried = async {
            let here = caller.local_addr()?;
            let from = self.processes.find(at, here, self.clock.as_ref()).await.ok_or(io::ErrorKind::NotFound)?;
            let (there, back) = ((from, self.node), (self.node, from));
            let mut cuts = self.cuts.clone();
            whole(&mut cuts, &[there, back]).await?;
            let node = TcpStream::connect(self.target).await?;
            caller.set_nodelay(true)?;
            node.set_nodelay(true)?;
            let ((from_caller, to_caller), (from_node, to_node)) = (caller.into_split(), node.into_split());
            let ways = tokio::try_join!(
                pump(from_caller, to_node, self.cuts.clone(), there),
                pump(from_node, to_caller, self.cuts, back)
            );
            ways.map(drop)
        };
        // Both sides see it end, and that is all there is to say.
        let _: io::Result<()> = carried.await;
    }
}

/// Waits until these links are whole.
async fn whole(cuts: &mut watch::Receiver<BTreeSet<Link>>, links: &[Link]) -> io::Result<()> {
    let waited = cuts.wait_for(|cuts| !links.iter().any(|link| cuts.contains(link))).await;
    waited.map(drop).map_err(|_| io::ErrorKind::BrokenPipe.into())
}

/// Carries what comes, and its end, whenever the link is whole.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut cuts: watch::Receiver<BTreeSet<Link>>,
    link: Link,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let read = from.read(&mut piece).await;
        whole(&mut cuts, &[link]).await?;
        let carried = match read? {
            0 => {
                // If nobody is there any more, the way back hears of it.
                let _ = to.shutdown().await;
                return Ok(());
            }
            length => to.write_all(&piece[..length]).await,
        };
        if carried.is_err() {
            // That nobody is there any more is news from over there.
            whole(&mut cuts, &[(link.1, link.0)]).await?;
        }
        carried?;
    }
}

impl Processes {
    /// The node whose process has the other end of a connection.
    async fn find(&self, caller: SocketAddr, here: SocketAddr, clock: &dyn Clock) -> Option<usize> {
        let give_up = clock.monotonic() + KNOWN_WITHIN;
        loop {
            if let Some(node) = self.look(caller, here) {
                return Some(node);
            }
            if clock.monotonic() > give_up {
                return None;
            }
            clock.sleep_until(clock.monotonic() + LOOK).await;
        }
    }

    fn look(&self, caller: SocketAddr, here: SocketAddr) -> Option<usize> {
        let inode = inode(&fs::read_to_string("/proc/net/tcp").ok()?, caller, here)?;
        let processes = self.0.lock().clone();
        processes.iter().position(|process| process.is_some_and(|process| has_socket(process, inode)))
    }
}

/// Of the socket that has these addresses, as the kernel's table of sockets says.
fn inode(table: &str, local: SocketAddr, remote: SocketAddr) -> Option<u64> {
    let (SocketAddr::V4(local), SocketAddr::V4(remote)) = (local, remote) else { return None };
    let (local, remote) = (in_table(local), in_table(remote));
    table.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let is_it = fields.next() == Some(local.as_str()) && fields.next() == Some(remote.as_str());
        fields.nth(6).filter(|_| is_it)?.parse().ok()
    })
}

/// As the table writes it: bytes as they lie in memory.
fn in_table(address: SocketAddrV4) -> String {
    format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port())
}

fn has_socket(process: u32, inode: u64) -> bool {
    let name = format!("socket:[{inode}]");
    let Ok(open) = fs::read_dir(format!("/proc/{process}/fd")) else { return false };
    open.flatten().any(|file| fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == name.as_str()))
}

#[cfg(test)]
mod tests {
    use weft_env::RealClock;

    use super::*;

    /// Two nodes: this process is the first, and what it calls is the second.
    async fn two() -> (Links, TcpListener) {
        let node = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
        let at = node.local_addr().expect("it is bound");
        let links = Links::lay(&[at, at], &clock).await.expect("ports are free");
        links.stands(0, Some(std::process::id()));
        (links, node)
    }

    async fn connected(links: &Links, node: &TcpListener) -> (TcpStream, TcpStream) {
        let caller = TcpStream::connect(links.address(1)).await.expect("it listens");
        let (called, _) = node.accept().await.expect("it is brought there");
        (caller, called)
    }

    async fn hears(stream: &mut TcpStream, expected: &[u8]) {
        let mut heard = vec![0; expected.len()];
        stream.read_exact(&mut heard).await.expect("it is connected");
        assert_eq!(heard, expected);
    }

    fn hears_nothing(stream: &TcpStream) {
        let heard = stream.try_read(&mut [0]);
        assert_eq!(heard.expect_err("nothing may have come").kind(), io::ErrorKind::WouldBlock);
    }

    #[tokio::test]
    async fn one_way_can_be_cut_while_the_other_is_whole() {
        let (links, node) = two().await;
        let (mut caller, mut called) = connected(&links, &node).await;
        caller.write_all(b"one").await.expect("it is connected");
        hears(&mut called, b"one").await;
        links.cut((0, 1), true);
        caller.write_all(b"two").await.expect("it is taken");
        called.write_all(b"back").await.expect("it is connected");
        hears(&mut caller, b"back").await;
        hears_nothing(&called);
        links.cut((0, 1), false);
        hears(&mut called, b"two").await;
    }

    #[tokio::test]
    async fn links_of_others_do_not_matter() {
        let (links, node) = two().await;
        links.cut((2, 1), true);
        links.cut((1, 2), true);
        let (mut caller, mut called) = connected(&links, &node).await;
        caller.write_all(b"hello").await.expect("it is connected");
        hears(&mut called, b"hello").await;
    }

    #[tokio::test]
    async fn no_connection_comes_through_a_cut_link_and_no_end_of_one() {
        let (links, node) = two().await;
        let (caller, mut called) = connected(&links, &node).await;
        links.cut((1, 0), true);
        let mut second = TcpStream::connect(links.address(1)).await.expect("it listens");
        second.write_all(b"second").await.expect("it is taken");
        assert!(futures::poll!(std::pin::pin!(node.accept())).is_pending());
        links.cut((1, 0), false);
        let (mut other, _) = node.accept().await.expect("it is brought there now");
        hears(&mut other, b"second").await;
        links.cut((0, 1), true);
        drop(caller);
        second.write_all(b"more").await.expect("it is taken");
        other.write_all(b"back").await.expect("it is connected");
        hears(&mut second, b"back").await;
        hears_nothing(&called);
        links.cut((0, 1), false);
        assert_eq!(called.read(&mut [0]).await.expect("it has ended in order"), 0);
        hears(&mut other, b"more").await;
    }

    #[tokio::test]
    async fn no_failure_is_heard_of_over_a_cut_link() {
        let (links, node) = two().await;
        let (mut caller, called) = connected(&links, &node).await;
        links.cut((1, 0), true);
        drop(called);
        // Whoever writes to one that is gone is told so by the second time.
        let clock = RealClock::new();
        for _ in 0..20 {
            caller.write_all(b"are you there?").await.expect("it is taken");
            clock.sleep_until(clock.monotonic() + LOOK).await;
        }
        hears_nothing(&caller);
        links.cut((1, 0), false);
        let heard = caller.read(&mut [0]).await;
        assert!(heard.as_ref().map_or(true, |length| *length == 0), "{heard:?}");
    }

    #[test]
    fn a_socket_is_found_by_both_of_its_addresses() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                     0: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 00000000  1000        0 111 1 x\n   \
                     1: 0100007F:C001 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 222 1 x\n";
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        assert_eq!(inode(table, at(0xc001), at(8080)), Some(222));
        assert_eq!(inode(table, at(8080), at(0xc001)), Some(111));
        assert_eq!(inode(table, at(8080), at(1)), None);
    }
}
