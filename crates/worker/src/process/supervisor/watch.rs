//! Watches a command until neither it nor anything that it started is left.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    process::Child,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{
        Pid, PidfdFlags, Resource, Rlimit, Signal, WaitOptions, WaitStatus, kill_process, kill_process_group,
        pidfd_open, prlimit, wait,
    },
};
use weft_env::{Clock, RealClock};

use super::{Heard, Line};
use crate::process::{
    Stop,
    message::{Bounds, Ended},
    tree::{self, Usage},
};

/// Between two looks at what the command uses. The first one comes sooner.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
const FIRST_LOOK: Duration = Duration::from_millis(10);

/// Returns when nothing of the command is left.
pub(super) fn to_the_end(line: &mut Line, child: Child, bounds: Bounds) -> io::Result<Ended> {
    let pid = Pid::from_child(&child);
    // It is waited for below, with all that it leaves behind.
    drop(child);
    let data = Rlimit { current: Some(bounds.memory_bytes), maximum: Some(bounds.memory_bytes) };
    // It may have ended already, or hold a lower limit than this: then there is nothing to do.
    let _ = prlimit(Some(pid), Resource::Data, data);
    let watch = Watch { line, pid, pidfd: pidfd_open(pid, PidfdFlags::empty())?, bounds, status: None, peak_bytes: 0 };
    Ok(watch.run())
}

struct Watch<'a> {
    line: &'a mut Line,
    pid: Pid,
    pidfd: OwnedFd,
    bounds: Bounds,
    /// Once the command itself has been waited for. Whatever it left may still be there.
    status: Option<WaitStatus>,
    peak_bytes: u64,
}

impl Watch<'_> {
    fn run(mut self) -> Ended {
        let stopped = self.until_ended_or_stopped();
        let leftovers = if stopped.is_none() { tree::descendants().len() } else { 0 };
        self.kill_all();
        let status = self.status;
        Ended {
            exited: status.and_then(WaitStatus::exit_status),
            signalled: status.and_then(WaitStatus::terminating_signal),
            stopped,
            cpu_ms: tree::usage().cpu_ms,
            memory_peak_bytes: self.peak_bytes,
            leftovers: u32::try_from(leftovers).unwrap_or(u32::MAX),
        }
    }

    fn until_ended_or_stopped(&mut self) -> Option<Stop> {
        let mut interval = FIRST_LOOK;
        loop {
            match self.wait(interval) {
                Heard::Nothing => {}
                Heard::Stop(stop) => {
                    self.ask_to_end();
                    return Some(stop);
                }
                Heard::Closed => return Some(Stop::Cancelled),
            }
            self.reap();
            if self.status.is_some() {
                return None;
            }
            let usage = tree::usage();
            self.peak_bytes = self.peak_bytes.max(usage.memory_bytes);
            if let Some(stop) = passed(usage, self.bounds) {
                return Some(stop);
            }
            interval = LOOK_INTERVAL;
        }
    }

    /// Until the command has ended, or the worker says something, or the time is over.
    fn wait(&mut self, at_most: Duration) -> Heard {
        // It may have come together with the order.
        let heard = self.line.buffered();
        if !matches!(heard, Heard::Nothing) {
            return heard;
        }
        let timeout = Timespec::try_from(at_most).unwrap_or_default();
        let mut fds = [
            PollFd::from_borrowed_fd(self.line.socket.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.pidfd.as_fd(), PollFlags::IN),
        ];
        let ready = poll(&mut fds, Some(&timeout)).unwrap_or(0);
        if ready > 0 && !fds[0].revents().is_empty() { self.line.hear() } else { Heard::Nothing }
    }

    /// A polite end, for as long as the grace lasts.
    fn ask_to_end(&mut self) {
        let clock = RealClock::new();
        let until = clock.monotonic() + Duration::from_millis(self.bounds.grace_ms);
        let _ = kill_process_group(self.pid, Signal::TERM);
        loop {
            self.reap();
            let left = until.saturating_sub(clock.monotonic());
            if self.status.is_some() || left.is_zero() || matches!(self.wait(left), Heard::Closed) {
                return;
            }
        }
    }

    /// Takes in who has ended. False once there is nobody left.
    fn reap(&mut self) -> bool {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => self.ended(pid, status),
                Ok(None) | Err(Errno::INTR) => return true,
                Err(_) => return false,
            }
        }
    }

    fn ended(&mut self, pid: Pid, status: WaitStatus) {
        if pid == self.pid {
            self.status = Some(status);
        }
    }

    /// The command's group first, which is one act and leaves a fork bomb no time. Then those that left the group, each
    /// before its children are looked for: who has a deadly signal pending starts nobody any more. Who is missed in one
    /// round is found in the next, as our child if its parent is dead.
    fn kill_all(&mut self) {
        let _ = kill_process_group(self.pid, Signal::KILL);
        while self.reap() {
            tree::visit(|pid| {
                let _ = kill_process(pid, Signal::KILL);
            });
            if let Ok(Some((pid, status))) = wait(WaitOptions::empty()) {
                self.ended(pid, status);
            }
        }
    }
}

fn passed(usage: Usage, bounds: Bounds) -> Option<Stop> {
    if usage.processes > bounds.processes {
        Some(Stop::Processes)
    } else if usage.memory_bytes > bounds.memory_bytes {
        Some(Stop::Memory)
    } else if usage.cpu_ms > bounds.cpu_ms {
        Some(Stop::Cpu)
    } else {
        None
    }
}
