//! What nodes and operators may ask of a cluster's members, and what is written of it. Pure.
//!
//! Invariants: asked again it is answered the same and changes nothing more; what is refused says why and what would help.
//! A number is never given to a second node, and a node that has lost its data does not come back under its own.

use weft_rows::{
    Supported,
    member::{MemberRow, MemberState, MoveRow},
};
use weft_shard::{Members, MembersChange};

use super::level::misfit;
use super::plan::{GroupPicture, Nodes, Picture, in_state, is_present};

/// What an operator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Remove(u32),
    Drain(u32),
    Undrain(u32),
    Move(MoveRow),
    /// Of this group.
    CancelMove(u32),
}

/// A node that asks to be let in, or says that it has started again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Newcomer {
    pub(crate) node: u32,
    pub(crate) address: String,
    /// It has no data.
    pub(crate) is_new: bool,
    /// As its row has it.
    pub(crate) incarnation: String,
    pub(crate) supported: Supported,
}

type Decided = (Vec<MembersChange>, String);

impl Newcomer {
    /// # Errors
    /// Why it is not let in.
    pub(crate) fn decide(&self, members: &Members) -> Result<Vec<MembersChange>, String> {
        let Self { node, address, is_new, incarnation, supported } = self;
        if let Some(why) = misfit(members.level, *supported) {
            return Err(why);
        }
        let next = members.nodes.keys().last().map_or(1, |last| last.saturating_add(1));
        let taken = members.present().find(|row| row.address == *address && row.node != *node);
        if let Some(other) = taken {
            return Err(format!("node {} is reached at {address} already: give each its own address", other.node));
        }
        match members.nodes.get(node) {
            None => {
                let (address, incarnation) = (address.clone(), incarnation.clone());
                let row = MemberRow { node: *node, address, state: MemberState::Joining, incarnation };
                Ok(vec![MembersChange::Put(row)])
            }
            Some(row) if row.state == MemberState::Removed => Err(format!(
                "node {node} was removed from this cluster, and its number is not used again: start it with an empty \
                 data directory and --node {next}"
            )),
            Some(row) if *is_new || row.incarnation != *incarnation => Err(format!(
                "node {node} is known in this cluster, at {}, and this one has none of its data: a node that lost its data has \
                 forgotten its votes and must not come back under its number. Remove it (wfctl cluster remove {node}) \
                 and start this one with --node {next}",
                row.address
            )),
            Some(row) if row.address != *address => {
                Ok(vec![MembersChange::Put(MemberRow { address: address.clone(), ..row.clone() })])
            }
            Some(_) => Ok(Vec::new()),
        }
    }
}

impl Wish {
    /// The changes, and what the operator is told.
    ///
    /// # Errors
    /// Why it is refused.
    pub(crate) fn decide(self, picture: &Picture) -> Result<Decided, String> {
        match self {
            Self::Remove(node) => picture.remove(node),
            Self::Drain(node) => picture.drain(node),
            Self::Undrain(node) => picture.undrain(node),
            Self::Move(wanted) => picture.move_vote(wanted),
            Self::CancelMove(group) => picture.cancel_move(group),
        }
    }
}

impl Picture {
    fn row(&self, node: u32) -> Result<&MemberRow, String> {
        let known: Vec<u32> = self.members.present().map(|row| row.node).collect();
        let none = || format!("node {node} is not known: the nodes are {known:?}");
        self.members.nodes.get(&node).ok_or_else(none)
    }

    fn remove(&self, node: u32) -> Result<Decided, String> {
        let row = self.row(node)?;
        match row.state {
            MemberState::Removed => return Ok((Vec::new(), format!("node {node} was removed already"))),
            MemberState::Removing => return Ok((Vec::new(), format!("node {node} is being removed already"))),
            MemberState::Joining | MemberState::Member | MemberState::Drained => {}
        }
        for group in &self.groups {
            self.can_spare(group, node)?;
        }
        let said = format!("node {node} is being removed: wfctl cluster status shows when it is out");
        Ok((vec![in_state(row, MemberState::Removing)], said))
    }

    /// After the node has gone a majority of the voters must live.
    fn can_spare(&self, group: &GroupPicture, node: u32) -> Result<(), String> {
        let voters: Nodes = group.voters.iter().flatten().copied().collect();
        let stays = |other: u32| other != node && self.members.state(other).is_some_and(is_present);
        let mut after: Nodes = voters.iter().copied().filter(|voter| stays(*voter)).collect();
        let spare = self.members.present().filter(|row| stays(row.node) && row.state != MemberState::Joining);
        let may = |node: u32| group.members.contains(&node) || self.may_get(group.group, node);
        let living = spare.filter(|row| self.live.contains(&row.node) && may(row.node));
        let spare: Vec<u32> = living.map(|row| row.node).filter(|other| !voters.contains(other)).collect();
        after.extend(spare.into_iter().take(voters.len().saturating_sub(after.len())));
        let living = after.intersection(&self.live).count();
        if after.is_empty() {
            return Err(format!(
                "nobody would have group {} without node {node}: let another node join first",
                group.group
            ));
        }
        if living * 2 > after.len() {
            return Ok(());
        }
        Err(format!(
            "without node {node} the nodes {after:?} would vote in group {}, and only {living} of them answer, which is \
             no majority: bring them back, or let another node join, first",
            group.group
        ))
    }

    fn drain(&self, node: u32) -> Result<Decided, String> {
        let row = self.row(node)?;
        match row.state {
            MemberState::Member => {}
            MemberState::Drained => return Ok((Vec::new(), format!("node {node} is drained already"))),
            MemberState::Joining => return Err(format!("node {node} is joining: drain it when it is a member")),
            MemberState::Removing | MemberState::Removed => return Err(format!("node {node} is on its way out")),
        }
        let could_lead = |other: &u32| {
            *other != node && self.live.contains(other) && self.members.state(*other) == Some(MemberState::Member)
        };
        let mut voters = self.groups.iter().map(|group| (group.group, group.voters.iter().flatten()));
        if let Some((group, _)) = voters.find(|(_, voters)| !voters.clone().any(could_lead)) {
            return Err(format!(
                "nobody else that votes in group {group} and answers could lead it: all would stand still"
            ));
        }
        Ok((
            vec![in_state(row, MemberState::Drained)],
            format!("node {node} gives away what it leads, and leads nothing"),
        ))
    }

    fn undrain(&self, node: u32) -> Result<Decided, String> {
        let row = self.row(node)?;
        match row.state {
            MemberState::Drained => {
                Ok((vec![in_state(row, MemberState::Member)], format!("node {node} is given its share to lead again")))
            }
            MemberState::Member => Ok((Vec::new(), format!("node {node} is not drained"))),
            MemberState::Joining => Err(format!("node {node} is joining")),
            MemberState::Removing | MemberState::Removed => Err(format!("node {node} is on its way out")),
        }
    }

    fn cancel_move(&self, group: u32) -> Result<Decided, String> {
        let Some(MoveRow { from, to, .. }) = self.members.moves.get(&group) else {
            return Err(format!("no vote of shard {group} is being moved: see wfctl cluster status"));
        };
        let both = self.groups.iter().any(|known| known.group == group && known.voters.len() > 1);
        if both {
            return Err(format!(
                "in shard {group} node {to} is taking over from node {from} just now: move the vote back when that is done"
            ));
        }
        Ok((
            vec![MembersChange::Moved(group)],
            format!("the vote of node {from} in shard {group} is not moved any more"),
        ))
    }

    fn move_vote(&self, wanted: MoveRow) -> Result<Decided, String> {
        let MoveRow { group, from, to } = wanted;
        let known = self.groups.iter().find(|known| known.group == group);
        let known = known.ok_or_else(|| format!("there is no shard {group}"))?;
        let voters: Nodes = known.voters.iter().flatten().copied().collect();
        let state = self.row(to)?.state;
        if self.members.moves.get(&group).is_some_and(|other| *other != wanted) {
            return Err(format!(
                "another vote of shard {group} is being moved: wait until that is done, or cancel it (wfctl cluster \
                 cancel-move --shard {group})"
            ));
        }
        if voters.contains(&to) && !voters.contains(&from) {
            return Ok((Vec::new(), format!("node {to} votes in shard {group} already, and node {from} does not")));
        }
        if !voters.contains(&from) || voters.contains(&to) {
            return Err(format!(
                "in shard {group} nodes {voters:?} vote: --from has to be one of them, and --to another node"
            ));
        }
        if !matches!(state, MemberState::Member | MemberState::Drained) {
            return Err(format!("node {to} is no member, or not yet: see wfctl cluster status"));
        }
        if !self.live.contains(&to) {
            return Err(format!("node {to} does not answer"));
        }
        let said = format!("the vote of node {from} in shard {group} goes to node {to} as soon as that has its log");
        Ok((vec![MembersChange::Move(wanted)], said))
    }
}

#[cfg(test)]
mod tests;
