//! A part of a list or count: from this node's index, or asked of another node, or answered to another node.

use std::{collections::BTreeSet, future::Future};

use tonic::{Code, Response, Status};
use weft_protocol::internal::{
    CountPartRequest, CountedPart, ListPartRequest, RowsPart, Selection, WalkPartRequest,
    visibility_service_client::VisibilityServiceClient,
};
use weft_visibility::{CountPart, Error, PageRequest, Part, Query, Reader, Step, Walk};

use super::{ListError, Lists, gather::Lost, wire};
use crate::cluster::LinkAlone;

/// Of what a part is asked.
pub(super) struct Selected {
    namespace: String,
    query: Query,
    shards: BTreeSet<u32>,
}

impl Selected {
    pub(super) fn of(namespace: &str, query: &Query, shards: BTreeSet<u32>) -> Self {
        Self { namespace: namespace.to_owned(), query: query.clone(), shards }
    }

    fn wire(&self) -> Option<Selection> {
        Some(wire::selection(&self.namespace, &self.query, &self.shards))
    }
}

impl Lists {
    pub(super) async fn list_part(&self, node: u32, of: Selected, page: &PageRequest) -> Result<Part, Lost> {
        if self.is_own(node) {
            return self.list_here(of, page.clone()).await.map_err(lost_here);
        }
        let (size, after) = (wire::size(page.size), page.token.clone().unwrap_or_default().into());
        let mut peer = self.peer(node)?;
        let asked = peer.list_part(ListPartRequest { selection: of.wire(), size, after });
        let rows = self.while_it_lives(node, asked).await.map_err(|status| lost_at(node, &status))?;
        wire::page_part(rows, &of.query).map_err(nonsense(node))
    }

    pub(super) async fn walk_part(&self, node: u32, of: Selected, step: &Step) -> Result<Part, Lost> {
        if self.is_own(node) {
            return self.walk_here(of, step.clone()).await.map_err(lost_here);
        }
        let (size, after_run_id) = (wire::size(step.limit), step.after.clone().unwrap_or_default());
        let many = step.how == Walk::Many;
        let mut peer = self.peer(node)?;
        let asked = peer.walk_part(WalkPartRequest { selection: of.wire(), size, after_run_id, many });
        let rows = self.while_it_lives(node, asked).await.map_err(|status| lost_at(node, &status))?;
        wire::walk_part(rows).map_err(nonsense(node))
    }

    pub(super) async fn count_part(&self, node: u32, of: Selected) -> Result<CountPart, Lost> {
        if self.is_own(node) {
            return self.count_here(of).await.map_err(lost_here);
        }
        let mut peer = self.peer(node)?;
        let asked = peer.count_part(CountPartRequest { selection: of.wire() });
        self.while_it_lives(node, asked).await.map(wire::count_part).map_err(|status| count_lost_at(node, &status))
    }

    async fn list_here(&self, of: Selected, page: PageRequest) -> Result<Part, ListError> {
        self.part_here(of, move |reader, namespace, query| reader.part(namespace, query, &page)).await
    }

    async fn walk_here(&self, of: Selected, step: Step) -> Result<Part, ListError> {
        self.part_here(of, move |reader, namespace, query| reader.walk_part(namespace, query, &step)).await
    }

    async fn count_here(&self, of: Selected) -> Result<CountPart, ListError> {
        self.part_here(of, Reader::count_part).await
    }

    async fn part_here<T: Send + 'static>(
        &self,
        Selected { namespace, query, shards }: Selected,
        read: impl FnOnce(&Reader, &str, &Query) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, ListError> {
        let query = query.within(shards.clone());
        self.read(Some(&shards), move |index| read(index.reader(), &namespace, &query)).await
    }

    fn is_own(&self, node: u32) -> bool {
        node == self.around.peers.node
    }

    fn peer(&self, node: u32) -> Result<VisibilityServiceClient<LinkAlone>, Lost> {
        let peer = self.around.peers.visibility_service(node);
        peer.ok_or_else(|| Lost::Elsewhere(format!("node {node} is no member any more")))
    }

    async fn while_it_lives<T>(
        &self,
        node: u32,
        asked: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Status> {
        self.around.while_it_lives(node, self.clock.as_ref(), asked).await
    }
}

/// What another node asks of this one: answered from its own index, whoever else has copies.
impl Lists {
    pub(crate) async fn answer_list(&self, request: ListPartRequest) -> Result<RowsPart, Status> {
        let ListPartRequest { selection, size, after } = request;
        let token = (!after.is_empty()).then(|| after.to_vec());
        let page = PageRequest { size: wire::read_size(size), token };
        self.list_here(selected(selection)?, page).await.map(|part| wire::rows(&part)).map_err(told)
    }

    pub(crate) async fn answer_walk(&self, request: WalkPartRequest) -> Result<RowsPart, Status> {
        let WalkPartRequest { selection, size, after_run_id, many } = request;
        let after = (!after_run_id.is_empty()).then_some(after_run_id);
        let step = Step { after, limit: wire::read_size(size), how: if many { Walk::Many } else { Walk::Few } };
        self.walk_here(selected(selection)?, step).await.map(|part| wire::rows(&part)).map_err(told)
    }

    pub(crate) async fn answer_count(&self, request: CountPartRequest) -> Result<CountedPart, Status> {
        self.count_here(selected(request.selection)?).await.map(wire::counted).map_err(told)
    }
}

fn selected(selection: Option<Selection>) -> Result<Selected, Status> {
    let selection = selection.ok_or_else(|| Status::invalid_argument("a part of a list of nothing"))?;
    let (namespace, shards) = (selection.namespace_id.clone(), selection.shards.iter().copied().collect());
    let query = wire::asked(selection).query();
    let query =
        query.map_err(|why| Status::invalid_argument(format!("another node asks what this one cannot: {why}")))?;
    Ok(Selected { namespace, query, shards })
}

/// What another node is told of a list that cannot be given: it asks a third one, but where all would say so.
fn told(error: ListError) -> Status {
    match error {
        ListError::Index(Error::TooManyGroups) => Status::out_of_range(error.to_string()),
        ListError::Index(Error::Token(_) | Error::GroupedList) => Status::invalid_argument(error.to_string()),
        ListError::NoLeader
        | ListError::Rebuilding
        | ListError::NotHere(_)
        | ListError::Behind
        | ListError::Nobody { .. }
        | ListError::Index(_)
        | ListError::Writer(_)
        | ListError::Panicked => Status::unavailable(error.to_string()),
    }
}

/// Whatever it is, another node may know better: `OUT_OF_RANGE`, too, is what an answer gets that is too large.
fn lost_at(node: u32, status: &Status) -> Lost {
    Lost::Elsewhere(format!("node {node}: {}", status.message()))
}

/// The same of a count, of which all would say that it has too many groups.
fn count_lost_at(node: u32, status: &Status) -> Lost {
    match status.code() {
        Code::OutOfRange => Lost::Final(ListError::Index(Error::TooManyGroups)),
        _ => lost_at(node, status),
    }
}

fn lost_here(error: ListError) -> Lost {
    match error {
        // It was waited for already, and nobody else can tell what it has committed.
        ListError::NoLeader | ListError::Index(Error::TooManyGroups | Error::Token(_) | Error::GroupedList) => {
            Lost::Final(error)
        }
        ListError::Rebuilding
        | ListError::NotHere(_)
        | ListError::Behind
        | ListError::Nobody { .. }
        | ListError::Index(_)
        | ListError::Writer(_)
        | ListError::Panicked => Lost::Elsewhere(format!("this node: {error}")),
    }
}

fn nonsense<E: std::fmt::Display>(node: u32) -> impl Fn(E) -> Lost {
    move |why| Lost::Elsewhere(format!("node {node}: {why}"))
}
