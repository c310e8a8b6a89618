//! Takes down what is said in a step, for agents and for whoever runs commands for them.
//!
//! A transcript is for people: that it cannot be written stops no step. What is missing then has no end, and readers
//! say so.

use std::{fmt, sync::Arc};

use parking_lot::Mutex;
use tokio::{sync::mpsc, task::JoinHandle};

use super::{Said, Writer};
use crate::process::Chunk;

/// Chunks that wait to be written; a command that prints faster is slowed.
const CHUNKS_WAITING: usize = 64;

/// Clones are the same. One without a transcript drops what it hears.
#[derive(Clone, Default)]
pub struct Scribe {
    /// None once it has ended, or could not be written.
    writer: Arc<Mutex<Option<Writer>>>,
}

impl fmt::Debug for Scribe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.writer.lock().is_some() { "Scribe" } else { "Scribe(silent)" })
    }
}

impl Scribe {
    #[must_use]
    pub fn new(writer: Writer) -> Self {
        Self { writer: Arc::new(Mutex::new(Some(writer))) }
    }

    pub fn say(&self, said: Said) {
        self.with(|writer| writer.say(said));
    }

    pub fn note(&self, text: impl Into<String>) {
        self.say(Said::Note { text: text.into() });
    }

    /// A piece of a command's output.
    pub fn output(&self, chunk: &Chunk) {
        self.with(|writer| writer.output(chunk));
    }

    /// Nothing follows.
    pub fn end(&self) {
        self.with(Writer::end);
        *self.writer.lock() = None;
    }

    /// Takes the output of a command as it comes; to be waited for once the command has ended. Nothing
    /// where nothing is taken down.
    #[must_use]
    pub fn listen(&self) -> Option<(mpsc::Sender<Chunk>, JoinHandle<()>)> {
        self.writer.lock().as_ref()?;
        let (sender, mut chunks) = mpsc::channel::<Chunk>(CHUNKS_WAITING);
        let scribe = self.clone();
        // Files are written off the runtime's own threads.
        let written = tokio::task::spawn_blocking(move || {
            while let Some(chunk) = chunks.blocking_recv() {
                scribe.output(&chunk);
            }
            scribe.with(Writer::flush);
        });
        Some((sender, written))
    }

    fn with(&self, what: impl FnOnce(&mut Writer) -> Result<(), super::Error>) {
        let mut writer = self.writer.lock();
        if let Some(Err(_)) = writer.as_mut().map(what) {
            *writer = None;
        }
    }
}
