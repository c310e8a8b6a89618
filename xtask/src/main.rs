//! The verbs of this repository: `cargo xtask` lists them.
//!
//! Invariant: a step that cannot run is a failure in CI (`CI` set) and is named loudly elsewhere; nothing is skipped in
//! silence.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

mod fuzz;
mod steps;
mod tools;
mod upgrade;

use steps::{Outcome, Step, Tier};

const HELP: &str = "\
cargo xtask <verb>

  test          format, lints, bans, unit and property tests, simulation, end-to-end, conformance: what CI runs
  test --tier long   the same with the long tier: more laws, more seeds, more kills, more mutations, libFuzzer
  fmt           format the tree
  lint          clippy with warnings as errors, and the format check
  unit          cargo test of the workspace
  conformance [--write]   the foreign SDKs against a freshly built server; their table may be written anew
  conformance --oracle    the same scenarios against Temporal's own server, where they must pass too
  side-by-side  the same scenarios against Temporal's own server, and the histories of both compared; arguments go to it
  bench         the load generator against a release build; arguments go to it
  chaos         three or more real server processes, killed, frozen, cut apart, without room and with wrong clocks; arguments go to it
  upgrade       a cluster of an earlier build becomes one of this build, node by node, under load
  sim [SEEDS]   the simulated node over so many seeds (1000), the cluster over a tenth
  seeds [SEEDS] [PROCESSES]   the simulated cluster alone, optimised, so many seeds (10000), so many at a time (1); goes
                on where it was interrupted: what was played is in sim-seeds-PROGRAM.txt in cargo's target directory, a
                file for each build
  laws [CASES]  the engine's laws over so many random sequences of requests (256)
  deploy        the files for deployment against Kubernetes' schemas and the server
  repair [MUTANTS]   the builtin provider mends so many seeded mutants of each of two small projects (50)
  figures       what the software-engineering worker costs and saves, and how many mutants it mends
  deny          licences, bans and sources of all dependencies, by cargo-deny
  fuzz [TARGET] [SECONDS]   libFuzzer over one target or all of them, so long each (60)
";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let verb = args.first().map_or("help", String::as_str);
    let rest = args.get(1..).unwrap_or_default();
    let steps = match verb {
        "test" => match Tier::of(rest) {
            Some(tier) => steps::test(tier),
            None => return misused(&format!("test takes --tier full or --tier long, not {rest:?}")),
        },
        "fmt" => steps::format(),
        "lint" => steps::lint(),
        "unit" => steps::unit(),
        "conformance" => match rest {
            [] => steps::conformance(false),
            [write] if write == "--write" => steps::conformance(true),
            [oracle, only @ ..] if oracle == "--oracle" => steps::oracle(only),
            [..] => return misused(&format!("conformance takes --write, --oracle or nothing, not {rest:?}")),
        },
        "side-by-side" => steps::side_by_side(rest),
        "bench" => steps::bench(rest),
        "chaos" => steps::chaos(&rest.iter().map(String::as_str).collect::<Vec<_>>()),
        "upgrade" => upgrade::steps(),
        "sim" => vec![steps::sim(rest.first().map_or("1000", String::as_str))],
        "seeds" => match rest {
            [] => vec![steps::seeds("10000", "1")],
            [seeds] => vec![steps::seeds(seeds, "1")],
            [seeds, processes] => vec![steps::seeds(seeds, processes)],
            [..] => return misused(&format!("seeds takes two numbers at most, not {rest:?}")),
        },
        "laws" => vec![steps::laws(rest.first().map_or("256", String::as_str))],
        "repair" => vec![steps::repair(rest.first().map_or("50", String::as_str))],
        "figures" => steps::figures(),
        "deny" => steps::deny(),
        "deploy" => steps::deploy(),
        "fuzz" => match fuzz::steps(rest) {
            Ok(steps) => steps,
            Err(wrong) => return misused(&wrong),
        },
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        other => return misused(&format!("no verb {other:?}")),
    };
    run(&steps)
}

fn misused(what: &str) -> ExitCode {
    eprintln!("xtask: {what}\n\n{HELP}");
    ExitCode::from(2)
}

/// Runs the steps in order and stops at the first that fails.
fn run(steps: &[Step]) -> ExitCode {
    let in_ci = env::var_os("CI").is_some();
    let mut skipped = Vec::new();
    for step in steps {
        println!("\n=== {} ===", step.name);
        match step.run(&root()) {
            Outcome::Passed => {}
            Outcome::Skipped(why) if in_ci => {
                eprintln!("xtask: {} could not run, which is a failure in CI: {why}", step.name);
                return ExitCode::FAILURE;
            }
            Outcome::Skipped(why) => skipped.push(format!("{}: {why}", step.name)),
            Outcome::Failed => {
                eprintln!("xtask: {} failed: {}", step.name, step.line());
                return ExitCode::FAILURE;
            }
        }
    }
    for skip in &skipped {
        eprintln!("xtask: SKIPPED {skip}");
    }
    ExitCode::SUCCESS
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The cargo that runs this.
fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
