//! A great many seeds of the cluster, which may be interrupted and go on: what came of each is written to a file.
//!
//! Invariant: a seed is in the file when it was played to its end and everything held. Whoever goes on does not play it
//! again, so the file and its name name the program that wrote it, and another program has another file.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    hash::{DefaultHasher, Hasher},
    io::{self, Write},
    ops::Range,
    path::{Path, PathBuf},
};

use parking_lot::Mutex;

use crate::{
    apart::simulate_apart,
    cluster::{ClusterCoverage, Size},
    plant::Plant,
    seeds::{again, spread_until},
};

/// Seeds between two lines that say how far it is.
const TOLD_EVERY: usize = 100;

/// What is known of seeds that were played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Played {
    seeds: u64,
    cpu_ms: u64,
    coverage: ClusterCoverage,
}

impl Played {
    fn add(&mut self, cpu_ms: u64, coverage: &ClusterCoverage) {
        self.seeds += 1;
        self.cpu_ms += cpu_ms;
        self.coverage.add(coverage);
    }

    fn line(&self) -> String {
        let per_seed = self.cpu_ms / self.seeds.max(1);
        format!("{} seeds, {}.{:03} s of CPU each: {}", self.seeds, per_seed / 1000, per_seed % 1000, self.coverage)
    }
}

struct Campaign {
    record: File,
    done: BTreeMap<u64, (u64, ClusterCoverage)>,
    /// Since the last line that said how far it is.
    lately: Played,
    failure: Option<(u64, String)>,
}

/// Plays those of the seeds that are not in the record yet, so many at a time, until one fails. Says now and then how far it
/// is, and gives what all of them reached. The record is beside the file that is named, and has the program in its own name.
///
/// # Errors
/// The seed that failed, and what did not hold.
///
/// # Panics
/// If the simulation does, or the record cannot be read or written.
pub fn campaign(seeds: Range<u64>, processes: usize, record: &Path) -> Result<ClusterCoverage, String> {
    let program = program().unwrap_or_else(|error| panic!("this program cannot be read: {error}"));
    let path = of_program(record, &program);
    let (record, done) = open(&path, &program).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let before = done.range(seeds.clone()).count();
    println!("{before} of seeds {seeds:?} were played before, says {}", path.display());
    let missing: Vec<u64> = seeds.clone().filter(|seed| !done.contains_key(seed)).collect();
    let campaign = Mutex::new(Campaign { record, done, lately: Played::default(), failure: None });
    spread_until(&missing, processes, |seed| {
        let outcome = simulate_apart(Size::told(), seed, Plant::Nothing, false);
        let mut campaign = campaign.lock();
        match outcome.violation.or_else(|| Size::told().shortfall(&outcome.coverage)) {
            Some(violation) => {
                campaign.failure.get_or_insert((seed, violation));
            }
            None => campaign.held(seed, outcome.cpu_ms, outcome.coverage),
        }
        campaign.failure.is_none()
    });
    let campaign = campaign.into_inner();
    let mut all = Played::default();
    for (cpu_ms, coverage) in campaign.done.range(seeds).map(|(_, played)| played) {
        all.add(*cpu_ms, coverage);
    }
    println!("in all {}", all.line());
    match campaign.failure {
        Some((seed, violation)) => Err(format!("seed {seed}: {violation}\n  again: {}", again(Size::told(), seed))),
        None => Ok(all.coverage),
    }
}

impl Campaign {
    fn held(&mut self, seed: u64, cpu_ms: u64, coverage: ClusterCoverage) {
        // In one write, so that a line is there or not.
        let line = format!("{seed} {cpu_ms} {coverage}\n");
        self.record.write_all(line.as_bytes()).unwrap_or_else(|error| panic!("the record: {error}"));
        self.done.insert(seed, (cpu_ms, coverage));
        self.lately.add(cpu_ms, &coverage);
        if self.done.len().is_multiple_of(TOLD_EVERY) {
            println!("{} played; the last {}", self.done.len(), std::mem::take(&mut self.lately).line());
        }
    }
}

type Known = (File, BTreeMap<u64, (u64, ClusterCoverage)>);

/// What a program names its record: `seeds.txt` becomes `seeds-PROGRAM.txt`.
fn of_program(record: &Path, program: &str) -> PathBuf {
    let part = |part: Option<&OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let (name, kind) = (part(record.file_stem()), record.extension());
    let kind = kind.map(|kind| format!(".{}", kind.to_string_lossy())).unwrap_or_default();
    record.with_file_name(format!("{name}-{program}{kind}"))
}

/// The record, to be written on, and what it says.
fn open(path: &Path, program: &str) -> io::Result<Known> {
    let first_line = format!("program {program}");
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    // A line that was not written to its end is not there, and the next one must not go on with it.
    let whole = text.rfind('\n').map_or(0, |at| at + 1);
    file.set_len(whole as u64)?;
    let mut lines = text[..whole].lines();
    match lines.next() {
        None => file.write_all(format!("{first_line}\n").as_bytes())?,
        Some(first) if first == first_line => {}
        Some(_) => return Err(io::Error::other("another program has written it, and it was renamed")),
    }
    let done: Option<BTreeMap<_, _>> = lines.map(read).collect();
    Ok((file, done.ok_or_else(|| io::Error::other("nobody has written this"))?))
}

fn read(line: &str) -> Option<(u64, (u64, ClusterCoverage))> {
    let (seed, rest) = line.split_once(' ')?;
    let (cpu_ms, coverage) = rest.split_once(' ')?;
    Some((seed.parse().ok()?, (cpu_ms.parse().ok()?, ClusterCoverage::read(coverage)?)))
}

/// What tells this program, and the size of seeds that it plays, from all others.
fn program() -> io::Result<String> {
    let mut hasher = DefaultHasher::new();
    hasher.write(&fs::read(env::current_exe()?)?);
    Ok(format!("{:016x}-{}", hasher.finish(), Size::told().name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_record_is_read_as_it_was_written() {
        let coverage = ClusterCoverage { crashes: 3, scheduled: 9, ..ClusterCoverage::default() };
        assert_eq!(read(&format!("7 1234 {coverage}")), Some((7, (1234, coverage))));
        assert_eq!(read("7 1234 crashes 3"), None);
    }

    #[test]
    fn each_program_has_a_record_of_its_own() {
        let record = |program| of_program(Path::new("target/sim-seeds.txt"), program);
        assert_eq!(record("01ab"), Path::new("target/sim-seeds-01ab.txt"));
        assert_eq!(of_program(Path::new("seeds"), "01ab"), Path::new("seeds-01ab"));
    }
}
