//! How busy the machine is, or the container that limits this process: what workers go by that take as many tasks as
//! there is room for.
//!
//! Invariant: what cannot be read counts as idle, so nothing ever waits for a file that a system does not have.

use std::{fs, path::Path, time::Duration};

use parking_lot::Mutex;

use crate::Clock;

/// Shares of what there is, from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    pub cpu: f64,
    pub memory: f64,
}

/// Tells the load. Cheap enough to be asked before each task.
pub trait Resources: Send + Sync {
    fn load(&self) -> Load;
}

/// Linux's own account: `/proc`, and the cgroup (v2) of this process where that has limits.
pub struct RealResources<C> {
    clock: C,
    last: Mutex<Option<Sample>>,
}

/// Readings are not older than this; shares of a shorter time would jump.
const FRESH_FOR: Duration = Duration::from_millis(100);

struct Sample {
    at: Duration,
    used: Used,
    load: Load,
}

/// Seconds of CPU since some beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Used {
    busy: f64,
    /// As many as there could have been.
    whole: f64,
}

impl<C: Clock> RealResources<C> {
    #[must_use]
    pub fn new(clock: C) -> Self {
        Self { clock, last: Mutex::new(None) }
    }
}

impl<C: Clock> Resources for RealResources<C> {
    fn load(&self) -> Load {
        let at = self.clock.monotonic();
        let mut last = self.last.lock();
        if let Some(sample) = &*last
            && at.saturating_sub(sample.at) < FRESH_FOR
        {
            return sample.load;
        }
        let used = used(at);
        let cpu = last.as_ref().map_or(0.0, |before| share(before.used, used));
        let load = Load { cpu, memory: memory() };
        *last = Some(Sample { at, used, load });
        load
    }
}

fn share(before: Used, now: Used) -> f64 {
    let whole = now.whole - before.whole;
    if whole <= 0.0 { 0.0 } else { ((now.busy - before.busy) / whole).clamp(0.0, 1.0) }
}

const CGROUP: &str = "/sys/fs/cgroup";

fn read(directory: &str, file: &str) -> String {
    fs::read_to_string(Path::new(directory).join(file)).unwrap_or_default()
}

fn used(at: Duration) -> Used {
    let limited = used_of_cgroup(&read(CGROUP, "cpu.max"), &read(CGROUP, "cpu.stat"), at);
    limited.or_else(|| used_of_machine(&read("/proc", "stat"))).unwrap_or_default()
}

/// `None` where the group has no limit.
fn used_of_cgroup(max: &str, stat: &str, at: Duration) -> Option<Used> {
    let (quota, period) = max.trim().split_once(' ')?;
    let cores = quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?;
    let micros: f64 = stat.lines().find_map(|line| line.strip_prefix("usage_usec "))?.trim().parse().ok()?;
    Some(Used { busy: micros / 1e6, whole: at.as_secs_f64() * cores })
}

fn used_of_machine(stat: &str) -> Option<Used> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    // Guests' time is within that of the machine.
    let ticks: Vec<f64> = line.split_whitespace().take(8).map(|ticks| ticks.parse().unwrap_or(0.0)).collect();
    let idle: f64 = ticks.iter().skip(3).take(2).sum();
    let whole: f64 = ticks.iter().sum();
    Some(Used { busy: whole - idle, whole })
}

fn memory() -> f64 {
    let limited = memory_of_cgroup(&read(CGROUP, "memory.max"), &read(CGROUP, "memory.current"));
    limited.or_else(|| memory_of_machine(&read("/proc", "meminfo"))).unwrap_or(0.0)
}

/// `None` where the group has no limit.
fn memory_of_cgroup(max: &str, current: &str) -> Option<f64> {
    let max: f64 = max.trim().parse().ok()?;
    let current: f64 = current.trim().parse().ok()?;
    Some((current / max).clamp(0.0, 1.0))
}

fn memory_of_machine(meminfo: &str) -> Option<f64> {
    let value = |name: &str| -> Option<f64> {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().ok()
    };
    Some((1.0 - value("MemAvailable")? / value("MemTotal")?).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RealClock;

    #[test]
    fn a_machine_is_as_busy_as_its_ticks_say() {
        let before = used_of_machine("cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1\n").expect("ticks");
        let now = used_of_machine("cpu  150 0 120 720 110 0 0 0 0 0\n").expect("ticks");
        assert!((share(before, now) - 0.7).abs() < 1e-9);
        assert_eq!(used_of_machine("nonsense"), None);
    }

    #[test]
    fn a_container_is_as_busy_as_its_quota_says() {
        let of = |usage: u64, at: u64| {
            let stat = format!("usage_usec {usage}\nuser_usec 1\n");
            used_of_cgroup("200000 100000\n", &stat, Duration::from_secs(at)).expect("a quota")
        };
        assert!((share(of(0, 10), of(1_000_000, 11)) - 0.5).abs() < 1e-9);
        assert_eq!(used_of_cgroup("max 100000\n", "usage_usec 1\n", Duration::ZERO), None);
    }

    #[test]
    fn memory_counts_what_could_be_had() {
        let share = memory_of_machine("MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:  250 kB\n").expect("memory");
        assert!((share - 0.75).abs() < 1e-9);
        assert_eq!(memory_of_cgroup("max\n", "5\n"), None);
        assert_eq!(memory_of_cgroup("10\n", "5\n"), Some(0.5));
    }

    #[test]
    fn the_load_of_this_machine_is_a_share() {
        let resources = RealResources::new(RealClock::new());
        let load = resources.load();
        assert!((0.0..=1.0).contains(&load.cpu) && (0.0..=1.0).contains(&load.memory), "{load:?}");
    }
}
