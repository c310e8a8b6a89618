//! Search attributes of namespaces: registered, listed, taken away.
//!
//! Invariant: a change is decided by the metadata group against all that is applied and is seen by the next start, command
//! and list. A name that is registered already is skipped, whatever its type, as Temporal's server does. What runs have
//! keeps being shown when its name is taken away; only filters and new values know it no more.

use std::{collections::BTreeMap, sync::Arc};

use tonic::{Response, Status};
use weft_engine::{Namespace, search_attribute::type_name};
use weft_protocol::{
    api::{
        enums::IndexedValueType,
        operatorservice::{
            AddSearchAttributesRequest, AddSearchAttributesResponse, ListSearchAttributesRequest,
            ListSearchAttributesResponse, RemoveSearchAttributesRequest, RemoveSearchAttributesResponse,
        },
        workflowservice::GetSearchAttributesResponse,
    },
    error::{Error, text},
};
use weft_visibility::Schema;

use super::{context, namespace, validate::ids, wire};
use crate::node::Node;

/// Search attributes of one type that a namespace may have. The index has no columns that could run out; the bound
/// keeps the row of the namespace small.
const OF_A_TYPE_MAX: usize = 100;

/// Names that begin so are Temporal's, also those that do not exist yet.
const RESERVED_PREFIX: &str = "Temporal";

const NAME_NOT_SET: &str = "the name of a search attribute is empty";
const NAME_TOO_LONG: &str = "the name of a search attribute is too long";

type Kinds = BTreeMap<String, IndexedValueType>;

pub(crate) async fn add(
    node: &Node,
    body: AddSearchAttributesRequest,
) -> Result<Response<AddSearchAttributesResponse>, Status> {
    let kinds = readable(node, body.search_attributes)?;
    known_namespace(node, &body.namespace).await?;
    namespace::changed(node, &body.namespace, |row| added(&mut row.search_attributes, kinds)).await?;
    Ok(Response::new(AddSearchAttributesResponse {}))
}

pub(crate) async fn remove(
    node: &Node,
    body: RemoveSearchAttributesRequest,
) -> Result<Response<RemoveSearchAttributesResponse>, Status> {
    let names = body.search_attributes;
    if names.is_empty() {
        return Err(Error::invalid_argument(text::SEARCH_ATTRIBUTES_NOT_SET).into());
    }
    known_namespace(node, &body.namespace).await?;
    if let Some(name) = names.iter().find(|name| Schema::default().resolve_exactly(name).is_some()) {
        let message = format!("Unable to remove non-custom search attributes: {name}.");
        return Err(Error::invalid_argument(message).into());
    }
    let removed = namespace::changed(node, &body.namespace, |row| {
        // A name that is not there is as good as taken away.
        row.search_attributes.retain(|name, _| !names.contains(name));
        Ok(())
    });
    removed.await?;
    Ok(Response::new(RemoveSearchAttributesResponse {}))
}

pub(crate) async fn list(
    node: &Node,
    body: ListSearchAttributesRequest,
) -> Result<Response<ListSearchAttributesResponse>, Status> {
    let namespace = known_namespace(node, &body.namespace).await?;
    let view = node.metadata().view();
    let custom = view.by_id(&namespace.id).map(|row| row.search_attributes.clone()).unwrap_or_default();
    Ok(Response::new(ListSearchAttributesResponse {
        custom_attributes: custom.into_iter().collect(),
        system_attributes: wire::namespace::system_attributes().into_iter().collect(),
        ..ListSearchAttributesResponse::default()
    }))
}

/// Deprecated, and without a namespace: every name that a filter may use in any of them.
pub(crate) fn of_all_namespaces() -> Response<GetSearchAttributesResponse> {
    Response::new(GetSearchAttributesResponse { keys: wire::namespace::system_attributes().into_iter().collect() })
}

/// The calls about search attributes have a text of their own for a namespace that is not given.
async fn known_namespace(node: &Node, name: &str) -> Result<Arc<Namespace>, Status> {
    if name.is_empty() {
        return Err(Error::invalid_argument(text::SEARCH_ATTRIBUTE_NAMESPACE_NOT_SET).into());
    }
    context::namespace(node, name).await
}

/// What is wrong with the request whatever the namespace has. In the order of the names, so that the same mistake is
/// always named first.
fn readable(node: &Node, given: impl IntoIterator<Item = (String, i32)>) -> Result<Kinds, Error> {
    let given: BTreeMap<String, i32> = given.into_iter().collect();
    if given.is_empty() {
        return Err(Error::invalid_argument(text::SEARCH_ATTRIBUTES_NOT_SET));
    }
    let read = given.into_iter().map(|(name, kind)| {
        if is_reserved(&name) {
            return Err(Error::invalid_argument(format!("Search attribute {name} is reserved by system.")));
        }
        let limits = &node.settings().limits;
        ids::required(limits, &name, NAME_NOT_SET, NAME_TOO_LONG)?;
        match IndexedValueType::try_from(kind) {
            Ok(kind) => Ok((name, kind)),
            Err(_) => Err(Error::invalid_argument(format!("Unknown search attribute type: {kind}."))),
        }
    });
    read.collect()
}

fn is_reserved(name: &str) -> bool {
    name.starts_with(RESERVED_PREFIX) || Schema::default().resolve_exactly(name).is_some()
}

/// Puts those that are not there yet.
fn added(has: &mut BTreeMap<String, i32>, kinds: Kinds) -> Result<(), Error> {
    for (name, kind) in kinds {
        if has.contains_key(&name) {
            continue;
        }
        let limit = if kind == IndexedValueType::Unspecified { 0 } else { OF_A_TYPE_MAX };
        if has.values().filter(|other| **other == i32::from(kind)).count() >= limit {
            return Err(Error::invalid_argument(format!(
                "Unable to create search attributes: cannot have more than {limit} search attribute of type {}.",
                type_name(kind)
            )));
        }
        has.insert(name, kind.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(names: impl IntoIterator<Item = String>, kind: IndexedValueType) -> Kinds {
        names.into_iter().map(|name| (name, kind)).collect()
    }

    #[test]
    fn names_that_are_there_stay_as_they_are() {
        let mut has = BTreeMap::from([("A".to_owned(), i32::from(IndexedValueType::Int))]);
        let more = kinds(["A", "B"].map(str::to_owned), IndexedValueType::Keyword);
        added(&mut has, more).expect("both are fine");
        let expected = [("A", IndexedValueType::Int), ("B", IndexedValueType::Keyword)];
        assert_eq!(has, expected.map(|(name, kind)| (name.to_owned(), i32::from(kind))).into());
    }

    #[test]
    fn a_namespace_has_a_bounded_number_of_each_type() {
        let mut has = BTreeMap::new();
        let names = |count: usize| (0..count).map(|at| format!("A{at:03}"));
        added(&mut has, kinds(names(OF_A_TYPE_MAX), IndexedValueType::Text)).expect("as many as may be");
        added(&mut has, kinds(names(OF_A_TYPE_MAX), IndexedValueType::Text)).expect("they are there");
        let error = added(&mut has, kinds(["B".to_owned()], IndexedValueType::Text)).expect_err("one too many");
        let message = "Unable to create search attributes: cannot have more than 100 search attribute of type Text.";
        assert_eq!(error.message, message);
        added(&mut has, kinds(["B".to_owned()], IndexedValueType::Bool)).expect("of another type");
        let error = added(&mut has, kinds(["C".to_owned()], IndexedValueType::Unspecified)).expect_err("of no type");
        let message =
            "Unable to create search attributes: cannot have more than 0 search attribute of type Unspecified.";
        assert_eq!(error.message, message);
    }

    #[test]
    fn names_of_the_system_are_reserved() {
        for name in ["WorkflowId", "BuildIds", "BatcherUser", "TemporalMine", "TemporalScheduledById"] {
            assert!(is_reserved(name), "{name}");
        }
        for name in ["ScheduleId", "ScheduledById", "workflowid", "Mine"] {
            assert!(!is_reserved(name), "{name}");
        }
    }
}
