//! Reads all transcripts of a run while they grow: of all steps, or of one, through all their attempts.
//!
//! An attempt whose worker died has no end: that is said once somebody has begun the next one, or once the run is over, and
//! nobody writes it any more. One that lives on beside the next is read on.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    str::FromStr,
};

use super::{Cursor, Entry, Error, Gap, Reader, Said, disk, files, now_ns, writer::is_written};

/// A first entry is no longer.
const FIRST_BYTES_MAX: u64 = 64 << 10;

/// A place in the transcripts of a run: give it back to go on from there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bookmark {
    /// By the names of their files.
    places: BTreeMap<String, Place>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    cursor: Cursor,
    /// Nothing of it follows.
    over: bool,
}

/// What is no [`Bookmark`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no place in the transcripts of a run: take the one that was printed")]
pub struct InvalidBookmark(String);

impl fmt::Display for Bookmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place =
            |(name, place): (&String, &Place)| format!("{name}@{}{}", place.cursor, if place.over { "!" } else { "" });
        f.write_str(&self.places.iter().map(place).collect::<Vec<_>>().join(","))
    }
}

impl FromStr for Bookmark {
    type Err = InvalidBookmark;

    fn from_str(text: &str) -> Result<Self, InvalidBookmark> {
        let place = |part: &str| {
            let (name, cursor) = part.split_once('@')?;
            let (cursor, over) = cursor.strip_suffix('!').map_or((cursor, false), |cursor| (cursor, true));
            let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            is_name.then_some((name.to_owned(), Place { cursor: cursor.parse().ok()?, over }))
        };
        let places = text.split(',').filter(|part| !part.is_empty()).map(place).collect::<Option<_>>();
        places.map(|places| Self { places }).ok_or_else(|| InvalidBookmark(text.to_owned()))
    }
}

/// An entry, and where it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub step: String,
    pub attempt: u32,
    pub entry: Entry,
}

/// Some entries in the order of their times, and where they end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunPage {
    pub heard: Vec<Heard>,
    pub next: Bookmark,
    /// All that was begun has ended.
    pub is_end: bool,
}

/// The one who reads.
#[derive(Debug)]
pub struct RunReader {
    folder: PathBuf,
    step: Option<String>,
    bookmark: Bookmark,
    /// Step and attempt, by the names of their files.
    begun: BTreeMap<String, (String, u32)>,
}

impl RunReader {
    pub(super) fn new(folder: PathBuf, step: Option<String>, bookmark: Bookmark) -> Self {
        Self { folder, step, bookmark, begun: BTreeMap::new() }
    }

    /// Steps that somebody has begun, and how often.
    pub fn steps(&mut self) -> Result<BTreeMap<String, u32>, Error> {
        self.look()?;
        let mut steps = BTreeMap::new();
        for (step, attempt) in self.begun.values() {
            let last: &mut u32 = steps.entry(step.clone()).or_default();
            *last = (*last).max(*attempt);
        }
        Ok(steps)
    }

    /// Where it is.
    #[must_use]
    pub fn bookmark(&self) -> &Bookmark {
        &self.bookmark
    }

    /// What is there by now. Once the run is over, nobody begins anew what an attempt without an end has left out.
    pub fn page(&mut self, run_is_over: bool) -> Result<RunPage, Error> {
        self.look()?;
        let mut heard = self.removed();
        for (name, (step, attempt)) in self.begun.clone() {
            if self.step.as_ref().is_some_and(|wanted| *wanted != step) {
                continue;
            }
            let is_last = !self.begun.values().any(|(other, later)| *other == step && *later > attempt);
            let entries = self.read(&name, run_is_over || !is_last)?;
            heard.extend(entries.into_iter().map(|entry| Heard { step: step.clone(), attempt, entry }));
        }
        // A death is found after all that was said in the same millisecond.
        heard
            .sort_by_key(|heard| (heard.entry.unix_ms, matches!(heard.entry.said, Said::Gap { gap: Gap::WriterDied })));
        let is_end = self.bookmark.places.values().all(|place| place.over);
        Ok(RunPage { heard, next: self.bookmark.clone(), is_end })
    }

    /// Finds what was begun since, and forgets what is gone.
    fn look(&mut self) -> Result<(), Error> {
        let paths = files(&self.folder)?;
        let names: BTreeSet<&str> = paths.iter().filter_map(|path| path.file_stem()?.to_str()).collect();
        self.begun.retain(|name, _| names.contains(name.as_str()));
        for path in &paths {
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            if !self.begun.contains_key(name)
                && let Some(begun) = began(path)?
            {
                self.begun.insert(name.to_owned(), begun);
            }
        }
        Ok(())
    }

    /// Those that were read before and are gone.
    fn removed(&mut self) -> Vec<Heard> {
        let known: BTreeSet<&String> = self.begun.keys().collect();
        let gone: Vec<String> = self.bookmark.places.keys().filter(|name| !known.contains(name)).cloned().collect();
        let heard = |name: String| {
            let entry = Entry { number: 0, unix_ms: 0, said: Said::Gap { gap: Gap::Removed } };
            (!self.bookmark.places.remove(&name).is_some_and(|place| place.over)).then_some(Heard {
                step: name,
                attempt: 0,
                entry,
            })
        };
        gone.into_iter().filter_map(heard).collect()
    }

    fn read(&mut self, name: &str, is_past: bool) -> Result<Vec<Entry>, Error> {
        let place = self.bookmark.places.get(name).copied().unwrap_or_default();
        if place.over {
            return Ok(Vec::new());
        }
        let path = self.folder.join(format!("{name}.jsonl"));
        // Asked before it is read: what was written until then is on the page.
        let nobody_goes_on = is_past && !is_written(&path);
        let mut reader = Reader::new(path, place.cursor);
        let page = reader.page()?;
        let mut entries = page.entries;
        let mut over = page.is_end;
        if entries.is_empty() && nobody_goes_on {
            // When it died is not known: the gap has the time at which it was found.
            let unix_ms = now_ns() / 1_000_000;
            let entry = Entry { number: page.next.number(), unix_ms, said: Said::Gap { gap: Gap::WriterDied } };
            entries.push(entry);
            over = true;
        }
        self.bookmark.places.insert(name.to_owned(), Place { cursor: page.next, over });
        Ok(entries)
    }
}

/// Step and attempt, once the first entry is there.
fn began(path: &Path) -> Result<Option<(String, u32)>, Error> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(disk(path, &error)),
    };
    let mut line = String::new();
    // What is not text is no entry either.
    if BufReader::new(file.take(FIRST_BYTES_MAX)).read_line(&mut line).is_err() {
        return Ok(None);
    }
    Ok(match serde_json::from_str::<Entry>(&line) {
        Ok(Entry { said: Said::Began { step, attempt, .. }, .. }) => Some((step, attempt)),
        Ok(_) | Err(_) => None,
    })
}
