//! `wfctl dev`, and its data directory afterwards.

use std::{
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::world::{Ran, ran, run, wfctl};

/// A server as a process of its own.
struct Dev {
    child: Child,
    ready: Value,
}

impl Dev {
    fn start(args: &[&str]) -> Self {
        let mut command = wfctl(&[&["dev", "--port", "0", "--output", "json"], args].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| {
            let mut says = String::new();
            child.stderr.take().unwrap().read_to_string(&mut says).unwrap();
            panic!("{error}: {says}")
        });
        Self { child, ready }
    }

    fn run(&self, args: &[&str]) -> Ran {
        run(wfctl(args).env("WEFT_ADDRESS", self.ready["address"].as_str().unwrap()))
    }

    /// As Ctrl-C does it.
    fn interrupt(self) -> Ran {
        let killed = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        ran(self.child.wait_with_output().unwrap())
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_server_in_memory_starts_answers_and_stops_in_order() {
    let dev = Dev::start(&["--namespace", "orders"]);
    assert_eq!(dev.ready["data"], Value::Null);
    assert!(dev.run(&["workflow", "list", "--namespace", "orders"]).ok().is_empty());
    let operations = dev.ready["operations"].as_str().unwrap().to_owned();
    assert!(dev.run(&["doctor", "--operations", &operations]).ok().contains("every shard is ready"));
    assert_eq!(dev.interrupt().code, 0);
}

#[test]
fn a_backup_is_refused_while_the_server_runs_and_restores_what_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let [data, saved, restored] = ["data", "saved", "restored"].map(|name| folder.path().join(name));
    let dev = Dev::start(&["--data", path(&data)]);
    dev.run(&["workflow", "start", "Order", "-t", "orders", "-w", "order-17"]).ok();
    let refused = run(&mut wfctl(&["backup", path(&data), path(&saved)]));
    assert!(refused.error(1).contains("stop that server first"), "{refused:?}");
    assert!(run(&mut wfctl(&["doctor", "--data", path(&data)])).out.contains("is in use by process"));
    assert_eq!(dev.interrupt().code, 0);

    assert!(run(&mut wfctl(&["backup", path(&data), path(&saved)])).ok().starts_with("backed up "));
    assert!(run(&mut wfctl(&["restore", path(&saved), path(&data)])).error(1).contains("is not empty"));
    run(&mut wfctl(&["restore", path(&saved), path(&restored)])).ok();
    let dev = Dev::start(&["--data", path(&restored)]);
    assert!(dev.run(&["workflow", "list"]).ok().contains("Running  order-17"));
    assert_eq!(dev.interrupt().code, 0);
}

#[test]
fn a_port_alone_makes_a_test_server_that_ends_when_it_is_told_to() {
    let mut child = wfctl(&["0", "--enable-time-skipping"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().rsplit(' ').next().unwrap().to_owned();
    assert!(run(wfctl(&["workflow", "list"]).env("WEFT_ADDRESS", &address)).ok().is_empty(), "{line}");
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    let refused = run(&mut wfctl(&["0", "--skip"]));
    assert!(refused.code == 2 && refused.err.contains("wfctl PORT [--enable-time-skipping]"), "{refused:?}");
}

#[test]
fn a_test_server_ends_with_whoever_started_it() {
    // The shell goes on to nothing else, and leaves the server behind; what it had open tells when the server ends.
    let line = format!("{} 0 & read -r _", wfctl(&[]).get_program().to_str().unwrap());
    let mut shell =
        Command::new("sh").args(["-c", &line]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(shell.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.contains("skips time on"), "{line}");
    shell.kill().unwrap();
    shell.wait().unwrap();
    assert_eq!(out.read_to_string(&mut line).unwrap(), 0, "{line}");
}

#[test]
fn a_taken_port_is_explained() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ran = run(&mut wfctl(&["dev", "--port", &port, "--operations-port", "0"]));
    assert!(ran.error(1).contains(&format!("port {port} is taken")), "{ran:?}");
    let ran = run(&mut wfctl(&["dev", "--port", "0", "--operations-port", &port]));
    assert!(ran.error(1).contains("--operations-port"), "{ran:?}");
}

#[test]
fn the_banner_says_where_the_data_is_and_what_to_try() {
    let mut command = wfctl(&["dev", "--port", "0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let banner: Vec<_> = lines.by_ref().take_while(|line| !line.starts_with("try next")).collect();
    assert!(banner[0].contains("takes calls on 127.0.0.1:"), "{banner:?}");
    assert!(banner.iter().any(|line| line.contains("in memory: lost at exit")), "{banner:?}");
    child.kill().unwrap();
    child.wait().unwrap();
}
