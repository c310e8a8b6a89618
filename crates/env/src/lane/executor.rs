//! The queue behind lanes and pools and the threads that empty it.
//!
//! Room is counted by a semaphore and the closures lie in a plain queue: so an async caller can wait for room without
//! blocking, a blocking caller can wait for the same room, and both are served in the order in which they came.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};

use parking_lot::{Condvar, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::Panicked;

pub(super) type Job = Box<dyn FnOnce() + Send>;

pub(super) struct Executor {
    shared: Arc<Shared>,
    /// Empty for inline executors.
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    /// `None` for inline executors: nobody waits there.
    room: Option<Arc<Semaphore>>,
    queue: Mutex<Queue>,
    filled: Condvar,
    panics: AtomicU64,
}

#[derive(Default)]
struct Queue {
    /// Each job with its place, which is free again once the job is taken out.
    jobs: VecDeque<(Job, Option<OwnedSemaphorePermit>)>,
    /// No more jobs will come; threads end when the queue is empty. Of a held lane, none that come will run.
    closed: bool,
    /// Inline and held only: somebody is emptying the queue, or will.
    draining: bool,
}

/// Lets the work of a held lane run. What waits when it goes is dropped, as in a crash, and so is what comes later.
pub struct Hand(Arc<Shared>);

impl Hand {
    /// Runs all that waits, and what that brings; says whether there was something.
    pub fn release(&self) -> bool {
        let mut was_there = false;
        while let Some(job) = self.0.next_waiting() {
            was_there = true;
            self.0.run(job);
        }
        was_there
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        let waiting = {
            let mut queue = self.0.queue.lock();
            queue.closed = true;
            std::mem::take(&mut queue.jobs)
        };
        // Outside the lock: what is dropped with them may be handles to this lane.
        drop(waiting);
    }
}

impl Executor {
    pub(super) fn threads(name: &str, count: usize, capacity: usize) -> io::Result<Self> {
        let room = Arc::new(Semaphore::new(capacity.max(1)));
        let mut executor = Self { shared: Arc::new(Shared::new(Some(room))), threads: Vec::new() };
        for _ in 0..count.max(1) {
            let shared = executor.shared.clone();
            // On an error the threads made so far are joined by `drop`.
            executor.threads.push(thread::Builder::new().name(name.to_owned()).spawn(move || shared.work())?);
        }
        Ok(executor)
    }

    pub(super) fn inline() -> Self {
        Self { shared: Arc::new(Shared::new(None)), threads: Vec::new() }
    }

    pub(super) fn held() -> (Self, Hand) {
        let executor = Self::inline();
        // As if somebody were emptying the queue for ever: nobody else does.
        executor.shared.queue.lock().draining = true;
        let hand = Hand(Arc::clone(&executor.shared));
        (executor, hand)
    }

    pub(super) fn panics(&self) -> u64 {
        self.shared.panics.load(Ordering::Relaxed)
    }

    pub(super) fn run(&self, job: Job) {
        match self.shared.place() {
            Ok(place) => self.shared.push(job, place),
            Err(room) => self.shared.push(job, Some(block_on(acquire(room)))),
        }
    }

    pub(super) fn call<T, W>(self: &Arc<Self>, work: W) -> impl Future<Output = Result<T, Panicked>> + Send + use<T, W>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        let shared = self.shared.clone();
        let job: Job = Box::new(move || {
            let outcome = shared.guarded(work);
            // The caller may have gone; then nobody wants the result.
            let _ = reply.send(outcome);
        });
        let waiting = match self.shared.place() {
            Ok(place) => {
                self.shared.push(job, place);
                None
            }
            // Holds the executor, so that its threads are there when room comes.
            Err(room) => Some((room, job, self.clone())),
        };
        async move {
            if let Some((room, job, executor)) = waiting {
                let place = acquire(room).await;
                executor.shared.push(job, Some(place));
            }
            // An accepted job runs before its threads end, and replies whatever happens in it. Only a hand drops jobs.
            result.await.unwrap_or_else(|_| Err(Panicked { message: "the hand of the lane is gone".to_owned() }))
        }
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.shared.queue.lock().closed = true;
        self.shared.filled.notify_all();
        let here = thread::current().id();
        for handle in self.threads.drain(..) {
            // The last handle may have been dropped by one of our own jobs: that thread ends by itself.
            if handle.thread().id() != here {
                let _ = handle.join();
            }
        }
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}

impl Shared {
    fn new(room: Option<Arc<Semaphore>>) -> Self {
        Self { room, queue: Mutex::default(), filled: Condvar::new(), panics: AtomicU64::new(0) }
    }

    /// A place in the queue, or where to wait for one.
    fn place(&self) -> Result<Option<OwnedSemaphorePermit>, Arc<Semaphore>> {
        let Some(room) = &self.room else { return Ok(None) };
        room.clone().try_acquire_owned().map(Some).map_err(|_| room.clone())
    }

    fn push(&self, job: Job, place: Option<OwnedSemaphorePermit>) {
        let inline = self.room.is_none();
        {
            let mut queue = self.queue.lock();
            if inline && queue.closed {
                return;
            }
            queue.jobs.push_back((job, place));
            if inline && std::mem::replace(&mut queue.draining, true) {
                return;
            }
        }
        if inline {
            while let Some(job) = self.next_inline() {
                self.run(job);
            }
        } else {
            self.filled.notify_one();
        }
    }

    fn next_inline(&self) -> Option<Job> {
        let mut queue = self.queue.lock();
        let next = queue.jobs.pop_front();
        queue.draining = next.is_some();
        next.map(|(job, _)| job)
    }

    fn next_waiting(&self) -> Option<Job> {
        self.queue.lock().jobs.pop_front().map(|(job, _)| job)
    }

    /// What each thread does until the queue is closed and empty.
    fn work(&self) {
        while let Some(job) = self.next() {
            self.run(job);
        }
    }

    fn next(&self) -> Option<Job> {
        let mut queue = self.queue.lock();
        loop {
            if let Some((job, _place)) = queue.jobs.pop_front() {
                return Some(job);
            }
            if queue.closed {
                return None;
            }
            self.filled.wait(&mut queue);
        }
    }

    fn run(&self, job: Job) {
        // A job without a caller has nobody to tell: it is counted, and the panic hook has printed it.
        let _ = self.guarded(job);
    }

    fn guarded<T>(&self, work: impl FnOnce() -> T) -> Result<T, Panicked> {
        // Whatever the closure was changing stays with its owner, who learns of the panic.
        catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
            self.panics.fetch_add(1, Ordering::Relaxed);
            Panicked { message: message_of(payload.as_ref()) }
        })
    }
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

async fn acquire(room: Arc<Semaphore>) -> OwnedSemaphorePermit {
    room.acquire_owned().await.expect("the semaphore is never closed")
}

/// Waits for a future on this thread, without a runtime.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}
