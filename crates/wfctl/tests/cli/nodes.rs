//! `wfctl dev --nodes`: servers as processes, with folders of their own.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;
use weft_env::{Clock, RealClock};

use crate::world::{Ran, ran, run, wfctl};

struct Nodes {
    child: Child,
    ready: Value,
}

impl Nodes {
    fn start(count: &str, data: &Path) -> Self {
        let data = data.to_str().expect("it is text");
        let mut command = wfctl(&["dev", "--nodes", count, "--data", data, "--port", "0", "--output", "json"]);
        // Those of whoever starts them are not theirs.
        command.env("WEFT_LISTEN", "nowhere").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("wfctl runs");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("it was asked for")).read_line(&mut line).expect("it prints");
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| {
            let mut says = String::new();
            child.stderr.take().expect("it was asked for").read_to_string(&mut says).expect("it is text");
            panic!("{error}: {says}")
        });
        Self { child, ready }
    }

    fn node(&self, index: usize, key: &str) -> String {
        let value = &self.ready["nodes"][index][key];
        value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
    }

    fn run(&self, index: usize, args: &[&str]) -> Ran {
        run(wfctl(args).env("WEFT_ADDRESS", self.node(index, "address")))
    }

    fn signal(&self, signal: &str) {
        kill(signal, &self.child.id().to_string());
    }

    fn ended(self) -> Ran {
        ran(self.child.wait_with_output().expect("it ends"))
    }
}

fn kill(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().expect("kill is there").success());
}

/// A zombie has ended, and waits to be asked.
fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

/// An answer of the operations port.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").expect("it is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it is text");
    answer
}

/// Tries again until it is so; an election takes its time where much else runs.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let clock = RealClock::new();
    let end = clock.monotonic() + Duration::from_secs(60);
    while !is_so() {
        assert!(clock.monotonic() < end, "it never was so: {what}");
        thread::park_timeout(Duration::from_millis(10));
    }
}

#[test]
fn a_node_is_a_process_whose_data_outlives_it() {
    let folder = tempfile::tempdir().expect("there is room");
    let nodes = Nodes::start("1", folder.path());
    assert_ne!(nodes.node(0, "pid"), nodes.child.id().to_string());
    nodes.run(0, &["workflow", "start", "Order", "-t", "orders", "-w", "order-17"]).ok();
    let operations = nodes.node(0, "operations");
    assert!(nodes.run(0, &["doctor", "--operations", &operations]).ok().contains("every shard is ready"));
    let (pid, log) = (nodes.node(0, "pid"), nodes.node(0, "log"));
    assert!(is_alive(&pid));
    nodes.signal("-TERM");
    assert_eq!(nodes.ended().code, 0);
    assert!(!is_alive(&pid));
    let said = fs::read_to_string(log).expect("it has a log");
    assert!(said.contains("takes calls") && said.contains("stopping"), "{said}");

    let nodes = Nodes::start("1", folder.path());
    assert!(nodes.run(0, &["workflow", "list"]).ok().contains("Running  order-17"));
    nodes.signal("-INT");
    assert_eq!(nodes.ended().code, 0);
}

#[test]
fn three_nodes_are_one_cluster_that_goes_on_without_one_of_them() {
    let folder = tempfile::tempdir().expect("there is room");
    let nodes = Nodes::start("3", folder.path());
    let pids = [0, 1, 2].map(|index| nodes.node(index, "pid"));
    nodes.run(0, &["workflow", "start", "Order", "-t", "orders", "-w", "order-17"]).ok();
    for index in [0, 1, 2] {
        assert!(nodes.run(index, &["workflow", "describe", "order-17"]).ok().contains("order-17"), "{index}");
    }
    kill("-KILL", &pids[0]);
    // Until its shard has another leader the call may be refused, to be tried again.
    until("it is signaled", || nodes.run(1, &["workflow", "signal", "order-17", "--name", "go"]).code == 0);
    assert!(nodes.run(2, &["workflow", "show", "order-17"]).ok().contains("go"));
    let operations = nodes.node(2, "operations");
    let shown = nodes.run(2, &["cluster", "status", "--operations", &operations]);
    assert!(shown.ok().contains("node 3, which has") && shown.out.contains(&nodes.node(0, "internal")), "{shown:?}");
    until("no group is led by the node that was killed", || {
        let status = nodes.run(2, &["cluster", "status", "--operations", &operations, "--output", "json"]).json();
        let groups = status["groups"].as_array().expect("there are groups").clone();
        groups.len() > 1 && groups.iter().all(|group| group["leader"].is_u64() && group["leader"] != 1)
    });
    assert!(is_alive(&pids[1]) && is_alive(&pids[2]));
    // The last one lives, and has no majority.
    until("the third node is up to date", || get(&operations, "/readyz").starts_with("HTTP/1.0 200"));
    kill("-KILL", &pids[1]);
    until("there is no majority", || get(&operations, "/readyz").contains("no majority answers"));
    assert!(get(&operations, "/livez").starts_with("HTTP/1.0 200"));
    nodes.signal("-TERM");
    assert_eq!(nodes.ended().code, 0);
    assert!(pids.iter().all(|pid| !is_alive(pid)));
}

#[test]
fn a_node_that_is_killed_is_told_of_and_not_started_again() {
    let folder = tempfile::tempdir().expect("there is room");
    let nodes = Nodes::start("1", folder.path());
    kill("-KILL", &nodes.node(0, "pid"));
    let ended = nodes.ended();
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("node 1 ended: signal: 9 (SIGKILL); no node is left"), "{ended:?}");
}

#[test]
fn no_node_outlives_whoever_started_it() {
    let folder = tempfile::tempdir().expect("there is room");
    let mut nodes = Nodes::start("1", folder.path());
    let pid = nodes.node(0, "pid");
    nodes.child.kill().expect("it runs");
    nodes.child.wait().expect("it ends");
    while is_alive(&pid) {
        thread::yield_now();
    }
}

#[test]
fn a_node_that_cannot_start_says_why() {
    let folder = tempfile::tempdir().expect("there is room");
    let data = folder.path().to_str().expect("it is text");
    let refused = run(&mut wfctl(&["dev", "--nodes", "1", "--port", "0"]));
    assert!(refused.error(2).contains("--nodes needs --data DIR"), "{refused:?}");
    let refused = run(&mut wfctl(&["dev", "--nodes", "2", "--data", data]));
    assert!(refused.code == 2 && refused.err.contains("1 or 3"), "{refused:?}");
    let refused = run(&mut wfctl(&["dev", "--nodes", "1", "--port", "65535", "--data", data]));
    assert!(refused.error(2).contains("--port 65535 is too high"), "{refused:?}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    let refused = run(&mut wfctl(&["dev", "--nodes", "1", "--port", &port, "--operations-port", "1", "--data", data]));
    let says = refused.error(1);
    assert!(says.contains("node 1 did not start") && says.contains("is in use"), "{refused:?}");
}
