//! What the seeds reached: a simulation that never crashes in the middle of anything finds nothing.

use std::fmt;

/// Counts over one seed or many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Coverage {
    /// Power losses.
    pub crashes: u64,
    /// … of which these came in the middle of the disk's work.
    pub power_cuts: u64,
    /// The process died and the machine did not.
    pub kills: u64,
    pub shutdowns: u64,
    /// Openings that cut a torn frame off the log.
    pub torn_tails: u64,
    /// Openings that applied entries of the log again.
    pub replays: u64,
    pub replayed_writes: u64,
    pub checkpoints: u64,
    /// Groups whose log was found purged when the node went down.
    pub purges: u64,
    /// Segments that were used again.
    pub recycled: u64,
    /// Timers and timeouts that fired.
    pub wakes: u64,
    /// Attempts of activities and workflow tasks after the first.
    pub retries: u64,
    pub give_backs: u64,
    /// Answers asked for again because the first was not heard.
    pub repeats: u64,
    /// Calls of which nobody knew what became of them.
    pub unknown: u64,
    pub acknowledged: u64,
    /// Children that their parents know to have started.
    pub children: u64,
    /// Children of children.
    pub grandchildren: u64,
    /// Workflow tasks that started several timers at once.
    pub timer_fans: u64,
    /// Signals between workflows that their senders know to have arrived.
    pub told: u64,
    /// Resets that were acknowledged.
    pub resets: u64,
    /// Runs that were deleted while another one shares their history.
    pub shared_deletes: u64,
    /// Updates that were completed.
    pub updates: u64,
    pub rejected_updates: u64,
    /// Pauses of runs.
    pub pauses: u64,
    pub paused_activities: u64,
    /// Forks that were acknowledged.
    pub forks: u64,
    /// Operations of batch jobs.
    pub batched: u64,
    /// Actions of schedules.
    pub scheduled: u64,
    pub events: u64,
}

impl Coverage {
    /// Adds what another seed reached.
    pub fn add(&mut self, other: &Self) {
        for ((_, mine), (_, theirs)) in self.fields_mut().into_iter().zip(other.fields()) {
            *mine += theirs;
        }
    }

    /// The names of what was never reached.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        self.fields().into_iter().filter(|(_, count)| *count == 0).map(|(name, _)| name).collect()
    }

    fn fields(&self) -> Vec<(&'static str, u64)> {
        let mut copy = *self;
        copy.fields_mut().into_iter().map(|(name, count)| (name, *count)).collect()
    }

    fn fields_mut(&mut self) -> Vec<(&'static str, &mut u64)> {
        vec![
            ("crashes", &mut self.crashes),
            ("power cuts", &mut self.power_cuts),
            ("kills", &mut self.kills),
            ("shutdowns", &mut self.shutdowns),
            ("torn tails", &mut self.torn_tails),
            ("replays", &mut self.replays),
            ("replayed writes", &mut self.replayed_writes),
            ("checkpoints", &mut self.checkpoints),
            ("purges", &mut self.purges),
            ("recycled segments", &mut self.recycled),
            ("wakes", &mut self.wakes),
            ("retries", &mut self.retries),
            ("give-backs", &mut self.give_backs),
            ("repeats", &mut self.repeats),
            ("unknown outcomes", &mut self.unknown),
            ("acknowledged", &mut self.acknowledged),
            ("children", &mut self.children),
            ("grandchildren", &mut self.grandchildren),
            ("timer fans", &mut self.timer_fans),
            ("told", &mut self.told),
            ("resets", &mut self.resets),
            ("deletes of shared histories", &mut self.shared_deletes),
            ("updates", &mut self.updates),
            ("rejected updates", &mut self.rejected_updates),
            ("pauses", &mut self.pauses),
            ("paused activities", &mut self.paused_activities),
            ("forks", &mut self.forks),
            ("batch operations", &mut self.batched),
            ("scheduled", &mut self.scheduled),
            ("events", &mut self.events),
        ]
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, count)) in self.fields().into_iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{name} {count}")?;
        }
        Ok(())
    }
}
