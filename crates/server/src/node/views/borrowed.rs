//! Views that other nodes lend to a backup that is made here.
//!
//! Invariants: what was taken is kept alive until it is dropped here, and then given back, also where it was not heard whether
//! it was taken. A piece has the checksum that its lender gave it. Once a lender has lost what it lent there is no more of the
//! backup: nobody else has rows of that moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::future::join_all;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tonic::{Code, Request, Response, Status};
use weft_env::Clock;
use weft_protocol::internal::{backup_service_client::BackupServiceClient, *};
use weft_raft::{MachineError, PictureOf};

use super::{LEASE, OPEN_MAX, PREPARE_MAX, View};
use crate::{
    cluster::{Link, Peers},
    node::{NodeInner, lists::Lost},
};

/// More than one in a lease: one may be lost.
const KEEP_INTERVAL: Duration = Duration::from_secs(15);
/// How long a node may take to answer, but for what it applies first.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// How long a piece may take, and for how long it is asked for again.
const PIECE_MAX: Duration = Duration::from_secs(30);
const AGAIN_MAX: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_millis(100);

type Client = BackupServiceClient<Link>;

/// What was taken by one name. It is given back when this is dropped.
pub(crate) struct Borrowed {
    shared: Arc<Shared>,
    /// Gone, it ends what keeps the rest alive.
    _wanted: oneshot::Sender<()>,
}

struct Shared {
    token: String,
    peers: Peers,
    clock: Arc<dyn Clock>,
    lenders: Mutex<BTreeMap<u32, Lender>>,
    /// Why there is no more of it.
    lost: Mutex<Option<String>>,
}

#[derive(Clone)]
struct Lender {
    client: Client,
    /// When it said the last time that it has something of it: monotonic, and nothing before it has.
    heard: Option<Duration>,
}

impl Borrowed {
    /// Nothing was taken yet.
    pub(crate) fn new(peers: Peers, clock: Arc<dyn Clock>, token: String) -> Self {
        let (lenders, lost) = (Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { token, peers, clock, lenders, lost });
        let (wanted, left) = oneshot::channel();
        tokio::spawn(Arc::clone(&shared).keep(left));
        Self { shared, _wanted: wanted }
    }

    /// Has a node apply what was committed in these groups.
    pub(in crate::node) async fn prepare(&self, node: u32, groups: &BTreeSet<u32>) -> Result<(), Lost> {
        let mut client = self.shared.client(node).map_err(Lost::Elsewhere)?;
        let request = PrepareViewsRequest { groups: groups.iter().copied().collect() };
        let prepared = client.prepare(within(request, PREPARE_MAX + ANSWER_MAX)).await;
        prepared.map(drop).map_err(|status| refused(node, &status))
    }

    /// Has a node take views of these groups.
    pub(in crate::node) async fn open(&self, node: u32, groups: &BTreeSet<u32>) -> Result<Vec<View>, Lost> {
        let mut client = self.shared.client(node).map_err(Lost::Elsewhere)?;
        let request = OpenViewsRequest { token: self.shared.token.clone(), groups: groups.iter().copied().collect() };
        let opened = client.open(within(request, OPEN_MAX + ANSWER_MAX)).await;
        let opened = opened.map_err(|status| refused(node, &status))?.into_inner().views;
        if opened.iter().map(|view| view.group).collect::<BTreeSet<_>>() != *groups {
            return Err(Lost::Elsewhere(format!("node {node} gives other views than it was asked for")));
        }
        self.shared.heard(node);
        Ok(opened.into_iter().map(|OpenedView { group, index }| View::Lent { by: node, group, index }).collect())
    }

    /// The piece of a view, here or elsewhere, at a cursor.
    pub(crate) async fn piece(&self, here: &NodeInner, view: &View, cursor: Bytes) -> Result<PictureOf, MachineError> {
        match view {
            View::Here(view) => here.read_view(Arc::clone(view), cursor).await,
            View::Lent { by, group, .. } => self.shared.piece(*by, *group, cursor).await.map_err(MachineError::new),
        }
    }
}

impl Shared {
    /// The way to a lender, made when it is first asked for anything.
    fn client(&self, node: u32) -> Result<Client, String> {
        let mut lenders = self.lenders.lock();
        if let Some(lender) = lenders.get(&node) {
            return Ok(lender.client.clone());
        }
        let client = self.peers.backup_service(node);
        let client = client.ok_or_else(|| format!("node {node} is no member any more"))?;
        lenders.insert(node, Lender { client: client.clone(), heard: None });
        Ok(client)
    }

    fn heard(&self, node: u32) {
        if let Some(lender) = self.lenders.lock().get_mut(&node) {
            lender.heard = Some(self.clock.monotonic());
        }
    }

    fn lose(&self, why: String) -> String {
        self.lost.lock().get_or_insert(why).clone()
    }

    async fn piece(&self, node: u32, group: u32, cursor: Bytes) -> Result<PictureOf, String> {
        let mut client = self.client(node)?;
        let mut give_up = None;
        loop {
            // Another one may have lost what will be wanted later.
            if let Some(why) = self.lost.lock().clone() {
                return Err(why);
            }
            let request = ReadViewRequest { token: self.token.clone(), group, cursor: cursor.clone() };
            let why = match client.read(within(request, PIECE_MAX)).await.map(Response::into_inner) {
                Ok(answer) if crc32fast::hash(&answer.piece) == answer.crc32 => {
                    self.heard(node);
                    let ReadViewResponse { piece: bytes, next, .. } = answer;
                    return Ok(PictureOf { bytes, next: (!next.is_empty()).then_some(next) });
                }
                Ok(_) => "a piece does not have its checksum".to_owned(),
                Err(status) if status.code() == Code::NotFound => return Err(self.lose(forgotten(node))),
                Err(status) => status.message().to_owned(),
            };
            let now = self.clock.monotonic();
            if *give_up.get_or_insert(now + AGAIN_MAX) <= now {
                return Err(self.lose(silent(node, &why)));
            }
            self.clock.sleep_until(now + RETRY).await;
        }
    }

    /// Says to all lenders that it is still wanted, until it is not.
    async fn keep(self: Arc<Self>, mut left: oneshot::Receiver<()>) {
        loop {
            let round = async {
                self.clock.sleep_until(self.clock.monotonic() + KEEP_INTERVAL).await;
                self.keep_all().await;
            };
            tokio::select! {
                biased;
                // Nothing is ever sent.
                _ = &mut left => break,
                () = round => {}
            }
        }
        let lenders = self.lenders.lock().clone();
        join_all(lenders.into_values().map(|lender| async {
            let mut client = lender.client;
            // One that does not hear it has a lease.
            let _ = client.close(within(CloseViewsRequest { token: self.token.clone() }, ANSWER_MAX)).await;
        }))
        .await;
    }

    async fn keep_all(&self) {
        let lenders = self.lenders.lock().clone();
        join_all(lenders.into_iter().map(|(node, lender)| async move {
            let Some(heard) = lender.heard else { return };
            let mut client = lender.client;
            match client.keep(within(KeepViewsRequest { token: self.token.clone() }, ANSWER_MAX)).await {
                Ok(_) => self.heard(node),
                Err(status) if status.code() == Code::NotFound => {
                    self.lose(forgotten(node));
                }
                Err(status) if self.clock.monotonic() >= heard + LEASE => {
                    self.lose(silent(node, status.message()));
                }
                Err(_) => {}
            }
        }))
        .await;
    }
}

fn within<T>(request: T, patience: Duration) -> Request<T> {
    let mut request = Request::new(request);
    request.set_timeout(patience);
    request
}

fn refused(node: u32, status: &Status) -> Lost {
    Lost::Elsewhere(match status.code() {
        Code::Unimplemented => format!(
            "node {node} is of an earlier version, which gives no rows to a backup that another node makes: upgrade all \
             nodes, or ask one that has copies of all shards"
        ),
        _ => format!("node {node}: {}", status.message()),
    })
}

fn forgotten(node: u32) -> String {
    format!(
        "node {node} has lost rows that it had for this backup: it was started again, or has not heard of this node for {} s; \
         make another backup",
        LEASE.as_secs()
    )
}

fn silent(node: u32, why: &str) -> String {
    format!("node {node}, which has rows of this backup, does not answer any more ({why}): make another backup")
}

#[cfg(test)]
mod tests;
