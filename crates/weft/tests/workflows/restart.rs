//! Servers that end, and workers and users that do not notice.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::sync::watch;
use weft::{Client, ConnectOptions, Ctx, Error, Result, Worker, activities, embedded::Server, workflow};

use crate::{process::Process, world::QUEUE};

const ROUNDS: u32 = 10;
const WORKFLOWS: u32 = 10;

#[workflow]
async fn rounds(ctx: Ctx, name: String) -> Result<u32> {
    let mut sum = 0;
    for round in 0..ROUNDS {
        let next = ctx.activity(Steps::step, (name.clone(), round));
        sum += next.start_to_close(Duration::from_secs(5)).await?;
        ctx.sleep(Duration::from_millis(20)).await?;
    }
    Ok(sum)
}

struct Steps {
    done: watch::Sender<u32>,
    /// The first round whose step is left to others.
    end: u32,
}

#[activities]
impl Steps {
    #[activity]
    async fn step(&self, _workflow: String, round: u32) -> Result<u32> {
        if round >= self.end {
            return Err(Error::new("another is to do it"));
        }
        self.done.send_modify(|done| *done += 1);
        Ok(round)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_outlives_servers_that_are_killed() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut process = Process::start(directory.path(), SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await;
    let options = ConnectOptions { address: format!("http://{}", process.address), ..ConnectOptions::default() };
    let client = Client::connect(options).await.expect("it listens");
    let (done, mut steps_done) = watch::channel(0);
    let steps = Steps { done, end: ROUNDS };
    let worker = Worker::new(&client, QUEUE).workflow(rounds).activities(steps).start().expect("it starts");
    let mut handles = Vec::new();
    for number in 0..WORKFLOWS {
        let start = client.start_workflow(rounds, number.to_string()).id(number.to_string()).task_queue(QUEUE);
        handles.push(start.await.expect("it starts"));
    }
    for killed_at in [ROUNDS * WORKFLOWS / 4, ROUNDS * WORKFLOWS / 2] {
        steps_done.wait_for(|done| *done >= killed_at).await.expect("the worker is there");
        process = process.die_and_come_back(directory.path()).await;
    }
    for handle in handles {
        assert_eq!(handle.result().await.expect("it completes"), (0..ROUNDS).sum::<u32>());
    }
    worker.shutdown().await.expect("no poll was refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn workflows_go_on_where_a_service_left_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let (done, steps) = watch::channel(0);
    let done = Arc::new(done);
    {
        let server = Server::open(directory.path()).await.expect("it opens");
        let client = server.client().expect("the options are right");
        // However long it takes to stop, it does not come to the end.
        let steps = Steps { done: (*done).clone(), end: ROUNDS / 2 };
        let worker = Worker::new(&client, QUEUE).workflow(rounds).activities(steps).start().expect("it starts");
        client.start_workflow(rounds, "a").id("a").task_queue(QUEUE).await.expect("it starts");
        done.subscribe().wait_for(|done| *done >= 3).await.expect("the worker is there");
        worker.shutdown().await.expect("no poll was refused");
        server.shutdown().await;
    }
    assert!(*steps.borrow() < ROUNDS, "it is in the middle");
    let server = Server::open(directory.path()).await.expect("it opens again");
    let client = server.client().expect("the options are right");
    let steps = Steps { done: (*done).clone(), end: ROUNDS };
    let worker = Worker::new(&client, QUEUE).workflow(rounds).activities(steps).start().expect("it starts");
    assert_eq!(client.handle::<rounds>("a").result().await.expect("it completes"), (0..ROUNDS).sum::<u32>());
    assert_eq!(*done.borrow(), ROUNDS, "what was done is not done again");
    worker.shutdown().await.expect("no poll was refused");
    server.shutdown().await;
}
