//! Writes what a fuzzer begins with: `weft-fuzz DIR` puts the seeds and regressions of each target into `DIR/TARGET`,
//! beside what is there. `weft-fuzz --list` names the targets.

use std::{env, fs, io, path::Path, process::ExitCode};

use weft_fuzz::{TARGETS, Target, regressions};

fn main() -> ExitCode {
    match env::args().nth(1).as_deref() {
        Some("--list") => {
            TARGETS.iter().for_each(|target| println!("{}", target.name));
            ExitCode::SUCCESS
        }
        Some(dir) => match TARGETS.iter().try_for_each(|target| write(Path::new(dir), target)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("weft-fuzz: {dir}: {error}");
                ExitCode::FAILURE
            }
        },
        None => {
            eprintln!("weft-fuzz: say where to: weft-fuzz DIR");
            ExitCode::from(2)
        }
    }
}

fn write(dir: &Path, target: &Target) -> io::Result<()> {
    let dir = dir.join(target.name);
    fs::create_dir_all(&dir)?;
    for (number, seed) in (target.seeds)().iter().enumerate() {
        fs::write(dir.join(format!("seed-{number:03}")), seed)?;
    }
    for (name, input) in regressions(target)? {
        fs::write(dir.join(format!("regression-{name}")), input)?;
    }
    Ok(())
}
