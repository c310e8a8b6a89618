//! Who is to have a copy of a shard, from format level 3 on: as many nodes as vote in it, and those that are on their way in
//! or out.
//!
//! Invariants: the row says that a node has a copy before it gets one, and until it has removed it. A copy comes, is filled
//! and votes, and only then does another one lose its vote; then it goes: it gets the log no more, the node removes what it
//! has, and then it leaves the row. Only the words of a group's leader change its row or have a copy removed. A node that has anything left of a shard is given no new copy of it: what a leader
//! knows of how far a copy has come must stay true for as long as it is one.

use std::collections::BTreeMap;

use weft_rows::{
    Level,
    member::{CopiesRow, CopyState, MemberRow, MemberState, MoveRow},
};
use weft_shard::MembersChange;

use super::{GroupPicture, Nodes, Picture, VOTERS, is_present};

/// In how many rows each node is.
type Loads = BTreeMap<u32, usize>;

impl Picture {
    /// Copies of the group are on some nodes only.
    pub(super) fn is_placed(&self, group: u32) -> bool {
        // The first group is that of the metadata, which all nodes follow.
        group != 0 && self.members.level >= Level::PLACED
    }

    /// What the rows say of who has a copy is to change so, but for groups that are just being changed themselves.
    pub(super) fn copies(&self, changed: &Nodes) -> Vec<MembersChange> {
        let mut loads = Loads::new();
        for node in self.members.copies.values().flat_map(CopiesRow::wanted) {
            *loads.entry(node).or_default() += 1;
        }
        let still = |group: &&GroupPicture| group.leads && !changed.contains(&group.group);
        let placed = self.groups.iter().filter(|group| self.is_placed(group.group)).filter(still);
        let changed = placed.filter_map(|group| {
            let row = match self.members.copies.get(&group.group) {
                Some(row) => self.next_row(group, row, &mut loads).filter(|next| next != row)?,
                None => self.first_row(group),
            };
            Some(MembersChange::Copies(row))
        });
        changed.collect()
    }

    /// Everybody had everything before there were rows.
    fn first_row(&self, group: &GroupPicture) -> CopiesRow {
        let state = |node: u32| match self.members.state(node) {
            Some(MemberState::Joining) if !group.voters().contains(&node) => CopyState::Coming,
            Some(_) | None => CopyState::Held,
        };
        let present = group.members.iter().filter(|node| self.members.state(**node).is_some_and(is_present));
        CopiesRow { group: group.group, nodes: present.map(|node| (*node, state(*node))).collect() }
    }

    /// None while its voters are being replaced.
    fn next_row(&self, group: &GroupPicture, row: &CopiesRow, loads: &mut Loads) -> Option<CopiesRow> {
        let [voters] = group.voters.as_slice() else { return None };
        let mut nodes = row.nodes.clone();
        nodes.retain(|node, state| !self.is_gone(group, *node, *state));
        for (node, state) in &mut nodes {
            if *state == CopyState::Coming && self.is_whole(group, *node) {
                *state = CopyState::Held;
            }
        }
        for voter in voters.iter().filter(|voter| self.members.state(**voter).is_some_and(is_present)) {
            // Nobody gives up what it votes in: if it was to go, a step that was under way was faster.
            nodes.insert(*voter, CopyState::Held);
        }
        let mut row = CopiesRow { group: group.group, nodes };
        let wanted = self.copies_of(group.group, voters);
        let target = self.target_of_move(group);
        let staying: Nodes = row.wanted().filter(|node| self.members.state(*node).is_some_and(is_present)).collect();
        let new = if staying.len() < wanted { self.least_loaded(group, loads) } else { None };
        for new in new.into_iter().chain(target.filter(|node| self.may_get(group.group, *node))) {
            if let std::collections::btree_map::Entry::Vacant(place) = row.nodes.entry(new) {
                place.insert(CopyState::Coming);
                *loads.entry(new).or_default() += 1;
            }
        }
        for node in self.surplus(voters, target, staying, wanted, loads) {
            row.nodes.insert(node, CopyState::Going);
        }
        Some(row)
    }

    /// The row need not speak of it any more.
    fn is_gone(&self, group: &GroupPicture, node: u32, state: CopyState) -> bool {
        if group.members.contains(&node) {
            return false;
        }
        // Its number is barred, so whatever it has left comes to nobody.
        let is_out = !self.members.state(node).is_some_and(is_present);
        let has_removed = self.has.get(&node).is_some_and(|groups| !groups.contains(&group.group));
        is_out || (state == CopyState::Going && has_removed)
    }

    fn is_whole(&self, group: &GroupPicture, node: u32) -> bool {
        let is_member = matches!(self.members.state(node), Some(MemberState::Member | MemberState::Drained));
        // Of two nodes one has a copy only in case that the other one is lost.
        let keeps = self.soon_fit(group.group, &group.voters()) < VOTERS && group.members.contains(&node) && is_member;
        group.voters().contains(&node) || keeps
    }

    /// How many copies a shard has in which these vote.
    fn copies_of(&self, group: u32, voters: &Nodes) -> usize {
        let stays = |node: &&u32| self.members.state(**node).is_none_or(is_present);
        let staying: Nodes = voters.iter().filter(stays).copied().collect();
        let fit = self.soon_fit(group, &staying);
        if fit >= VOTERS { VOTERS.max(voters.len().min(fit)) } else { fit }
    }

    /// How many could vote before long in a group in which these do: whoever joins is not ready while a copy is filled that is
    /// coming to it, and has not to lose it for that.
    fn soon_fit(&self, group: u32, voters: &Nodes) -> usize {
        let copies = self.members.copies.get(&group);
        let is_coming =
            |row: &MemberRow| row.state == MemberState::Joining && copies.is_some_and(|copies| copies.wants(row.node));
        let could = |row: &&MemberRow| voters.contains(&row.node) || self.is_fit(row) || is_coming(row);
        self.members.present().filter(could).count()
    }

    /// Where a vote of the group goes that is moved.
    fn target_of_move(&self, group: &GroupPicture) -> Option<u32> {
        let wanted = self.members.moves.get(&group.group)?;
        self.goes_on(wanted).then_some(wanted.to)
    }

    /// It is wanted, and can be done.
    pub(super) fn goes_on(&self, wanted: &MoveRow) -> bool {
        let group = self.groups.iter().find(|group| group.group == wanted.group);
        group.is_some_and(|group| self.is_open(group, wanted)) && self.live.contains(&wanted.to)
    }

    /// A copy can be made there: nothing is left of an earlier one.
    pub(crate) fn may_get(&self, group: u32, node: u32) -> bool {
        let row = self.members.copies.get(&group);
        let is_free = row.is_some_and(|row| !row.nodes.contains_key(&node));
        let is_clean = self.has.get(&node).is_some_and(|groups| !groups.contains(&group));
        let is_fit = self.members.nodes.get(&node).is_some_and(|row| self.is_fit(row));
        is_free && is_clean && is_fit && self.live.contains(&node)
    }

    fn least_loaded(&self, group: &GroupPicture, loads: &Loads) -> Option<u32> {
        let may = self.members.present().filter(|row| self.may_get(group.group, row.node));
        let key = |row: &&MemberRow| {
            (row.state == MemberState::Drained, loads.get(&row.node).copied().unwrap_or_default(), row.node)
        };
        may.min_by_key(key).map(|row| row.node)
    }

    /// Those of `staying` that do not vote and are more than are wanted.
    fn surplus(
        &self,
        voters: &Nodes,
        target: Option<u32>,
        staying: Nodes,
        wanted: usize,
        loads: &Loads,
    ) -> impl Iterator<Item = u32> {
        let more = staying.len().saturating_sub(wanted);
        let mut idle: Vec<u32> =
            staying.into_iter().filter(|node| !voters.contains(node) && Some(*node) != target).collect();
        idle.sort_by_key(|node| (std::cmp::Reverse(loads.get(node).copied()), *node));
        idle.into_iter().take(more)
    }

    /// The row does not want it to have a copy.
    pub(super) fn has_no_place(&self, group: u32, node: u32) -> bool {
        self.members.copies.get(&group).is_some_and(|row| !row.wants(node))
    }

    /// Who has something of a group that it should not have, and gets its log no more.
    pub(super) fn leftover(&self, group: &GroupPicture) -> Option<u32> {
        if !group.leads {
            return None;
        }
        let has = |node: &u32| self.has.get(node).is_some_and(|groups| groups.contains(&group.group));
        let mut present = self.members.present().filter(|row| is_present(row.state)).map(|row| row.node);
        present.find(|node| {
            self.has_no_place(group.group, *node)
                && !group.members.contains(node)
                && self.live.contains(node)
                && has(node)
        })
    }
}
