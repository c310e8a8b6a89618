//! The async runtime that openraft runs on: tokio, with two differences.
//!
//! Randomness (election timeouts, phases of ticks) comes from a seed that [`seeded`] gives to everything openraft
//! starts below it, so that under `tokio::time::pause` a run repeats itself. And a sleep of less than a tenth of a
//! millisecond only yields: tokio's timers have a resolution of one millisecond, while openraft waits one microsecond
//! to gather completions of log writes, which would cost a commit a thousand times what was meant.
//!
//! It deliberately offers nothing to the rest of Weft; everything else uses tokio itself.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use openraft::rt::deterministic_rng::DeterministicRng;
use openraft::rt::task_local::TaskLocalFuture;
use openraft::{AsyncRuntime, Instant as _, OptionalSend};
use openraft_rt_tokio::TokioRuntime;

/// What openraft is given.
pub(crate) type Runtime = DeterministicRng<Tokio>;

/// Sleeps below this only yield.
const SLEEP_MIN: Duration = Duration::from_micros(100);

type Instant = <TokioRuntime as AsyncRuntime>::Instant;

/// Runs `future`, which starts a group, so that the group draws all its randomness from `seed`.
pub(crate) fn seeded<F: Future>(seed: u64, future: F) -> TaskLocalFuture<Cell<u64>, F> {
    Runtime::scope(seed, future)
}

/// Tokio for openraft.
#[derive(Debug)]
pub(crate) struct Tokio(TokioRuntime);

impl AsyncRuntime for Tokio {
    type JoinError = <TokioRuntime as AsyncRuntime>::JoinError;
    type JoinHandle<T: OptionalSend + 'static> = <TokioRuntime as AsyncRuntime>::JoinHandle<T>;
    type Sleep = Nap;
    type Instant = Instant;
    type TimeoutError = <TokioRuntime as AsyncRuntime>::TimeoutError;
    type Timeout<R, T: Future<Output = R> + OptionalSend> = <TokioRuntime as AsyncRuntime>::Timeout<R, T>;
    type ThreadLocalRng = <TokioRuntime as AsyncRuntime>::ThreadLocalRng;

    fn spawn<T>(future: T) -> Self::JoinHandle<T::Output>
    where
        T: Future + OptionalSend + 'static,
        T::Output: OptionalSend + 'static,
    {
        TokioRuntime::spawn(future)
    }

    fn sleep(duration: Duration) -> Self::Sleep {
        if duration < SLEEP_MIN {
            Nap::Yield { done: false }
        } else {
            Nap::Timer(Box::pin(TokioRuntime::sleep(duration)))
        }
    }

    fn sleep_until(deadline: Instant) -> Self::Sleep {
        if deadline < Instant::now() + SLEEP_MIN {
            Nap::Yield { done: false }
        } else {
            Nap::Timer(Box::pin(TokioRuntime::sleep_until(deadline)))
        }
    }

    fn timeout<R, F: Future<Output = R> + OptionalSend>(duration: Duration, future: F) -> Self::Timeout<R, F> {
        TokioRuntime::timeout(duration, future)
    }

    fn timeout_at<R, F: Future<Output = R> + OptionalSend>(deadline: Instant, future: F) -> Self::Timeout<R, F> {
        TokioRuntime::timeout_at(deadline, future)
    }

    fn is_panic(join_error: &Self::JoinError) -> bool {
        TokioRuntime::is_panic(join_error)
    }

    fn thread_rng() -> Self::ThreadLocalRng {
        TokioRuntime::thread_rng()
    }

    type Mpsc = <TokioRuntime as AsyncRuntime>::Mpsc;
    type Watch = <TokioRuntime as AsyncRuntime>::Watch;
    type Oneshot = <TokioRuntime as AsyncRuntime>::Oneshot;
    type Mutex<T: OptionalSend + 'static> = <TokioRuntime as AsyncRuntime>::Mutex<T>;

    fn new(threads: usize) -> Self {
        Self(TokioRuntime::new(threads))
    }

    fn block_on<F, T>(&mut self, future: F) -> T
    where
        F: Future<Output = T>,
    {
        self.0.block_on(future)
    }
}

/// A sleep that is over at the next poll, or a timer.
#[derive(Debug)]
pub(crate) enum Nap {
    Yield { done: bool },
    Timer(Pin<Box<<TokioRuntime as AsyncRuntime>::Sleep>>),
}

impl Future for Nap {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match self.get_mut() {
            Self::Yield { done: true } => Poll::Ready(()),
            Self::Yield { done } => {
                *done = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Self::Timer(sleep) => sleep.as_mut().poll(context),
        }
    }
}
