//! The end of whoever started this process, who may be gone without a word.

use std::{os::unix::process::parent_id, time::Duration};

use weft_env::{Clock, RealClock};

/// Between looks at whether it is still there.
const LOOK: Duration = Duration::from_secs(1);

/// The process that started this one. To be asked for first of all: it may be gone soon.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parent(u32);

impl Parent {
    pub(crate) fn now() -> Self {
        Self(parent_id())
    }

    /// One that has said who it is: it may be gone before it can be asked for.
    pub(crate) fn of(id: u32) -> Self {
        Self(id)
    }

    /// Ends when the parent has.
    pub(crate) async fn gone(self) {
        let clock = RealClock::new();
        while parent_id() == self.0 {
            clock.sleep_until(clock.monotonic() + LOOK).await;
        }
    }
}
