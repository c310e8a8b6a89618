//! What the log of this process says: of all tests, so what is looked for names what is only in one of them.

use std::{
    io::{self, Write},
    sync::{Mutex, Once},
};

static TEXT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Takes what is logged from now on.
pub(crate) fn take() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| tracing_subscriber::fmt().with_ansi(false).with_writer(|| Taken).init());
}

/// Whether a line has all of these words.
pub(crate) fn says(words: &[&str]) -> bool {
    text().lines().any(|line| words.iter().all(|word| line.contains(word)))
}

pub(crate) fn text() -> String {
    String::from_utf8_lossy(&TEXT.lock().expect("nobody panicked")).into_owned()
}

struct Taken;

impl Write for Taken {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        TEXT.lock().expect("nobody panicked").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
