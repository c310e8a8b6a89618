//! What a node is told of its cluster at its start.

use std::{collections::BTreeMap, net::SocketAddr};

use uuid::Uuid;

/// A node's part in a cluster: it founds it with others, or it joins one that is there. The members that it founds it with
/// are the same on all of them; who came and went since is in the metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterOptions {
    /// What tells this cluster from every other one: its id is made from it.
    pub name: String,
    /// The founders by their numbers, this node among them: where their internal ports are reached, `HOST:PORT`. Empty for
    /// a node of its own, and for one that joins.
    pub members: BTreeMap<u32, String>,
    /// Internal ports of nodes of a cluster that is there: this node joins it. One that answers is enough.
    pub join: Vec<String>,
    /// Where the others reach this node if it joins, `HOST:PORT`; the address it listens on if it is empty.
    pub advertise: String,
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
    #[error(
        "both members and nodes to join are named: a node either founds a cluster with its members or joins one that is \
         there; leave out --member (cluster.members) to join"
    )]
    FoundsAndJoins,
    #[error("--join (cluster.join) {address:?} is not HOST:PORT: name the internal port of a node of the cluster")]
    Join { address: String },
    #[error(
        "the others would have to reach this node at {address:?}, which is no address of one machine: say where, with \
         --advertise HOST:PORT (cluster.advertise)"
    )]
    Advertise { address: String },
    #[error("the address {address:?} of member {node} is not HOST:PORT")]
    Address { node: u32, address: String },
    #[error(
        "the data directory is that of node {found}, and this node is {wanted}: give it its own directory or its number"
    )]
    OtherNode { found: u32, wanted: u32 },
    #[error(
        "the data directory is that of a node of its own: start it as the only member of its cluster \
         (--member {node}=HOST:PORT and no other); then let the other nodes join it"
    )]
    NotTheOnlyMember { node: u32 },
    #[error("the data directory belongs to cluster {found}, and this node to cluster {wanted}")]
    OtherCluster { found: Uuid, wanted: Uuid },
}

/// The namespace of the ids that are made from names of clusters.
const IDS: Uuid = Uuid::from_u128(0x3f6a_8f0e_2f0b_4c2f_9d3c_77e0_5a1b_6c4d);

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            name: String::new(),
            members: BTreeMap::new(),
            join: Vec::new(),
            advertise: String::new(),
            listen: SocketAddr::from(([127, 0, 0, 1], 7235)),
        }
    }
}

impl ClusterOptions {
    /// A node of its own.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.members.is_empty() && !self.joins()
    }

    /// It joins a cluster that is there.
    #[must_use]
    pub fn joins(&self) -> bool {
        !self.join.is_empty()
    }

    /// Where the others are to reach this node, if it joins.
    #[must_use]
    pub fn advertised(&self) -> String {
        if self.advertise.is_empty() { self.listen.to_string() } else { self.advertise.clone() }
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
        if node == 0 {
            return Err(ClusterError::Zero { node });
        }
        if self.joins() { self.check_joining() } else { self.check_members(node) }
    }

    fn check_joining(&self) -> Result<(), ClusterError> {
        if !self.members.is_empty() {
            return Err(ClusterError::FoundsAndJoins);
        }
        if let Some(address) = self.join.iter().find(|address| !is_address(address)) {
            return Err(ClusterError::Join { address: address.clone() });
        }
        let everywhere = self.advertise.is_empty() && self.listen.ip().is_unspecified();
        let address = self.advertised();
        if everywhere || !is_address(&address) { Err(ClusterError::Advertise { address }) } else { Ok(()) }
    }

    fn check_members(&self, node: u32) -> Result<(), ClusterError> {
        for (node, address) in &self.members {
            if *node == 0 {
                return Err(ClusterError::Zero { node: *node });
            }
            if !is_address(address) {
                return Err(ClusterError::Address { node: *node, address: address.clone() });
            }
        }
        if !self.members.contains_key(&node) {
            return Err(ClusterError::NotAMember { node, members: self.members.keys().copied().collect() });
        }
        Ok(())
    }
}

/// `HOST:PORT`.
pub(crate) fn is_address(text: &str) -> bool {
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
    port.is_some_and(|port| port.parse::<u16>().is_ok()) && format!("http://{text}").parse::<http::Uri>().is_ok()
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
        for address in ["", "a", ":7235", "a:", "a:70000", "a b:7235"] {
            let expected = Err(ClusterError::Address { node: 1, address: address.to_owned() });
            assert_eq!(cluster("c", &[(1, address)]).check(1), expected, "{address:?}");
        }
        assert_eq!(cluster("c", &[(0, "a:1")]).check(0), Err(ClusterError::Zero { node: 0 }));
    }

    #[test]
    fn a_node_that_joins_says_whom_and_where_it_is_reached() {
        let joining = |join: &str, advertise: &str, listen: &str| {
            let (join, advertise) = (vec![join.to_owned()], advertise.to_owned());
            let listen = listen.parse().expect("an address");
            ClusterOptions { name: "c".to_owned(), join, advertise, listen, ..ClusterOptions::default() }
        };
        let plain = joining("a:7235", "", "10.0.0.4:7235");
        assert_eq!((plain.check(4), plain.advertised()), (Ok(()), "10.0.0.4:7235".to_owned()));
        assert_eq!(joining("a:7235", "d:7235", "0.0.0.0:7235").check(4), Ok(()));
        let nowhere = ClusterError::Advertise { address: "0.0.0.0:7235".to_owned() };
        assert_eq!(joining("a:7235", "", "0.0.0.0:7235").check(4), Err(nowhere));
        assert_eq!(joining("a", "", "10.0.0.4:7235").check(4), Err(ClusterError::Join { address: "a".to_owned() }));
        let members = cluster("c", &[(4, "d:7235")]).members;
        assert_eq!(ClusterOptions { members, ..plain }.check(4), Err(ClusterError::FoundsAndJoins));
    }

    #[test]
    fn the_id_of_a_cluster_is_made_from_its_name_for_ever() {
        let id = cluster("weft", &[(1, "a:7235")]).id().map(|id| id.to_string());
        assert_eq!(id.as_deref(), Some("52f2a603-f647-55a6-9795-288613a03f63"));
    }
}
