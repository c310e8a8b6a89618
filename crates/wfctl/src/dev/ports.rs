//! Which ports the nodes on one machine have.
//!
//! Invariant: all of them are known before any node starts, because each must know how the others are reached.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpListener},
};

use anyhow::Context;

use super::Args;
use crate::{exit::Failure, operations::PORTS_UP};

/// From the ports of one node to those of the next.
const NODES_APART: u16 = 100;
/// From the port of the API to that for other nodes: 7233 and 7235.
const INTERNAL_UP: u16 = 2;

/// Where a node listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) api: SocketAddr,
    pub(super) internal: SocketAddr,
    pub(super) operations: SocketAddr,
}

impl Ports {
    /// Those of all nodes, in their order.
    pub(super) fn choose(args: &Args, count: u32) -> anyhow::Result<Vec<Self>> {
        if args.port == 0 {
            return free(args.ip, count).context("the system has no free ports");
        }
        let operations = args.operations_port.or_else(|| args.port.checked_add(PORTS_UP));
        let all = (0..count).map(|index| Self::of(args.ip, args.port, operations, index)).collect::<Option<Vec<_>>>();
        let says = || format!("--port {} is too high: {count} nodes have {NODES_APART} ports each", args.port);
        all.ok_or_else(|| Failure::usage(says()).into())
    }

    fn of(ip: IpAddr, api: u16, operations: Option<u16>, index: u32) -> Option<Self> {
        let up = u16::try_from(index).ok()?.checked_mul(NODES_APART)?;
        let at = |port: u16| Some(SocketAddr::new(ip, port.checked_add(up)?));
        Some(Self { api: at(api)?, internal: at(api.checked_add(INTERNAL_UP)?)?, operations: at(operations?)? })
    }
}

/// Ports that nobody has, all found before one is let go.
fn free(ip: IpAddr, count: u32) -> io::Result<Vec<Ports>> {
    let bind = |_| TcpListener::bind(SocketAddr::new(ip, 0));
    let held = (0..3 * count).map(bind).collect::<io::Result<Vec<_>>>()?;
    let addresses = held.iter().map(TcpListener::local_addr).collect::<io::Result<Vec<_>>>()?;
    let ports = |three: &[SocketAddr]| Ports { api: three[0], internal: three[1], operations: three[2] };
    Ok(addresses.chunks_exact(3).map(ports).collect())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn of(api: u16, operations: Option<u16>, index: u32) -> Option<[u16; 3]> {
        let ports = Ports::of(Ipv4Addr::LOCALHOST.into(), api, operations, index)?;
        Some([ports.api, ports.internal, ports.operations].map(|address| address.port()))
    }

    #[test]
    fn each_node_has_ports_of_its_own() {
        assert_eq!(of(7233, Some(7280), 0), Some([7233, 7235, 7280]));
        assert_eq!(of(7233, Some(7280), 2), Some([7433, 7435, 7480]));
        assert_eq!((of(65_500, Some(1), 1), of(65_534, Some(1), 0)), (None, None));
    }

    #[test]
    fn the_system_chooses_different_ones() {
        let mut all: Vec<SocketAddr> = free(Ipv4Addr::LOCALHOST.into(), 3)
            .expect("there are some")
            .into_iter()
            .flat_map(|ports| [ports.api, ports.internal, ports.operations])
            .collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 9);
    }
}
