//! The processes below this one, as `/proc` tells them.
//!
//! What it says is a picture that is old when it is read; whoever must be sure looks again until nothing is left.

use std::{fs, io};

use rustix::process::Pid;

/// What processes use together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub processes: u32,
    pub cpu_ms: u64,
    pub memory_bytes: u64,
}

/// Whether this kernel tells children at all.
pub(super) fn check() -> io::Result<()> {
    let own = rustix::process::getpid().as_raw_nonzero();
    fs::read(format!("/proc/{own}/task/{own}/children")).map(drop)
}

/// Calls this with each descendant of this process, with each before its children are looked for.
pub(super) fn visit(mut on: impl FnMut(Pid)) {
    let mut open = children(rustix::process::getpid());
    while let Some(pid) = open.pop() {
        on(pid);
        open.extend(children(pid));
    }
}

/// All descendants of this process.
pub(super) fn descendants() -> Vec<Pid> {
    let mut found = Vec::new();
    visit(|pid| found.push(pid));
    found
}

/// What all descendants use, those included that have ended and were waited for.
pub(super) fn usage() -> Usage {
    let own = Times::read(rustix::process::getpid()).unwrap_or_default();
    let mut usage = Usage { cpu_ms: own.waited_ms, ..Usage::default() };
    for pid in descendants() {
        let Some(times) = Times::read(pid) else { continue };
        usage.processes += 1;
        usage.cpu_ms += times.own_ms + times.waited_ms;
        usage.memory_bytes += times.resident_bytes;
    }
    usage
}

fn children(parent: Pid) -> Vec<Pid> {
    let parent = parent.as_raw_nonzero();
    let Ok(tasks) = fs::read_dir(format!("/proc/{parent}/task")) else { return Vec::new() };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|list| list.split_whitespace().filter_map(pid).collect::<Vec<_>>())
        .collect()
}

fn pid(text: &str) -> Option<Pid> {
    Pid::from_raw(text.parse().ok()?)
}

/// One process's line in `/proc/PID/stat`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Times {
    own_ms: u64,
    waited_ms: u64,
    resident_bytes: u64,
}

impl Times {
    fn read(pid: Pid) -> Option<Self> {
        let line = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
        let ticks = rustix::param::clock_ticks_per_second().max(1);
        Self::parse(&line, ticks, rustix::param::page_size() as u64)
    }

    fn parse(line: &str, ticks_per_second: u64, page_bytes: u64) -> Option<Self> {
        // The name is in parentheses and may hold anything, parentheses and spaces too.
        let (_, rest) = line.rsplit_once(") ")?;
        // proc(5) counts from 1, and field 3 comes after the name.
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let milliseconds = |ticks: u64| ticks.saturating_mul(1000) / ticks_per_second;
        Some(Self {
            own_ms: milliseconds(field(14)?.saturating_add(field(15)?)),
            // The kernel says it with a sign.
            waited_ms: milliseconds(field(16)?.saturating_add(field(17)?)),
            resident_bytes: field(24)?.saturating_mul(page_bytes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let line =
            "7 (a) b ( c)) S 1 7 7 0 -1 4194304 100 200 0 0 12 3 40 5 20 0 1 0 9 1000000 25 18446744073709551615";
        let expected = Times { own_ms: 150, waited_ms: 450, resident_bytes: 25 * 4096 };
        assert_eq!(Times::parse(line, 100, 4096), Some(expected));
    }

    #[test]
    fn half_a_line_is_nothing() {
        assert_eq!(Times::parse("7 (a) S 1 7", 100, 4096), None);
        assert_eq!(Times::parse("", 100, 4096), None);
    }

    #[test]
    fn a_child_is_found_and_counted() -> anyhow::Result<()> {
        let mut child = std::process::Command::new("sleep").arg("60").spawn()?;
        let found = descendants().iter().any(|pid| pid.as_raw_nonzero().get().unsigned_abs() == child.id());
        let usage = usage();
        child.kill()?;
        child.wait()?;
        assert!(found && usage.processes >= 1, "{usage:?}");
        Ok(())
    }

    /// Of a process as small as `sleep` the kernel may not have counted any page yet.
    #[test]
    fn memory_is_that_which_is_resident() -> anyhow::Result<()> {
        let own = Pid::from_raw(i32::try_from(std::process::id())?).and_then(Times::read);
        assert!(own.is_some_and(|own| own.resident_bytes > 1 << 20), "{own:?}");
        Ok(())
    }
}
