//! Every target over its seeds, over what fuzzing once found, and over seeded mutations of both, with the memory that
//! each input takes.
//!
//! `WEFT_FUZZ_TRIES` says how many times as many mutations (1), `WEFT_FUZZ_SEED` which ones.

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
};

use peak_alloc::PeakAlloc;
use weft_fuzz::{Mutator, TARGETS, Target, regressions};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What an input of at most 32 KiB may take: far above what a message of that size becomes, far below what a length
/// that is believed without a check asks for.
const MEMORY_MAX: usize = 64 << 20;

/// One test for all, because the memory is the process's.
#[test]
fn every_target_holds_for_its_seeds_its_regressions_and_their_mutations() {
    let tries = environment("WEFT_FUZZ_TRIES").unwrap_or(1);
    let seed = environment("WEFT_FUZZ_SEED").unwrap_or(0);
    for target in TARGETS {
        let mut inputs = (target.seeds)();
        assert!(!inputs.is_empty(), "{} has no seeds", target.name);
        let found = regressions(target).expect("the regressions can be read");
        inputs.extend(found.into_iter().map(|(_, input)| input));
        let mut peak = inputs.iter().map(|input| run(target, input)).max().unwrap_or(0);
        let mutator = Mutator::new(seed);
        for _ in 0..target.tries * tries {
            peak = peak.max(run(target, &mutator.mutate(&inputs)));
        }
        let (seeds, mutations) = (inputs.len(), target.tries * tries);
        println!("{}: {seeds} inputs, {mutations} mutations, {peak} bytes at most", target.name);
    }
}

/// Gives the memory that it took.
fn run(target: &Target, input: &[u8]) -> usize {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let held = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let took = MEMORY.peak_usage().saturating_sub(before);
    if held.is_err() || took > MEMORY_MAX {
        let path = env::temp_dir().join(format!("weft-fuzz-{}-{}", target.name, std::process::id()));
        std::fs::write(&path, input).expect("the input can be kept");
        panic!("{} does not hold for {} ({took} bytes of memory): {input:02x?}", target.name, path.display());
    }
    took
}

fn environment(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}
