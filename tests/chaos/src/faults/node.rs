//! What goes wrong within a node: its disk, its clock, and that it loses everything.
//!
//! Invariant: what a node owes in each of these is looked at here: a full disk lets it go on or stop with an error and start
//! again; a node whose clock is wrong leads nothing; one that was wiped comes back as a member.

use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::Faults;
use crate::{operations, shim::Control};

/// The status of a process that said why it cannot go on.
const FAILED: i32 = 1;
/// Less than a node keeps in reserve.
const NEARLY_FULL_MIB: u64 = 128;
/// Two pings.
const CLOCK_SEEN: Duration = Duration::from_secs(1);
/// Two of a node's looks at its leaderships, on a slow machine.
const GIVEN_UP_MAX: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(100);
/// Clocks are that far off at most.
const JUMP_MS_MAX: u64 = 600_000;
/// A clock may be half a second off; one that is so far is wrong.
const JUMP_MS_MIN: u64 = 1_000;

impl Faults<'_> {
    /// The disk is full for a while, or nearly so. The node may stop if nothing is left, and if it says why.
    pub(super) async fn full_disk(&self, node: usize, span: Duration) -> anyhow::Result<String> {
        let left_mib = [0, NEARLY_FULL_MIB][usize::from(self.ids.below(2) == 1)];
        self.nodes.ground.fill(node, left_mib)?;
        self.wait(span).await;
        self.nodes.ground.empty(node)?;
        let what = format!("node {} with {left_mib} MiB left for {span:.1?}", node + 1);
        let went_on = self.nodes.current(node).await;
        // What its store does behind its back may yet find that there was no room.
        self.wait(LOOK * 20).await;
        let Some(status) = self.nodes.exited(node)? else {
            went_on.context("room was given back")?;
            return Ok(format!("{what}; it went on"));
        };
        let in_order = status.code() == Some(FAILED) && left_mib == 0;
        ensure!(in_order, "node {} ended by itself with {left_mib} MiB left: {status}", node + 1);
        self.back(node).await.context("room was given back, and it was started again")?;
        self.nodes.current(node).await?;
        Ok(format!("{what}; it stopped, and was started again"))
    }

    pub(super) async fn slow_syncs(&self, node: usize, span: Duration) -> anyhow::Result<String> {
        let delay = Duration::from_millis(20 + self.ids.below(980));
        self.control(node)?.delay_syncs(delay)?;
        self.wait(span).await;
        self.control(node)?.delay_syncs(Duration::ZERO)?;
        Ok(format!("node {}, by {delay:?} each for {span:.1?}", node + 1))
    }

    /// The clock is set wrong, and right again after a while in which the node has led nothing.
    pub(super) async fn clock_jump(&self, node: usize, span: Duration) -> anyhow::Result<String> {
        let by = self.jump();
        self.control(node)?.set_clock(by)?;
        let began = self.clock.monotonic();
        // What others had begun to give it before they saw its clock has come by then, and gone.
        self.wait(CLOCK_SEEN).await;
        self.until_leads_nothing(node, by).await?;
        let given_up = self.clock.monotonic() - began;
        self.wait(span).await;
        // An election may have given it something, which it gives away.
        self.until_leads_nothing(node, by).await?;
        self.control(node)?.set_clock(0)?;
        Ok(format!("node {}, by {by} ms; it led nothing after {given_up:.1?}, and {span:.1?} later", node + 1))
    }

    async fn until_leads_nothing(&self, node: usize, by: i64) -> anyhow::Result<()> {
        let end = self.clock.monotonic() + GIVEN_UP_MAX;
        loop {
            let led = self.led(node).await?;
            if led == 0 {
                return Ok(());
            }
            let is_over = self.clock.monotonic() > end;
            ensure!(!is_over, "node {} leads {led} groups though its clock is {by} ms off", node + 1);
            self.wait(LOOK).await;
        }
    }

    async fn led(&self, node: usize) -> anyhow::Result<usize> {
        Ok(operations::picture(self.nodes.operations(node)).await?.led_by(self.nodes.number(node)))
    }

    /// The node is removed, alive or dead, loses its data, and joins under the next number.
    pub(super) async fn wipe(&self, node: usize) -> anyhow::Result<String> {
        let (asked, old) = (self.nodes.operations((node + 1) % self.nodes.count()), self.nodes.number(node));
        let is_dead = self.ids.below(2) == 0;
        if is_dead {
            self.nodes.kill(node).await?;
        }
        let began = self.clock.monotonic();
        let is_asked = async || operations::command(asked, &format!("remove?node={old}")).await.is_ok();
        self.nodes.until(node, "could not be removed", is_asked).await?;
        let is_in = async |number, state| {
            let picture = operations::wait(asked, number, state).await;
            picture.is_ok_and(|picture| picture.state(number) == Some(state))
        };
        self.nodes.until(node, "was not removed", async || is_in(old, "removed").await).await?;
        let removed = self.clock.monotonic() - began;
        self.nodes.kill(node).await?;
        let new = operations::picture(asked).await?.next_number()?;
        self.nodes.wipe(node, new)?;
        self.back(node).await?;
        self.nodes.until(node, "did not become a member", async || is_in(new, "member").await).await?;
        let (whole, how) = (self.clock.monotonic() - began, if is_dead { "dead" } else { "alive" });
        Ok(format!("node {old}, {how}, is node {new} now: removed after {removed:.1?}, a member after {whole:.1?}"))
    }

    /// One node is killed, cut off or frozen, another is slow, and the clock of the third is wrong.
    pub(super) async fn mixed(&self, node: usize, slow: usize, span: Duration) -> anyhow::Result<String> {
        let wrong = (0..self.nodes.count()).find(|seat| ![node, slow].contains(seat)).context("there is a third")?;
        let (delay, by) = (Duration::from_millis(20 + self.ids.below(180)), self.jump());
        self.control(slow)?.delay_syncs(delay)?;
        self.control(wrong)?.set_clock(by)?;
        let what = match self.ids.below(3) {
            0 => {
                self.apart(span, node, true).await?;
                "was cut off"
            }
            1 => {
                self.nodes.freeze(node, true).await?;
                self.wait(span).await;
                self.nodes.freeze(node, false).await?;
                "was frozen"
            }
            2 => {
                self.nodes.kill(node).await?;
                self.wait(span).await;
                self.back(node).await?;
                "was killed"
            }
            other => bail!("no such fault: {other}"),
        };
        self.control(slow)?.delay_syncs(Duration::ZERO)?;
        self.control(wrong)?.set_clock(0)?;
        let (node, slow, wrong) = (node + 1, slow + 1, wrong + 1);
        Ok(format!("node {node} {what} for {span:.1?}, syncs of {slow} took {delay:?} more, {wrong} was {by} ms off"))
    }

    /// Forwards or back.
    fn jump(&self) -> i64 {
        let far = i64::try_from(JUMP_MS_MIN + self.ids.below(JUMP_MS_MAX)).unwrap_or(i64::MAX);
        if self.ids.below(2) == 0 { far } else { -far }
    }

    fn control(&self, node: usize) -> anyhow::Result<&Control> {
        self.nodes.control(node).context("nothing can make it slow or its clock wrong")
    }
}
