//! A copy of a shard goes from one node to another, and one that has to do with it is killed in the middle.
//!
//! Invariant: what was asked for is done all the same, as soon as that node is back: the vote is the other one's, and the
//! first one runs nothing of the shard any more.

use std::{cell::Cell, time::Duration};

use anyhow::Context;

use super::Faults;
use crate::operations::{self, Picture};

/// A move is over in about a second where nothing goes wrong.
const MIDDLE_MS: u64 = 1_200;

/// What is moved, with the nodes by their seats.
#[derive(Clone, Copy, Debug)]
struct Move {
    shard: u64,
    leader: usize,
    from: usize,
    to: usize,
}

impl Faults<'_> {
    pub(super) async fn move_copy(&self, node: usize, span: Duration) -> anyhow::Result<String> {
        let asked = self.nodes.operations(node);
        let noted = Cell::new(None);
        // Who has what may change until it is asked for.
        let is_noted = async || {
            let drawn = operations::picture(asked).await.ok().and_then(|picture| self.draw_move(&picture));
            let Some(drawn) = drawn else { return false };
            let (from, to) = (self.nodes.number(drawn.from), self.nodes.number(drawn.to));
            let command = format!("move-shard?shard={}&from={from}&to={to}", drawn.shard);
            noted.set(operations::command(asked, &command).await.is_ok().then_some(drawn));
            noted.get().is_some()
        };
        let (began, Move { shard, leader, from, to }) = loop {
            self.nodes.until(node, "let no copy be moved", is_noted).await?;
            let began = self.clock.monotonic();
            self.wait(Duration::from_millis(self.ids.below(MIDDLE_MS))).await;
            let moved = noted.get().context("it was noted")?;
            // One that is over has no middle.
            if !self.is_moved(node, moved.shard, moved.from, moved.to).await.unwrap_or(false) {
                break (began, moved);
            }
        };
        let (who, victim) = [("the source", from), ("the target", to), ("the leader", leader)]
            [usize::try_from(self.ids.below(3)).unwrap_or(0)];
        self.nodes.kill(victim).await?;
        let killed = self.clock.monotonic() - began;
        self.wait(span / 2).await;
        self.back(victim).await?;
        let is_moved = async || self.is_moved(node, shard, from, to).await.unwrap_or(false);
        self.nodes.until(node, "did not hear that the copy was moved", is_moved).await?;
        let whole = self.clock.monotonic() - began;
        let (from, to, victim) = (from + 1, to + 1, victim + 1);
        Ok(format!(
            "shard {shard} from node {from} to node {to}, {who} (node {victim}) killed after {killed:.1?}; moved after \
             {whole:.1?}"
        ))
    }

    fn draw_move(&self, picture: &Picture) -> Option<Move> {
        let shard = 1 + self.ids.below(picture.shards()?);
        let voters = picture.voters(shard);
        let (votes, others): (Vec<usize>, Vec<usize>) = (0..self.nodes.count())
            .filter(|seat| picture.state(self.nodes.number(*seat)) == Some("member"))
            .partition(|seat| voters.contains(&self.nodes.number(*seat)));
        let any = |seats: &[usize]| {
            let place = usize::try_from(self.ids.below(seats.len().max(1) as u64)).ok()?;
            seats.get(place).copied()
        };
        let leader = picture.leader(shard).and_then(|number| votes.iter().find(|it| self.nodes.number(**it) == number));
        Some(Move { shard, leader: *leader?, from: any(&votes)?, to: any(&others)? })
    }

    /// The node that is asked says so, and nothing of the shard runs where it was.
    async fn is_moved(&self, asked: usize, shard: u64, from: usize, to: usize) -> anyhow::Result<bool> {
        let picture = operations::picture(self.nodes.operations(asked)).await?;
        let (voters, old) = (picture.voters(shard), self.nodes.number(from));
        let is_over = !picture.is_moving(shard) && voters.contains(&self.nodes.number(to)) && !voters.contains(&old);
        Ok(is_over && !operations::picture(self.nodes.operations(from)).await?.is_here(shard))
    }
}
