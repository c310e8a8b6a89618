//! Events of a stream: `data:` lines between empty ones.
//!
//! Pure: bytes in, as they come, and whole events out.

/// A stream that is longer than this is no answer, in bytes.
const EVENT_BYTES_MAX: usize = 8 << 20;

/// What has come of an event that is not whole yet.
#[derive(Debug, Default)]
pub(super) struct Events {
    pending: Vec<u8>,
}

impl Events {
    /// The data of all events that are whole now. `Err` where one does not end.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, &'static str> {
        self.pending.extend_from_slice(bytes);
        let mut found = Vec::new();
        while let Some((end, next)) = self.boundary() {
            let event: Vec<u8> = self.pending.drain(..next).take(end).collect();
            let event = String::from_utf8_lossy(&event).into_owned();
            let data: Vec<&str> =
                event.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim_start).collect();
            if !data.is_empty() {
                found.push(data.join("\n"));
            }
        }
        if self.pending.len() > EVENT_BYTES_MAX { Err("an event does not end") } else { Ok(found) }
    }

    /// Where the first event ends, and where the next one begins.
    fn boundary(&self) -> Option<(usize, usize)> {
        let of = |end: &[u8]| self.pending.windows(end.len()).position(|it| it == end).map(|at| (at, at + end.len()));
        [of(b"\n\n"), of(b"\r\n\r\n")].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_whole_however_they_come() {
        let stream = b"event: a\ndata: {\"x\":1}\n\n: comment\n\ndata: two\r\ndata: lines\r\n\r\ndata: half";
        for size in [1, 7, stream.len()] {
            let mut events = Events::default();
            let all: Vec<String> =
                stream.chunks(size).flat_map(|chunk| events.push(chunk).expect("it is short")).collect();
            assert_eq!(all, ["{\"x\":1}", "two\nlines"]);
        }
    }
}
