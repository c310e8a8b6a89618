//! The workers that told of themselves lately, by their heartbeats.
//!
//! Invariant: bounded by number and by bytes, and a worker that was silent for longer than it is remembered is not
//! shown. When there is no room the one that was silent for longest makes it. A worker that says that it has shut down
//! is forgotten at once.
//!
//! Deliberately not here: anything durable, and any decision by what a worker says of itself.

use crate::options::Options;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use weft_env::Clock;
use weft_protocol::api::{enums::WorkerStatus, worker::WorkerHeartbeat};
use weft_protocol::prost::Message;

/// The registry of workers. A cheap clone; all clones are one registry.
#[derive(Clone)]
pub struct Workers(Arc<Inner>);

struct Inner {
    max: usize,
    bytes_max: usize,
    memory: Duration,
    clock: Arc<dyn Clock>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    by_namespace: BTreeMap<Arc<str>, BTreeMap<String, Entry>>,
    /// The one that was silent for longest first.
    by_silence: BTreeMap<Order, Name>,
    recorded: u64,
    bytes: usize,
}

struct Entry {
    heartbeat: Arc<WorkerHeartbeat>,
    order: Order,
    bytes: usize,
}

/// When the last heartbeat came, and its number.
type Order = (Duration, u64);
/// A namespace and a worker's instance key.
type Name = (Arc<str>, String);

impl Workers {
    pub fn new(options: &Options, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            max: options.workers_max,
            bytes_max: options.worker_bytes_max,
            memory: options.worker_memory,
            clock,
            known: Mutex::new(Known::default()),
        }))
    }

    /// Takes in what workers of a namespace say of themselves.
    pub fn record(&self, namespace: &str, heartbeats: Vec<WorkerHeartbeat>) {
        let inner = &*self.0;
        let now = inner.clock.monotonic();
        let mut known = inner.known.lock();
        let namespace: Arc<str> = namespace.into();
        for heartbeat in heartbeats {
            known.remove(&namespace, &heartbeat.worker_instance_key);
            if heartbeat.status() != WorkerStatus::Shutdown {
                known.insert(&namespace, heartbeat, now);
            }
        }
        known.prune(|known, (seen, _)| {
            known.bytes > inner.bytes_max
                || known.by_silence.len() > inner.max
                || now.saturating_sub(seen) >= inner.memory
        });
    }

    /// All that are known of a namespace, by their instance keys.
    pub fn list(&self, namespace: &str) -> Vec<Arc<WorkerHeartbeat>> {
        let known = self.looked_at();
        let workers = known.by_namespace.get(namespace).into_iter().flat_map(BTreeMap::values);
        workers.map(|entry| Arc::clone(&entry.heartbeat)).collect()
    }

    /// One of them.
    pub fn find(&self, namespace: &str, instance_key: &str) -> Option<Arc<WorkerHeartbeat>> {
        let known = self.looked_at();
        known.by_namespace.get(namespace)?.get(instance_key).map(|entry| Arc::clone(&entry.heartbeat))
    }

    fn looked_at(&self) -> parking_lot::MutexGuard<'_, Known> {
        let now = self.0.clock.monotonic();
        let mut known = self.0.known.lock();
        known.prune(|_, (seen, _)| now.saturating_sub(seen) >= self.0.memory);
        known
    }
}

impl Known {
    fn insert(&mut self, namespace: &Arc<str>, heartbeat: WorkerHeartbeat, now: Duration) {
        self.recorded += 1;
        let (order, bytes) = ((now, self.recorded), heartbeat.encoded_len());
        let key = heartbeat.worker_instance_key.clone();
        self.bytes += bytes;
        self.by_silence.insert(order, (Arc::clone(namespace), key.clone()));
        let entry = Entry { heartbeat: Arc::new(heartbeat), order, bytes };
        self.by_namespace.entry(Arc::clone(namespace)).or_default().insert(key, entry);
    }

    fn remove(&mut self, namespace: &Arc<str>, key: &str) {
        let Some(workers) = self.by_namespace.get_mut(namespace) else { return };
        if let Some(entry) = workers.remove(key) {
            self.bytes -= entry.bytes;
            self.by_silence.remove(&entry.order);
        }
        if workers.is_empty() {
            self.by_namespace.remove(namespace);
        }
    }

    /// Forgets those that were silent for longest, as long as `must` says so.
    fn prune(&mut self, must: impl Fn(&Self, Order) -> bool) {
        while let Some((order, (namespace, key))) = self.by_silence.first_key_value()
            && must(self, *order)
        {
            let (namespace, key) = (Arc::clone(namespace), key.clone());
            self.remove(&namespace, &key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_env::{UnixNanos, VirtualClock};

    struct Bench {
        clock: VirtualClock,
        workers: Workers,
    }

    impl Bench {
        fn new(options: Options) -> Self {
            let clock = VirtualClock::starting_at(UnixNanos(0));
            let workers = Workers::new(&options, Arc::new(clock.clone()));
            Self { clock, workers }
        }

        fn beat(&self, namespace: &str, key: &str, status: WorkerStatus) {
            let heartbeat = WorkerHeartbeat {
                worker_instance_key: key.to_owned(),
                status: status.into(),
                ..WorkerHeartbeat::default()
            };
            self.workers.record(namespace, vec![heartbeat]);
        }

        fn keys(&self, namespace: &str) -> Vec<String> {
            self.workers.list(namespace).iter().map(|worker| worker.worker_instance_key.clone()).collect()
        }
    }

    #[test]
    fn workers_are_known_in_their_namespace_until_they_have_shut_down() {
        let bench = Bench::new(Options::default());
        for key in ["b", "a", "b"] {
            bench.beat("one", key, WorkerStatus::Running);
        }
        bench.beat("other", "c", WorkerStatus::Running);
        assert_eq!(
            (bench.keys("one"), bench.keys("other")),
            (vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned()])
        );
        bench.beat("one", "a", WorkerStatus::ShuttingDown);
        assert_eq!(bench.workers.find("one", "a").expect("it still runs").status(), WorkerStatus::ShuttingDown);
        bench.beat("one", "a", WorkerStatus::Shutdown);
        bench.beat("one", "never seen", WorkerStatus::Shutdown);
        assert_eq!(bench.keys("one"), ["b"]);
        assert!(bench.workers.find("other", "b").is_none());
    }

    #[test]
    fn a_silent_worker_is_forgotten_after_a_while() {
        let bench = Bench::new(Options::default());
        bench.beat("one", "a", WorkerStatus::Running);
        bench.clock.advance(Duration::from_secs(200));
        bench.beat("one", "b", WorkerStatus::Running);
        bench.clock.advance(Duration::from_secs(100));
        assert_eq!(bench.keys("one"), ["b"]);
        bench.clock.advance(Duration::from_secs(200));
        assert_eq!(bench.keys("one"), Vec::<String>::new());
        let known = bench.workers.0.known.lock();
        assert_eq!((known.bytes, known.by_silence.len(), known.by_namespace.len()), (0, 0, 0));
    }

    #[test]
    fn the_one_that_was_silent_for_longest_makes_room() {
        let check = |options: Options| {
            let bench = Bench::new(options);
            for key in ["a", "b", "a", "c"] {
                bench.beat("one", key, WorkerStatus::Running);
            }
            assert_eq!(bench.keys("one"), ["a", "c"]);
        };
        check(Options { workers_max: 2, ..Options::default() });
        // Each takes three bytes for its key and two for its status.
        check(Options { worker_bytes_max: 10, ..Options::default() });
    }
}
