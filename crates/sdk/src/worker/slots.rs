//! Slots: how many tasks of a kind a worker has at once.
//!
//! Invariant: a task has a slot from before it is asked for until it is answered.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::sync::Notify;
use weft_env::{Clock, Load, Resources};

/// How many tasks of a kind a worker takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Slots {
    /// As many as this.
    Fixed(usize),
    /// As many as the machine, or the container, carries.
    ByLoad(SlotsByLoad),
}

/// Takes tasks while CPU and memory are used less than they may be.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotsByLoad {
    /// These many are taken whatever the load is.
    pub min: usize,
    pub max: usize,
    /// The share of CPU, from 0 to 1, above which no more are taken.
    pub cpu: f64,
    /// The share of memory, from 0 to 1, above which no more are taken.
    pub memory: f64,
    /// Between one above `min` and the next: a task shows what it costs only after a while.
    pub pace: Duration,
}

impl Default for SlotsByLoad {
    fn default() -> Self {
        Self { min: 5, max: 500, cpu: 0.9, memory: 0.8, pace: Duration::from_millis(50) }
    }
}

impl From<usize> for Slots {
    fn from(count: usize) -> Self {
        Self::Fixed(count)
    }
}

impl From<SlotsByLoad> for Slots {
    fn from(by_load: SlotsByLoad) -> Self {
        Self::ByLoad(by_load)
    }
}

impl Slots {
    pub(crate) fn at_least(self, count: usize) -> Self {
        match self {
            Self::Fixed(given) => Self::Fixed(given.max(count)),
            Self::ByLoad(it) => Self::ByLoad(SlotsByLoad { min: it.min.max(count), max: it.max.max(count), ..it }),
        }
    }

    pub(crate) fn max(&self) -> usize {
        match self {
            Self::Fixed(count) => *count,
            Self::ByLoad(it) => it.max,
        }
    }

    /// As the server lists it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Fixed(_) => "Fixed",
            Self::ByLoad(_) => "ResourceBased",
        }
    }

    /// Whether one more may be taken.
    fn has_room(&self, used: usize, since_last: Duration, load: impl FnOnce() -> Load) -> bool {
        match self {
            Self::Fixed(count) => used < *count,
            Self::ByLoad(it) if used < it.min => true,
            Self::ByLoad(it) => {
                used < it.max && since_last >= it.pace && {
                    let load = load();
                    load.cpu < it.cpu && load.memory < it.memory
                }
            }
        }
    }
}

/// The slots of one kind of task.
pub(crate) struct Room {
    slots: Slots,
    clock: Arc<dyn Clock>,
    resources: Arc<dyn Resources>,
    taken: Mutex<Taken>,
    freed: Notify,
}

#[derive(Default)]
struct Taken {
    used: usize,
    last: Option<Duration>,
}

/// One slot; it is free again once this is dropped.
pub(crate) struct Slot(Arc<Room>);

impl Room {
    pub(crate) fn new(slots: Slots, clock: Arc<dyn Clock>, resources: Arc<dyn Resources>) -> Arc<Self> {
        Arc::new(Self { slots, clock, resources, taken: Mutex::default(), freed: Notify::new() })
    }

    pub(crate) fn slots(&self) -> &Slots {
        &self.slots
    }

    pub(crate) fn used(&self) -> usize {
        self.taken.lock().used
    }

    /// A slot, if there is one now.
    pub(crate) fn try_take(self: &Arc<Self>) -> Option<Slot> {
        let now = self.clock.monotonic();
        let mut taken = self.taken.lock();
        let since = taken.last.map_or(Duration::MAX, |last| now.saturating_sub(last));
        if !self.slots.has_room(taken.used, since, || self.resources.load()) {
            return None;
        }
        taken.used += 1;
        taken.last = Some(now);
        Some(Slot(Arc::clone(self)))
    }

    /// A slot as soon as there is one.
    pub(crate) async fn take(self: &Arc<Self>) -> Slot {
        loop {
            let freed = self.freed.notified();
            if let Some(slot) = self.try_take() {
                return slot;
            }
            match &self.slots {
                Slots::Fixed(_) => freed.await,
                // A machine does not say when its load falls.
                Slots::ByLoad(it) => {
                    let look_again = self.clock.sleep_until(self.clock.monotonic().saturating_add(it.pace));
                    tokio::select! {
                        () = freed => {}
                        () = look_again => {}
                    }
                }
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.taken.lock().used -= 1;
        self.0.freed.notify_one();
    }
}

/// Tasks per second, evenly.
pub(crate) struct Rate {
    between: Duration,
    next: Mutex<Duration>,
}

impl Rate {
    /// `None` where the rate limits nothing.
    pub(crate) fn of(per_second: f64) -> Option<Self> {
        let limits = per_second > 0.0 && per_second.is_finite();
        limits.then(|| Self {
            between: Duration::try_from_secs_f64(1.0 / per_second).unwrap_or(Duration::MAX),
            next: Mutex::default(),
        })
    }

    /// When the next may begin; it counts as begun then.
    pub(crate) fn next(&self, now: Duration) -> Duration {
        let mut next = self.next.lock();
        let at = (*next).max(now);
        *next = at.saturating_add(self.between);
        at
    }
}

#[cfg(test)]
mod tests {
    use weft_env::RealClock;

    use super::*;

    struct Busy(Mutex<Load>);

    fn room(slots: Slots, load: Load) -> Arc<Room> {
        Room::new(slots, Arc::new(RealClock::new()), Arc::new(Busy(Mutex::new(load))))
    }

    impl Resources for Busy {
        fn load(&self) -> Load {
            *self.0.lock()
        }
    }

    #[test]
    fn a_fixed_number_is_taken_and_given_back() {
        let room = room(Slots::Fixed(2), Load::default());
        let first = room.try_take().expect("there is room");
        let second = room.try_take().expect("there is room");
        assert!(room.try_take().is_none());
        drop(first);
        assert_eq!(room.used(), 1);
        assert!(room.try_take().is_some());
        drop(second);
    }

    #[test]
    fn a_busy_machine_takes_no_more_than_the_least() {
        let busy = Arc::new(Busy(Mutex::new(Load { cpu: 0.95, memory: 0.1 })));
        let by_load = SlotsByLoad { min: 1, max: 3, pace: Duration::ZERO, ..SlotsByLoad::default() };
        let room = Room::new(by_load.into(), Arc::new(RealClock::new()), Arc::clone(&busy) as Arc<dyn Resources>);
        let _least = room.try_take().expect("the least is always taken");
        assert!(room.try_take().is_none(), "no CPU");
        *busy.0.lock() = Load { cpu: 0.1, memory: 0.9 };
        assert!(room.try_take().is_none(), "no memory");
        *busy.0.lock() = Load { cpu: 0.1, memory: 0.1 };
        let _more = [room.try_take().expect("there is room"), room.try_take().expect("there is room")];
        assert!(room.try_take().is_none(), "the most");
    }

    #[test]
    fn slots_above_the_least_come_one_after_the_other() {
        let slots = Slots::from(SlotsByLoad { min: 1, pace: Duration::from_millis(50), ..SlotsByLoad::default() });
        assert!(slots.has_room(0, Duration::ZERO, Load::default));
        assert!(!slots.has_room(1, Duration::from_millis(49), Load::default));
        assert!(slots.has_room(1, Duration::from_millis(50), Load::default));
    }

    #[tokio::test]
    async fn whoever_waits_gets_the_slot_that_is_freed() {
        let room = room(Slots::Fixed(1), Load::default());
        let slot = room.try_take().expect("there is room");
        let (waited, ()) = tokio::join!(room.take(), async { drop(slot) });
        assert_eq!(room.used(), 1);
        drop(waited);
    }

    #[test]
    fn a_rate_spreads_what_comes_at_once() {
        let rate = Rate::of(10.0).expect("it limits");
        let now = Duration::from_secs(5);
        let begins = [rate.next(now), rate.next(now), rate.next(now)];
        assert_eq!(begins, [0, 100, 200].map(|millis| now + Duration::from_millis(millis)));
        let late = Duration::from_secs(9);
        assert_eq!(rate.next(late), late, "nothing is saved up");
        assert!(Rate::of(0.0).is_none() && Rate::of(f64::INFINITY).is_none());
    }
}
