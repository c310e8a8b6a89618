//! Namespaces: register, describe, list, update, deprecate, delete.
//!
//! Invariant: a change is decided against all that is applied, by the metadata group, so two registrations of one name
//! cannot both succeed.

use std::{convert::Infallible, sync::Arc};

use tonic::{Response, Status};
use weft_engine::{NamespaceId, Timestamp};
use weft_protocol::{
    api::{
        enums::ArchivalState,
        operatorservice::{DeleteNamespaceRequest, DeleteNamespaceResponse},
        workflowservice::*,
    },
    error::{Error, text},
};
use weft_rows::{
    namespace::{NamespaceRow, NamespaceState},
    token::Page,
};
use weft_shard::ChangeError;

use super::{system::CLUSTER_NAME, validate::ids, wire};
use crate::node::Node;

/// Namespaces of a page, when the caller does not say, and at most.
const PAGE: usize = 100;
const PAGE_MAX: usize = 1000;
/// So much of its id stands at least in the name of a deleted namespace.
const DELETED_ID_CHARS: usize = 5;

pub(crate) async fn register(
    node: &Node,
    body: RegisterNamespaceRequest,
) -> Result<Response<RegisterNamespaceResponse>, Status> {
    let limits = &node.settings().limits;
    let retention = wire::namespace::retention(body.workflow_execution_retention_period.as_ref())?;
    ids::required(limits, &body.namespace, text::NAMESPACE_NOT_SET, text::NAMESPACE_TOO_LONG)?;
    if body.is_global_namespace {
        return Err(Error::invalid_argument("Cannot register global namespace when not enabled").into());
    }
    let clusters = body.clusters.iter().map(|cluster| cluster.cluster_name.as_str());
    known_clusters(clusters.chain([body.active_cluster_name.as_str()]))?;
    refuse_archival(body.history_archival_state(), body.visibility_archival_state())?;
    let row = NamespaceRow {
        id: NamespaceId::from(node.ids().uuid().hyphenated().to_string()),
        name: body.namespace,
        description: body.description,
        owner_email: body.owner_email,
        data: body.data.into_iter().collect(),
        retention,
        state: NamespaceState::Registered,
        search_attributes: Default::default(),
        created_at: Timestamp(node.clock().now().0),
    };
    let changed = node.metadata().change(|namespaces| match namespaces.by_name(&row.name) {
        Some(_) => Err(Error::namespace_already_exists(format!("Namespace {:?} already exists", row.name))),
        None => Ok((vec![row], ())),
    });
    changed.await.map_err(refused)?;
    Ok(Response::new(Default::default()))
}

pub(crate) async fn describe(
    node: &Node,
    body: DescribeNamespaceRequest,
) -> Result<Response<DescribeNamespaceResponse>, Status> {
    if !body.namespace.is_empty() && !body.id.is_empty() {
        let message = "GetNamespace operation failed.  Both ID and Name specified in request.";
        return Err(Error::invalid_argument(message).into());
    }
    let row = find(node, &body.namespace, &body.id).await?;
    Ok(Response::new(described(node, &row)))
}

pub(crate) async fn list(node: &Node, body: ListNamespacesRequest) -> Result<Response<ListNamespacesResponse>, Status> {
    let after = match body.next_page_token.as_slice() {
        [] => None,
        token => match Page::decode(token) {
            Ok(Page::List(cursor)) => Some(cursor),
            Ok(Page::History(_)) | Err(_) => return Err(Error::invalid_argument(text::PAGE_TOKEN_INVALID).into()),
        },
    };
    let size = usize::try_from(body.page_size).ok().filter(|size| *size > 0).unwrap_or(PAGE).min(PAGE_MAX);
    let with_deleted = body.namespace_filter.is_some_and(|filter| filter.include_deleted);
    confirmed(node).await?;
    let view = node.metadata().view();
    // The cursor is the last name of the page before.
    let wanted = view.iter().filter(|row| {
        (with_deleted || row.state != NamespaceState::Deleted)
            && after.as_ref().is_none_or(|after| row.name.as_bytes() > after.as_slice())
    });
    let mut rows: Vec<Arc<NamespaceRow>> = wanted.take(size + 1).cloned().collect();
    drop(view);
    let more = rows.len() > size;
    rows.truncate(size);
    let last = rows.last().filter(|_| more);
    Ok(Response::new(ListNamespacesResponse {
        namespaces: rows.iter().map(|row| described(node, row)).collect(),
        next_page_token: last.map(|row| Page::List(row.name.clone().into_bytes()).encode()).unwrap_or_default(),
    }))
}

pub(crate) async fn update(
    node: &Node,
    body: UpdateNamespaceRequest,
) -> Result<Response<UpdateNamespaceResponse>, Status> {
    if body.namespace.is_empty() {
        return Err(Error::invalid_argument(text::NAMESPACE_NOT_SET).into());
    }
    if body.promote_namespace {
        return Err(Error::invalid_argument(format!(
            "global namespace is not enabled on this cluster, cannot update global namespace or promote local \
                 namespace: {}",
            body.namespace
        ))
        .into());
    }
    if let Some(replication) = &body.replication_config {
        let clusters = replication.clusters.iter().map(|cluster| cluster.cluster_name.as_str());
        known_clusters(clusters.chain([replication.active_cluster_name.as_str()]))?;
    }
    let retention = match body.config.as_ref().and_then(|config| config.workflow_execution_retention_ttl.as_ref()) {
        Some(given) => Some(wire::namespace::retention(Some(given))?),
        None => None,
    };
    if let Some(config) = &body.config {
        refuse_archival(config.history_archival_state(), config.visibility_archival_state())?;
    }
    let info = body.update_info.unwrap_or_default();
    let row = changed(node, &body.namespace, move |row| {
        if !info.description.is_empty() {
            row.description = info.description;
        }
        if !info.owner_email.is_empty() {
            row.owner_email = info.owner_email;
        }
        row.data.extend(info.data);
        row.retention = retention.unwrap_or(row.retention);
        Ok(())
    });
    let described = described(node, &Arc::new(row.await?));
    Ok(Response::new(UpdateNamespaceResponse {
        namespace_info: described.namespace_info,
        config: described.config,
        replication_config: described.replication_config,
        failover_version: described.failover_version,
        is_global_namespace: described.is_global_namespace,
    }))
}

pub(crate) async fn deprecate(
    node: &Node,
    body: DeprecateNamespaceRequest,
) -> Result<Response<DeprecateNamespaceResponse>, Status> {
    if body.namespace.is_empty() {
        return Err(Error::invalid_argument(text::NAMESPACE_NOT_SET).into());
    }
    let deprecated = changed(node, &body.namespace, |row| {
        row.state = NamespaceState::Deprecated;
        Ok(())
    });
    deprecated.await?;
    Ok(Response::new(Default::default()))
}

/// Marks a namespace as deleted and frees its name at once; its runs are removed in the background. The delay that a
/// caller may ask for concerns the namespace's own row, which stays here.
pub(crate) async fn delete(
    node: &Node,
    body: DeleteNamespaceRequest,
) -> Result<Response<DeleteNamespaceResponse>, Status> {
    if !body.namespace.is_empty() && !body.namespace_id.is_empty() {
        return Err(Error::invalid_argument(text::NAMESPACE_NAME_AND_ID).into());
    }
    let found = find(node, &body.namespace, &body.namespace_id).await?;
    let deleted = node.metadata().change(|namespaces| {
        let row = namespaces.by_id(&found.id).ok_or_else(|| Error::namespace_not_found(&found.name))?;
        let mut row = NamespaceRow::clone(row);
        if row.state != NamespaceState::Deleted {
            row.name = deleted_name(&row, |name| namespaces.by_name(name).is_some());
            row.state = NamespaceState::Deleted;
        }
        let name = row.name.clone();
        Ok((vec![row], name))
    });
    let deleted_namespace = deleted.await.map_err(refused)?;
    Ok(Response::new(DeleteNamespaceResponse { deleted_namespace }))
}

/// The name and so much of the id that nobody else has it.
fn deleted_name(row: &NamespaceRow, is_taken: impl Fn(&str) -> bool) -> String {
    let id = row.id.as_str();
    let mut names = (DELETED_ID_CHARS..=id.len()).filter_map(|length| id.get(..length));
    let name = |part: &str| format!("{}-deleted-{part}", row.name);
    names.by_ref().map(name).find(|name| !is_taken(name)).unwrap_or_else(|| name(id))
}

/// The namespace of this id or, without one, of this name.
async fn find(node: &Node, name: &str, id: &str) -> Result<Arc<NamespaceRow>, Status> {
    if name.is_empty() && id.is_empty() {
        return Err(Error::invalid_argument(text::NAMESPACE_NOT_SET).into());
    }
    ids::within(&node.settings().limits, name, text::NAMESPACE_TOO_LONG)?;
    ids::within(&node.settings().limits, id, text::NAMESPACE_TOO_LONG)?;
    confirmed(node).await?;
    let view = node.metadata().view();
    let (found, wanted) = match id {
        "" => (view.by_name(name), name),
        id => (view.by_id(&NamespaceId::from(id)), id),
    };
    found.cloned().ok_or_else(|| Error::namespace_not_found(wanted).into())
}

/// Changes one namespace and gives it back as it is then.
///
/// # Errors
/// What `change` says; then the namespace stays as it was.
pub(crate) async fn changed(
    node: &Node,
    name: &str,
    change: impl FnOnce(&mut NamespaceRow) -> Result<(), Error>,
) -> Result<Arc<NamespaceRow>, Status> {
    ids::within(&node.settings().limits, name, text::NAMESPACE_TOO_LONG)?;
    let changed = node.metadata().change(|namespaces| {
        let row = namespaces.by_name(name).ok_or_else(|| Error::namespace_not_found(name))?;
        let mut row = NamespaceRow::clone(row);
        change(&mut row)?;
        Ok((vec![row.clone()], Arc::new(row)))
    });
    changed.await.map_err(refused)
}

async fn confirmed(node: &Node) -> Result<(), Status> {
    let unavailable = |error: ChangeError<Infallible>| Status::from(Error::unavailable(error.to_string()));
    node.metadata().confirmed().await.map_err(unavailable)
}

fn refused(error: ChangeError<Error>) -> Status {
    match error {
        ChangeError::Refused(error) => error.into(),
        ChangeError::Unavailable => Error::unavailable(error.to_string()).into(),
    }
}

/// There is one cluster, and it need not be named.
fn known_clusters<'c>(names: impl Iterator<Item = &'c str>) -> Result<(), Status> {
    match names.into_iter().find(|name| !name.is_empty() && *name != CLUSTER_NAME) {
        Some(name) => Err(Error::invalid_argument(format!("Invalid cluster name: {name}")).into()),
        None => Ok(()),
    }
}

fn refuse_archival(history: ArchivalState, visibility: ArchivalState) -> Result<(), Status> {
    if [history, visibility].contains(&ArchivalState::Enabled) {
        return Err(Error::invalid_argument("this server has no archival").into());
    }
    Ok(())
}

fn described(node: &Node, row: &NamespaceRow) -> DescribeNamespaceResponse {
    DescribeNamespaceResponse {
        namespace_info: Some(wire::namespace::info(row, node.settings())),
        config: Some(wire::namespace::config(row)),
        replication_config: Some(wire::namespace::replication()),
        ..DescribeNamespaceResponse::default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_name_of_a_deleted_namespace_is_nobody_elses() {
        let row = NamespaceRow {
            id: "01234567-89ab".into(),
            name: "orders".to_owned(),
            description: String::new(),
            owner_email: String::new(),
            data: Default::default(),
            retention: Duration::from_secs(3600),
            state: NamespaceState::Registered,
            search_attributes: Default::default(),
            created_at: Timestamp(0),
        };
        assert_eq!(deleted_name(&row, |_| false), "orders-deleted-01234");
        assert_eq!(deleted_name(&row, |name| name == "orders-deleted-01234"), "orders-deleted-012345");
        assert_eq!(deleted_name(&row, |_| true), "orders-deleted-01234567-89ab");
    }
}
