//! Namespaces.

use std::{collections::BTreeMap, time::Duration};

use weft_engine::{Settings, wire_span};
use weft_protocol::{
    api::{
        self,
        enums::{ArchivalState, IndexedValueType, ReplicationState},
        namespace::{BadBinaries, NamespaceConfig, NamespaceInfo, namespace_info},
        replication::{ClusterReplicationConfig, NamespaceReplicationConfig},
    },
    error::{Error, text},
    time,
};
use weft_rows::namespace::NamespaceRow;
use weft_visibility::{PREDEFINED, Schema, System, attribute::Type};

use crate::{
    frontend::{context::wire_state, system::CLUSTER_NAME},
    node::type_of,
};

/// Closed runs are kept for at least this long.
const RETENTION_SHORTEST: Duration = Duration::from_secs(3600);

pub(crate) fn info(row: &NamespaceRow, settings: &Settings) -> NamespaceInfo {
    let limit = |bytes| i64::try_from(bytes).unwrap_or(i64::MAX);
    NamespaceInfo {
        name: row.name.clone(),
        state: wire_state(row.state).into(),
        description: row.description.clone(),
        owner_email: row.owner_email.clone(),
        data: row.data.clone().into_iter().collect(),
        id: row.id.to_string(),
        // Each flag changes what workers do: true only for what is built.
        capabilities: Some(namespace_info::Capabilities {
            eager_workflow_start: settings.eager_workflow_start,
            reported_problems_search_attribute: true,
            sync_update: true,
            async_update: true,
            worker_heartbeats: true,
            worker_poll_complete_on_shutdown: true,
            poller_autoscaling: true,
            workflow_pause: true,
            ..namespace_info::Capabilities::default()
        }),
        limits: Some(namespace_info::Limits {
            blob_size_limit_error: limit(settings.limits.blob_bytes_error),
            memo_size_limit_error: limit(settings.limits.memo_bytes),
            ..namespace_info::Limits::default()
        }),
        supports_schedules: true,
    }
}

pub(crate) fn config(row: &NamespaceRow) -> NamespaceConfig {
    let aliases = row.search_attributes.keys().map(|name| (name.clone(), name.clone())).collect();
    NamespaceConfig {
        workflow_execution_retention_ttl: Some(wire_span(row.retention)),
        bad_binaries: Some(BadBinaries::default()),
        history_archival_state: ArchivalState::Disabled.into(),
        visibility_archival_state: ArchivalState::Disabled.into(),
        custom_search_attribute_aliases: aliases,
        ..NamespaceConfig::default()
    }
}

pub(crate) fn replication() -> NamespaceReplicationConfig {
    NamespaceReplicationConfig {
        active_cluster_name: CLUSTER_NAME.to_owned(),
        clusters: vec![ClusterReplicationConfig { cluster_name: CLUSTER_NAME.to_owned(), ..Default::default() }],
        state: ReplicationState::Normal.into(),
    }
}

/// How long closed runs are kept: at least an hour.
pub(crate) fn retention(given: Option<&api::Duration>) -> Result<Duration, Error> {
    match time::duration_capped(given) {
        Ok(retention) if retention >= RETENTION_SHORTEST => Ok(retention),
        Ok(_) | Err(_) => Err(Error::invalid_argument(text::RETENTION_INVALID)),
    }
}

/// The names that filters may use in a namespace.
pub(crate) fn schema(row: Option<&NamespaceRow>) -> Schema {
    let custom = row.map(|row| row.search_attributes.clone()).unwrap_or_default();
    Schema::with_custom(custom.into_iter().filter_map(|(name, kind)| Some((name, type_of(kind)?))))
}

fn wire_type(kind: Type) -> i32 {
    let kind = match kind {
        Type::Text => IndexedValueType::Text,
        Type::Keyword => IndexedValueType::Keyword,
        Type::Int => IndexedValueType::Int,
        Type::Double => IndexedValueType::Double,
        Type::Bool => IndexedValueType::Bool,
        Type::Datetime => IndexedValueType::Datetime,
        Type::KeywordList => IndexedValueType::KeywordList,
    };
    kind.into()
}

/// What every namespace has: the fields of each execution, and the predefined search attributes.
pub(crate) fn system_attributes() -> BTreeMap<String, i32> {
    let fields = System::ALL.into_iter().map(|field| (field.name(), field.kind()));
    fields.chain(PREDEFINED).map(|(name, kind)| (name.to_owned(), wire_type(kind))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retention_is_at_least_an_hour() {
        let check = |seconds: i64, nanos: i32, expected: Option<Duration>| {
            let found = retention(Some(&api::Duration { seconds, nanos }));
            assert_eq!(found.ok(), expected, "{seconds} s {nanos} ns");
        };
        assert_eq!(
            retention(None).expect_err("it is refused").message,
            "A valid retention period is not set on request."
        );
        check(3600, 0, Some(Duration::from_secs(3600)));
        check(3599, 999_999_999, None);
        check(-3600, 0, None);
        check(i64::MIN, i32::MIN, None);
        check(i64::MAX, 0, Some(time::DURATION_MAX));
    }

    #[test]
    fn types_survive_the_way_to_the_wire_and_back() {
        for kind in Type::ALL {
            assert_eq!(type_of(wire_type(kind)), Some(kind));
        }
        assert_eq!((type_of(0), type_of(99), type_of(-1)), (None, None, None));
    }
}
