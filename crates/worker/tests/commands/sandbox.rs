//! Each way out that a command may try.

use std::{fs, net::TcpListener};

use weft_worker::{
    process::Report,
    sandbox::{Mode, Network, support},
};

use crate::support::Place;

/// Runs a line that must fail, and says what it left outside.
async fn escaped(place: &Place, line: &str) -> anyhow::Result<(Report, Vec<String>)> {
    fs::write(place.path("outside/kept"), "kept")?;
    let report = place.run(line).await?;
    let mut left: Vec<String> = fs::read_dir(place.path("outside"))?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<anyhow::Result<_>>()?;
    left.sort();
    anyhow::ensure!(fs::read_to_string(place.path("outside/kept"))? == "kept", "the file outside was changed: {line}");
    Ok((report, left))
}

#[tokio::test]
async fn a_command_writes_to_its_folders() -> anyhow::Result<()> {
    let place = Place::new()?;
    let line = "mkdir a && echo x > a/file && mv a/file a/b && ln -s b a/c && echo y > $TMPDIR/t && cd $HOME && cat t";
    let report = place.run(line).await?;
    assert!(report.succeeded(), "{}", report.stderr.text());
    assert_eq!(fs::read_to_string(place.path("work/a/c"))?, "x\n");
    assert_eq!(fs::read_to_string(place.path("tmp/t"))?, "y\n");
    Ok(())
}

#[tokio::test]
async fn no_way_leads_to_a_file_outside() -> anyhow::Result<()> {
    let place = Place::new()?;
    let outside = place.path("outside").canonicalize()?;
    let outside = outside.display();
    for line in [
        "echo x > ../outside/new".to_owned(),
        "cd .. && cd outside && touch new".to_owned(),
        format!("echo x > {outside}/new"),
        format!("echo x >> {outside}/kept"),
        format!("truncate -s 0 {outside}/kept"),
        format!("ln -s {outside} way && echo x > way/new"),
        format!("ln -s {outside}/kept file && echo x > file"),
        format!("ln {outside}/kept hard && echo x > hard"),
        format!("mv {outside}/kept here"),
        format!("echo x > moved && mv -n moved {outside}/new"),
        format!("rm {outside}/kept"),
        format!("mkdir {outside}/new"),
        format!("ln -s x {outside}/new"),
        format!("mkfifo {outside}/new"),
        format!("cp -r /proc/self/root{outside}/kept x && echo y > /proc/self/root{outside}/new"),
        format!("echo x > /proc/$PPID/root{outside}/new"),
        format!("python3 -c \"import os; os.rename('{outside}/kept', '{outside}/new')\""),
        format!("mkdir m && mount --bind {outside} m && echo x > m/new"),
        format!("unshare -Urm sh -c 'mkdir -p m; mount --bind {outside} m; echo x > m/new'"),
        format!("unshare -Ur sh -c 'echo x > {outside}/new'"),
        format!("setsid sh -c 'echo x > {outside}/new'"),
    ] {
        let (report, left) = escaped(&place, &line).await?;
        assert!(!report.succeeded(), "{line}");
        assert_eq!(left, ["kept"], "{line}");
    }
    Ok(())
}

#[tokio::test]
async fn root_has_no_way_around() -> anyhow::Result<()> {
    let place = Place::new()?;
    for line in [
        "mknod disk b 254 0",
        "mknod mem c 1 1",
        "echo 1 > /proc/sys/vm/drop_caches",
        "echo x > /dev/shm/weft-escape",
        "echo x > /tmp/weft-escape",
        "mount -t tmpfs none /mnt",
        "chroot / true",
    ] {
        assert!(!place.run(line).await?.succeeded(), "{line}");
    }
    Ok(())
}

#[tokio::test]
async fn secrets_are_out_of_reach() -> anyhow::Result<()> {
    let place = Place::new()?;
    fs::write(place.path("outside/token"), "hidden-61010")?;
    fs::write(place.path("outside/other"), "open")?;
    let sandbox = place.sandbox().hide(place.path("outside/token"));
    let read = place.run_in(&sandbox, "cat ../outside/other; cat ../outside/token").await?;
    assert_eq!((read.stdout.text().as_str(), read.succeeded()), ("open", false));
    let around = place
        .run_in(&sandbox, "ln -s ../outside/token t; cp ../outside/token u; ln ../outside/token v; cat t u v")
        .await?;
    assert_eq!(around.stdout.text(), "");
    // The test's own environment is the worker's here, and cargo has set much in it.
    let env = place.run("env").await?.stdout.text();
    assert!(env.contains("PATH=") && !env.contains("CARGO_MANIFEST_DIR") && !env.contains("CARGO_PKG_NAME"), "{env}");
    let worker = std::process::id();
    let peek = place.run(&format!("cat /proc/{worker}/environ /proc/$PPID/environ /proc/{worker}/mem")).await?;
    assert_eq!((peek.succeeded(), peek.stdout.total_bytes()), (false, 0));
    Ok(())
}

#[tokio::test]
async fn nobody_else_is_signalled() -> anyhow::Result<()> {
    let place = Place::new()?;
    let worker = std::process::id();
    // Were it possible, this test would not come to its end.
    let report = place.run(&format!("kill -0 {worker} || kill -0 $PPID || echo none")).await?;
    assert_eq!(report.stdout.text(), "none\n");
    Ok(())
}

#[tokio::test]
async fn the_network_can_be_denied() -> anyhow::Result<()> {
    let place = Place::new()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let line = format!("python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {port}), 5)'");
    assert!(place.run(&line).await?.succeeded());
    let denied = place.run_in(&place.sandbox().network(Network::Denied), &line).await?;
    assert!(denied.stderr.text().contains("PermissionError"), "{}", denied.stderr.text());
    Ok(())
}

#[tokio::test]
async fn off_is_off_but_for_the_environment() -> anyhow::Result<()> {
    let place = Place::new()?;
    let report = place.run_in(&place.sandbox().mode(Mode::Off), "echo x > ../outside/new; env").await?;
    assert!(report.succeeded() && place.path("outside/new").exists());
    assert!(!report.stdout.text().contains("CARGO_PKG_NAME"));
    Ok(())
}

#[test]
fn this_kernel_says_what_it_can() {
    assert!(support(Network::Denied).is_ok(), "the tests need Linux 6.7 with Landlock: {:?}", support(Network::Denied));
}
