//! The executor: polls what is ready, in the order in which it began, until nothing is.
//!
//! Invariants: the order of polls follows from history alone; a waker that is used from outside a turn is a sign that the
//! program awaits something that history does not know, and is reported as such.

use alloc::{boxed::Box, sync::Arc, task::Wake, vec::Vec};
use core::{
    sync::atomic::{AtomicBool, Ordering},
    task::{Context as Polled, Poll, Waker},
};

use weft_protocol::api::{failure::Failure, update::Meta};

use crate::{
    program::{End, Program, Task},
    state::Shared,
};

/// More polls than this within one turn, and the program waits for itself.
const POLLS_MAX: u32 = 1_000_000;

/// Knows the thread on which a run is polled. `Run`s know nothing of threads themselves.
pub trait Foreign: Send + Sync {
    /// Whether this is the thread on which the run is polled.
    fn is_at_home(&self) -> bool;

    /// The program awaits something that is not the run's: called from wherever that woke it.
    fn strayed(&self);
}

/// What a task is to the program.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Role {
    Main,
    Signal,
    Update(Meta),
    Spawned,
}

#[derive(Default)]
pub(crate) struct Tasks {
    slots: Vec<Slot>,
    /// Within this turn.
    polls: u32,
    turn: Arc<Turn>,
    home: Option<Arc<dyn Foreign>>,
}

struct Slot {
    role: Role,
    task: Task,
    flag: Arc<Flag>,
    waker: Waker,
}

/// Shared by all wakers of a run.
#[derive(Default)]
struct Turn {
    runs: AtomicBool,
    strayed: AtomicBool,
}

struct Flag {
    ready: AtomicBool,
    turn: Arc<Turn>,
    home: Option<Arc<dyn Foreign>>,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let at_home = self.home.as_ref().is_none_or(|home| home.is_at_home());
        if self.turn.runs.load(Ordering::Acquire) && at_home {
            self.ready.store(true, Ordering::Release);
        } else if !self.turn.strayed.swap(true, Ordering::AcqRel)
            && let Some(home) = &self.home
        {
            home.strayed();
        }
    }
}

/// How a round of polls ended.
pub(crate) enum Round {
    /// Everything waits.
    AtRest,
    /// These tasks ended, and nothing else was polled since.
    Ended(Role, End),
    /// A condition could not be looked at.
    Failed(Box<Failure>),
    /// The program keeps itself awake.
    Busy,
}

impl Tasks {
    pub(crate) fn new(home: Option<Arc<dyn Foreign>>) -> Self {
        Self { home, ..Self::default() }
    }

    /// Wakers may be used from now on.
    pub(crate) fn begin_turn(&mut self) {
        self.polls = 0;
        self.turn.runs.store(true, Ordering::Release);
    }

    pub(crate) fn end_turn(&self) {
        self.turn.runs.store(false, Ordering::Release);
    }

    /// The program was woken by something that history does not know.
    pub(crate) fn strayed(&self) -> bool {
        self.turn.strayed.load(Ordering::Acquire)
    }

    /// The program has ended.
    pub(crate) fn clear(&mut self) {
        self.slots.clear();
    }

    fn adopt(&mut self, state: &Shared) {
        let begun = core::mem::take(&mut state.borrow_mut().begun);
        for (role, task) in begun {
            let (turn, home) = (Arc::clone(&self.turn), self.home.clone());
            let flag = Arc::new(Flag { ready: AtomicBool::new(true), turn, home });
            let waker = Waker::from(Arc::clone(&flag));
            self.slots.push(Slot { role, task, flag, waker });
        }
    }

    /// Polls until everything waits or a task ends.
    pub(crate) fn run(&mut self, state: &Shared, program: Option<&dyn Program>) -> Round {
        loop {
            self.adopt(state);
            let mut polled = false;
            let mut index = 0;
            while index < self.slots.len() {
                let slot = &mut self.slots[index];
                index += 1;
                if !slot.flag.ready.swap(false, Ordering::AcqRel) {
                    continue;
                }
                polled = true;
                self.polls += 1;
                if self.polls > POLLS_MAX {
                    return Round::Busy;
                }
                if let Poll::Ready(end) = slot.task.as_mut().poll(&mut Polled::from_waker(&slot.waker)) {
                    let ended = self.slots.remove(index - 1);
                    return Round::Ended(ended.role, end);
                }
            }
            if polled {
                continue;
            }
            match hold_condition(state, program) {
                Ok(true) => {}
                Ok(false) => return Round::AtRest,
                Err(failure) => return Round::Failed(failure),
            }
        }
    }
}

/// Wakes the first whose condition has come true, and only that: what it waited for must still hold when it goes on,
/// whatever those that go on before it do. `false` where nobody's has.
fn hold_condition(state: &Shared, program: Option<&dyn Program>) -> Result<bool, Box<Failure>> {
    // The conditions are the program's own code: nothing is borrowed while they are asked.
    let conditions = state.borrow().conditions();
    for (id, holds) in conditions {
        if program.map_or(Ok(false), |program| program.holds(&*holds))? {
            state.borrow_mut().resolve(id, Ok(None));
            return Ok(true);
        }
    }
    Ok(!state.borrow().begun.is_empty())
}
