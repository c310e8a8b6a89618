//! The cluster's format level (rule 18): which builds fit it, and how it is raised.
//!
//! Invariants: it is raised by one entry of the metadata, when every node that is not removed has said that it supports the
//! new level and has closed its data directory to builds that do not; so no such build can come back in between. One that
//! joins meanwhile changes who the nodes are, and then nothing is raised. It is raised when an operator says so, because
//! there is no way back (docs/adr/0016); where nothing was before there is no way back to take, so a cluster begins at the
//! newest level that all of its founders support, in the same way.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures::future::join_all;
use tonic::{Code, Request, Status};
use weft_protocol::internal::{PrepareLevelRequest, PrepareLevelResponse, RaiseLevelRequest};
use weft_rows::{Level, Supported};
use weft_shard::{Members, MembersChange};

use super::{super::NodeInner, refused};

/// How long a node may take to say what it supports, or to close its data directory.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// What the nodes say that they support, or why one says nothing.
type Said = BTreeMap<u32, Result<Supported, String>>;

/// Why a build cannot be a node of a cluster at this level, if it cannot.
pub(crate) fn misfit(level: Level, supported: Supported) -> Option<String> {
    if level > supported.newest {
        return Some(format!(
            "the cluster is at format level {level}, and this build supports levels {supported}: start a newer one; a level is \
             never lowered"
        ));
    }
    (level < supported.oldest).then(|| {
        format!(
            "the cluster is at format level {level}, and this build supports levels {supported}: start a build that supports \
             both, and raise the level there (wfctl cluster finalize)"
        )
    })
}

/// To which level a cluster can be raised; none if it is at the newest that its nodes know.
fn target(level: Level, said: &Said) -> Result<Option<Level>, String> {
    let mut supported = BTreeMap::new();
    for (node, answer) in said {
        let answer = answer.as_ref().map_err(|why| {
            format!(
                "node {node} does not say what it supports ({why}): all nodes have to run. Bring it back, or remove it \
                 (wfctl cluster remove {node})"
            )
        })?;
        supported.insert(*node, *answer);
    }
    let Some(newest) = supported.values().map(|of| of.newest).max().filter(|newest| *newest > level) else {
        return Ok(None);
    };
    let behind = supported.iter().filter(|(_, of)| !of.includes(newest));
    let behind: Vec<String> = behind.map(|(node, of)| format!("node {node} (levels {of})")).collect();
    if behind.is_empty() {
        return Ok(Some(newest));
    }
    Err(format!(
        "level {newest} is not supported by {}: replace the program there first; the cluster stays at level {level}",
        behind.join(", ")
    ))
}

/// At which level a cluster begins that these found: the newest that all support. Not known while one does not answer.
fn first(said: &Said) -> Result<Level, String> {
    let mut all = Vec::new();
    for (node, answer) in said {
        all.push(*answer.as_ref().map_err(|why| format!("node {node} does not say what it supports: {why}"))?);
    }
    let newest = all.iter().map(|of| of.newest).min();
    Ok(newest.filter(|newest| all.iter().all(|of| of.includes(*newest))).unwrap_or_default())
}

/// Those that have to support what is written.
fn nodes_of(members: &Members) -> BTreeSet<u32> {
    members.present().map(|row| row.node).collect()
}

impl NodeInner {
    /// Raises the cluster's level to the newest that its nodes know, if this node leads the metadata; else whoever does is
    /// asked. Answers with what an operator is told.
    pub(crate) async fn raise_level(self: &Arc<Self>, forwarded: bool) -> Result<String, Status> {
        let elsewhere = if self.peers.is_alone() { None } else { self.elsewhere(forwarded)? };
        if let Some(mut leader) = elsewhere {
            let answer = leader.raise_level(RaiseLevelRequest { forwarded: true }).await;
            return answer.map(|answer| answer.into_inner().said).map_err(|status| match status.code() {
                Code::Unimplemented => Status::failed_precondition(
                    "the node that leads the metadata runs a build that knows no levels: replace the program of all nodes \
                     first",
                ),
                _ => status,
            });
        }
        let before = self.metadata.members();
        let mut nodes = nodes_of(&before);
        if self.peers.is_alone() {
            nodes = BTreeSet::from([self.options.node]);
        } else if nodes.is_empty() {
            return Err(Status::unavailable("this cluster is starting"));
        }
        let target = target(before.level, &self.prepared(&nodes, None).await).map_err(Status::failed_precondition)?;
        let Some(target) = target else {
            return Ok(format!("the cluster is at level {}, the newest that its nodes know", before.level));
        };
        for (node, closed) in self.prepared(&nodes, Some(target)).await {
            closed.map_err(|why| {
                Status::unavailable(format!(
                    "node {node} has not closed its data to builds that do not support level {target} ({why}), and others \
                     may have: try again"
                ))
            })?;
        }
        let decide = |now: &Members| match now.level == before.level && nodes_of(now) == nodes_of(&before) {
            true => Ok((vec![MembersChange::Level(target)], ())),
            false => Err(Status::unavailable("the cluster has changed meanwhile: try again")),
        };
        self.metadata.change_members(decide).await.map_err(refused)?;
        tracing::info!(level = %target, "the cluster's format level was raised");
        Ok(format!(
            "the cluster is at level {target}; builds that do not support it are refused from now on, on every node's data"
        ))
    }

    /// At which level the cluster begins that these nodes found. All of them have closed their data to builds that do not
    /// support it.
    pub(super) async fn first_level(self: &Arc<Self>, founders: &BTreeSet<u32>) -> Result<Level, String> {
        let level = first(&self.prepared(founders, None).await)?;
        if level > Level::FIRST {
            for (node, closed) in self.prepared(founders, Some(level)).await {
                closed.map_err(|why| format!("node {node} has not closed its data to earlier builds: {why}"))?;
            }
        }
        Ok(level)
    }

    /// What each of the nodes answers, this one among them. With a level, each closes its data to builds without it.
    async fn prepared(self: &Arc<Self>, nodes: &BTreeSet<u32>, level: Option<Level>) -> Said {
        let asked = nodes.iter().map(|node| async move { (*node, self.prepared_at(*node, level).await) });
        join_all(asked).await.into_iter().collect()
    }

    async fn prepared_at(self: &Arc<Self>, node: u32, level: Option<Level>) -> Result<Supported, String> {
        let answer = if node == self.options.node {
            self.prepare_level(level).await
        } else {
            let mut peer = self.peers.members_service(node).ok_or_else(|| "it is not known".to_owned())?;
            let mut request = Request::new(PrepareLevelRequest { level: level.map_or(0, Level::number) });
            request.set_timeout(ANSWER_MAX);
            peer.prepare_level(request).await.map(tonic::Response::into_inner)
        };
        match answer {
            Ok(PrepareLevelResponse { oldest, newest }) => Ok(Supported::from_numbers(oldest, newest)),
            Err(status) if status.code() == Code::Unimplemented => Ok(Supported::NONE_SAID),
            Err(status) => Err(status.message().to_owned()),
        }
    }

    /// Says which levels this node supports. With a level, its data directory is closed to builds without it before that,
    /// durably.
    pub(crate) async fn prepare_level(self: &Arc<Self>, level: Option<Level>) -> Result<PrepareLevelResponse, Status> {
        let supported = self.options.levels;
        if let Some(level) = level {
            if let Some(why) = misfit(level, supported) {
                return Err(Status::failed_precondition(why));
            }
            let node = Arc::clone(self);
            let raise = move || node.hold.raise(level);
            let raised = self.pool.call(raise).await.map_err(|panic| Status::internal(panic.to_string()))?;
            raised.map_err(|error| Status::unavailable(error.to_string()))?;
        }
        let (oldest, newest) = (supported.oldest.number(), supported.newest.number());
        Ok(PrepareLevelResponse { oldest, newest })
    }

    /// What a node that is there supports, as far as this one knows.
    pub(crate) fn supported_by(&self, node: u32) -> Option<Supported> {
        if node == self.options.node {
            Some(self.options.levels)
        } else {
            self.heard.supported_by(node, self.clock.monotonic())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(number: u32) -> Level {
        Level::new(number).expect("it is not 0")
    }

    fn said(nodes: &[(u32, u32)]) -> Said {
        let answer =
            |(node, (oldest, newest)): (u32, &(u32, u32))| (node, Ok(Supported::from_numbers(*oldest, *newest)));
        (1..).zip(nodes).map(answer).collect()
    }

    #[test]
    fn a_cluster_is_raised_to_the_newest_level_when_every_node_supports_it() {
        assert_eq!(target(level(1), &said(&[(1, 2), (1, 2), (1, 2)])), Ok(Some(level(2))));
        assert_eq!(target(level(1), &said(&[(1, 3), (2, 3)])), Ok(Some(level(3))), "over a level, as nothing needs it");
        assert_eq!(target(level(2), &said(&[(1, 2), (1, 2)])), Ok(None));
        assert_eq!(target(level(1), &said(&[(0, 0)])), Ok(None), "nobody knows more");
    }

    #[test]
    fn a_cluster_begins_at_the_newest_level_that_all_its_founders_support() {
        assert_eq!(first(&said(&[(1, 3), (1, 3), (1, 3)])), Ok(level(3)));
        assert_eq!(first(&said(&[(1, 3), (1, 2), (2, 4)])), Ok(level(2)), "what the oldest build supports");
        assert_eq!(first(&said(&[(1, 3), (0, 0)])), Ok(level(1)), "one knows no levels");
        let mut silent = said(&[(1, 3)]);
        silent.insert(2, Err("it starts".to_owned()));
        assert!(first(&silent).expect_err("it may be of any build").contains("node 2"));
        assert_eq!(first(&said(&[(1, 1), (2, 3)])), Ok(level(1)), "one of them does not start");
    }

    #[test]
    fn a_node_that_does_not_support_it_holds_it_back_and_is_named() {
        let why = target(level(1), &said(&[(1, 2), (0, 0), (1, 2)])).expect_err("node 2 is of an earlier build");
        assert!(why.contains("node 2 (levels 1)") && why.contains("stays at level 1"), "{why}");
        let why = target(level(1), &said(&[(1, 2), (1, 3)])).expect_err("a build between them is on its way in");
        assert!(why.contains("level 3 is not supported by node 1 (levels 1 to 2)"), "{why}");
    }

    #[test]
    fn a_node_that_does_not_answer_may_be_of_any_build() {
        let mut said = said(&[(1, 2), (1, 2)]);
        said.insert(3, Err("it is gone".to_owned()));
        let why = target(level(1), &said).expect_err("nobody knows");
        assert!(why.contains("node 3") && why.contains("wfctl cluster remove 3"), "{why}");
    }

    #[test]
    fn a_build_that_does_not_fit_says_which_one_would() {
        let build = Supported::from_numbers(2, 3);
        assert_eq!((misfit(level(2), build), misfit(level(3), build)), (None, None));
        let (older, newer) = (misfit(level(1), build), misfit(level(4), build));
        assert!(older.is_some_and(|why| why.contains("supports both")));
        assert!(newer.is_some_and(|why| why.contains("start a newer one")));
    }
}
