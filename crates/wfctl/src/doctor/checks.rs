//! The checks: settings, server, namespace, workers; then what the operations port tells; then a data directory.

use std::path::Path;

use jiff::{Timestamp, fmt::rfc2822};
use serde_json::Value;
use weft_client::{Code, Error, PollersOf};
use weft_env::{Clock, RealClock};

use super::Check;
use crate::{
    data_dir,
    operations::Reply,
    render::execution::bytes,
    session::{Connected, Session},
    workers,
};

/// The Date header has whole seconds, and the way takes time.
const CLOCKS_APART_MAX_S: i64 = 2;
/// Less room than this is worth a warning.
const ROOM_MIN: u64 = 1 << 30;

pub(super) async fn server(session: &Session, queue: Option<&str>, found: &mut Vec<Check>) {
    let resolved = &session.resolved;
    let (address, namespace) = (&resolved.options.address, &resolved.options.namespace);
    let says =
        format!("address {address} ({}), namespace {namespace} ({})", resolved.address_from, resolved.namespace_from);
    found.push(Check::ok("settings", says));
    let connected = match session.connect().await {
        Ok(connected) => connected,
        Err(error) => return found.push(Check::failed("server", format!("{error:#}"))),
    };
    found.push(version(&connected).await);
    found.push(namespace_known(&connected, namespace).await);
    if let Some(queue) = queue {
        found.push(workers_at(&connected, queue).await);
    }
}

async fn version(session: &Connected) -> Check {
    let clock = RealClock::new();
    let before = clock.monotonic();
    match session.client.system_info().await {
        Ok(info) => {
            let took = (clock.monotonic() - before).as_secs_f64() * 1000.0;
            Check::ok("server", format!("answers in {took:.1} ms, version {}", info.server_version))
        }
        Err(error) => Check::failed("server", error.to_string()),
    }
}

async fn namespace_known(session: &Connected, namespace: &str) -> Check {
    match session.client.describe_namespace(namespace).await {
        Ok(_) => Check::ok("namespace", format!("{namespace} exists")),
        Err(Error::Refused { error, .. }) if error.code() == Code::NotFound => {
            let says = format!("{} `wfctl namespace list` shows all, `create` makes one", error.message);
            Check::failed("namespace", says)
        }
        Err(error) => Check::failed("namespace", error.to_string()),
    }
}

async fn workers_at(session: &Connected, queue: &str) -> Check {
    let mut polled = Vec::new();
    for (of, name) in [(PollersOf::Workflows, "workflows"), (PollersOf::Activities, "activities")] {
        match session.client.task_queue(queue, of).await {
            Ok(described) if described.pollers.is_empty() => {}
            Ok(described) => polled.push(format!("{} for {name}", described.pollers.len())),
            Err(error) => return Check::failed("workers", error.to_string()),
        }
    }
    if polled.is_empty() {
        let near = workers::near_names(session, queue);
        return Check::failed("workers", format!("no worker polls task queue {queue:?}{near}: start one"));
    }
    Check::ok("workers", format!("task queue {queue:?} is polled: {}", polled.join(", ")))
}

pub(super) fn operations(session: &Session, found: &mut Vec<Check>) {
    let operations = &session.operations;
    let health = match operations.get("/healthz") {
        Ok(health) => health,
        Err(error) => {
            let says = format!(
                "no operations port answers at {} ({error}): health, disk and clock are not known; name it with \
                 --operations (a Temporal server has none)",
                operations.address
            );
            return found.push(Check::warning("health", says));
        }
    };
    found.push(match health.status {
        200 => Check::ok("health", "every shard is ready"),
        _ => Check::failed("health", health.body.trim().replace('\n', "; ")),
    });
    if let Ok(status) = operations.json("GET", "/admin/status") {
        found.push(node(&status));
        found.push(room(&status));
    }
    if let Ok(cluster) = operations.json("GET", "/admin/cluster") {
        found.extend(others(&cluster));
    }
    found.push(clock(&health));
    if let Ok(Value::Array(entries)) = operations.json("GET", "/admin/quarantine") {
        found.push(quarantine(&entries));
    }
    if let Some(queues) = operations.queues(&session.resolved.options.namespace) {
        let mut polled: Vec<_> = queues.iter().filter(|it| it.polled).map(|it| it.name.as_str()).collect();
        polled.dedup();
        found.push(match polled.is_empty() {
            true => Check::warning("queues", "no worker polls any task queue of this namespace"),
            false => Check::ok("queues", format!("polled: {}", polled.join(", "))),
        });
    }
}

fn node(status: &Value) -> Check {
    let shards = status["shards"].as_array().map_or(0, Vec::len);
    let version = status["version"].as_str().unwrap_or("of unknown version");
    Check::ok("node", format!("weft {version}, node {}, {shards} shards", status["node"]))
}

/// Whether the nodes of a cluster hear each other.
fn others(cluster: &Value) -> Option<Check> {
    let members: Vec<&Value> = cluster["members"].as_array()?.iter().filter(|it| it["answers"].is_boolean()).collect();
    let silent: Vec<String> =
        members.iter().filter(|it| it["answers"] == false).map(|it| it["node"].to_string()).collect();
    if members.len() < 2 {
        return None;
    }
    Some(match silent.as_slice() {
        [] => Check::ok("cluster", format!("all {} nodes answer node {}", members.len(), cluster["node"])),
        silent => {
            let says = format!(
                "of {} nodes these do not answer node {}: {}; start them again, or take one that is lost out of the cluster \
                 (`wfctl cluster remove N`)",
                members.len(),
                cluster["node"],
                silent.join(", ")
            );
            Check::warning("cluster", says)
        }
    })
}

fn room(status: &Value) -> Check {
    let place = status["data_dir"].as_str();
    let shown = place.unwrap_or("in memory, lost at exit");
    // The server may run on another machine, where this path says nothing.
    let free = place.filter(|path| Path::new(path).is_dir()).and_then(|path| fs4::available_space(path).ok());
    let free = free.map_or_else(|| "there is room".to_owned(), |free| format!("{} are free", size(free)));
    match status["disk_has_room"].as_bool() {
        Some(false) => Check::failed("disk", format!("{shown}: the disk is full, new work is refused: make room")),
        _ => Check::ok("disk", format!("{shown}; {free}")),
    }
}

fn size(count: u64) -> String {
    bytes(i64::try_from(count).unwrap_or(i64::MAX))
}

fn clock(reply: &Reply) -> Check {
    let sent = reply.date.as_deref().and_then(|date| rfc2822::DateTimeParser::new().parse_timestamp(date).ok());
    let Some(sent) = sent else { return Check::warning("clock", "the server does not tell its time") };
    let ours = Timestamp::from_nanosecond(i128::from(RealClock::new().now().0)).unwrap_or(Timestamp::UNIX_EPOCH);
    apart(ours.as_second() - sent.as_second())
}

fn apart(seconds: i64) -> Check {
    if seconds.abs() <= CLOCKS_APART_MAX_S {
        return Check::ok("clock", "the server's clock agrees with this machine's");
    }
    let which = if seconds > 0 { "behind" } else { "ahead of" };
    let says = format!("the server's clock is {} s {which} this machine's: synchronise them (NTP)", seconds.abs());
    Check::warning("clock", says)
}

fn quarantine(entries: &[Value]) -> Check {
    if entries.is_empty() {
        return Check::ok("quarantine", "nothing was set aside");
    }
    let says = format!("{} executions were set aside: `wfctl quarantine list` says why", entries.len());
    Check::failed("quarantine", says)
}

pub(super) fn data_directory(dir: &Path, found: &mut Vec<Check>) {
    if let Err(failure) = data_dir::check(dir) {
        return found.push(Check::failed("data", failure.says));
    }
    found.push(match data_dir::claim(dir) {
        Ok(_) => Check::ok("data", format!("{} is a data directory; no server uses it", dir.display())),
        Err(failure) => Check::ok("data", failure.says.split(": stop").next().unwrap_or_default().to_owned()),
    });
    found.push(match fs4::available_space(dir) {
        Ok(free) => {
            let says = format!("{} are free", size(free));
            if free < ROOM_MIN { Check::warning("room", says) } else { Check::ok("room", says) }
        }
        Err(error) => Check::failed("room", format!("the file system does not tell its free space: {error}")),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn clocks_may_differ_a_little() {
        assert_eq!(apart(2).verdict, Verdict::Ok);
        let check = apart(-90);
        assert_eq!(check.verdict, Verdict::Warning);
        assert!(check.says.contains("90 s ahead of this machine's"), "{}", check.says);
    }

    #[test]
    fn a_node_that_does_not_answer_is_told_of() {
        let cluster = |second: Value| {
            serde_json::json!({ "node": 1, "members": [
            { "node": 1, "answers": true }, { "node": 2, "answers": second }, { "node": 3, "answers": null },
        ] })
        };
        let check = others(&cluster(Value::Bool(false))).unwrap();
        assert_eq!(check.verdict, Verdict::Warning);
        assert!(check.says.starts_with("of 2 nodes these do not answer node 1: 2; start"), "{}", check.says);
        assert_eq!(others(&cluster(Value::Bool(true))).unwrap().says, "all 2 nodes answer node 1");
        assert!(others(&cluster(Value::Null)).is_none(), "a node of its own has nobody to hear");
    }

    #[test]
    fn the_time_of_an_answer_is_read() {
        let reply = |date: Option<&str>| Reply { status: 200, date: date.map(ToOwned::to_owned), body: String::new() };
        assert_eq!(clock(&reply(Some("Sat, 01 Feb 2025 00:00:00 GMT"))).verdict, Verdict::Warning);
        assert!(clock(&reply(None)).says.contains("does not tell"));
    }

    #[test]
    fn what_is_no_data_directory_fails() {
        let dir = tempfile::tempdir().unwrap();
        let mut found = Vec::new();
        data_directory(dir.path(), &mut found);
        assert_eq!((found.len(), found[0].verdict), (1, Verdict::Failed));
    }
}
