//! How commands end, and that nothing is left of them.

use std::{process::Stdio, time::Duration};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use weft_worker::{
    blame::Blame,
    process::{Chunk, Command, End, Error, Stop, Stream, Supervisor, Watch},
};

use crate::support::{Place, processes_with, sleep, supervisor};

#[tokio::test]
async fn a_command_reports_how_it_ended_and_what_it_said() -> anyhow::Result<()> {
    let place = Place::new()?;
    let report = place.run("echo out; echo err >&2; exit 3").await?;
    assert_eq!(report.end, End::Exited(3));
    assert_eq!((report.stdout.text().as_str(), report.stderr.text().as_str()), ("out\n", "err\n"));
    assert_eq!(place.run("kill -9 $$").await?.end, End::Signalled(9));
    assert!(place.run("true").await?.succeeded());
    Ok(())
}

#[tokio::test]
async fn a_command_reads_its_input_and_sees_its_variables() -> anyhow::Result<()> {
    let place = Place::new()?;
    let command = place.shell("cat; echo $NAME; pwd -P").input("typed\n").env("NAME", "given");
    let report = supervisor().run(&command, &place.sandbox(), Watch::new(&CancellationToken::new())).await?;
    let work = place.path("work").canonicalize()?;
    assert_eq!(report.stdout.text(), format!("typed\ngiven\n{}\n", work.display()));
    // Input that nobody reads is no error.
    let command = place.shell("true").input(vec![b'x'; 1 << 20]);
    assert!(supervisor().run(&command, &place.sandbox(), Watch::new(&CancellationToken::new())).await?.succeeded());
    Ok(())
}

#[tokio::test]
async fn who_does_not_run_is_told_apart_from_who_fails() -> anyhow::Result<()> {
    let place = Place::new()?;
    let run = async |command: Command| {
        supervisor().run(&command, &place.sandbox(), Watch::new(&CancellationToken::new())).await
    };
    let missing = run(Command::new("no-such-program", place.path("work"))).await.expect_err("there is none");
    assert!(matches!(&missing, Error::NotFound { program } if program == "no-such-program"), "{missing}");
    assert_eq!(missing.blame(), Blame::Environment);
    let nowhere = run(Command::new("true", place.path("nowhere"))).await.expect_err("there is no folder");
    assert_eq!(nowhere.blame(), Blame::Refused);
    assert!(nowhere.to_string().contains("nowhere"), "{nowhere}");
    Ok(())
}

#[tokio::test]
async fn a_program_that_is_no_supervisor_is_told_of() -> anyhow::Result<()> {
    let place = Place::new()?;
    let cancel = CancellationToken::new();
    let error = Supervisor::at("/bin/true")
        .run(&place.shell("true"), &place.sandbox(), Watch::new(&cancel))
        .await
        .expect_err("true says nothing");
    assert!(error.to_string().contains("/bin/true is no supervisor"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_command_that_hangs_is_stopped_with_all_that_it_started() -> anyhow::Result<()> {
    let mut place = Place::new()?;
    place.limits.wall = Duration::from_millis(300);
    place.limits.grace = Duration::from_millis(100);
    // It does not listen to the polite signal, and one of its children leaves its session.
    let sleep = sleep(61001);
    let line = format!("trap '' TERM; setsid {sleep} & {sleep} & while :; do {sleep}; done");
    assert_eq!(place.run(&line).await?.end, End::Stopped(Stop::Wall));
    assert_eq!(processes_with(&sleep), Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn a_command_that_is_asked_to_end_may_clean_up() -> anyhow::Result<()> {
    let mut place = Place::new()?;
    place.limits.grace = Duration::from_secs(60);
    let cancel = CancellationToken::new();
    let (output, mut chunks) = mpsc::channel(16);
    let command = place.shell("trap 'echo cleaned; exit 0' TERM; echo began; while :; do sleep 0.05; done");
    let sandbox = place.sandbox();
    let watch = Watch { cancel: &cancel, output: Some(output) };
    let supervisor = supervisor();
    let cancelled = async {
        let began = chunks.recv().await;
        cancel.cancel();
        began
    };
    let (report, began) = tokio::join!(supervisor.run(&command, &sandbox, watch), cancelled);
    assert_eq!(began, Some(Chunk { stream: Stream::Stdout, bytes: "began\n".into() }));
    let report = report?;
    assert_eq!(report.end, End::Stopped(Stop::Cancelled));
    assert_eq!(report.stdout.text(), "began\ncleaned\n");
    Ok(())
}

#[tokio::test]
async fn a_command_that_was_cancelled_before_it_began_ends_at_once() -> anyhow::Result<()> {
    let place = Place::new()?;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let report = supervisor().run(&place.shell("sleep 61005"), &place.sandbox(), Watch::new(&cancel)).await?;
    assert_eq!(report.end, End::Stopped(Stop::Cancelled));
    Ok(())
}

#[tokio::test]
async fn nothing_is_left_of_a_command_that_leaves_a_daemon() -> anyhow::Result<()> {
    let place = Place::new()?;
    let sleep = sleep(61002);
    let report = place.run(&format!("(setsid {sleep} </dev/null >/dev/null 2>&1 &) ; sleep 0.1; exit 0")).await?;
    assert_eq!((report.end, report.leftovers), (End::Exited(0), 1));
    assert_eq!(processes_with(&sleep), Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn a_flood_of_output_is_stopped_and_cut() -> anyhow::Result<()> {
    let mut place = Place::new()?;
    place.limits.output_bytes = 1 << 20;
    place.limits.kept_bytes = 1000;
    let report = place.run("echo first; yes").await?;
    assert_eq!(report.end, End::Stopped(Stop::Output));
    let text = report.stdout.text();
    assert!(text.starts_with("first\ny\n") && text.contains("bytes are not shown"), "{text}");
    assert!(text.len() < 3000 && report.stdout.total_bytes() > 1 << 20);
    Ok(())
}

/// Bombs of 300 processes, so that a fault of ours is not the machine's end.
#[tokio::test]
async fn a_fork_bomb_is_stopped_and_swept() -> anyhow::Result<()> {
    let mut place = Place::new()?;
    place.limits.processes = 40;
    let sleep = sleep(61003);
    for start in [&*sleep, &format!("setsid {sleep}"), &format!("sh -c '{sleep} & wait'")] {
        let line = format!("i=0; while [ $i -lt 300 ]; do {start} & i=$((i+1)); done; wait");
        assert_eq!(place.run(&line).await?.end, End::Stopped(Stop::Processes), "{start}");
        assert_eq!(processes_with(&sleep), Vec::<String>::new(), "{start}");
    }
    Ok(())
}

#[tokio::test]
async fn a_command_that_takes_too_much_is_stopped() -> anyhow::Result<()> {
    let mut place = Place::new()?;
    place.limits.cpu = Duration::from_millis(200);
    assert_eq!(place.run("while :; do :; done").await?.end, End::Stopped(Stop::Cpu));
    place.limits.cpu = Duration::from_secs(60);
    place.limits.memory_bytes = 64 << 20;
    // One process hits its own limit, several together are seen.
    let one = place.run("exec python3 -c 'x = bytearray(1 << 30)'").await?;
    assert!(one.end == End::Exited(1) && one.stderr.text().contains("MemoryError"), "{one:?}");
    let piece = "python3 -c 'import time; x = bytearray(b\"1\" * (20 << 20)); time.sleep(60)'";
    let many = place.run(&format!("{piece} & {piece} & {piece} & {piece} & wait")).await?;
    assert_eq!(many.end, End::Stopped(Stop::Memory));
    Ok(())
}

#[tokio::test]
async fn a_file_cannot_grow_past_its_limit() -> anyhow::Result<()> {
    let mut place = Place::new()?;
    place.limits.file_bytes = 100 << 10;
    let report = place.run("head -c 1000000 /dev/zero > big").await?;
    assert!(!report.succeeded());
    assert_eq!(std::fs::metadata(place.path("work/big"))?.len(), 100 << 10);
    Ok(())
}

#[tokio::test]
async fn a_command_dies_with_whoever_waits_for_it() -> anyhow::Result<()> {
    let place = Place::new()?;
    let cancel = CancellationToken::new();
    let (output, mut chunks) = mpsc::channel(16);
    let sleep = sleep(61004);
    let command = place.shell(&format!("echo began; {sleep} & {sleep}"));
    let (supervisor, sandbox) = (supervisor(), place.sandbox());
    let run = supervisor.run(&command, &sandbox, Watch { cancel: &cancel, output: Some(output) });
    tokio::select! {
        report = run => anyhow::bail!("it ended: {report:?}"),
        began = chunks.recv() => assert!(began.is_some()),
    }
    // The run was dropped. Its output ends when the last process that could print has ended.
    while !processes_with(&sleep).is_empty() {
        tokio::task::yield_now().await;
    }
    Ok(())
}

#[test]
fn the_argument_alone_runs_nothing() -> anyhow::Result<()> {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_weft-worker"))
        .arg("--supervise-command")
        .stdin(Stdio::null())
        .output()?;
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("an argument that a worker gives to itself"));
    Ok(())
}
