//! Reads a transcript while it grows.

use std::{
    fmt,
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use tokio::time::{sleep, timeout};

use super::{Entry, Error, Gap, Said, disk};

/// Between two looks at a file that has nothing new.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// Entries of one page.
const PAGE_ENTRIES_MAX: usize = 500;

/// A place in a transcript: give it back to go on from there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Of the next entry.
    number: u64,
    offset: u64,
}

/// What is no [`Cursor`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no place in a transcript: take the one that was printed")]
pub struct InvalidCursor(String);

impl Cursor {
    pub(super) fn number(self) -> u64 {
        self.number
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1-{}-{}", self.number, self.offset)
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let parse = || -> Option<Self> {
            let (number, offset) = text.strip_prefix("1-")?.split_once('-')?;
            Some(Self { number: number.parse().ok()?, offset: offset.parse().ok()? })
        };
        parse().ok_or_else(|| InvalidCursor(text.to_owned()))
    }
}

/// Some entries, and where they end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// A [`Gap::Replaced`] is the reader's own, and has the number of the entry after it.
    pub entries: Vec<Entry>,
    pub next: Cursor,
    /// Nothing will follow.
    pub is_end: bool,
}

/// The one who reads.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    cursor: Cursor,
}

impl Reader {
    pub(super) fn new(path: PathBuf, cursor: Cursor) -> Self {
        Self { path, cursor }
    }

    /// What is there by now.
    pub fn page(&mut self) -> Result<Page, Error> {
        let mut page = Page { entries: Vec::new(), next: self.cursor, is_end: false };
        if !self.fill(&mut page)? {
            // Another file than the one that the cursor is of.
            page.next = Cursor::default();
            page.entries.push(Entry { number: 0, unix_ms: 0, said: Said::Gap { gap: Gap::Replaced } });
            self.fill(&mut page)?;
        }
        self.cursor = page.next;
        Ok(page)
    }

    /// Waits for something new, but not longer than this.
    pub async fn follow(&mut self, at_most: Duration) -> Result<Page, Error> {
        let first = self.page()?;
        if !first.entries.is_empty() || first.is_end {
            return Ok(first);
        }
        let more = async {
            loop {
                sleep(LOOK_INTERVAL).await;
                let page = self.page()?;
                if !page.entries.is_empty() {
                    return Ok(page);
                }
            }
        };
        timeout(at_most, more).await.unwrap_or(Ok(first))
    }

    /// False if the file has no entry at the page's place.
    fn fill(&self, page: &mut Page) -> Result<bool, Error> {
        let fault = |error: std::io::Error| disk(&self.path, &error);
        let mut file = File::open(&self.path).map_err(fault)?;
        if file.metadata().map_err(fault)?.len() < page.next.offset {
            return Ok(false);
        }
        file.seek(SeekFrom::Start(page.next.offset)).map_err(fault)?;
        let mut lines = BufReader::new(file);
        let mut line = Vec::new();
        while page.entries.len() < PAGE_ENTRIES_MAX {
            line.clear();
            let count = lines.read_until(b'\n', &mut line).map_err(fault)?;
            // The last line may be half there: it is read when it is whole.
            if !line.ends_with(b"\n") {
                break;
            }
            match serde_json::from_slice::<Entry>(&line) {
                Ok(entry) if entry.number == page.next.number => {
                    page.next = Cursor { number: entry.number + 1, offset: page.next.offset + count as u64 };
                    page.is_end = entry.said == Said::End;
                    page.entries.push(entry);
                }
                Ok(_) | Err(_) if page.next == Cursor::default() => {
                    return Err(Error::Disk { path: self.path.clone(), message: "it is no transcript".to_owned() });
                }
                Ok(_) | Err(_) => return Ok(false),
            }
        }
        Ok(true)
    }
}
