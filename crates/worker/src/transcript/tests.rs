//! Transcripts that are written, cut off, filled up and read meanwhile.

use std::{fs, io::Write, time::Duration};

use super::*;
use crate::process::{Chunk, Stream};

fn key() -> Key {
    Key { run: "run-1".to_owned(), step: "patch/1".to_owned(), attempt: 1 }
}

fn begun(bytes_max: u64) -> anyhow::Result<(tempfile::TempDir, Transcripts)> {
    let folder = tempfile::tempdir()?;
    let transcripts = Transcripts::new(folder.path().join("transcripts"), bytes_max);
    Ok((folder, transcripts))
}

fn chunk(stream: Stream, text: &str) -> Chunk {
    Chunk { stream, bytes: text.as_bytes().to_vec().into() }
}

/// `0 note:began`, `1 stdout:x`
fn told(page: &Page) -> Vec<String> {
    let words = |entry: &Entry| match &entry.said {
        Said::Printed { stream: Stream::Stdout, text } => format!("{} stdout:{text}", entry.number),
        Said::Printed { stream: Stream::Stderr, text } => format!("{} stderr:{text}", entry.number),
        Said::Note { text } => format!("{} note:{text}", entry.number),
        Said::Gap { gap } => format!("{} {gap:?}", entry.number),
        Said::End => format!("{} end", entry.number),
        other @ (Said::Began { .. }
        | Said::Told { .. }
        | Said::Answered { .. }
        | Said::Called { .. }
        | Said::Replied { .. }
        | Said::Came { .. }) => format!("{} {other:?}", entry.number),
    };
    page.entries.iter().map(words).collect()
}

#[test]
fn what_is_written_is_read_from_any_place_on() -> anyhow::Result<()> {
    let (_folder, transcripts) = begun(1 << 20)?;
    let mut writer = transcripts.write(&key(), Secrets::new(["secret-token"]))?;
    writer.note("began with secret-token")?;
    writer.output(&chunk(Stream::Stdout, "one\ntw"))?;
    let mut reader = transcripts.read(&key(), Cursor::default())?;
    let page = reader.page()?;
    assert_eq!(told(&page), ["0 note:began with [hidden]", "1 stdout:one\n"]);
    writer.output(&chunk(Stream::Stderr, "bad\n"))?;
    writer.end()?;
    let rest = ["2 stderr:bad\n", "3 stdout:tw", "4 end"];
    let cursor: Cursor = page.next.to_string().parse()?;
    for page in [reader.page()?, transcripts.read(&key(), cursor)?.page()?] {
        assert_eq!((told(&page), page.is_end), (rest.map(str::to_owned).to_vec(), true));
    }
    transcripts.remove("run-1")?;
    transcripts.remove("run-1")?;
    assert!(matches!(transcripts.read(&key(), cursor), Err(Error::None { .. })));
    Ok(())
}

#[test]
fn a_writer_that_died_leaves_a_gap_and_no_half_line() -> anyhow::Result<()> {
    let (_folder, transcripts) = begun(1 << 20)?;
    let mut writer = transcripts.write(&key(), Secrets::default())?;
    writer.note("first")?;
    drop(writer);
    let mut reader = transcripts.read(&key(), Cursor::default())?;
    fs::OpenOptions::new().append(true).open(transcripts.path(&key()))?.write_all(b"{\"number\":1,\"uni")?;
    assert_eq!(told(&reader.page()?), ["0 note:first"]);
    let mut writer = transcripts.write(&key(), Secrets::default())?;
    writer.note("second")?;
    assert_eq!(told(&reader.page()?), ["1 WriterDied", "2 note:second"]);
    Ok(())
}

#[test]
fn whoever_keeps_a_transcript_locked_holds_up_no_writer() -> anyhow::Result<()> {
    let (_folder, transcripts) = begun(1 << 20)?;
    transcripts.write(&key(), Secrets::default())?.note("first")?;
    let reader = fs::File::open(transcripts.path(&key()))?;
    reader.lock()?;
    let mut writer = transcripts.write(&key(), Secrets::default())?;
    writer.note("second")?;
    reader.unlock()?;
    writer.note("third")?;
    assert!(writer::is_written(&transcripts.path(&key())), "it has its part since that can be had");
    let page = transcripts.read(&key(), Cursor::default())?.page()?;
    assert_eq!(told(&page), ["0 note:first", "1 WriterDied", "2 note:second", "3 note:third"]);
    Ok(())
}

#[test]
fn a_transcript_that_is_full_says_how_much_is_missing() -> anyhow::Result<()> {
    let (_folder, transcripts) = begun(300)?;
    let mut writer = transcripts.write(&key(), Secrets::default())?;
    writer.note("first")?;
    for _ in 0..10 {
        writer.note(&"x".repeat(250))?;
    }
    writer.end()?;
    let page = transcripts.read(&key(), Cursor::default())?.page()?;
    assert_eq!(told(&page), ["0 note:first", "1 Full { lost_bytes: 2500 }", "2 end"]);
    Ok(())
}

#[test]
fn another_file_in_its_place_is_read_from_its_beginning() -> anyhow::Result<()> {
    let (_folder, transcripts) = begun(1 << 20)?;
    let mut writer = transcripts.write(&key(), Secrets::default())?;
    writer.note("a long first word")?;
    writer.note("second")?;
    let mut reader = transcripts.read(&key(), Cursor::default())?;
    reader.page()?;
    for words in [&["x"][..], &["a long first word, and then some", "and more", "and more"]] {
        fs::remove_file(transcripts.path(&key()))?;
        let mut writer = transcripts.write(&key(), Secrets::default())?;
        for word in words {
            writer.note(word)?;
        }
        let page = reader.page()?;
        assert_eq!(told(&page)[..2], ["0 Replaced".to_owned(), format!("0 note:{}", words[0])]);
    }
    Ok(())
}

#[test]
fn what_is_no_transcript_and_no_cursor_is_told() -> anyhow::Result<()> {
    let (_folder, transcripts) = begun(1 << 20)?;
    transcripts.write(&key(), Secrets::default())?.end()?;
    fs::write(transcripts.path(&key()), "rubbish\n")?;
    let error = transcripts.read(&key(), Cursor::default())?.page().expect_err("rubbish").to_string();
    assert!(error.ends_with("it is no transcript"), "{error}");
    for text in ["", "1-2", "2-1-1", "1-x-1", "1-1--1"] {
        assert!(text.parse::<Cursor>().is_err(), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn a_reader_follows_a_command_that_prints() -> anyhow::Result<()> {
    let (_folder, transcripts) = begun(1 << 20)?;
    let scribe = Scribe::new(transcripts.write(&key(), Secrets::default())?);
    let (sender, written) = scribe.listen().expect("it is not silent");
    let mut reader = transcripts.read(&key(), Cursor::default())?;
    assert_eq!(told(&reader.follow(Duration::from_millis(1)).await?), Vec::<String>::new());
    let (page, sent) =
        tokio::join!(reader.follow(Duration::from_secs(60)), sender.send(chunk(Stream::Stdout, "hello\n")));
    sent?;
    assert_eq!(told(&page?), ["0 stdout:hello\n"]);
    drop(sender);
    written.await?;
    scribe.end().await;
    assert!(reader.follow(Duration::from_secs(60)).await?.is_end);
    Ok(())
}

fn attempt(transcripts: &Transcripts, step: &str, attempt: u32) -> anyhow::Result<Writer> {
    let key = Key { run: "run-1".to_owned(), step: step.to_owned(), attempt };
    let mut writer = transcripts.write(&key, Secrets::default())?;
    writer.say(Said::Began { step: step.to_owned(), attempt, by: "coder".to_owned() })?;
    Ok(writer)
}

/// `patch/1#1 note:x`
fn heard(page: &RunPage) -> Vec<String> {
    let words = |it: &Heard| {
        let said = match &it.entry.said {
            Said::Began { by, .. } => format!("began:{by}"),
            Said::Note { text } => format!("note:{text}"),
            Said::Gap { gap } => format!("{gap:?}"),
            other => format!("{other:?}"),
        };
        format!("{}#{} {said}", it.step, it.attempt)
    };
    page.heard.iter().map(words).collect()
}

#[test]
fn a_run_is_followed_through_attempts_and_a_kill_in_the_middle_is_told() -> anyhow::Result<()> {
    let (_folder, transcripts) = begun(1 << 20)?;
    let mut first = attempt(&transcripts, "patch/1", 1)?;
    first.note("half")?;
    let mut reader = transcripts.read_run("run-1", Some("patch/1"), Bookmark::default())?;
    let page = reader.page(false)?;
    assert_eq!(heard(&page), ["patch/1#1 began:coder", "patch/1#1 note:half"]);
    // Killed in the middle of a line. Nobody knows yet that nothing more comes.
    drop(first);
    let path = transcripts.path(&key());
    fs::OpenOptions::new().append(true).open(path)?.write_all(b"{\"number\":2,\"uni")?;
    assert_eq!(heard(&reader.page(false)?), Vec::<String>::new());
    let mut second = attempt(&transcripts, "patch/1", 2)?;
    second.end()?;
    let other = attempt(&transcripts, "plan", 1)?;
    drop(other);
    let from: Bookmark = page.next.to_string().parse()?;
    for mut reader in [reader, transcripts.read_run("run-1", Some("patch/1"), from)?] {
        let page = reader.page(false)?;
        let wanted = ["patch/1#2 began:coder", "patch/1#2 End", "patch/1#1 WriterDied"];
        assert_eq!((heard(&page), page.is_end), (wanted.map(str::to_owned).to_vec(), true));
        assert_eq!(heard(&reader.page(true)?), Vec::<String>::new());
    }
    let mut all = transcripts.read_run("run-1", None, Bookmark::default())?;
    assert_eq!(all.steps()?, [("patch/1".to_owned(), 2), ("plan".to_owned(), 1)].into());
    assert!(!all.page(false)?.is_end, "the plan may go on");
    let page = all.page(true)?;
    let wanted = ["patch/1#1 WriterDied", "plan#1 WriterDied"];
    assert_eq!((heard(&page), page.is_end), (wanted.map(str::to_owned).to_vec(), true));
    Ok(())
}

/// A server that was away for a while gives a step to somebody else, and does not know that the first is still at it.
#[test]
fn an_attempt_that_lives_on_beside_the_next_is_heard_to_its_end() -> anyhow::Result<()> {
    let (_folder, transcripts) = begun(1 << 20)?;
    let mut first = attempt(&transcripts, "check/lint/1", 1)?;
    let mut reader = transcripts.read_run("run-1", None, Bookmark::default())?;
    reader.page(false)?;
    let mut second = attempt(&transcripts, "check/lint/1", 2)?;
    second.end()?;
    assert_eq!(heard(&reader.page(false)?), ["check/lint/1#2 began:coder", "check/lint/1#2 End"]);
    assert!(!reader.page(true)?.is_end, "the first one has not ended");
    first.note("late")?;
    assert_eq!(heard(&reader.page(true)?), ["check/lint/1#1 note:late"]);
    drop(first);
    let page = reader.page(true)?;
    assert_eq!((heard(&page), page.is_end), (vec!["check/lint/1#1 WriterDied".to_owned()], true));
    Ok(())
}

#[test]
fn what_was_removed_since_it_was_read_is_told() -> anyhow::Result<()> {
    let (_folder, transcripts) = begun(1 << 20)?;
    attempt(&transcripts, "patch/1", 1)?.note("x")?;
    let mut following = transcripts.read_run("run-1", None, Bookmark::default())?;
    let page = following.page(false)?;
    fs::remove_file(transcripts.path(&key()))?;
    for mut reader in [following, transcripts.read_run("run-1", None, page.next)?] {
        let page = reader.page(false)?;
        assert!(heard(&page)[0].ends_with("#0 Removed") && page.is_end, "{page:?}");
    }
    for text in ["x", "@1-1-1", "../x@1-1-1", "x@2"] {
        assert!(text.parse::<Bookmark>().is_err(), "{text}");
    }
    Ok(())
}

#[test]
fn transcripts_of_runs_that_are_long_silent_are_removed() -> anyhow::Result<()> {
    let (_folder, transcripts) = begun(1 << 20)?;
    attempt(&transcripts, "patch/1", 1)?.note("x")?;
    transcripts.sweep(Duration::from_secs(3600))?;
    assert!(transcripts.read_run("run-1", None, Bookmark::default()).is_ok());
    fs::File::options().append(true).open(transcripts.path(&key()))?.set_modified(std::time::SystemTime::UNIX_EPOCH)?;
    transcripts.sweep(Duration::from_secs(3600))?;
    assert!(matches!(transcripts.read_run("run-1", None, Bookmark::default()), Err(Error::NoneOfRun { .. })));
    Ok(())
}

#[test]
fn a_run_that_has_just_begun_and_what_is_no_run_are_not_swept() -> anyhow::Result<()> {
    let (_folder, transcripts) = begun(1 << 20)?;
    let (begun, stray) = (transcripts.run_folder("run-2"), transcripts.folder.join("stray"));
    fs::create_dir_all(&begun)?;
    fs::write(&stray, "")?;
    fs::File::options().append(true).open(&stray)?.set_modified(std::time::SystemTime::UNIX_EPOCH)?;
    transcripts.sweep(Duration::from_secs(3600))?;
    assert!(begun.exists() && stray.exists());
    fs::File::open(&begun)?.set_modified(std::time::SystemTime::UNIX_EPOCH)?;
    transcripts.sweep(Duration::from_secs(3600))?;
    assert!(!begun.exists());
    Ok(())
}
