//! A part of a list or count: from this node's index, or asked of another node, or answered to another node.

use std::{collections::BTreeSet, future::Future};

use tonic::{Code, Response, Status};
use weft_protocol::internal::{
    CountPartRequest, CountedPart, ListPartRequest, RowsPart, Selection, WalkPartRequest,
    visibility_service_client::VisibilityServiceClient,
};
use weft_visibility::{CountPart, Error, PageRequest, Part, Query, Walk};

use super::{ListError, Lists, Step, gather::Lost, wire};
use crate::cluster::LinkAlone;

impl Lists {
    pub(super) async fn list_part(
        &self,
        node: u32,
        shards: BTreeSet<u32>,
        namespace: &str,
        query: &Query,
        page: &PageRequest,
    ) -> Result<Part, Lost> {
        if node == self.around.peers.node {
            return self.list_here(shards, namespace.to_owned(), query.clone(), page.clone()).await.map_err(lost_here);
        }
        let selection = Some(wire::selection(namespace, query, &shards));
        let (size, after) = (wire::size(page.size), page.token.clone().unwrap_or_default().into());
        let mut peer = self.peer(node)?;
        let asked = peer.list_part(ListPartRequest { selection, size, after });
        wire::page_part(self.while_it_lives(node, asked).await?, query).map_err(nonsense(node))
    }

    pub(super) async fn walk_part(
        &self,
        node: u32,
        shards: BTreeSet<u32>,
        namespace: &str,
        query: &Query,
        step: &Step,
    ) -> Result<Part, Lost> {
        if node == self.around.peers.node {
            return self.walk_here(shards, namespace.to_owned(), query.clone(), step.clone()).await.map_err(lost_here);
        }
        let selection = Some(wire::selection(namespace, query, &shards));
        let (size, after_run_id) = (wire::size(step.limit), step.after.clone().unwrap_or_default());
        let mut peer = self.peer(node)?;
        let many = step.how == Walk::Many;
        let asked = peer.walk_part(WalkPartRequest { selection, size, after_run_id, many });
        wire::walk_part(self.while_it_lives(node, asked).await?).map_err(nonsense(node))
    }

    pub(super) async fn count_part(
        &self,
        node: u32,
        shards: BTreeSet<u32>,
        namespace: &str,
        query: &Query,
    ) -> Result<CountPart, Lost> {
        if node == self.around.peers.node {
            return self.count_here(shards, namespace.to_owned(), query.clone()).await.map_err(lost_here);
        }
        let selection = Some(wire::selection(namespace, query, &shards));
        let mut peer = self.peer(node)?;
        let asked = peer.count_part(CountPartRequest { selection });
        Ok(wire::count_part(self.while_it_lives(node, asked).await?))
    }

    async fn list_here(
        &self,
        shards: BTreeSet<u32>,
        namespace: String,
        query: Query,
        page: PageRequest,
    ) -> Result<Part, ListError> {
        let query = query.within(shards.clone());
        self.read(Some(&shards), move |index| index.reader().part(&namespace, &query, &page)).await
    }

    async fn walk_here(
        &self,
        shards: BTreeSet<u32>,
        namespace: String,
        query: Query,
        step: Step,
    ) -> Result<Part, ListError> {
        let query = query.within(shards.clone());
        let Step { after, limit, how } = step;
        let walk = move |index: &weft_visibility::Visibility| {
            index.reader().walk_part(&namespace, &query, after.as_deref(), limit, how)
        };
        self.read(Some(&shards), walk).await
    }

    async fn count_here(&self, shards: BTreeSet<u32>, namespace: String, query: Query) -> Result<CountPart, ListError> {
        let query = query.within(shards.clone());
        self.read(Some(&shards), move |index| index.reader().count_part(&namespace, &query)).await
    }

    fn peer(&self, node: u32) -> Result<VisibilityServiceClient<LinkAlone>, Lost> {
        let peer = self.around.peers.visibility_service(node);
        peer.ok_or_else(|| Lost::Elsewhere(format!("node {node} is no member any more")))
    }

    async fn while_it_lives<T>(
        &self,
        node: u32,
        asked: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Lost> {
        let answer = self.around.while_it_lives(node, self.clock.as_ref(), asked).await;
        answer.map_err(|status| lost_at(node, &status))
    }
}

/// What another node asks of this one: answered from its own index, whoever else has copies.
impl Lists {
    pub(crate) async fn answer_list(&self, request: ListPartRequest) -> Result<RowsPart, Status> {
        let ListPartRequest { selection, size, after } = request;
        let Selected { namespace, query, shards } = selected(selection)?;
        let token = (!after.is_empty()).then(|| after.to_vec());
        let page = PageRequest { size: wire::read_size(size), token };
        self.list_here(shards, namespace, query, page).await.map(|part| wire::rows(&part)).map_err(told)
    }

    pub(crate) async fn answer_walk(&self, request: WalkPartRequest) -> Result<RowsPart, Status> {
        let WalkPartRequest { selection, size, after_run_id, many } = request;
        let Selected { namespace, query, shards } = selected(selection)?;
        let after = (!after_run_id.is_empty()).then_some(after_run_id);
        let step = Step { after, limit: wire::read_size(size), how: if many { Walk::Many } else { Walk::Few } };
        self.walk_here(shards, namespace, query, step).await.map(|part| wire::rows(&part)).map_err(told)
    }

    pub(crate) async fn answer_count(&self, request: CountPartRequest) -> Result<CountedPart, Status> {
        let Selected { namespace, query, shards } = selected(request.selection)?;
        self.count_here(shards, namespace, query).await.map(wire::counted).map_err(told)
    }
}

/// Of what a part is asked.
struct Selected {
    namespace: String,
    query: Query,
    shards: BTreeSet<u32>,
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

fn lost_at(node: u32, status: &Status) -> Lost {
    match status.code() {
        Code::OutOfRange => Lost::Final(ListError::Index(Error::TooManyGroups)),
        _ => Lost::Elsewhere(format!("node {node}: {}", status.message())),
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
