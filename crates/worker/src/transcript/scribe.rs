//! Takes down what is said in a step, for agents and for whoever runs commands for them.
//!
//! Whoever speaks hands it on and goes on; files are written by a task of the transcript's own, on threads that may block,
//! in the order in which it was handed on. Few things wait to be written: who says more than a disk takes is slowed. A disk
//! that takes nothing for [`WRITTEN_WITHIN`] is waited for no more, and nothing more is handed on. Else, once [`Scribe::end`]
//! has returned, all of it is in the file. It is not synced: what a machine that lost its power had not written yet is missing.
//!
//! A transcript is for people: that it cannot be written stops no step. What is missing then has no end, and readers
//! say so.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

use super::{Error, Said, Writer};
use crate::process::Chunk;

/// Entries and chunks that wait to be written.
const WAITING_MAX: usize = 64;
/// So long a step waits for the disk, once; what is written later is in the file all the same.
const WRITTEN_WITHIN: Duration = Duration::from_secs(10);

/// What is to be written.
enum Word {
    Said(Said),
    Printed(Chunk),
    /// The rest of what a command printed.
    Flushed(oneshot::Sender<()>),
    End(oneshot::Sender<()>),
}

/// Clones are the same. One without a transcript drops what it hears.
#[derive(Clone, Default)]
pub struct Scribe {
    /// None where nothing is taken down; closed once it has ended, or could not be written.
    words: Option<mpsc::Sender<Word>>,
    /// Nothing was taken for so long that nobody waits any more.
    is_stuck: Arc<AtomicBool>,
}

impl fmt::Debug for Scribe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_silent() { "Scribe(silent)" } else { "Scribe" })
    }
}

impl Scribe {
    /// Begins to write, on the runtime that it is called on.
    #[must_use]
    pub fn new(writer: Writer) -> Self {
        let (words, heard) = mpsc::channel(WAITING_MAX);
        tokio::spawn(write(writer, heard));
        Self { words: Some(words), is_stuck: Arc::default() }
    }

    pub async fn say(&self, said: Said) {
        self.hand_on(Word::Said(said)).await;
    }

    pub async fn note(&self, text: impl Into<String>) {
        self.say(Said::Note { text: text.into() }).await;
    }

    /// A piece of a command's output.
    pub async fn output(&self, chunk: Chunk) {
        self.hand_on(Word::Printed(chunk)).await;
    }

    /// Nothing follows; waits until all is written, but not for ever.
    pub async fn end(&self) {
        self.written(Word::End).await;
    }

    /// Takes the output of a command as it comes; to be waited for once the command has ended. Nothing
    /// where nothing is taken down.
    #[must_use]
    pub fn listen(&self) -> Option<(mpsc::Sender<Chunk>, JoinHandle<()>)> {
        if self.is_silent() {
            return None;
        }
        let (sender, mut chunks) = mpsc::channel::<Chunk>(WAITING_MAX);
        let scribe = self.clone();
        let written = tokio::spawn(async move {
            while let Some(chunk) = chunks.recv().await {
                scribe.output(chunk).await;
            }
            scribe.written(Word::Flushed).await;
        });
        Some((sender, written))
    }

    fn is_silent(&self) -> bool {
        self.is_stuck.load(Ordering::Relaxed) || self.words.as_ref().is_none_or(mpsc::Sender::is_closed)
    }

    async fn hand_on(&self, word: Word) {
        if let Some(words) = self.words.as_ref().filter(|_| !self.is_silent()) {
            // Whoever could not write hears nothing more.
            self.in_time(words.send(word)).await;
        }
    }

    /// What is missing then has no end, and readers say so.
    async fn in_time<T>(&self, work: impl Future<Output = T>) {
        if timeout(WRITTEN_WITHIN, work).await.is_err() {
            self.is_stuck.store(true, Ordering::Relaxed);
        }
    }

    async fn written(&self, word: impl FnOnce(oneshot::Sender<()>) -> Word) {
        let (done, written) = oneshot::channel();
        self.hand_on(word(done)).await;
        // An error says that it could not be written.
        self.in_time(written).await;
    }
}

/// Writes until nothing more can come; of a transcript that was not ended, what was heard of it.
async fn write(mut writer: Writer, mut heard: mpsc::Receiver<Word>) {
    loop {
        let mut words = Vec::new();
        heard.recv_many(&mut words, WAITING_MAX).await;
        let is_last = words.is_empty();
        let blocking =
            tokio::task::spawn_blocking(
                move || {
                    if is_last { writer.flush().map(|()| None) } else { take_down(writer, words) }
                },
            );
        match blocking.await {
            Ok(Ok(Some(same))) => writer = same,
            // It has ended, or nobody can write it.
            Ok(Ok(None) | Err(_)) | Err(_) => return,
        }
    }
}

/// The writer, unless this was the end.
fn take_down(mut writer: Writer, words: Vec<Word>) -> Result<Option<Writer>, Error> {
    for word in words {
        match word {
            Word::Said(said) => writer.say(said)?,
            Word::Printed(chunk) => writer.output(&chunk)?,
            Word::Flushed(done) => {
                writer.flush()?;
                let _ = done.send(());
            }
            Word::End(done) => {
                writer.end()?;
                // Whoever waits finds nobody at work on the file.
                drop(writer);
                let _ = done.send(());
                return Ok(None);
            }
        }
    }
    Ok(Some(writer))
}

#[cfg(test)]
mod tests {
    use weft_env::{Clock as _, TokioClock, UnixNanos};

    use super::*;
    use crate::{
        process::Stream,
        repository::Key,
        transcript::{Cursor, Entry, Secrets, Transcripts},
    };

    fn key() -> Key {
        Key { run: "run-1".to_owned(), step: "patch/1".to_owned(), attempt: 1 }
    }

    fn notes(transcripts: &Transcripts) -> Vec<String> {
        let mut reader = transcripts.read(&key(), Cursor::default()).expect("it was begun");
        let entries = reader.page().expect("it is a transcript").entries;
        let words = |entry: Entry| match entry.said {
            Said::Note { text } => text,
            other => format!("{other:?}"),
        };
        entries.into_iter().map(words).collect()
    }

    fn begun() -> (tempfile::TempDir, Transcripts, Writer) {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let transcripts = Transcripts::new(folder.path(), 1 << 20);
        let writer = transcripts.write(&key(), Secrets::default()).expect("it is begun");
        (folder, transcripts, writer)
    }

    /// On a runtime of one thread, whoever wrote on it could not be overtaken.
    #[tokio::test]
    async fn whoever_speaks_does_not_write() {
        let (_folder, transcripts, writer) = begun();
        let scribe = Scribe::new(writer);
        scribe.note("first").await;
        assert_eq!(notes(&transcripts), Vec::<String>::new(), "nobody has let the writer begin");
        scribe.end().await;
        assert_eq!(notes(&transcripts), ["first", "End"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn order_is_kept_and_few_words_wait() {
        let (_folder, transcripts, writer) = begun();
        let scribe = Scribe::new(writer);
        let told: Vec<String> = (0..WAITING_MAX * 5).map(|number| number.to_string()).collect();
        for text in &told {
            scribe.note(text.clone()).await;
        }
        scribe.end().await;
        scribe.note("too late").await;
        scribe.end().await;
        assert!(scribe.listen().is_none(), "nobody takes anything down");
        assert_eq!(notes(&transcripts), [told, vec!["End".to_owned()]].concat());
    }

    #[tokio::test]
    async fn who_says_more_than_can_be_written_waits() {
        let (_folder, _transcripts, writer) = begun();
        let scribe = Scribe::new(writer);
        for _ in 0..WAITING_MAX {
            let mut saying = std::pin::pin!(scribe.note("x"));
            assert!(futures::poll!(&mut saying).is_ready());
        }
        let mut saying = std::pin::pin!(scribe.note("one too many"));
        assert!(futures::poll!(&mut saying).is_pending());
        saying.await;
        scribe.end().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_takes_nothing_holds_up_no_end() {
        let (words, heard) = mpsc::channel(1);
        let scribe = Scribe { words: Some(words), is_stuck: Arc::default() };
        let (chunks, written) = scribe.listen().expect("it is taken down");
        drop(chunks);
        written.await.expect("it does not panic");
        // Now not even what is to be written has room, and it was waited for once already.
        let clock = TokioClock::starting_at(UnixNanos(0));
        scribe.output(Chunk { stream: Stream::Stdout, bytes: "x".into() }).await;
        scribe.note("x").await;
        scribe.end().await;
        assert_eq!((heard.len(), clock.monotonic()), (1, Duration::ZERO), "nobody has written anything");
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_takes_nothing_holds_up_nobody_who_speaks() {
        let (words, _heard) = mpsc::channel(1);
        let scribe = Scribe { words: Some(words), is_stuck: Arc::default() };
        let clock = TokioClock::starting_at(UnixNanos(0));
        for text in ["taken", "waits", "does not"] {
            scribe.note(text).await;
        }
        assert_eq!(clock.monotonic(), WRITTEN_WITHIN);
    }

    #[tokio::test]
    async fn a_command_whose_step_is_given_up_leaves_what_it_printed() {
        let (_folder, transcripts, writer) = begun();
        let (words, heard) = mpsc::channel(WAITING_MAX);
        let writing = tokio::spawn(write(writer, heard));
        let scribe = Scribe { words: Some(words), is_stuck: Arc::default() };
        scribe.output(Chunk { stream: Stream::Stdout, bytes: "half a line".into() }).await;
        drop(scribe);
        writing.await.expect("it ends with those who speak");
        let said = Said::Printed { stream: Stream::Stdout, text: "half a line".to_owned() };
        assert_eq!(notes(&transcripts), [format!("{said:?}")]);
    }
}
