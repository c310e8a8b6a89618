//! What a node is told of its cluster at its start.

use std::{collections::BTreeMap, net::SocketAddr};

use uuid::Uuid;

/// A cluster with static members. The same on all of them but for the address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterOptions {
    /// What tells this cluster from every other one: its id is made from it.
    pub name: String,
    /// The members by their numbers, this node among them: where their internal ports are reached, `HOST:PORT`. Empty for
    /// a node of its own.
    pub members: BTreeMap<u32, String>,
    /// Where this node listens for the others.
    pub listen: SocketAddr,
}

/// Why a cluster's options make no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    #[error("node {node} is not among the members {members:?}: name it with its address, as on the other nodes")]
    NotAMember { node: u32, members: Vec<u32> },
    #[error("a cluster needs a name of its own, the same on all members: its nodes know each other by it")]
    NoName,
    #[error("member {node} has number 0: nodes count from 1")]
    Zero { node: u32 },
    #[error("the address {address:?} of member {node} is not HOST:PORT")]
    Address { node: u32, address: String },
    #[error(
        "the data directory is that of node {found}, and this node is {wanted}: give it its own directory or its number"
    )]
    OtherNode { found: u32, wanted: u32 },
    #[error("the data directory belongs to cluster {found}, and this node to cluster {wanted}")]
    OtherCluster { found: Uuid, wanted: Uuid },
}

/// The namespace of the ids that are made from names of clusters.
const IDS: Uuid = Uuid::from_u128(0x3f6a_8f0e_2f0b_4c2f_9d3c_77e0_5a1b_6c4d);

impl Default for ClusterOptions {
    fn default() -> Self {
        Self { name: String::new(), members: BTreeMap::new(), listen: SocketAddr::from(([127, 0, 0, 1], 7235)) }
    }
}

impl ClusterOptions {
    /// A node of its own.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.members.is_empty()
    }

    /// The cluster's id, the same on all members; none for a node of its own, whose data directory makes one up.
    #[must_use]
    pub fn id(&self) -> Option<Uuid> {
        (!self.is_alone()).then(|| Uuid::new_v5(&IDS, self.name.as_bytes()))
    }

    /// Checks that it can be the cluster of `node`.
    ///
    /// # Errors
    /// See [`ClusterError`].
    pub fn check(&self, node: u32) -> Result<(), ClusterError> {
        if self.is_alone() {
            return Ok(());
        }
        if self.name.is_empty() {
            return Err(ClusterError::NoName);
        }
        for (node, address) in &self.members {
            if *node == 0 {
                return Err(ClusterError::Zero { node: *node });
            }
            let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
            if port.is_none_or(|port| port.parse::<u16>().is_err()) {
                return Err(ClusterError::Address { node: *node, address: address.clone() });
            }
        }
        if !self.members.contains_key(&node) {
            return Err(ClusterError::NotAMember { node, members: self.members.keys().copied().collect() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(name: &str, members: &[(u32, &str)]) -> ClusterOptions {
        let members = members.iter().map(|(node, address)| (*node, (*address).to_owned())).collect();
        ClusterOptions { name: name.to_owned(), members, ..ClusterOptions::default() }
    }

    #[test]
    fn a_node_of_its_own_needs_nothing() {
        assert_eq!(ClusterOptions::default().check(1), Ok(()));
        assert_eq!(ClusterOptions::default().id(), None);
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        let members = [(1, "a:7235"), (2, "b:7235")];
        assert_eq!(cluster("c", &members).check(2), Ok(()));
        assert_eq!(cluster("", &members).check(1), Err(ClusterError::NoName));
        assert_eq!(cluster("c", &members).check(3), Err(ClusterError::NotAMember { node: 3, members: vec![1, 2] }));
        for address in ["", "a", ":7235", "a:", "a:70000"] {
            let expected = Err(ClusterError::Address { node: 1, address: address.to_owned() });
            assert_eq!(cluster("c", &[(1, address)]).check(1), expected, "{address:?}");
        }
        assert_eq!(cluster("c", &[(0, "a:1")]).check(0), Err(ClusterError::Zero { node: 0 }));
    }

    #[test]
    fn the_id_of_a_cluster_is_made_from_its_name_for_ever() {
        let id = cluster("weft", &[(1, "a:7235")]).id().map(|id| id.to_string());
        assert_eq!(id.as_deref(), Some("52f2a603-f647-55a6-9795-288613a03f63"));
    }
}
