//! Random faults, one seed after the other: first everything goes wrong and nothing may be lost, then nothing does and
//! everything has to work again.

use std::time::Duration;

use weft_env::SeededIds;

use crate::testing::cluster::Cluster;
use crate::testing::net::Faults;

/// A crash, a restart or a parting, as chance has it; a majority may be down at times.
async fn mischief(cluster: &mut Cluster, chance: &SeededIds) {
    let running = cluster.ids();
    let pick = |from: &[crate::NodeId]| from[usize::try_from(chance.below(from.len() as u64)).expect("few")];
    match chance.below(5) {
        0 if running.len() > 1 => cluster.crash(pick(&running)).await,
        1 => {
            let down = cluster.down();
            if !down.is_empty() {
                cluster.restart(pick(&down)).await;
            }
        }
        2 => cluster.isolate(pick(&running)),
        3 => cluster.net.heal(),
        _ => {
            let faults = Faults {
                lost_percent: chance.below(20),
                doubled_percent: chance.below(20),
                delay_max_ms: chance.below(60),
            };
            cluster.net.set_faults(faults);
        }
    }
}

/// `RAFT_SEEDS` asks for more.
fn seeds() -> u64 {
    std::env::var("RAFT_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(5)
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_whatever_goes_wrong() {
    for seed in 0..seeds() {
        let chance = SeededIds::new(seed);
        let mut cluster = Cluster::start(seed, 3).await;
        cluster.commit("first").await;
        for round in 0..16 {
            mischief(&mut cluster, &chance).await;
            for n in 0..chance.below(4) {
                cluster.try_commit(&format!("{round}.{n}"), Duration::from_secs(1)).await;
            }
            tokio::time::sleep(Duration::from_millis(chance.below(1500))).await;
            cluster.agree();
        }
        cluster.net.heal();
        cluster.net.set_faults(Faults::default());
        for id in cluster.down() {
            cluster.restart(id).await;
        }
        cluster.commit("last").await;
        cluster.settle().await;
        cluster.check();
    }
}
