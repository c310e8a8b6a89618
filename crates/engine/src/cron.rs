//! Cron schedules: what they mean and when they tick. Pure arithmetic over bundled time zone data, of which the calendars
//! of schedules (`schedule/times.rs`) are made too.
//!
//! Five fields as in `robfig/cron`'s standard parser, which Temporal uses: minute, hour, day of the month, month, day of
//! the week, each a list of numbers, names, ranges and steps; if both kinds of day are restricted, either suffices. Also
//! `@every 90s`, `@hourly` and the like, and a leading `CRON_TZ=Europe/Paris`.
//!
//! Invariant: a tick is a whole second strictly after the time asked about, at which the clock on that zone's walls shows
//! what the schedule says. So a time that a change of clocks leaves out has no tick, and one that comes twice has two.

mod field;
pub(crate) mod parse;
pub(crate) mod walk;

use alloc::collections::BTreeSet;
use core::{fmt, time::Duration};

use jiff::tz::TimeZone;
pub use parse::parse;

use crate::{
    moment::{Calendar, Moment},
    time::Timestamp,
};

/// A schedule that makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// So many whole seconds after the last time, at least one.
    Every(i64),
    Wall(Wall),
}

/// What the clock on the wall shows at a tick. Bit `n` of a set is the number `n`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wall {
    pub(crate) zone: TimeZone,
    pub(crate) seconds: u64,
    pub(crate) minutes: u64,
    pub(crate) hours: u64,
    pub(crate) days: u64,
    pub(crate) months: u64,
    pub(crate) weekdays: u64,
    /// Both kinds of day must fit, otherwise either. Of a cron schedule they must if one of them says nothing.
    pub(crate) both_days: bool,
    /// Empty is any.
    pub(crate) years: BTreeSet<i16>,
}

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// It cannot be read.
    Malformed,
    UnknownZone,
    /// No day of any year fits.
    NeverTicks,
}

impl Cron {
    /// The first tick after `after`, in whole seconds; `None` if there is none within some years.
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let second = after.0.div_euclid(NANOS);
        let tick = match &self.0 {
            Kind::Every(seconds) => second.checked_add(*seconds)?,
            Kind::Wall(wall) => walk::within_years(wall, second.checked_add(1)?)?,
        };
        tick.checked_mul(NANOS).map(Timestamp)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed | Self::UnknownZone => "invalid CronSchedule.",
            Self::NeverTicks => "invalid CronSchedule, no time can be found to satisfy the schedule",
        })
    }
}

impl core::error::Error for Error {}

const NANOS: i64 = 1_000_000_000;

/// The calendar that servers use.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallCalendar;

impl Calendar for WallCalendar {
    fn next(&self, cron: &str, after: Timestamp) -> Option<Timestamp> {
        parse(cron).ok()?.next(after)
    }
}

/// How long from now to the schedule's next tick, in whole seconds rounded up; `None` if there is no schedule or it has no
/// tick left. Ticks are counted from `from`, the time at which the run was due: one that took longer than a period
/// still keeps step.
pub(crate) fn backoff(cron: &str, from: Timestamp, at: &Moment<'_>) -> Option<Duration> {
    if cron.is_empty() {
        return None;
    }
    let first = at.calendar.next(cron, from)?;
    let tick = if first >= at.now { first } else { later(cron, first, at)? };
    let wait = tick.since(at.now);
    Some(Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)))
}

/// The first tick that is not before now, when `first` was.
fn later(cron: &str, first: Timestamp, at: &Moment<'_>) -> Option<Timestamp> {
    match parse(cron) {
        Ok(Cron(Kind::Every(seconds))) => {
            let period = seconds.checked_mul(NANOS)?;
            let late = at.now.0.checked_sub(first.0)?;
            let periods = late / period + i64::from(late % period != 0);
            first.0.checked_add(periods.checked_mul(period)?).map(Timestamp)
        }
        Ok(Cron(Kind::Wall(_))) | Err(_) => at.calendar.next(cron, Timestamp(at.now.0 - 1)),
    }
}

#[cfg(test)]
mod tests;
