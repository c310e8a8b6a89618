//! Where the nodes stand: each in a network namespace of its own, and, if this is root, with its data on a disk of its own
//! that can be full. Where no namespaces can be had they stand beside each other, and what they send each other goes through
//! this program (`proxy`).
//!
//! The program starts itself again within namespaces for the network, for mounts and for processes. Root gets them, and
//! others where the kernel lets them be root among themselves. So nothing stays behind however the program ends, and
//! ports and addresses are the same in every run.
//!
//! Invariants: a node has one address for all others, as in a real network; nodes reach each other through this
//! program's own namespace alone, or through the program itself, where what goes from one to another can be stopped. Clients
//! stand there, and are never cut off.

use std::{
    env,
    net::SocketAddr,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use anyhow::{Context, bail};
use tokio::net::TcpListener;
use weft_env::Clock;

use crate::proxy::Links;

/// Says to the program within which namespaces it runs.
const STANDS: &str = "WEFT_CHAOS_STANDS";
const AS_ROOT: &str = "root";
const AS_USER: &str = "user";
const OUTSIDE: &str = "outside";
const WALLS: [&str; 6] = ["--net", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child"];
const BALLAST: &str = "ballast";
/// Pieces of what fills a disk, in bytes, the largest first, each so many times as large as the next.
const PIECES: [u64; 10] =
    [1 << 30, 1 << 28, 1 << 26, 1 << 24, 1 << 22, 1 << 20, 256 << 10, 64 << 10, 16 << 10, 4 << 10];
const TIMES_SMALLER: u32 = 4;

/// What can be done to the nodes, and to where they stand.
#[derive(Debug)]
pub(crate) struct Ground {
    addresses: Vec<Addresses>,
    /// Where there are no networks that could be cut.
    links: Option<Links>,
    disks: Option<Vec<PathBuf>>,
}

/// Where a node is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    pub(crate) public: SocketAddr,
    pub(crate) operations: SocketAddr,
    /// Where it listens for the others, and where they reach it.
    pub(crate) internal: SocketAddr,
    pub(crate) advertised: SocketAddr,
}

/// Starts this program again within namespaces, if that is wanted, can be had and has not been done. Comes back where it
/// stays.
pub(crate) fn enter(is_wanted: bool) -> anyhow::Result<()> {
    if !is_wanted || env::var_os(STANDS).is_some() {
        return Ok(());
    }
    let kinds: [(&str, &[&str]); 2] = [(AS_ROOT, &[]), (AS_USER, &["--user", "--map-root-user"])];
    let program = env::current_exe()?;
    for (stands, more) in kinds {
        let walls = || {
            let mut unshare = Command::new("unshare");
            unshare.args(more).args(WALLS);
            unshare
        };
        let tried = walls().arg("true").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if tried.is_ok_and(|tried| tried.success()) {
            let failed = walls().arg(&program).args(env::args_os().skip(1)).env(STANDS, stands).exec();
            return Err(failed).context("cannot run unshare");
        }
    }
    Ok(())
}

/// Whether root has made the namespaces, and so may do everything else that faults need.
pub(crate) fn is_roots() -> bool {
    env::var(STANDS).is_ok_and(|stands| stands == AS_ROOT)
}

impl Ground {
    /// Prepares it for so many nodes, with their disks in `place`.
    pub(crate) async fn prepare(
        nodes: usize,
        place: &Path,
        disk_mib: u64,
        clock: &Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let stands = env::var(STANDS).unwrap_or_else(|_| OUTSIDE.to_owned());
        if stands == OUTSIDE {
            return Self::without_networks(nodes, clock).await;
        }
        lay_networks(nodes)?;
        let disks = (1..=nodes).map(|node| lay_disk(place, node, disk_mib)).collect::<anyhow::Result<_>>();
        let disks = if is_roots() { Some(disks?) } else { None };
        Ok(Self { addresses: (0..nodes).map(in_its_network).collect(), links: None, disks })
    }

    async fn without_networks(nodes: usize, clock: &Arc<dyn Clock>) -> anyhow::Result<Self> {
        let mut addresses = free_addresses(nodes).await?;
        let listening: Vec<SocketAddr> = addresses.iter().map(|addresses| addresses.internal).collect();
        let links = Links::lay(&listening, clock).await?;
        for (node, addresses) in addresses.iter_mut().enumerate() {
            addresses.advertised = links.address(node);
        }
        Ok(Self { addresses, links: Some(links), disks: None })
    }

    /// What it is like, for people.
    pub(crate) fn describe(&self) -> &'static str {
        match self.links {
            Some(_) => "no namespaces: links between nodes go through this program",
            None => "each node in a network namespace of its own",
        }
    }

    /// From now on this process is the node.
    pub(crate) fn stands(&self, node: usize, process: Option<u32>) {
        if let Some(links) = &self.links {
            links.stands(node, process);
        }
    }

    pub(crate) fn has_disks(&self) -> bool {
        self.disks.is_some()
    }

    /// For how many there is room.
    pub(crate) fn nodes(&self) -> usize {
        self.addresses.len()
    }

    pub(crate) fn addresses(&self, node: usize) -> Addresses {
        self.addresses[node]
    }

    /// Where a node's data may be, if it has a disk of its own.
    pub(crate) fn disk(&self, node: usize) -> Option<&Path> {
        self.disks.as_ref().map(|disks| disks[node].as_path())
    }

    /// What runs a program where a node stands.
    pub(crate) fn command(&self, node: usize, program: &Path) -> Command {
        if self.links.is_some() {
            return Command::new(program);
        }
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &name(node)]).arg(program);
        command
    }

    /// Drops all that goes from one node to another, or no longer; the way back is another one.
    pub(crate) fn cut(&self, from: usize, to: usize, is_cut: bool) -> anyhow::Result<()> {
        if let Some(links) = &self.links {
            links.cut((from, to), is_cut);
            return Ok(());
        }
        let verb = if is_cut { "add" } else { "del" };
        run("ip", &["rule", verb, "from", &host(from), "to", &host(to), "priority", "100", "blackhole"])
    }

    /// Fills a node's disk to the last block, or so that a little is left.
    pub(crate) fn fill(&self, node: usize, left_mib: u64) -> anyhow::Result<()> {
        let disk = self.disk(node).context("it has no disk of its own")?;
        let file = disk.join(BALLAST).to_string_lossy().into_owned();
        if left_mib > 0 {
            // At no moment is there less than that: a node notices every one.
            let taken = available_mib(disk)?.saturating_sub(left_mib);
            return run("fallocate", &["--length", &format!("{taken}MiB"), &file]);
        }
        let takes = |at: u64, piece: u64| {
            let mut take = Command::new("fallocate");
            take.args(["--offset", &at.to_string(), "--length", &piece.to_string(), &file]);
            take.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        let (mut filled, mut pieces, mut of_this_size) = (0_u64, &PIECES[..], 0);
        while let Some(piece) = pieces.first().copied() {
            if !takes(filled, piece) {
                (pieces, of_this_size) = (&pieces[1..], 0);
                continue;
            }
            filled += piece;
            of_this_size += 1;
            if of_this_size > TIMES_SMALLER {
                // There was no room for a larger one, so some was given back: a node that stops gives back much.
                (pieces, of_this_size) = (&PIECES[..], 0);
            }
        }
        Ok(())
    }

    /// Gives the room back.
    pub(crate) fn empty(&self, node: usize) -> anyhow::Result<()> {
        let disk = self.disk(node).context("it has no disk of its own")?;
        Ok(std::fs::remove_file(disk.join(BALLAST))?)
    }

    /// Lets go of the disks, so that their files can be removed.
    pub(crate) fn leave(&self) -> anyhow::Result<()> {
        self.disks.iter().flatten().try_for_each(|disk| run("umount", &[&disk.to_string_lossy()]))
    }
}

/// A namespace for each node, with one cable to ours.
fn lay_networks(nodes: usize) -> anyhow::Result<()> {
    run("ip", &["link", "set", "lo", "up"])?;
    // `ip netns` keeps its namespaces there; this one is ours alone.
    run("mount", &["-t", "tmpfs", "none", "/run"])?;
    std::fs::create_dir_all("/run/netns")?;
    std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
    for node in 0..nodes {
        let (name, near, far) = (name(node), gateway(node), host(node));
        run("ip", &["netns", "add", &name])?;
        run("ip", &["link", "add", &name, "type", "veth", "peer", "name", "cable", "netns", &name])?;
        run("ip", &["address", "add", &format!("{near}/24"), "dev", &name])?;
        run("ip", &["link", "set", &name, "up"])?;
        run("ip", &["-n", &name, "address", "add", &format!("{far}/24"), "dev", "cable"])?;
        run("ip", &["-n", &name, "link", "set", "cable", "up"])?;
        run("ip", &["-n", &name, "link", "set", "lo", "up"])?;
        run("ip", &["-n", &name, "route", "add", "default", "via", &near])?;
    }
    Ok(())
}

/// A file system of its own in a sparse file, gone with the namespace of mounts.
fn lay_disk(place: &Path, node: usize, mib: u64) -> anyhow::Result<PathBuf> {
    let (image, mounted) = (place.join(format!("{node}.img")), place.join(format!("disk-{node}")));
    std::fs::File::create(&image)?.set_len(mib << 20)?;
    std::fs::create_dir(&mounted)?;
    let (image, at) = (image.to_string_lossy().into_owned(), mounted.to_string_lossy().into_owned());
    // Nothing is kept for root, which the nodes are.
    run("mkfs.ext4", &["-q", "-F", "-m", "0", &image])?;
    run("mount", &["-o", "loop", &image, &at])?;
    Ok(mounted)
}

fn available_mib(disk: &Path) -> anyhow::Result<u64> {
    let said = Command::new("df").args(["--output=avail", "-BM"]).arg(disk).output().context("cannot run df")?;
    let said = String::from_utf8_lossy(&said.stdout);
    let number = said.lines().last().map(|line| line.trim().trim_end_matches('M').parse());
    number.with_context(|| format!("df says {said:?}"))?.with_context(|| format!("df says {said:?}"))
}

fn name(node: usize) -> String {
    format!("node{}", node + 1)
}

fn gateway(node: usize) -> String {
    format!("10.77.{}.1", node + 1)
}

fn host(node: usize) -> String {
    format!("10.77.{}.2", node + 1)
}

fn in_its_network(node: usize) -> Addresses {
    let at = |port: u16| SocketAddr::new(host(node).parse().expect("an address by construction"), port);
    Addresses { public: at(7233), operations: at(7280), internal: at(7235), advertised: at(7235) }
}

/// Free ports of this machine. Whoever takes one in between makes a node fail to start, which is said.
async fn free_addresses(nodes: usize) -> anyhow::Result<Vec<Addresses>> {
    let mut held = Vec::new();
    for _ in 0..nodes * 3 {
        held.push(TcpListener::bind("127.0.0.1:0").await.context("no free port")?);
    }
    let free: Vec<SocketAddr> = held.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?;
    let of_node = |three: &[SocketAddr]| Addresses {
        public: three[0],
        operations: three[1],
        internal: three[2],
        advertised: three[2],
    };
    Ok(free.chunks(3).map(of_node).collect())
}

fn run(program: &str, args: &[&str]) -> anyhow::Result<()> {
    let said = Command::new(program).args(args).output().with_context(|| format!("cannot run {program}"))?;
    if said.status.success() {
        return Ok(());
    }
    bail!("{program} {}: {}", args.join(" "), String::from_utf8_lossy(&said.stderr).trim())
}
