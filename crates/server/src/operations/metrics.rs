//! Prometheus' text format, written from counters that the parts keep anyway.
//!
//! Invariant: reading metrics costs no request of the server more than an uncontended lock.

use std::{fmt::Write, sync::atomic::Ordering};

use crate::node::Node;

/// One family of numbers.
struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
}

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family { name, kind: "counter", help }
}

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family { name, kind: "gauge", help }
}

pub(super) fn text(node: &Node) -> String {
    let mut out = String::new();
    log(node, &mut out);
    store(node, &mut out);
    shards(node, &mut out);
    let polls = gauge("weft_polls_waiting", "Long polls for tasks that wait now.");
    one(&mut out, &polls, node.polls_waiting() as u64);
    let parts = counter("weft_list_parts_asked_total", "Parts of lists and counts that other nodes were asked for.");
    one(&mut out, &parts, node.lists().parts_asked());
    out
}

fn log(node: &Node, out: &mut String) {
    let stats = node.wal().stats();
    one(out, &counter("weft_log_frames_total", "Frames (group commits) written to the log."), stats.frames);
    one(out, &counter("weft_log_syncs_total", "fdatasync calls of the log."), stats.syncs);
    one(out, &counter("weft_log_bytes_total", "Bytes written to the log."), stats.bytes);
    one(out, &counter("weft_log_entries_total", "Raft entries written to the log."), stats.entries);
    one(out, &gauge("weft_log_segments", "Segments of the log in use."), stats.segments);
    one(
        out,
        &gauge("weft_disk_has_room", "1 while new work is taken, 0 while the disk is full."),
        u64::from(node.wal().room()),
    );
}

fn store(node: &Node, out: &mut String) {
    let stats = node.store().stats();
    one(out, &counter("weft_store_batches_total", "Atomic batches applied to the store."), stats.batches);
    one(out, &counter("weft_store_puts_total", "Rows put."), stats.puts);
    one(out, &counter("weft_store_deletes_total", "Rows deleted."), stats.deletes);
    one(out, &counter("weft_store_bytes_total", "Bytes of keys and values applied."), stats.bytes_written);
    one(out, &counter("weft_store_checkpoints_total", "Times the store was made durable."), stats.persists);
    one(out, &gauge("weft_store_disk_bytes", "Size of the store on disk."), stats.disk_bytes);
    one(out, &gauge("weft_store_journals", "Journals that the store keeps."), stats.journals);
}

fn shards(node: &Node, out: &mut String) {
    type Read = fn(&weft_shard::Shard) -> u64;
    let families: [(Family, Read); 8] = [
        (counter("weft_shard_calls_total", "Calls decided."), |s| {
            s.stats().map_or(0, |stats| stats.calls.load(Ordering::Relaxed))
        }),
        (counter("weft_shard_refusals_total", "Calls that the engine refused."), |s| {
            s.stats().map_or(0, |stats| stats.refusals.load(Ordering::Relaxed))
        }),
        (counter("weft_shard_batches_total", "Batches proposed."), |s| {
            s.stats().map_or(0, |stats| stats.batches.load(Ordering::Relaxed))
        }),
        (counter("weft_shard_evicted_total", "Executions that left memory."), |s| {
            s.stats().map_or(0, |stats| stats.evicted.load(Ordering::Relaxed))
        }),
        (gauge("weft_shard_cached_workflows", "Workflow ids in memory."), |s| {
            s.stats().map_or(0, |stats| stats.cached_workflows.load(Ordering::Relaxed))
        }),
        (gauge("weft_shard_cached_bytes", "Estimated bytes of executions in memory."), |s| {
            s.stats().map_or(0, |stats| stats.cached_bytes.load(Ordering::Relaxed))
        }),
        (gauge("weft_shard_ready", "1 while this node leads the shard and takes calls."), |s| u64::from(s.is_ready())),
        (gauge("weft_shard_quarantined", "Executions that broke an invariant and are set aside."), |s| {
            s.quarantine().map_or(0, |quarantine| quarantine.list().len() as u64)
        }),
    ];
    for (family, read) in &families {
        head(out, family);
        for shard in node.shards() {
            line(out, format_args!("{}{{shard=\"{}\"}} {}", family.name, shard.id().0, read(&shard)));
        }
    }
}

fn one(out: &mut String, family: &Family, value: u64) {
    head(out, family);
    line(out, format_args!("{} {value}", family.name));
}

fn head(out: &mut String, family: &Family) {
    line(out, format_args!("# HELP {} {}", family.name, family.help));
    line(out, format_args!("# TYPE {} {}", family.name, family.kind));
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}
