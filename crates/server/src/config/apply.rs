//! From what the file says to what the node is started with.

use std::{net::SocketAddr, path::PathBuf};

use weft_engine::Settings;

use super::{
    Error,
    file::{File, Operations},
};
use crate::access::{self, NodeFiles, OperationsFiles, TlsFiles};
use crate::cluster::ClusterOptions;
use crate::node::{Backend, JobOptions, NamespaceSeed, Options, Place};

pub(super) fn address(key: &'static str, value: &str) -> Result<SocketAddr, Error> {
    value.parse().map_err(|_| Error::Value {
        key,
        value: value.to_owned(),
        why: "not an address: write IP:PORT, such as 127.0.0.1:7233".to_owned(),
    })
}

pub(super) fn access(file: &File) -> Result<access::Options, Error> {
    let public = (&file.tls.certificate, &file.tls.key, &file.tls.client_ca);
    let tls = tls_files(["tls.certificate", "tls.key", "tls.client_ca"], public)?;
    let Operations { certificate, key, client_ca, api_keys } = &file.operations;
    let keys = ["operations.certificate", "operations.key", "operations.client_ca"];
    let operations =
        OperationsFiles { tls: tls_files(keys, (certificate, key, client_ca))?, api_keys: api_keys.clone() };
    let nodes = node_files(file)?;
    let reload_interval = positive("server.reload_interval", file.server.reload_interval.0)?;
    Ok(access::Options { tls, api_keys: file.server.api_keys.clone(), operations, nodes, reload_interval })
}

type Path<'f> = &'f Option<PathBuf>;

/// TLS of a port that clients come to; `keys` are what the three are called.
fn tls_files(
    keys: [&'static str; 3],
    (certificate, key, client_ca): (Path<'_>, Path<'_>, Path<'_>),
) -> Result<Option<TlsFiles>, Error> {
    let half = |key, without, why| Err(Error::Half { key, without, why });
    let pair = "a certificate and its key belong together";
    match (certificate, key) {
        (Some(certificate), Some(key)) => {
            let (certificate, key, client_ca) = (certificate.clone(), key.clone(), client_ca.clone());
            Ok(Some(TlsFiles { certificate, key, client_ca }))
        }
        (Some(_), None) => half(keys[0], keys[1], pair),
        (None, Some(_)) => half(keys[1], keys[0], pair),
        (None, None) if client_ca.is_some() => half(keys[2], keys[0], "clients show certificates over TLS only"),
        (None, None) => Ok(None),
    }
}

fn node_files(file: &File) -> Result<Option<NodeFiles>, Error> {
    let tls = &file.cluster.tls;
    let all =
        [("cluster.tls.certificate", &tls.certificate), ("cluster.tls.key", &tls.key), ("cluster.tls.ca", &tls.ca)];
    if let [(_, Some(certificate)), (_, Some(key)), (_, Some(ca))] = all {
        let (certificate, key, ca) = (certificate.clone(), key.clone(), ca.clone());
        return Ok(Some(NodeFiles { certificate, key, ca, server_name: tls.server_name.clone() }));
    }
    let given = all.iter().find(|(_, path)| path.is_some()).map(|(key, _)| *key);
    let given = given.or(tls.server_name.as_ref().map(|_| "cluster.tls.server_name"));
    match (given, all.iter().find(|(_, path)| path.is_none())) {
        (Some(key), Some((without, _))) => {
            Err(Error::Half { key, without, why: "nodes show each other certificates of one authority" })
        }
        _ => Ok(None),
    }
}

pub(super) fn options(file: &File) -> Result<Options, Error> {
    let place = match (&file.server.data_dir, file.server.in_memory) {
        (Some(_), true) => return Err(Error::TwoPlaces),
        (Some(dir), false) => Place::Directory(dir.clone()),
        (None, true) => Place::Memory,
        (None, false) => return Err(Error::NoPlace),
    };
    let mut options = Options::new(place);
    options.backend = backend(&file.storage.backend)?;
    cluster(file, &mut options)?;
    storage(file, &mut options)?;
    options.settings = settings(file);
    options.poll_timeout = file.polls.task_poll.0;
    options.history_wait = file.polls.history_wait.0;
    options.query_timeout = file.polls.query_timeout.0;
    options.matching.polls_max = file.polls.waiting_max;
    options.matching.sticky_poller_gone = file.polls.sticky_poller_gone.0;
    options.history_page = positive("limits.history_page", file.limits.history_page)?;
    options.list_page = positive("limits.list_page", file.limits.list_page)?;
    options.shard_limits.mailbox = positive("limits.requests_waiting", file.limits.requests_waiting)?;
    options.jobs = JobOptions {
        running_max: positive("batch.running_max", file.batch.running_max)?,
        operations_per_second: positive("batch.operations_per_second", file.batch.operations_per_second)?,
        concurrency: positive("batch.concurrency", file.batch.concurrency)?,
    };
    for namespace in &file.namespaces {
        options.namespaces.retain(|seed| seed.name != namespace.name);
        options.namespaces.push(NamespaceSeed {
            name: namespace.name.clone(),
            retention: namespace.retention.0,
            search_attributes: search_attributes(&namespace.search_attributes)?,
        });
    }
    Ok(options)
}

fn cluster(file: &File, options: &mut Options) -> Result<(), Error> {
    let cluster = &file.cluster;
    options.node = if cluster.node == 0 { ordinal(&host_name()?)? } else { cluster.node };
    let number = |(node, address): (&String, &String)| {
        let number = node.parse().map_err(|_| Error::Value {
            key: "cluster.members",
            value: node.clone(),
            why: "nodes are named by number: write 1 = \"HOST:PORT\"".to_owned(),
        });
        Ok((number?, address.clone()))
    };
    options.cluster = ClusterOptions {
        name: cluster.name.clone(),
        members: cluster.members.iter().map(number).collect::<Result<_, Error>>()?,
        join: cluster.join.clone(),
        advertise: cluster.advertise.clone(),
        listen: address("cluster.listen", &cluster.listen)?,
    };
    options.cluster.check(options.node)?;
    let listen = options.cluster.listen;
    let has_tls = node_files(file)?.is_some();
    if !options.cluster.is_alone() && !listen.ip().is_loopback() && !file.server.insecure_bind && !has_tls {
        return Err(Error::InternalExposed { address: listen });
    }
    Ok(())
}

fn host_name() -> Result<String, Error> {
    let path = PathBuf::from("/proc/sys/kernel/hostname");
    std::fs::read_to_string(&path).map_err(|error| Error::Read { path, error })
}

/// The number of a node by its host name, as a StatefulSet gives it: that of `weft-0` is 1.
fn ordinal(host: &str) -> Result<u32, Error> {
    let ordinal = host.trim().rsplit_once('-').and_then(|(_, ordinal)| ordinal.parse::<u32>().ok());
    ordinal.and_then(|ordinal| ordinal.checked_add(1)).ok_or_else(|| Error::Value {
        key: "cluster.node",
        value: "0".to_owned(),
        why: format!("the host name {:?} does not end in a number, such as weft-0: give --node N", host.trim()),
    })
}

fn backend(name: &str) -> Result<Backend, Error> {
    let built = Backend::named(name).filter(|backend| weft_store::state::is_built(*backend));
    built.ok_or_else(|| Error::Value {
        key: "storage.backend",
        value: name.to_owned(),
        why: "this server is built with: fjall (and sled with the cargo feature of that name)".to_owned(),
    })
}

fn storage(file: &File, options: &mut Options) -> Result<(), Error> {
    let storage = &file.storage;
    if storage.shards == 0 || storage.shards > weft_rows::SLOTS {
        return Err(Error::Value {
            key: "storage.shards",
            value: storage.shards.to_string(),
            why: format!("from 1 to {}", weft_rows::SLOTS),
        });
    }
    options.shards = storage.shards;
    options.wal.segment_bytes = positive("storage.log_segment_mib", storage.log_segment_mib)? << 20;
    options.wal.cache_bytes = storage.log_cache_mib << 20;
    options.wal.reserve_bytes = storage.disk_reserve_mib << 20;
    options.store_cache_bytes = storage.cache_mib << 20;
    let shards = usize::from(storage.shards);
    options.shard_limits.cache_bytes = (storage.execution_cache_mib << 20) / shards;
    options.shard_limits.event_cache_bytes = (storage.event_cache_mib << 20) / shards;
    options.readers = positive("storage.readers", storage.readers)?;
    options.checkpoint_bytes = positive("storage.checkpoint_mib", storage.checkpoint_mib)? << 20;
    options.checkpoint_interval = storage.checkpoint_interval.0;
    Ok(())
}

fn positive<T: Copy + Default + PartialEq>(key: &'static str, value: T) -> Result<T, Error> {
    if value == T::default() {
        return Err(Error::Value { key, value: "0".to_owned(), why: "must be at least 1".to_owned() });
    }
    Ok(value)
}

fn settings(file: &File) -> Settings {
    let (workflow, limits) = (&file.workflow, &file.limits);
    let mut settings = Settings {
        workflow_task_timeout: workflow.task_timeout.0,
        workflow_task_timeout_max: workflow.task_timeout_max.0,
        workflow_task_backoff_initial: workflow.task_backoff_initial.0,
        workflow_task_backoff_max: workflow.task_backoff_max.0,
        workflow_task_heartbeat_max: workflow.task_heartbeat_max.0,
        continue_as_new_min_interval: workflow.continue_as_new_min_interval.0,
        eager_activities: workflow.eager_activities,
        eager_workflow_start: workflow.eager_start,
        cross_namespace_commands: workflow.cross_namespace_commands,
        retention_jitter: workflow.retention_jitter.0,
        ..Settings::default()
    };
    let to = &mut settings.limits;
    to.suggest_continue_as_new_events = workflow.suggest_continue_as_new_events;
    to.suggest_continue_as_new_bytes = workflow.suggest_continue_as_new_bytes;
    to.id_bytes = limits.id_bytes;
    to.blob_bytes_error = limits.blob_bytes_error;
    to.blob_bytes_warn = limits.blob_bytes_warn;
    to.memo_bytes = limits.memo_bytes;
    to.search_attributes_count = limits.search_attributes_count;
    to.search_attribute_value_bytes = limits.search_attribute_value_bytes;
    to.search_attributes_bytes = limits.search_attributes_bytes;
    to.history_events_error = limits.history_events_error;
    to.history_events_warn = limits.history_events_warn;
    to.history_bytes_error = limits.history_bytes_error;
    to.history_bytes_warn = limits.history_bytes_warn;
    to.mutable_state_bytes_error = limits.mutable_state_bytes_error;
    to.transaction_bytes = limits.transaction_bytes;
    to.signals = limits.signals;
    to.pending_activities = limits.pending_activities;
    to.pending_timers = limits.pending_timers;
    to.pending_children = limits.pending_children;
    to.pending_external_signals = limits.pending_external_signals;
    to.pending_external_cancels = limits.pending_external_cancels;
    to.buffered_events = limits.buffered_events;
    to.buffered_bytes = limits.buffered_bytes;
    to.attached_queries = limits.attached_queries;
    to.updates_in_flight = limits.updates_in_flight;
    to.updates_in_flight_bytes = limits.updates_in_flight_bytes;
    to.updates = limits.updates;
    // A workflow is told before it has had them all.
    to.suggest_continue_as_new_updates = limits.updates - limits.updates / 10;
    settings
}

fn search_attributes(
    types: &std::collections::BTreeMap<String, String>,
) -> Result<std::collections::BTreeMap<String, i32>, Error> {
    use weft_visibility::attribute::Type;
    let parse = |(name, kind): (&String, &String)| {
        let found = Type::ALL.into_iter().find(|known| format!("{known:?}") == *kind);
        let found = found.ok_or_else(|| Error::Value {
            key: "namespaces.search_attributes",
            value: format!("{name} = {kind}"),
            why: "the types are Text, Keyword, Int, Double, Bool, Datetime and KeywordList".to_owned(),
        })?;
        Ok((name.clone(), i32::from(crate::node::wire_type(found))))
    };
    types.iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::ordinal;

    #[test]
    fn the_first_pod_of_a_stateful_set_is_node_1() {
        assert_eq!(ordinal("weft-0\n").ok(), Some(1));
        assert_eq!(ordinal("weft-prod-12").ok(), Some(13));
        for host in ["weft", "weft-", "weft-a", "weft-4294967295"] {
            assert!(ordinal(host).is_err(), "{host}");
        }
    }
}
