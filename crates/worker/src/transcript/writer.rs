//! Writes a transcript.
//!
//! Invariants: entries are numbered without a gap; a line that a crash cut off is removed by the next writer, who says
//! so; a full transcript still gets the mark that says how much is missing; whoever writes has a part in the file's lock,
//! so that readers know whether anybody does, from the first entry on that is written while nobody else keeps it locked.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{BufRead, BufReader, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    thread,
};

use super::{
    Entry, Error, Gap, Said, disk,
    lines::{Lines, Secrets},
    now_ns,
};
use crate::process::{Chunk, Stream};

/// How often a writer tries to get its part in a lock that readers have.
const LOCK_TRIES: usize = 1000;

/// The one who writes a transcript.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: File,
    /// Nobody else let go of it so far.
    lacks_lock: bool,
    number: u64,
    bytes: u64,
    bytes_max: u64,
    lost_bytes: u64,
    secrets: Secrets,
    stdout: Lines,
    stderr: Lines,
}

impl Writer {
    pub(super) fn open(path: PathBuf, bytes_max: u64, secrets: Secrets) -> Result<Self, Error> {
        let fault = |error: std::io::Error| disk(&path, &error);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(fault)?;
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(fault)?;
        let lacks_lock = !takes_part_in_lock_soon(&file);
        let found = whole_entries(&mut file).map_err(fault)?;
        file.set_len(found.bytes).map_err(fault)?;
        file.seek(SeekFrom::End(0)).map_err(fault)?;
        let is_new = found.number == 0 && !found.is_torn;
        let mut writer = Self {
            path,
            file,
            lacks_lock,
            number: found.number,
            bytes: found.bytes,
            bytes_max: bytes_max.max(found.bytes),
            lost_bytes: 0,
            secrets,
            stdout: Lines::default(),
            stderr: Lines::default(),
        };
        if !is_new {
            writer.append(Said::Gap { gap: Gap::WriterDied })?;
        }
        Ok(writer)
    }

    /// A word of the worker's or of an agent's.
    pub fn note(&mut self, text: &str) -> Result<(), Error> {
        self.say(Said::Note { text: text.to_owned() })
    }

    /// Anything. What does not fit any more is counted.
    pub fn say(&mut self, said: Said) -> Result<(), Error> {
        let said = said.clean(&self.secrets);
        let said_bytes = said.bytes();
        if self.bytes.saturating_add(said_bytes) > self.bytes_max {
            self.lost_bytes += said_bytes;
            return Ok(());
        }
        self.append(said)
    }

    /// A piece of a command's output.
    pub fn output(&mut self, chunk: &Chunk) -> Result<(), Error> {
        let stream = chunk.stream;
        let lines = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        match lines.push(&chunk.bytes, &self.secrets) {
            Some(text) => self.say(Said::Printed { stream, text }),
            None => Ok(()),
        }
    }

    /// The rest of the output, and what is missing.
    pub fn flush(&mut self) -> Result<(), Error> {
        for (stream, text) in
            [(Stream::Stdout, self.stdout.finish(&self.secrets)), (Stream::Stderr, self.stderr.finish(&self.secrets))]
        {
            if let Some(text) = text {
                self.say(Said::Printed { stream, text })?;
            }
        }
        match std::mem::take(&mut self.lost_bytes) {
            0 => Ok(()),
            lost_bytes => self.append(Said::Gap { gap: Gap::Full { lost_bytes } }),
        }
    }

    /// Nothing follows.
    pub fn end(&mut self) -> Result<(), Error> {
        self.flush()?;
        self.append(Said::End)
    }

    fn append(&mut self, said: Said) -> Result<(), Error> {
        self.lacks_lock = self.lacks_lock && !takes_part_in_lock(&self.file);
        let unix_ms = now_ns() / 1_000_000;
        let entry = Entry { number: self.number, unix_ms, said };
        let fault = |error: std::io::Error| disk(&self.path, &error);
        let mut line = serde_json::to_vec(&entry).map_err(|e| fault(e.into()))?;
        line.push(b'\n');
        // In one call, so that a reader sees whole lines but at the very end.
        self.file.write_all(&line).map_err(fault)?;
        self.number += 1;
        self.bytes += line.len() as u64;
        Ok(())
    }
}

/// Readers have it for a moment, while they look. A transcript that somebody keeps locked is written all the same, without a
/// part in the lock until that one lets go: a step does not stand still for it.
fn takes_part_in_lock_soon(file: &File) -> bool {
    (0..LOCK_TRIES).any(|_| {
        let has_part = takes_part_in_lock(file);
        if !has_part {
            thread::yield_now();
        }
        has_part
    })
}

/// False if somebody else has it. A disk without locks has nothing that could be had.
fn takes_part_in_lock(file: &File) -> bool {
    !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Whether somebody has a transcript open to write it. Where that cannot be known nobody has.
pub(super) fn is_written(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

/// What a writer before this one left.
struct Whole {
    number: u64,
    bytes: u64,
    is_torn: bool,
}

fn whole_entries(file: &mut File) -> std::io::Result<Whole> {
    let mut reader = BufReader::new(file);
    let (mut whole, mut line) = (Whole { number: 0, bytes: 0, is_torn: false }, Vec::new());
    loop {
        line.clear();
        let count = reader.read_until(b'\n', &mut line)?;
        if count == 0 {
            return Ok(whole);
        }
        if serde_json::from_slice::<Entry>(&line).is_err() || !line.ends_with(b"\n") {
            whole.is_torn = true;
            return Ok(whole);
        }
        whole.number += 1;
        whole.bytes += count as u64;
    }
}
