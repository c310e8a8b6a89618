//! Nodes come and go while workflows are started: nothing that was acknowledged is lost, and lists are whole.

use std::{collections::BTreeMap, time::Duration};

use futures::future::join_all;
use tokio::sync::watch;
use tonic::{Code, Request};
use weft_protocol::api::{
    common::WorkflowType,
    taskqueue::TaskQueue,
    workflowservice::{PollWorkflowTaskQueueRequest, StartWorkflowExecutionRequest},
};
use weft_rows::member::MemberState;

use crate::{
    WORKFLOWS,
    growing::{Growing, client},
    listed, run_of, start,
    trio::Client,
};

/// Starts workflows one after the other until it is told to stop; answers which were acknowledged.
pub(crate) struct Load {
    stop: watch::Sender<bool>,
    /// It ends with the load.
    started: watch::Receiver<usize>,
    runs: std::thread::JoinHandle<BTreeMap<String, String>>,
}

impl Load {
    pub(crate) fn on(growing: &Growing, node: u32, name: &str) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (count, started) = watch::channel(0);
        let (name, url) = (name.to_owned(), growing.url(node));
        // On a thread of its own: what `told` takes is not known to be `Send`.
        let load = move || async move {
            let mut client = client(&url);
            let mut runs = BTreeMap::new();
            while !*stopped.borrow() {
                let id = format!("{name}-{}", runs.len());
                let run = start(&mut client, &id).await.expect("it starts");
                runs.insert(id, run);
                count.send_replace(runs.len());
            }
            runs
        };
        let runs = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(load())
        });
        Self { stop, started, runs }
    }

    /// Waits until so many more were started.
    pub(crate) async fn more(&self, count: usize) {
        let mut started = self.started.clone();
        let target = *started.borrow() + count;
        started.wait_for(|started| *started >= target).await.expect("it goes on");
    }

    pub(crate) async fn end(self) -> BTreeMap<String, String> {
        self.stop.send_replace(true);
        let joined = tokio::task::spawn_blocking(|| self.runs.join()).await.expect("it waits");
        joined.expect("nothing was refused")
    }
}

/// Every node shows every run, and lists all of them.
pub(crate) async fn check(growing: &Growing, runs: &BTreeMap<String, String>) {
    for node in growing.servers.keys() {
        let mut client = growing.client(*node);
        for (id, run) in runs {
            assert_eq!(run_of(&mut client, id).await.expect("it is there"), *run, "{id} at node {node}");
        }
        let listed = listed(&mut client).await;
        let missing: Vec<_> = runs.keys().filter(|id| !listed.contains(*id)).collect();
        assert!(missing.is_empty(), "node {node} does not list {missing:?}");
    }
}

/// A node that was removed and runs on tells its clients nothing that is final: others can do what it cannot.
async fn check_refusals(removed: &Client) {
    fn soon<T>(message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(Duration::from_secs(5));
        request
    }
    let queue = |name: &str| Some(TaskQueue { name: name.to_owned(), ..TaskQueue::default() });
    let asks = (0..WORKFLOWS).map(|number| async move {
        let (mut starting, mut polling) = (removed.clone(), removed.clone());
        let start = StartWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_id: format!("astray-{number}"),
            workflow_type: Some(WorkflowType { name: "Order".to_owned() }),
            task_queue: queue("astray"),
            request_id: "astray".to_owned(),
            ..StartWorkflowExecutionRequest::default()
        };
        let poll = PollWorkflowTaskQueueRequest {
            namespace: "default".to_owned(),
            task_queue: queue(&format!("astray-{number}")),
            ..PollWorkflowTaskQueueRequest::default()
        };
        let started = starting.start_workflow_execution(soon(start)).await.map(drop);
        [started, polling.poll_workflow_task_queue(soon(poll)).await.map(drop)]
    });
    let refused: Vec<_> = join_all(asks).await.into_iter().flatten().filter_map(Result::err).collect();
    assert!(!refused.is_empty(), "it does all that it is asked for");
    for refused in refused {
        let is_transient = matches!(refused.code(), Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled);
        assert!(is_transient, "{refused}");
    }
}

/// Why the first node does not stay, started again: it may be told while it starts, or after.
async fn stops_again(growing: &mut Growing) -> String {
    match growing.try_first().await {
        Err(error) => error.to_string(),
        Ok(server) => {
            let why = server.failed().await.to_string();
            server.shutdown().await;
            why
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_becomes_three_and_four_and_three_again_without_the_first() {
    let mut growing = Growing::found().await;
    let load = Load::on(&growing, 1, "order");
    load.more(WORKFLOWS).await;
    for node in [2, 3, 4] {
        growing.join(node, node - 1).await;
        growing.until(1, node, MemberState::Member).await;
        load.more(WORKFLOWS).await;
    }
    let picture = growing.picture(1);
    assert!(picture.iter().all(|(voters, learners)| (voters.len(), learners.len()) == (3, 1)), "{picture:?}");
    let votes = picture.iter().filter(|(voters, _)| voters.contains(&4)).count();
    assert!(votes >= 3, "node 4 votes in {votes} of {} groups: {picture:?}", picture.len());
    let mut runs = load.end().await;
    let load = Load::on(&growing, 3, "later");
    growing.wish(2, "remove?node=1", "being removed").await;
    for node in [2, 3, 4] {
        growing.until(node, 1, MemberState::Removed).await;
    }
    load.more(WORKFLOWS).await;
    check_refusals(&growing.client(1)).await;
    let stops = tokio::time::timeout(crate::PATIENCE, growing.servers[&1].failed()).await.expect("it is told");
    assert!(stops.contains("node 1 was removed from this cluster"), "{stops}");
    growing.stop(1).await;
    let again = tokio::time::timeout(crate::PATIENCE, stops_again(&mut growing)).await.expect("it is told");
    assert!(again.contains("node 1 was removed from this cluster"), "{again}");
    load.more(WORKFLOWS).await;
    runs.extend(load.end().await);
    let picture = growing.picture(2);
    assert!(picture.iter().all(|(voters, learners)| *voters == [2, 3, 4] && learners.is_empty()), "{picture:?}");
    check(&growing, &runs).await;
    growing.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_goes_on_when_the_newcomer_the_driver_or_all_start_again() {
    let mut growing = Growing::found().await;
    for node in [2, 3] {
        growing.join(node, 1).await;
        growing.until(1, node, MemberState::Member).await;
    }
    let load = Load::on(&growing, 2, "order");
    load.more(WORKFLOWS).await;
    let runs = load.end().await;

    // In the middle of its joining the new node goes, and whoever drives it.
    growing.join(4, 1).await;
    growing.stop(4).await;
    growing.join(4, 2).await;
    let driver = growing.driver(4).await;
    growing.stop(driver).await;
    growing.start_again(driver).await;
    growing.until(4, 4, MemberState::Member).await;

    // A vote is to move, and all go before it has.
    let moving = async {
        loop {
            // Node 1 may not have all of the last change yet.
            if let (&[from, _, _], &[to]) = (&*growing.picture(1)[1].0, &*growing.picture(1)[1].1) {
                let said = growing.command(1, &format!("move-shard?shard=1&from={from}&to={to}")).await;
                if said.contains("as soon as that has its log") {
                    return (from, to);
                }
            }
            growing.status(1).await;
        }
    };
    let (from, to) = tokio::time::timeout(crate::PATIENCE, moving).await.expect("somebody leads the metadata");
    growing.start_all_again().await;
    let is_moved = || {
        let (voters, _) = &growing.picture(2)[1];
        voters.contains(&to)
            && !voters.contains(&from)
            && growing.servers[&2].node().metadata().members().moves.is_empty()
    };
    let moved = async {
        while !is_moved() {
            growing.status(2).await;
        }
    };
    tokio::time::timeout(crate::PATIENCE, moved).await.expect("it is moved");
    check(&growing, &runs).await;
    growing.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_lost_its_data_comes_back_under_a_new_number() {
    let mut growing = Growing::found().await;
    growing.join(2, 1).await;
    growing.join(3, 1).await;
    growing.until(1, 3, MemberState::Member).await;
    let load = Load::on(&growing, 1, "order");
    load.more(WORKFLOWS).await;
    growing.stop(3).await;
    std::fs::remove_dir_all(growing.dir(3)).expect("it is there");
    let refused =
        growing.try_join(3, 1).await.err().map(|error| error.to_string()).expect("it has forgotten its votes");
    assert!(refused.contains("wfctl cluster remove 3") && refused.contains("--node 4"), "{refused}");
    assert!(!growing.dir(3).exists(), "it has founded nothing");
    growing.wish(1, "remove?node=3", "being removed").await;
    growing.until(1, 3, MemberState::Removed).await;
    let refused = growing.try_join(3, 1).await.err().map(|error| error.to_string()).expect("its number is gone");
    assert!(refused.contains("was removed from this cluster"), "{refused}");
    growing.join(4, 2).await;
    growing.until(1, 4, MemberState::Member).await;
    load.more(WORKFLOWS).await;
    let runs = load.end().await;
    assert!(growing.picture(1).iter().all(|(voters, _)| *voters == [1, 2, 4]));
    check(&growing, &runs).await;
    growing.shutdown().await;
}

/// It would found a cluster of its own under the name of the one that is there, and does not know whom to ask.
#[tokio::test(flavor = "multi_thread")]
async fn the_only_founder_that_lost_its_data_is_told_by_those_who_joined() {
    let mut growing = Growing::found().await;
    for node in [2, 3] {
        growing.join(node, 1).await;
        growing.until(1, node, MemberState::Member).await;
    }
    growing.stop(1).await;
    std::fs::remove_dir_all(growing.dir(1)).expect("it is there");
    let told = async {
        match growing.try_first().await {
            Ok(server) => {
                let why = server.failed().await.to_string();
                server.shutdown().await;
                why
            }
            Err(error) => error.to_string(),
        }
    };
    let told = tokio::time::timeout(crate::PATIENCE, told).await.expect("it is told");
    assert!(told.contains("another data directory") && told.contains("wfctl cluster remove 1"), "{told}");
    growing.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_of_a_node_of_its_own_become_a_clusters() {
    let mut growing = Growing::nobody();
    growing.start_alone().await;
    let said = growing.command(1, "remove?node=1").await;
    assert!(said.contains("node of its own"), "{said}");
    let mut client = growing.client(1);
    let mut runs = BTreeMap::new();
    for number in 0..WORKFLOWS {
        let id = format!("early-{number}");
        runs.insert(id.clone(), start(&mut client, &id).await.expect("it starts"));
    }
    growing.stop(1).await;
    growing.start_first().await;
    let load = Load::on(&growing, 1, "order");
    for node in [2, 3] {
        growing.join(node, 1).await;
        growing.until(1, node, MemberState::Member).await;
    }
    load.more(WORKFLOWS).await;
    runs.extend(load.end().await);
    assert!(growing.picture(1).iter().all(|(voters, _)| *voters == [1, 2, 3]));
    check(&growing, &runs).await;
    growing.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leaderships_and_votes_go_where_an_operator_wants_them() {
    let mut growing = Growing::found().await;
    for node in [2, 3, 4] {
        growing.join(node, 1).await;
        growing.until(1, node, MemberState::Member).await;
    }
    growing.wish(3, "drain?node=2", "leads nothing").await;
    growing.until_leads_nothing(2).await;
    let undraining = async { while !growing.command(3, "undrain?node=2").await.contains("said") {} };
    tokio::time::timeout(crate::PATIENCE, undraining).await.expect("somebody leads the metadata");
    growing.until(1, 2, MemberState::Member).await;

    let (voters, learners) = growing.picture(1)[1].clone();
    let (from, to) = (voters[0], learners[0]);
    let said = growing.command(4, &format!("transfer-leader?shard=1&to={to}")).await;
    assert!(said.contains("does not vote in shard 1"), "{said}");
    growing.wish(4, &format!("move-shard?shard=1&from={from}&to={to}"), "as soon as that has its log").await;
    // Each look is a call, so this is no tight loop.
    let moving = async {
        let command = format!("transfer-leader?shard=1&to={to}");
        let leads = format!("node {to} leads shard 1");
        // While the vote moves, both of them vote.
        while !growing.command(1, &command).await.contains(&leads) || growing.picture(1)[1].0.contains(&from) {}
    };
    tokio::time::timeout(crate::PATIENCE, moving).await.expect("it is moved");
    assert!(growing.command(1, "snapshot").await.contains("made a checkpoint"));
    growing.wish(1, "remove?node=9", "not known").await;
    growing.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_are_known_from_the_log_alone_find_each_other() {
    let mut growing = Growing::nobody();
    growing.checkpoint_interval = Duration::from_secs(24 * 3600);
    growing.start_first().await;
    for node in [2, 3] {
        growing.join(node, 1).await;
        growing.until(1, node, MemberState::Member).await;
    }
    let run = start(&mut growing.client(3), "order").await.expect("it starts");
    // The first knows of no other by its flags, and none of them has a row. One of three is missing, so both that are
    // there must find the other.
    growing.start_from_logs(&[1, 2]).await;
    for node in [1, 2] {
        assert_eq!(run_of(&mut growing.client(node), "order").await.expect("it is there"), run, "at node {node}");
    }
    growing.shutdown().await;
}
