//! What is to be done next to bring a cluster from what it is to what is wanted of it. Pure.
//!
//! Invariants: one step a group at a time, each of which leaves a group that works; votes go only to nodes that live and
//! have caught up, and never so that fewer than a majority of the voters live; a node whose votes go away gives its
//! leadership away before. The same picture gives the same steps, and what is done is not done again: so whoever leads the
//! metadata next goes on where the last one was.
//!
//! Up to three nodes vote in a group, or as many as founded it together. One node alone goes on voting alone when a second
//! one comes: two are lost with either. All nodes get the log of the metadata; who has a copy of a shard is `copies`' to say.
//! Before format level 3 all nodes get the logs of all groups.

mod copies;

use std::collections::{BTreeMap, BTreeSet};

use weft_rows::{
    Level,
    member::{MemberRow, MemberState, MoveRow},
};
use weft_shard::{Members, MembersChange};

/// So many vote in a group where there are enough nodes.
const VOTERS: usize = 3;

/// Copies that are made at the same time for a node's share.
const MOVES_AT_ONCE: usize = 4;

pub(crate) type Nodes = BTreeSet<u32>;

/// The cluster as whoever leads the metadata sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Picture {
    pub(crate) members: Members,
    pub(crate) groups: Vec<GroupPicture>,
    /// Who answered lately.
    pub(crate) live: Nodes,
    /// Of those that join, who has what was committed when it was asked.
    pub(crate) ready: Nodes,
    /// Of which groups a node has anything, of those that have said so now. Nobody is asked before format level 3.
    pub(crate) has: BTreeMap<u32, BTreeSet<u32>>,
}

/// A Raft group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupPicture {
    pub(crate) group: u32,
    pub(crate) leader: Option<u32>,
    /// One set, or two while the second replaces the first.
    pub(crate) voters: Vec<Nodes>,
    /// Who gets the log, voters among them.
    pub(crate) members: Nodes,
    /// Its leader says all that, and nobody has heard of a later one. What others say may be long past, and is good for a
    /// step, which the leader makes or refuses; a row that was changed for it stays.
    pub(crate) leads: bool,
}

/// What the leader of a group is to do, or the node that gives up its copy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// The node gets the log.
    Add(u32),
    /// It gets the log no more.
    Forget(u32),
    /// It removes what it has of the group.
    GiveUp(u32),
    Lead(u32),
    Voters {
        from: Nodes,
        to: Nodes,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// By group.
    pub(crate) steps: Vec<(u32, Step)>,
    pub(crate) changes: Vec<MembersChange>,
    /// What it waits for, for people.
    pub(crate) waits: Vec<String>,
}

impl GroupPicture {
    fn voters(&self) -> Nodes {
        self.voters.iter().flatten().copied().collect()
    }
}

impl Picture {
    /// Something is on its way, or somebody waits for something.
    pub(crate) fn plan(&self) -> Plan {
        let mut plan = Plan::default();
        let mut given = Nodes::new();
        for group in &self.groups {
            if group.leader.is_none() {
                // That is news of its own, and no change waits for it where none is wanted.
                plan.waits.extend(self.is_changing().then(|| format!("group {} has no leader", group.group)));
                continue;
            }
            match self.next(group) {
                Ok(Some(step)) => {
                    given.extend(newcomers(&step));
                    plan.steps.push((group.group, step));
                }
                Ok(None) => {
                    let unsaid = self.is_changing() && !self.is_told(group);
                    plan.waits.extend(unsaid.then(|| format!("group {}: its leader does not answer", group.group)));
                }
                Err(why) => plan.waits.push(format!("group {}: {why}", group.group)),
            }
        }
        // What a step does to who votes is seen before the row says who goes.
        let changed = plan.steps.iter().filter(|(_, step)| !matches!(step, Step::GiveUp(_))).map(|(group, _)| *group);
        let mut copies = self.copies(&changed.collect());
        if plan.steps.is_empty() && plan.waits.is_empty() && copies.is_empty() {
            match self.share() {
                Some(Share::Now(group, step)) => plan.steps.push((group, step)),
                Some(Share::Moves(moves)) => copies.extend(moves.into_iter().map(MembersChange::Move)),
                None => {}
            }
        }
        let moving = self.members.moves.values().any(|wanted| self.is_placed(wanted.group) && self.goes_on(wanted));
        let still = plan.steps.is_empty() && copies.is_empty() && !moving;
        // A node is out when those that stay vote evenly: what an operator moves afterwards stays where it is.
        let departures = self.departures().filter(|_| still);
        let arrivals = self.arrivals(still && plan.waits.is_empty(), &given);
        plan.changes = arrivals.chain(departures).chain(self.ended_moves()).chain(copies).collect();
        plan
    }

    /// Somebody comes or goes, or a vote is to move.
    fn is_changing(&self) -> bool {
        !self.members.moves.is_empty() || self.members.nodes.values().any(|row| is_on_its_way(row.state))
    }

    /// What is known of the group is good enough to change a row for it. Before format level 3 nobody else is asked.
    fn is_told(&self, group: &GroupPicture) -> bool {
        group.leads || !self.is_placed(group.group)
    }

    fn next(&self, group: &GroupPicture) -> Result<Option<Step>, String> {
        if let [_, to] = group.voters.as_slice() {
            return Ok(Some(Step::Voters { from: group.voters(), to: to.clone() }));
        }
        if let Some(new) = self.to_have(group).into_iter().find(|node| !group.members.contains(node)) {
            return Ok(Some(Step::Add(new)));
        }
        let from = group.voters();
        let step = self.voters_of(group).and_then(|to| match from == to {
            true => Ok(None),
            false => self.toward(group, from, to).map(Some),
        });
        match step {
            Ok(Some(step)) => Ok(Some(step)),
            // Whoever goes may be the one that is to have a copy again, and vote.
            Ok(None) | Err(_) => self.outgoing(group).map_or(step, |step| Ok(Some(step))),
        }
    }

    /// What is taken from those that are to have nothing of a group and do not vote in it.
    fn outgoing(&self, group: &GroupPicture) -> Option<Step> {
        let leaves = |node: &&u32| self.members.state(**node).is_some_and(|state| !is_present(state));
        let goes = |node: &&u32| leaves(node) || self.has_no_place(group.group, **node);
        let forgotten = group.members.difference(&group.voters()).find(goes).map(|node| Step::Forget(*node));
        forgotten.or_else(|| self.leftover(group).map(Step::GiveUp))
    }

    /// Who is to get the log of a group.
    fn to_have(&self, group: &GroupPicture) -> Nodes {
        let present = |node: &u32| self.members.state(*node).is_some_and(is_present);
        match self.members.copies.get(&group.group) {
            Some(row) => row.wanted().filter(present).collect(),
            None if self.is_placed(group.group) => group.members.iter().copied().filter(present).collect(),
            None => self.members.present().map(|row| row.node).filter(present).collect(),
        }
    }

    fn toward(&self, group: &GroupPicture, from: Nodes, to: Nodes) -> Result<Step, String> {
        self.check_living(&to)?;
        let kept: Nodes = from.intersection(&to).copied().collect();
        if kept.is_empty() {
            // Both for a while, so that there is somebody to hand leadership to.
            let to = from.union(&to).copied().collect();
            return Ok(Step::Voters { from, to });
        }
        if group.leader.is_some_and(|leader| to.contains(&leader)) {
            return Ok(Step::Voters { from, to });
        }
        let mut next: Vec<u32> = kept.intersection(&self.live).copied().collect();
        next.sort_by_key(|node| (self.members.state(*node), *node));
        next.first().map(|node| Step::Lead(*node)).ok_or_else(|| format!("nobody of {kept:?} lives who could lead it"))
    }

    /// Of voters that are no majority of the living nothing is ever heard again.
    fn check_living(&self, to: &Nodes) -> Result<(), String> {
        let living: Nodes = to.intersection(&self.live).copied().collect();
        if living.len() * 2 > to.len() {
            return Ok(());
        }
        Err(format!("of nodes {to:?}, who would vote, only {living:?} answer, which is no majority"))
    }

    /// Who should vote in a group.
    fn voters_of(&self, group: &GroupPicture) -> Result<Nodes, String> {
        let from = group.voters();
        let stays = |node: &u32| self.members.state(*node).is_none_or(is_present);
        let mut to: Nodes = from.iter().copied().filter(stays).collect();
        let fit = self.fit(&to);
        let wanted = if fit >= VOTERS { VOTERS.max(from.len().min(fit)) } else { fit.min(to.len().max(1)) };
        let mut new: Vec<&MemberRow> = self
            .members
            .present()
            .filter(|row| group.members.contains(&row.node) && !to.contains(&row.node))
            .filter(|row| !self.has_no_place(group.group, row.node))
            .filter(|row| self.is_fit(row) && self.live.contains(&row.node))
            .collect();
        let loads = self.loads(|_| true);
        new.sort_by_key(|row| (row.state == MemberState::Drained, loads.get(&row.node).copied(), row.node));
        to.extend(new.iter().map(|row| row.node).take(wanted.saturating_sub(to.len())));
        if to.len() < wanted {
            return Err(format!("{wanted} nodes should vote, and of those that have its log only {to:?} can"));
        }
        Ok(self.moved(group, to))
    }

    /// How many could vote in a group in which these do.
    fn fit(&self, voters: &Nodes) -> usize {
        self.members.present().filter(|row| voters.contains(&row.node) || self.is_fit(row)).count()
    }

    /// It may be given a vote, if it lives.
    fn is_fit(&self, row: &MemberRow) -> bool {
        match row.state {
            MemberState::Joining => self.ready.contains(&row.node),
            MemberState::Member | MemberState::Drained => true,
            MemberState::Removing | MemberState::Removed => false,
        }
    }

    /// The voters after the move that an operator wants, if it can be made now.
    fn moved(&self, group: &GroupPicture, voters: Nodes) -> Nodes {
        let Some(wanted) = self.members.moves.get(&group.group) else { return voters };
        let MoveRow { from, to, .. } = *wanted;
        // A copy that is on its way out goes before it comes again.
        let has_copy = group.members.contains(&to) && !self.has_no_place(group.group, to);
        // Whoever goes is replaced already.
        let has_vote = voters.contains(&from);
        let is_fit = self.members.nodes.get(&to).is_some_and(|row| self.is_fit(row)) && self.live.contains(&to);
        if !self.is_open(group, wanted) || !is_fit || !has_copy || !has_vote {
            return voters;
        }
        voters.into_iter().filter(|node| *node != from).chain([to]).collect()
    }

    /// There is still something to move.
    fn is_open(&self, group: &GroupPicture, wanted: &MoveRow) -> bool {
        let voters = group.voters();
        // A copy that is being filled makes a node that joins unfit meanwhile.
        let fits = |row: &MemberRow| if self.is_placed(group.group) { is_present(row.state) } else { self.is_fit(row) };
        let fit = self.members.nodes.get(&wanted.to).is_some_and(fits);
        // While one set of voters replaces the other, both vote.
        let both = group.voters.len() > 1;
        both || (fit && voters.contains(&wanted.from) && !voters.contains(&wanted.to))
    }

    /// In how many of these groups each node votes.
    fn loads(&self, of: impl Fn(u32) -> bool) -> BTreeMap<u32, usize> {
        let mut loads: BTreeMap<u32, usize> = self.members.present().map(|row| (row.node, 0)).collect();
        for node in self.groups.iter().filter(|group| of(group.group)).flat_map(GroupPicture::voters) {
            *loads.entry(node).or_default() += 1;
        }
        loads
    }

    /// Votes for a node that has fewer than others, while one joins or goes. Where everybody has everything one at a time,
    /// so that no node gets too many; else several shards are moved at once, since each copy has to be made first.
    fn share(&self) -> Option<Share> {
        if self.members.level >= Level::PLACED {
            return self.share_copies();
        }
        let (group, giver, new) = self.pair(&self.loads(|_| true), &BTreeSet::new())?;
        let from = group.voters();
        let to = from.iter().copied().filter(|node| *node != giver).chain([new]).collect();
        self.toward(group, from, to).ok().map(|step| Share::Now(group.group, step))
    }

    fn share_copies(&self) -> Option<Share> {
        // The metadata are everywhere.
        let mut loads = self.loads(|group| self.is_placed(group));
        for wanted in self.members.moves.values().filter(|wanted| self.goes_on(wanted)) {
            count_move(&mut loads, wanted);
        }
        let (mut moves, mut taken) = (Vec::new(), BTreeSet::new());
        while let Some((group, from, to)) = self.pair(&loads, &taken).filter(|_| moves.len() < MOVES_AT_ONCE) {
            let wanted = MoveRow { group: group.group, from, to };
            count_move(&mut loads, &wanted);
            taken.insert(group.group);
            moves.push(wanted);
        }
        (!moves.is_empty()).then_some(Share::Moves(moves))
    }

    /// Whose vote, in which group, goes to whom.
    fn pair(&self, loads: &BTreeMap<u32, usize>, taken: &BTreeSet<u32>) -> Option<(&GroupPicture, u32, u32)> {
        let joins = |row: &&MemberRow| row.state == MemberState::Joining && self.ready.contains(&row.node);
        let mut takers: Vec<u32> = self.members.present().filter(joins).map(|row| row.node).collect();
        // What a node that goes leaves behind went to whoever had the fewest votes when that was planned, group by group.
        if self.members.nodes.values().any(|row| row.state == MemberState::Removing) {
            let takes = |row: &&MemberRow| row.state == MemberState::Member;
            let mut others: Vec<u32> = self.members.present().filter(takes).map(|row| row.node).collect();
            others.sort_by_key(|node| (loads.get(node).copied(), *node));
            takers.extend(others);
        }
        takers.into_iter().filter(|node| self.live.contains(node)).find_map(|node| self.pair_for(node, loads, taken))
    }

    fn pair_for(
        &self,
        new: u32,
        loads: &BTreeMap<u32, usize>,
        taken: &BTreeSet<u32>,
    ) -> Option<(&GroupPicture, u32, u32)> {
        let load = |node: &u32| loads.get(node).copied().unwrap_or(0);
        let is_shared = |group: &&GroupPicture| group.voters().len() >= VOTERS && !group.voters().contains(&new);
        let is_moved =
            |group: &GroupPicture| taken.contains(&group.group) || self.members.moves.contains_key(&group.group);
        let may_have = |group: &&GroupPicture| match self.members.level >= Level::PLACED {
            true => self.is_placed(group.group) && !is_moved(group) && self.may_get(group.group, new),
            false => group.members.contains(&new),
        };
        let givers = self.groups.iter().filter(is_shared).filter(may_have);
        let pairs = givers.flat_map(|group| group.voters().into_iter().map(move |giver| (group, giver)));
        // Rather from one that does not lead: nothing has to be handed over for that.
        let key = |(group, giver): &(&GroupPicture, u32)| (load(giver), group.leader != Some(*giver));
        let (group, giver) = pairs.max_by_key(key).filter(|(_, giver)| load(giver) >= load(&new) + 2)?;
        Some((group, giver, new))
    }

    fn arrivals(&self, settled: bool, given: &Nodes) -> impl Iterator<Item = MembersChange> {
        let has_all = |row: &&MemberRow| {
            row.state == MemberState::Joining
                && settled
                && self.ready.contains(&row.node)
                && self.live.contains(&row.node)
                && !given.contains(&row.node)
                && self.groups.iter().all(|group| self.is_placed(group.group) || group.members.contains(&row.node))
        };
        self.members
            .nodes
            .values()
            .filter(has_all)
            .map(|row| in_state(row, MemberState::Member))
            .collect::<Vec<_>>()
            .into_iter()
    }

    fn departures(&self) -> impl Iterator<Item = MembersChange> {
        let is_out = |row: &&MemberRow| {
            row.state == MemberState::Removing
                && self.groups.iter().all(|group| self.is_told(group) && !group.members.contains(&row.node))
                && self.members.copies.values().all(|copies| !copies.nodes.contains_key(&row.node))
        };
        self.members.nodes.values().filter(is_out).map(|row| in_state(row, MemberState::Removed))
    }

    fn ended_moves(&self) -> impl Iterator<Item = MembersChange> {
        let ended = |wanted: &&MoveRow| {
            let group = self.groups.iter().find(|group| group.group == wanted.group);
            group.is_none_or(|group| self.is_told(group) && !self.is_open(group, wanted))
        };
        self.members.moves.values().filter(ended).map(|wanted| MembersChange::Moved(wanted.group))
    }
}

/// It has the logs, or is to get them.
pub(crate) fn is_present(state: MemberState) -> bool {
    match state {
        MemberState::Joining | MemberState::Member | MemberState::Drained => true,
        MemberState::Removing | MemberState::Removed => false,
    }
}

/// It comes or goes.
pub(crate) fn is_on_its_way(state: MemberState) -> bool {
    match state {
        MemberState::Joining | MemberState::Removing => true,
        MemberState::Member | MemberState::Drained | MemberState::Removed => false,
    }
}

/// The same node in another state.
pub(crate) fn in_state(row: &MemberRow, state: MemberState) -> MembersChange {
    MembersChange::Put(MemberRow { state, ..row.clone() })
}

fn newcomers(step: &Step) -> Nodes {
    match step {
        Step::Add(node) => Nodes::from([*node]),
        Step::Voters { from, to } => to.difference(from).copied().collect(),
        Step::Forget(_) | Step::Lead(_) | Step::GiveUp(_) => Nodes::new(),
    }
}

/// How a node comes to its share.
enum Share {
    Now(u32, Step),
    Moves(Vec<MoveRow>),
}

fn count_move(loads: &mut BTreeMap<u32, usize>, wanted: &MoveRow) {
    *loads.entry(wanted.to).or_default() += 1;
    let from = loads.entry(wanted.from).or_default();
    *from = from.saturating_sub(1);
}

#[cfg(test)]
mod tests;
