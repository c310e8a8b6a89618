//! Many seeds: which ones, on how many threads, and what is said of the first that fails.

use std::{
    env, panic,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::{
    apart::simulate_apart,
    cluster::{ClusterCoverage, SIZE, Size},
    coverage::Coverage,
    hooks,
    life::{Outcome, simulate},
    plant::Plant,
};

/// A planted bug that was found.
#[derive(Debug)]
pub struct Found {
    pub seed: u64,
    /// How many seeds in which the bug had its chance were played, this one included.
    pub tries: u64,
    pub violation: String,
}

/// A number from the environment.
///
/// # Panics
/// If it is set and is no number.
#[must_use]
pub fn environment(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Plays the seeds from 0, in parallel; what each came to is handed to `each` in no order.
///
/// # Panics
/// If a thread does.
pub fn in_parallel(seeds: u64, each: impl Fn(u64, &Outcome) + Sync) -> Coverage {
    let total = Mutex::new(Coverage::default());
    spread(&(0..seeds).collect::<Vec<_>>(), |seed| {
        let outcome = simulate(seed, Plant::Nothing, false);
        total.lock().unwrap_or_else(PoisonError::into_inner).add(&outcome.coverage);
        each(seed, &outcome);
    });
    total.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Plays these seeds of the cluster, in parallel, each in a process of its own. Gives what they reached, and what failed, by seeds:
/// a seed that is less than its size promises has failed too.
///
/// # Panics
/// If a thread does.
#[must_use]
pub fn cluster_seeds(size: Size, seeds: &[u64]) -> (ClusterCoverage, Vec<(u64, String)>) {
    let total = Mutex::new((ClusterCoverage::default(), Vec::new()));
    spread(seeds, |seed| {
        let outcome = simulate_apart(size, seed, Plant::Nothing, false);
        let (coverage, failures) = &mut *total.lock().unwrap_or_else(PoisonError::into_inner);
        coverage.add(&outcome.coverage);
        let wrong = outcome.violation.or_else(|| size.shortfall(&outcome.coverage));
        failures.extend(wrong.map(|wrong| (seed, wrong)));
    });
    let (coverage, mut failures) = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    failures.sort();
    (coverage, failures)
}

/// How a seed of the cluster is played again.
#[must_use]
pub fn again(size: Size, seed: u64) -> String {
    format!("{SIZE}={} WEFT_SIM_CLUSTER_SEED={seed} cargo test -p weft-sim --test cluster -- --nocapture", size.name())
}

/// Plays each seed once, on as many threads as the machine has.
fn spread(seeds: &[u64], play: impl Fn(u64) + Sync) {
    let threads = thread::available_parallelism().map_or(2, usize::from);
    spread_until(seeds, threads, |seed| {
        play(seed);
        true
    });
}

/// Seeds that are dealt out, each once.
struct Deck<'a> {
    seeds: &'a [u64],
    next: AtomicUsize,
}

impl Deck<'_> {
    /// Plays one after the other until nobody has to play any more: one of them was enough, or the play panicked.
    fn work(&self, play: impl Fn(u64) -> bool) {
        while let Some(seed) = self.seeds.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let mut playing = Playing { deck: self, goes_on: false };
            playing.goes_on = play(*seed);
        }
    }
}

/// A seed that is played. When it has not said that it goes on, nobody gets another one.
struct Playing<'a> {
    deck: &'a Deck<'a>,
    goes_on: bool,
}

impl Drop for Playing<'_> {
    fn drop(&mut self) {
        if !self.goes_on {
            self.deck.next.store(self.deck.seeds.len(), Ordering::Relaxed);
        }
    }
}

/// Plays each seed once, on so many threads, until one of them says that this is enough.
///
/// # Panics
/// If a play does, when those that are under way have ended: no other begins.
pub(crate) fn spread_until(seeds: &[u64], threads: usize, play: impl Fn(u64) -> bool + Sync) {
    let deck = Deck { seeds, next: AtomicUsize::new(0) };
    let work = || deck.work(&play);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            if let Err(panicked) = worker.join() {
                panic::resume_unwind(panicked);
            }
        }
    });
}

/// Whether a violation has one of these words in it: that a planted bug breaks something does not say that it was found.
///
/// # Panics
/// If it is a panic of the simulation, which finds nothing.
#[must_use]
pub fn is_about(violation: &str, words: &[&str]) -> bool {
    assert!(!hooks::is_ours(violation), "the simulation itself failed: {violation}");
    words.iter().any(|words| violation.contains(words))
}

/// Plays seeds with a planted bug until it is found by a violation that has one of these words in it, or until it had
/// `chances`.
///
/// # Panics
/// If the simulation itself does.
#[must_use]
pub fn hunt(plant: Plant, chances: u64, words: &[&str]) -> Option<Found> {
    let mut tries = 0;
    // A bug that seldom gets its chance must not keep the hunt going for ever.
    for seed in 0..chances * 20 {
        let outcome = simulate(seed, plant, false);
        if !outcome.planted {
            continue;
        }
        tries += 1;
        if let Some(violation) = outcome.violation {
            if is_about(&violation, words) {
                return Some(Found { seed, tries, violation });
            }
            println!("{plant:?}: seed {seed} found something else: {violation}");
        }
        if tries == chances {
            break;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn nobody_gets_another_seed_after_a_panic_or_when_one_was_enough() {
        let stopped_by = |play: &dyn Fn(u64) -> bool| {
            let deck = Deck { seeds: &[1, 2, 3], next: AtomicUsize::new(0) };
            let _ = catch_unwind(AssertUnwindSafe(|| deck.work(play)));
            let others = Mutex::new(Vec::new());
            let push = |seed| others.lock().unwrap_or_else(PoisonError::into_inner).push(seed);
            deck.work(|seed| {
                push(seed);
                true
            });
            others.into_inner().unwrap_or_else(PoisonError::into_inner)
        };
        assert_eq!(stopped_by(&|_| false), Vec::<u64>::new());
        assert_eq!(stopped_by(&|seed| if seed < 2 { true } else { panic!("for a test") }), Vec::<u64>::new());
    }

    #[test]
    #[should_panic(expected = "the simulation itself failed")]
    fn a_panic_of_the_simulation_finds_no_planted_bug() {
        let _ = is_about("panicked: for a test", &["for a test"]);
    }
}
