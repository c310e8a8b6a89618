//! Transcripts that are written, cut off, filled up and read meanwhile.

use std::{fs, io::Write, time::Duration};

use super::*;
use crate::process::Chunk;

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
    let (sender, written) = transcripts.write(&key(), Secrets::default())?.listen();
    let mut reader = transcripts.read(&key(), Cursor::default())?;
    assert_eq!(told(&reader.follow(Duration::from_millis(1)).await?), Vec::<String>::new());
    let (page, sent) =
        tokio::join!(reader.follow(Duration::from_secs(60)), sender.send(chunk(Stream::Stdout, "hello\n")));
    sent?;
    assert_eq!(told(&page?), ["0 stdout:hello\n"]);
    drop(sender);
    written.await??.end()?;
    assert!(reader.follow(Duration::from_secs(60)).await?.is_end);
    Ok(())
}
