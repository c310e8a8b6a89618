//! A node that joins a cluster that is there asks one of its nodes to be let in.

use std::time::Duration;

use tonic::{Code, Request, Status};
use weft_env::Clock;
use weft_protocol::internal::{JoinRequest, JoinResponse, members_service_client::MembersServiceClient};

use super::{ClusterOptions, Peers};

/// How long one node may take to answer, and between two rounds over all that were named.
const ANSWER_MAX: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(200);

/// Why a node does not join.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    #[error("the cluster does not let this node in: {0}")]
    Refused(String),
    #[error("none of {addresses:?} lets this node join: {last}")]
    Unreachable { addresses: Vec<String>, last: String },
    #[error("the cluster says that it has {0} shards, which cannot be")]
    Shards(u32),
}

/// Asks those that were named, in turn, until one answers.
pub(crate) async fn ask(
    peers: &Peers,
    options: &ClusterOptions,
    clock: &dyn Clock,
    request: &JoinRequest,
    patience: Duration,
) -> Result<JoinResponse, JoinError> {
    let give_up = clock.monotonic() + patience;
    loop {
        let mut last = "they were not asked".to_owned();
        for address in &options.join {
            match ask_one(peers, address, request).await {
                Ok(answer) => return Ok(answer),
                Err(status) if is_final(&status) => return Err(JoinError::Refused(status.message().to_owned())),
                Err(status) => last = format!("{address}: {}", status.message()),
            }
        }
        if clock.monotonic() >= give_up {
            return Err(JoinError::Unreachable { addresses: options.join.clone(), last });
        }
        clock.sleep_until(clock.monotonic() + PAUSE).await;
    }
}

async fn ask_one(peers: &Peers, address: &str, request: &JoinRequest) -> Result<JoinResponse, Status> {
    let way = peers.way_to(address).ok_or_else(|| Status::unavailable("it is no address"))?;
    let mut request = Request::new(request.clone());
    request.set_timeout(ANSWER_MAX);
    MembersServiceClient::new(way).join(request).await.map(tonic::Response::into_inner)
}

/// Asked again, it would say the same.
fn is_final(status: &Status) -> bool {
    matches!(status.code(), Code::FailedPrecondition | Code::PermissionDenied | Code::InvalidArgument)
}
