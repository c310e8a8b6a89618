//! What is used up: pairs of metrics of which one is the other's limit, shares, and rates of errors.

use super::{Cause, Clue, Kind};
use crate::model::Alert;

/// From this share of its limit on a resource is saturated.
const SATURATED: f64 = 0.95;
/// Below this share it is not what is short.
const AMPLE: f64 = 0.7;

/// A resource and how much of it is used.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Use {
    /// `connections`
    pub resource: String,
    pub share: f64,
    /// `active_connections 100 of max_connections 100`
    pub statement: String,
}

/// All resources whose limits are among the metrics.
pub(super) fn uses(alert: &Alert) -> Vec<Use> {
    let mut found = Vec::new();
    for (name, limit) in &alert.metrics {
        let Some(resource) = limited(name).filter(|_| *limit > 0.0) else { continue };
        let used = alert.metrics.iter().find(|(other, _)| *other != name && uses_of(other, resource));
        if let Some((other, used)) = used {
            let statement = format!("{other} {used} of {name} {limit}");
            found.push(Use { resource: resource.to_owned(), share: used / limit, statement });
        }
    }
    for (name, value) in &alert.metrics {
        let stem = ["_percent", "_pct", "_utilization", "_usage"].iter().find_map(|end| name.strip_suffix(end));
        if let Some(resource) = stem.filter(|_| (0.0..=100.0).contains(value)) {
            let share = if *value <= 1.0 { *value } else { value / 100.0 };
            found.push(Use { resource: resource.to_owned(), share, statement: format!("{name} {value}") });
        }
    }
    found
}

fn limited(name: &str) -> Option<&str> {
    let start = name.strip_prefix("max_");
    start.or_else(|| ["_limit", "_max", "_capacity"].iter().find_map(|end| name.strip_suffix(end)))
}

fn uses_of(name: &str, resource: &str) -> bool {
    let starts = ["active_", "used_", "current_", "open_", "in_use_"];
    let ends = ["_used", "_active", "_current", "_in_use", "_depth", "_size"];
    let start = starts.iter().find_map(|it| name.strip_prefix(it));
    let end = ends.iter().find_map(|it| name.strip_suffix(it));
    name == resource || start == Some(resource) || end == Some(resource)
}

/// The causes that a resource which is short may have, the usual one first.
pub(super) fn causes_of(resource: &str) -> &'static [Cause] {
    let names = |words: &[&str]| words.iter().any(|word| resource.contains(word));
    if names(&["connection", "pool"]) {
        &[Cause::ConnectionPoolTooSmall, Cause::ConnectionLeak]
    } else if names(&["memory", "heap", "rss"]) {
        &[Cause::MemoryLimitTooSmall, Cause::MemoryLeak]
    } else if names(&["cpu", "processor"]) {
        &[Cause::CpuSaturation]
    } else if names(&["disk", "storage", "volume", "inode"]) {
        &[Cause::DiskFull]
    } else if names(&["queue", "backlog", "lag"]) {
        &[Cause::QueueBacklog]
    } else if names(&["quota", "rate"]) {
        &[Cause::RateLimit]
    } else {
        &[]
    }
}

pub(super) fn clues(alert: &Alert) -> Vec<Clue> {
    let mut found = Vec::new();
    for it in uses(alert) {
        for (rank, cause) in causes_of(&it.resource).iter().enumerate() {
            let usual = if rank == 0 { 1.0 } else { 0.6 };
            if it.share >= SATURATED {
                found.push(Clue::new(
                    *cause,
                    Kind::Saturation,
                    0.7 * usual,
                    format!("saturated: {}", it.statement),
                    "metrics",
                ));
            } else if it.share < AMPLE {
                found.push(Clue::new(
                    *cause,
                    Kind::Saturation,
                    -0.9,
                    format!("enough is left: {}", it.statement),
                    "metrics",
                ));
            }
        }
    }
    let hits = alert.metrics.iter().find(|(name, _)| name.contains("cache") && name.contains("hit"));
    if let Some((name, value)) = hits {
        let share = if *value <= 1.0 { *value } else { value / 100.0 };
        let weight = if share < 0.5 { 0.6 } else { -0.6 };
        found.push(Clue::new(Cause::CacheInvalidation, Kind::Saturation, weight, format!("{name} {value}"), "metrics"));
    }
    found
}
