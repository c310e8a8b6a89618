//! What the seeds of the cluster reached.

use std::fmt;

/// Counts over one seed or many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// What seeds lasted for those who were in them.
    pub virtual_ms: u64,
    /// Workflow ids that were there at the end.
    pub workflows: u64,
    /// Of all kinds.
    pub faults: u64,
    /// Power losses of single nodes.
    pub crashes: u64,
    /// … of which these came in the middle of the disk's work.
    pub power_cuts: u64,
    pub restarts: u64,
    /// Logs whose last frame was cut off by a crash.
    pub torn_tails: u64,
    /// Executions that left memory.
    pub evicted: u64,
    /// Crashes of a node that led something.
    pub leaders_lost: u64,
    /// Nodes that were cut off in both directions.
    pub isolations: u64,
    /// Cuts in one direction.
    pub one_way_cuts: u64,
    /// Spells in which what one node did for another one was never answered.
    pub swallowed: u64,
    pub slow_spells: u64,
    /// Spells of syncs that take their time.
    pub slow_disks: u64,
    /// Disks that had hardly any room left.
    pub full_disks: u64,
    /// Disks of which a sync was to fail.
    pub failing_disks: u64,
    /// Nodes that stopped with an error because of their disks.
    pub stops: u64,
    pub clock_jumps: u64,
    /// Replicas that were brought up to date by a picture of the state, not by the log.
    pub pictures: u64,
    /// Nodes that were let in, removed, and those of the latter that had lost their data.
    pub joined: u64,
    pub removed: u64,
    pub wiped: u64,
    /// Moves of copies of shards that began, and that ended, done or given up.
    pub moves: u64,
    pub moves_ended: u64,
    /// Clusters that were raised to the level at which copies are on some nodes.
    pub raised: u64,
    /// Copies that were to come, and those that nodes gave up.
    pub copies_coming: u64,
    pub copies_gone: u64,
    /// Crashes of a node at which a copy was coming or going.
    pub crashes_amid: u64,
    pub broken_connections: u64,
    pub connections: u64,
    /// Leaders that were seen, one for each group and term.
    pub leaders: u64,
    /// Looks at a replica's rows that were held against another's after the same entry.
    pub prefixes: u64,
    pub acknowledged: u64,
    /// Calls that were made again because nobody heard their answer.
    pub repeats: u64,
    /// Runs that ended by a deadline of theirs.
    pub deadlines: u64,
    pub refusals: u64,
    /// Histories that were read.
    pub reads: u64,
    pub lists: u64,
    pub events: u64,
    /// Attempts that workers had, and those of them that were not the first.
    pub tasks: u64,
    pub retries: u64,
    /// Histories that a sticky worker had to read.
    pub sticky: u64,
    /// Polls whose caller went away.
    pub hang_ups: u64,
    /// Hand-overs that did not reach their poller, and were given back.
    pub give_backs: u64,
    /// Task queues that got another owner while tasks waited in them.
    pub moved_queues: u64,
    /// Tasks that were started for a poll at a branch without asking the queue's owner.
    pub branch_starts: u64,
    /// What branches fetched from owners, what they gave back of it, and what came back by itself.
    pub loans: u64,
    pub loans_back: u64,
    pub loans_overdue: u64,
    /// Workflows that workers brought to their end.
    pub errands: u64,
    pub worked_events: u64,
    /// Workflow tasks that started several timers at once.
    pub timer_fans: u64,
    /// Children of children.
    pub grandchildren: u64,
    /// Messages from one workflow to another.
    pub messages: u64,
    /// Deliveries that failed, or of which nobody knows what came of them: their messages are brought again.
    pub redeliveries: u64,
    /// Proposals that reached openraft after their node had lost the shard and led it again.
    pub late_proposals: u64,
    /// Batches that a replica did not apply, because they were not the next ones.
    pub void_batches: u64,
    /// How often leaders that went on leading proposed again what their group had refused.
    pub proposed_again: u64,
    /// Payments from one account to another that arrived.
    pub transfers: u64,
    /// Updates that were completed.
    pub updates: u64,
    /// Runs that went on from another one.
    pub continued: u64,
    /// … and those that went on from an earlier place in it.
    pub resets: u64,
    /// Workflows that schedules started.
    pub scheduled: u64,
}

impl Coverage {
    /// Adds what another seed reached.
    pub fn add(&mut self, other: &Self) {
        for ((_, mine), (_, theirs)) in self.fields_mut().into_iter().zip(other.fields()) {
            *mine += theirs;
        }
    }

    /// The names of what was never reached, and should have been.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        self.fields().into_iter().filter(|(_, count)| *count == 0).map(|(name, _)| name).collect()
    }

    /// Reads what it is shown as; none if it is not.
    #[must_use]
    pub fn read(shown: &str) -> Option<Self> {
        let mut coverage = Self::default();
        let words = shown.split(", ").map(|words| words.rsplit_once(' ')).collect::<Option<Vec<_>>>()?;
        for (name, field) in coverage.fields_mut() {
            let (_, count) = words.iter().find(|(word, _)| *word == name)?;
            *field = count.parse().ok()?;
        }
        Some(coverage)
    }

    fn fields(&self) -> Vec<(&'static str, u64)> {
        let mut copy = *self;
        copy.fields_mut().into_iter().map(|(name, count)| (name, *count)).collect()
    }

    fn fields_mut(&mut self) -> Vec<(&'static str, &mut u64)> {
        vec![
            ("virtual ms", &mut self.virtual_ms),
            ("workflows", &mut self.workflows),
            ("faults", &mut self.faults),
            ("crashes", &mut self.crashes),
            ("power cuts", &mut self.power_cuts),
            ("restarts", &mut self.restarts),
            ("torn tails", &mut self.torn_tails),
            ("evicted", &mut self.evicted),
            ("leaders lost", &mut self.leaders_lost),
            ("isolations", &mut self.isolations),
            ("one-way cuts", &mut self.one_way_cuts),
            ("swallowed", &mut self.swallowed),
            ("slow spells", &mut self.slow_spells),
            ("slow disks", &mut self.slow_disks),
            ("full disks", &mut self.full_disks),
            ("failing disks", &mut self.failing_disks),
            ("stops", &mut self.stops),
            ("clock jumps", &mut self.clock_jumps),
            ("pictures", &mut self.pictures),
            ("joined", &mut self.joined),
            ("removed", &mut self.removed),
            ("wiped", &mut self.wiped),
            ("moves", &mut self.moves),
            ("moves ended", &mut self.moves_ended),
            ("raised", &mut self.raised),
            ("copies coming", &mut self.copies_coming),
            ("copies gone", &mut self.copies_gone),
            ("crashes amid moves", &mut self.crashes_amid),
            ("broken connections", &mut self.broken_connections),
            ("connections", &mut self.connections),
            ("leaders", &mut self.leaders),
            ("prefixes", &mut self.prefixes),
            ("acknowledged", &mut self.acknowledged),
            ("repeats", &mut self.repeats),
            ("deadlines", &mut self.deadlines),
            ("refusals", &mut self.refusals),
            ("reads", &mut self.reads),
            ("lists", &mut self.lists),
            ("events", &mut self.events),
            ("tasks", &mut self.tasks),
            ("retries", &mut self.retries),
            ("sticky", &mut self.sticky),
            ("hang-ups", &mut self.hang_ups),
            ("give-backs", &mut self.give_backs),
            ("moved queues", &mut self.moved_queues),
            ("branch starts", &mut self.branch_starts),
            ("loans", &mut self.loans),
            ("loans back", &mut self.loans_back),
            ("loans overdue", &mut self.loans_overdue),
            ("errands", &mut self.errands),
            ("worked events", &mut self.worked_events),
            ("timer fans", &mut self.timer_fans),
            ("grandchildren", &mut self.grandchildren),
            ("messages", &mut self.messages),
            ("redeliveries", &mut self.redeliveries),
            ("late proposals", &mut self.late_proposals),
            ("void batches", &mut self.void_batches),
            ("proposed again", &mut self.proposed_again),
            ("transfers", &mut self.transfers),
            ("updates", &mut self.updates),
            ("continued", &mut self.continued),
            ("resets", &mut self.resets),
            ("scheduled", &mut self.scheduled),
        ]
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.fields().into_iter().map(|(name, count)| format!("{name} {count}")).collect();
        f.write_str(&words.join(", "))
    }
}
