//! What an fdatasync costs on the disk that the server will use: the floor of every durable answer.

use std::{fs::File, io::Write, path::Path};

use anyhow::Context;
use weft_env::{Clock, RealClock};

const ROUNDS: usize = 200;

/// Appends 4 KiB and syncs, many times over; says the median and the slowest.
pub(crate) fn fdatasync(folder: &Path) -> anyhow::Result<String> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join("fdatasync-probe");
    let mut file = File::create(&path).context("the probe file cannot be made")?;
    let clock = RealClock::new();
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        file.write_all(&[7; 4096])?;
        let before = clock.monotonic();
        file.sync_data()?;
        times.push(clock.monotonic() - before);
    }
    std::fs::remove_file(path)?;
    times.sort_unstable();
    let micros = |place: usize| times.get(place).map_or(0, std::time::Duration::as_micros);
    Ok(format!(
        "fdatasync of 4 KiB appended: median {} µs, p99 {} µs, max {} µs over {ROUNDS}",
        micros(ROUNDS / 2),
        micros(ROUNDS * 99 / 100),
        micros(ROUNDS - 1)
    ))
}
