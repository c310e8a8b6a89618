//! A rolling upgrade: nodes of an earlier build are replaced one after the other by nodes of this one, under load, with a
//! step back on the way, and with either build leading everything for a while.
//!
//! Invariant: one node at a time is away; each step ends when the node has applied all that the others have.

use std::{path::Path, sync::Arc, time::Duration};

use weft_env::Clock;

use crate::{nodes::Nodes, operations};

/// How long each mixture works.
const MIXED: Duration = Duration::from_secs(4);

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
}

const STEPS: [Step; 7] = [
    Step::Replace(0, Build::This, Going::InOrder),
    // Nodes of the earlier build lead everything, and one of this build follows.
    Step::Idle(0),
    Step::Replace(1, Build::This, Going::Killed),
    // The other way round.
    Step::Idle(2),
    Step::Replace(1, Build::Earlier, Going::InOrder),
    Step::Replace(1, Build::This, Going::InOrder),
    Step::Replace(2, Build::This, Going::InOrder),
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
                operations::command(asked, &format!("drain?node={number}")).await?;
                let leads_nothing =
                    async || operations::picture(asked).await.is_ok_and(|picture| picture.led_by(number) == 0);
                nodes.until(node, "still leads, and was drained", leads_nothing).await?;
                println!("node {} leads nothing", node + 1);
                mixed().await;
                operations::command(asked, &format!("undrain?node={number}")).await?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::NODES;

    #[test]
    fn every_node_has_this_build_in_the_end_and_one_went_back() {
        let (mut builds, mut steps_back) = ([Build::Earlier; NODES], 0);
        for step in STEPS {
            if let Step::Replace(node, build, _) = step {
                assert_ne!(builds[node], build, "nothing is replaced by itself");
                steps_back += usize::from(build == Build::Earlier);
                builds[node] = build;
            }
        }
        assert_eq!((builds, steps_back), ([Build::This; NODES], 1));
    }
}
