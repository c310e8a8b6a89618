//! Before the founders of a cluster vote for the first time, each says to each other which data directory it has.
//!
//! Invariant: who votes is known, by its directory, to all other founders, durably. So a founder that has lost its disk, and
//! with it its votes and what it had confirmed, is told from one that has never had any: whichever other founder it asks
//! knows the directory that was lost. That is why a first start waits for all of them, and not for a majority. And all of
//! them were told of the same number of shards: else one workflow id would be in two groups.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
    time::Duration,
};

use parking_lot::Mutex;
use tonic::{Code, Request, Status};
use uuid::Uuid;
use weft_env::Clock;
use weft_protocol::internal::{MeetRequest, members_service_client::MembersServiceClient};
use weft_store::datadir::{self, Founders};

use super::Peers;

/// Between two questions to those that have not answered.
const PAUSE: Duration = Duration::from_millis(200);
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// Between two lines about who is waited for.
const SAID: Duration = Duration::from_secs(10);

/// Why a founder may not vote.
#[derive(Debug, thiserror::Error)]
pub enum MeetError {
    #[error("node {node} does not take this node for a founder of the cluster: {why}")]
    Refused { node: u32, why: String },
    #[error(transparent)]
    DataDir(#[from] datadir::Error),
}

/// What this node knows of the founders, once its data are open.
#[derive(Default)]
pub(crate) struct Meeting(OnceLock<Opened>);

struct Opened {
    /// Of this node's data directory.
    shards: u16,
    /// Nothing if it founded nothing, or with a version that did not note it.
    founders: Option<Mutex<Founders>>,
}

impl Meeting {
    /// From now on the others are answered.
    pub(crate) fn open(&self, shards: u16, founders: Option<Founders>) {
        // A node is put together once.
        let _ = self.0.set(Opened { shards, founders: founders.map(Mutex::new) });
    }

    /// Another founder says which directory it has, and is told of this one.
    pub(crate) fn receive(&self, own: u32, asked: &MeetRequest) -> Result<Uuid, Status> {
        let node = asked.node;
        let Ok(directory) = asked.directory.parse::<Uuid>() else {
            return Err(Status::invalid_argument(format!("{:?} is no UUID of a data directory", asked.directory)));
        };
        let Some(opened) = self.0.get() else { return Err(Status::unavailable("this node is starting")) };
        let Some(founders) = &opened.founders else {
            return Err(Status::failed_precondition(format!(
                "node {own} has data, and was not told then which directory node {node} has. {}",
                what_to_do(node)
            )));
        };
        let mut founders = founders.lock();
        if founders.has_met() && founders.of(node).is_none() {
            return Err(Status::failed_precondition(format!(
                "node {node} did not found the cluster together with node {own}. {}",
                what_to_do(node)
            )));
        }
        // Before anything is noted, so that the directory of whoever is wrong may still be emptied. What the others have voted
        // with may not: one that comes late is told what to do below.
        if !founders.has_met() && ![0, u32::from(opened.shards)].contains(&asked.shards) {
            return Err(Status::failed_precondition(format!(
                "node {own} has {} shards (storage.shards) and node {node} has {}: all founders of a cluster must have the \
                 same number, which cannot be changed later. Nothing has been served yet: empty the data directory of \
                 whichever is wrong, and start it with the number of the others",
                opened.shards, asked.shards
            )));
        }
        match founders.is_known(node, directory) {
            Ok(true) => Ok(founders.own()),
            Ok(false) => Err(Status::failed_precondition(format!(
                "node {own} knows another data directory of node {node}, and this one has none of its data. {}",
                what_to_do(node)
            ))),
            Err(error) => Err(Status::unavailable(error.to_string())),
        }
    }

    /// Waits until all other founders know this node's directory, if it may not vote before that.
    pub(crate) async fn hold(&self, peers: &Peers, others: &BTreeSet<u32>, clock: &dyn Clock) -> Result<(), MeetError> {
        let Some(Opened { shards, founders: Some(founders) }) = self.0.get() else { return Ok(()) };
        let (own, has_met) = {
            let founders = founders.lock();
            (founders.own(), founders.has_met())
        };
        let request = MeetRequest { node: peers.node, directory: own.to_string(), shards: u32::from(*shards) };
        let mut missing = if has_met { BTreeSet::new() } else { others.clone() };
        let mut said_at = clock.monotonic();
        while !missing.is_empty() {
            let mut why = BTreeMap::new();
            let asked = missing.iter().map(|node| async { (*node, ask(peers, *node, request.clone()).await) });
            for (node, answer) in futures::future::join_all(asked).await {
                match answer {
                    // One that is not the first one of its number does not vote, and may go.
                    Ok(theirs) if founders.lock().is_known(node, theirs)? => drop(missing.remove(&node)),
                    Ok(_) => {
                        why.insert(node, "it has another data directory than before: it lost its data".to_owned());
                    }
                    Err(status) if is_final(&status) => {
                        return Err(MeetError::Refused { node, why: status.message().to_owned() });
                    }
                    Err(status) => drop(why.insert(node, status.message().to_owned())),
                }
            }
            if missing.is_empty() {
                break;
            }
            if clock.monotonic() >= said_at + SAID {
                said_at = clock.monotonic();
                tracing::info!(?missing, ?why, "the first start of a cluster waits for all of its founders");
            }
            clock.sleep_until(clock.monotonic() + PAUSE).await;
        }
        if !has_met {
            founders.lock().note_met()?;
        }
        Ok(())
    }

    /// The data directories of the founders, as far as they are known.
    pub(crate) fn directories(&self, own: u32, others: &BTreeSet<u32>) -> BTreeMap<u32, Uuid> {
        let Some(Opened { founders: Some(founders), .. }) = self.0.get() else { return BTreeMap::new() };
        let founders = founders.lock();
        let known = others.iter().filter_map(|node| Some((*node, founders.of(*node)?)));
        known.chain([(own, founders.own())]).collect()
    }
}

fn what_to_do(node: u32) -> String {
    format!(
        "A node that lost its data has forgotten its votes and must not come back under its number: remove it (wfctl \
         cluster remove {node}), and start this one with an empty data directory, --join and a number that no node ever \
         had. Only if the cluster has never served anybody: empty the data directories of all founders, and start them \
         again"
    )
}

async fn ask(peers: &Peers, node: u32, request: MeetRequest) -> Result<Uuid, Status> {
    let way = peers.way(node).ok_or_else(|| Status::unavailable("it is not known"))?;
    let mut request = Request::new(request);
    request.set_timeout(ANSWER_MAX);
    let answer = MembersServiceClient::new(way).meet(request).await?.into_inner();
    answer.directory.parse().map_err(|_| Status::unavailable("it names no directory"))
}

/// Asked again, it would say the same.
fn is_final(status: &Status) -> bool {
    // One that does not know the question is of an earlier version.
    matches!(
        status.code(),
        Code::FailedPrecondition | Code::PermissionDenied | Code::InvalidArgument | Code::Unimplemented
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "00000000-0000-0000-0000-000000000001";
    const SECOND: &str = "00000000-0000-0000-0000-000000000002";

    fn asks(node: u32, directory: &str) -> MeetRequest {
        MeetRequest { node, directory: directory.to_owned(), shards: 16 }
    }

    #[test]
    fn a_founder_that_comes_with_another_directory_is_told_what_to_do() {
        let dir = tempfile::tempdir().expect("a directory");
        let meeting = Meeting::default();
        let starting = meeting.receive(1, &asks(2, FIRST)).expect_err("it has not opened its data");
        assert_eq!(starting.code(), Code::Unavailable);
        let own = Uuid::from_u128(9);
        meeting.open(16, Some(Founders::begin(dir.path(), own).expect("it is written")));
        assert_eq!(meeting.receive(1, &asks(2, FIRST)).expect("it is the first"), own);
        assert_eq!(meeting.receive(1, &asks(2, FIRST)).expect("it is the same"), own);
        let refused = meeting.receive(1, &asks(2, SECOND)).expect_err("it is another one");
        assert!(is_final(&refused) && refused.message().contains("wfctl cluster remove 2"), "{refused}");
        assert!(is_final(&meeting.receive(1, &asks(2, "two")).expect_err("it is none")));
    }

    #[test]
    fn a_founder_with_another_number_of_shards_is_refused_and_not_noted() {
        let dir = tempfile::tempdir().expect("a directory");
        let own = Uuid::from_u128(9);
        let meeting = Meeting::default();
        meeting.open(16, Some(Founders::begin(dir.path(), own).expect("it is written")));
        let refused = meeting.receive(1, &MeetRequest { shards: 8, ..asks(2, FIRST) }).expect_err("it has eight");
        assert!(is_final(&refused) && refused.message().contains("node 2 has 8"), "{refused}");
        assert_eq!(meeting.receive(1, &asks(2, SECOND)).expect("its directory was emptied"), own);
        // A build that does not say.
        assert_eq!(meeting.receive(1, &MeetRequest { shards: 0, ..asks(3, FIRST) }).expect("it may be"), own);
    }

    #[test]
    fn whoever_comes_when_all_founders_have_met_is_none_of_them() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut founders = Founders::begin(dir.path(), Uuid::from_u128(9)).expect("it is written");
        founders.note_met().expect("it is noted");
        let meeting = Meeting::default();
        meeting.open(16, Some(founders));
        let refused = meeting.receive(1, &asks(4, FIRST)).expect_err("it joined later, if ever");
        assert!(is_final(&refused) && refused.message().contains("did not found the cluster"), "{refused}");
    }

    #[test]
    fn data_of_which_nothing_was_noted_know_no_founder_without_data() {
        let meeting = Meeting::default();
        meeting.open(16, None);
        let refused = meeting.receive(1, &asks(2, FIRST)).expect_err("it cannot tell");
        assert!(is_final(&refused) && refused.message().contains("node 1 has data"), "{refused}");
    }
}
