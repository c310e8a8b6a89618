//! A rolling upgrade: nodes of an earlier build are replaced one after the other by nodes of this one, under load, with a
//! step back on the way, and with either build leading everything for a while. Then the format level is raised, if this
//! build has a newer one, and the earlier build is kept out.
//!
//! Invariant: one node at a time is away; each step ends when the node has applied all that the others have.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use weft_env::Clock;

use crate::{nodes::Nodes, operations};

/// How long each mixture works.
const MIXED: Duration = Duration::from_secs(4);

/// How long a build may take to see that it does not fit.
const REFUSED_MAX: Duration = Duration::from_secs(30);
/// Between two looks whether it has.
const LOOK: Duration = Duration::from_millis(20);

/// How a process goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Going {
    InOrder,
    Killed,
}

/// Which build a node gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Build {
    Earlier,
    This,
}

/// What is done, in this order. Nodes are counted from 0.
#[derive(Clone, Copy, Debug)]
enum Step {
    Replace(usize, Build, Going),
    /// The node leads nothing for a while.
    Idle(usize),
    /// The level is not raised while one of the nodes, the second one, does not support what the first one does.
    TooEarly(usize, usize),
    /// The level is raised by way of this node, if it supports a newer one; then the earlier build is kept out.
    Finalize(usize),
}

const STEPS: [Step; 9] = [
    Step::Replace(0, Build::This, Going::InOrder),
    Step::TooEarly(0, 2),
    // Nodes of the earlier build lead everything, and one of this build follows.
    Step::Idle(0),
    Step::Replace(1, Build::This, Going::Killed),
    // The other way round.
    Step::Idle(2),
    Step::Replace(1, Build::Earlier, Going::InOrder),
    Step::Replace(1, Build::This, Going::InOrder),
    Step::Replace(2, Build::This, Going::InOrder),
    Step::Finalize(0),
];

/// Goes through all steps. The nodes are of the earlier build when it begins, and of this one when it ends.
pub(crate) async fn run(nodes: &Nodes, clock: &Arc<dyn Clock>, earlier: &Path, this: &Path) -> anyhow::Result<()> {
    let mixed = async || clock.sleep_until(clock.monotonic() + MIXED).await;
    println!("all nodes are of the earlier build");
    mixed().await;
    for step in STEPS {
        match step {
            Step::Replace(node, build, going) => {
                match going {
                    Going::InOrder => nodes.end(node).await?,
                    Going::Killed => nodes.kill(node).await?,
                }
                nodes.replace(node, if build == Build::This { this } else { earlier });
                nodes.run(node)?;
                nodes.ready(node).await?;
                nodes.current(node).await?;
                println!("node {}: {going:?}, and back with {build:?} build", node + 1);
                mixed().await;
            }
            Step::Idle(node) => {
                let (asked, number) = (nodes.operations(node), nodes.number(node));
                tell(nodes, node, &format!("drain?node={number}")).await?;
                let leads_nothing =
                    async || operations::picture(asked).await.is_ok_and(|picture| picture.led_by(number) == 0);
                nodes.until(node, "still leads, and was drained", leads_nothing).await?;
                println!("node {} leads nothing", node + 1);
                mixed().await;
                tell(nodes, node, &format!("undrain?node={number}")).await?;
            }
            Step::TooEarly(node, other) => too_early(nodes, node, other).await?,
            Step::Finalize(node) => finalize(nodes, clock, node, (earlier, this)).await?,
        }
    }
    Ok(())
}

/// Asks a node again until it has done it: on a slow machine the leader of the metadata may change at any moment.
pub(crate) async fn tell(nodes: &Nodes, node: usize, command: &str) -> anyhow::Result<()> {
    let asked = nodes.operations(node);
    let done = async || operations::command(asked, command).await.is_ok();
    nodes.until(node, &format!("did not do {command}"), done).await
}

async fn too_early(nodes: &Nodes, node: usize, other: usize) -> anyhow::Result<()> {
    let (asked, number, other) = (nodes.operations(node), nodes.number(node), nodes.number(other));
    let heard = async || operations::picture(asked).await.is_ok_and(|picture| picture.newest_level(other).is_some());
    nodes.until(node, "did not hear what another node supports", heard).await?;
    let picture = operations::picture(asked).await?;
    if picture.newest_level(other) >= picture.newest_level(number) {
        println!("both builds support the same format levels");
        return Ok(());
    }
    // Whichever build leads the metadata, it says which nodes stand in the way.
    let is_refused = |why: &str| why.contains("is not supported by node") || why.contains("knows no levels");
    let refuses = async || {
        let answer = operations::command(asked, "finalize").await;
        answer.is_err_and(|error| is_refused(&error.to_string()))
    };
    nodes.until(node, "did not refuse to raise the format level", refuses).await?;
    ensure!(operations::picture(asked).await?.level() == picture.level(), "the format level was raised all the same");
    println!("the format level is not raised while node {other} does not support it");
    Ok(())
}

async fn finalize(
    nodes: &Nodes,
    clock: &Arc<dyn Clock>,
    node: usize,
    (earlier, this): (&Path, &Path),
) -> anyhow::Result<()> {
    let (asked, number) = (nodes.operations(node), nodes.number(node));
    let picture = operations::picture(asked).await?;
    let newest = picture.newest_level(number).context("it does not say which format levels it supports")?;
    if picture.level() >= Some(newest) {
        println!("there is no newer format level to raise the cluster to");
        return Ok(());
    }
    tell(nodes, node, "finalize").await?;
    for other in 0..nodes.count() {
        let at = nodes.operations(other);
        let knows = async || operations::picture(at).await.is_ok_and(|picture| picture.level() == Some(newest));
        nodes.until(other, "did not hear of the raised format level", knows).await?;
    }
    println!("the format level is {newest}");
    nodes.end(node).await?;
    nodes.replace(node, earlier);
    nodes.run(node)?;
    let end = clock.monotonic() + REFUSED_MAX;
    let status = loop {
        if let Some(status) = nodes.exited(node)? {
            break status;
        }
        ensure!(clock.monotonic() < end, "the earlier build runs on data of level {newest}");
        clock.sleep_until(clock.monotonic() + LOOK).await;
    };
    let said = std::fs::read_to_string(nodes.log(node))?;
    let why = said.lines().last().unwrap_or_default();
    ensure!(!status.success() && why.contains("format"), "the earlier build ended with {status}: {why}");
    println!("the earlier build is kept out: {why}");
    nodes.replace(node, this);
    nodes.run(node)?;
    nodes.ready(node).await?;
    nodes.current(node).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::FOUNDERS;

    #[test]
    fn every_node_has_this_build_in_the_end_and_one_went_back() {
        let (mut builds, mut steps_back) = ([Build::Earlier; FOUNDERS], 0);
        for step in STEPS {
            if let Step::Replace(node, build, _) = step {
                assert_ne!(builds[node], build, "nothing is replaced by itself");
                steps_back += usize::from(build == Build::Earlier);
                builds[node] = build;
            }
        }
        assert_eq!((builds, steps_back), ([Build::This; FOUNDERS], 1));
    }
}
