//! Many pollers and many offering threads at once, with polls cut off at every moment: each task arrives exactly once.

use super::{Bench, info, work};
use crate::payload::Rank;
use crate::payload::toys::Toys;
use crate::payload::toys::job;
use crate::service::{Polled, Service};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const OFFERING: u64 = 4;
const TASKS_EACH: u64 = 250;
/// Turns of the scheduler without an arrival after which something must have been lost.
const PATIENCE: u32 = 200_000;

/// Polls until shutdown and passes on what it gets. Every poll is cut off after a few turns of the scheduler.
async fn work_off(service: Service<Toys>, number: u32, taken: mpsc::Sender<u64>) {
    let key = work();
    for turn in 0_u32.. {
        let patience = (turn + number) % 4;
        let polled = tokio::select! {
            biased;
            () = turns(patience) => continue,
            polled = service.poll(&key, info("worker"), Duration::MAX) => polled.expect("not overloaded"),
        };
        match polled {
            Polled::Task(offer) => taken.send(offer.task.0).await.expect("the test listens"),
            Polled::Started(id) => taken.send(id).await.expect("the test listens"),
            Polled::Query(_) => panic!("nobody asked"),
            Polled::Empty => return,
        }
    }
}

async fn turns(count: u32) {
    for _ in 0..=count {
        tokio::task::yield_now().await;
    }
}

/// Offers tasks, every other one through a reservation if a poller waits.
async fn offer_all(service: Service<Toys>, first: u64) {
    for id in first..first + TASKS_EACH {
        match if id % 2 == 0 { service.reserve(&work(), Rank::default(), None) } else { None } {
            Some(reserved) if id % 3 == 0 => {
                tokio::task::yield_now().await;
                drop(reserved);
                service.offer(&work(), job(id));
            }
            Some(reserved) => {
                tokio::task::yield_now().await;
                reserved.deliver(id);
            }
            None => drop(service.offer(&work(), job(id))),
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_task_arrives_exactly_once_under_contention() {
    let (service, shards) = {
        let bench = Bench::new();
        (bench.service.clone(), bench.shards.clone())
    };
    let (taken, mut arrivals) = mpsc::channel(16);
    let mut workers = JoinSet::new();
    for number in 0..6 {
        workers.spawn(work_off(service.clone(), number, taken.clone()));
    }
    for number in 0..OFFERING {
        workers.spawn(offer_all(service.clone(), number * TASKS_EACH));
    }
    let total = usize::try_from(OFFERING * TASKS_EACH).expect("few");
    let mut arrived = BTreeSet::new();
    let mut idle = 0;
    while arrived.len() < total {
        // What was recorded as started for a poll that was cut off is given back and offered again.
        for id in std::mem::take(&mut *shards.undelivered.lock()) {
            service.offer(&work(), job(id));
        }
        tokio::select! {
            biased;
            Some(id) = arrivals.recv() => {
                assert!(arrived.insert(id), "{id} arrived twice");
                idle = 0;
            }
            () = turns(1) => idle += 1,
        }
        assert!(idle < PATIENCE, "{} of {total} arrived", arrived.len());
    }
    service.shutdown();
    while let Some(ended) = workers.join_next().await {
        ended.expect("no worker panicked");
    }
    assert_eq!(service.polls_waiting(), 0);
    assert!(arrivals.try_recv().is_err(), "nothing arrives twice");
}
