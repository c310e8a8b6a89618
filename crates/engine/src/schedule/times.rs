//! The times at which a schedule acts. Pure arithmetic over its spec.
//!
//! Invariant: a nominal time is a whole second strictly after the time asked about, at which an interval ends or the clock
//! on the wall of the schedule's zone shows what a calendar says, and which no calendar excludes. Jitter depends on the
//! schedule and the nominal time alone, and never reaches the next nominal time.

use alloc::{format, string::String, vec::Vec};
use core::time::Duration;

use jiff::tz::TimeZone;
use weft_protocol::api::schedule::{IntervalSpec, Range, ScheduleSpec, StructuredCalendarSpec};

use super::calendar::YEAR_MAX;
use crate::{
    cron::{Wall, parse, walk},
    time::{Timestamp, span_from_wire},
};

const NANOS: i64 = 1_000_000_000;

/// No calendar goes beyond it.
const LAST_YEAR: i16 = 2100;

/// The first second of the year after it.
const BEYOND: i64 = 4_133_980_800;

/// Times that are looked at for each time that is asked for, over all parts of the spec: then the shard has to go on with
/// something else.
const STEPS_MAX: usize = 20_000;

/// How often a search that was given up goes on for those who only look.
const PATIENCE: usize = 10;

/// A spec that can be asked for times.
#[derive(Clone, Debug)]
pub struct Times {
    calendars: Vec<Wall>,
    excluded: Vec<Wall>,
    /// Whole seconds: how long, and from when on.
    intervals: Vec<(i64, i64)>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    jitter: Duration,
    /// Tells the jitter of this schedule from that of others.
    seed: u64,
}

/// A time to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// What the spec says.
    pub nominal: Timestamp,
    /// With its jitter.
    pub actual: Timestamp,
}

/// What a search for the next time comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Time(Time),
    /// There is none up to this time; whether there is one after it is not known.
    NoneUntil(Timestamp),
    /// There is none any more.
    Nothing,
}

impl Times {
    /// Reads a spec in its canonical form. `seed` names the schedule.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of(spec: &ScheduleSpec, seed: &str) -> Result<Self, String> {
        let zone = zone(spec)?;
        let walls = |calendars: &[StructuredCalendarSpec]| {
            calendars.iter().map(|calendar| wall(calendar, &zone)).filter(Wall::has_times).collect()
        };
        Ok(Self {
            calendars: walls(&spec.structured_calendar),
            excluded: walls(&spec.exclude_structured_calendar),
            intervals: spec.interval.iter().map(interval).collect(),
            start: spec.start_time.as_ref().map(Timestamp::from_wire),
            end: spec.end_time.as_ref().map(Timestamp::from_wire),
            jitter: spec.jitter.as_ref().map(span_from_wire).unwrap_or_default(),
            seed: hash(OFFSET, seed.as_bytes()),
        })
    }

    /// The first time after `after`; `None` if there is none any more, or none before very many that are excluded.
    #[must_use]
    pub fn next(&self, mut after: Timestamp) -> Option<Time> {
        for _ in 0..PATIENCE {
            match self.look(after) {
                Found::Time(time) => return Some(time),
                Found::NoneUntil(until) => after = until,
                Found::Nothing => return None,
            }
        }
        None
    }

    /// Looks for the first time after `after`, and not for long.
    #[must_use]
    pub fn look(&self, after: Timestamp) -> Found {
        // The first second of the allowed range may fit.
        let after = self.start.map_or(after, |start| after.max(Timestamp(start.0.saturating_sub(NANOS))));
        let mut second = after.0.div_euclid(NANOS);
        let mut excluded = after;
        let parts = self.calendars.len() + self.intervals.len() + self.excluded.len();
        for _ in 0..(STEPS_MAX / parts.max(1)).max(1) {
            let Some(next) = self.second_after(second) else { return Found::Nothing };
            let Some(nominal) = next.checked_mul(NANOS).map(Timestamp) else { return Found::Nothing };
            if self.end.is_some_and(|end| nominal > end) {
                return Found::Nothing;
            }
            if !self.excluded.iter().any(|wall| walk::matches(wall, next)) {
                return Found::Time(Time { nominal, actual: nominal.after(self.jitter_of(next)) });
            }
            (second, excluded) = (next, nominal);
        }
        Found::NoneUntil(excluded)
    }

    fn second_after(&self, second: i64) -> Option<i64> {
        let calendars = self.calendars.iter().filter_map(|wall| walk::next(wall, second.checked_add(1)?, LAST_YEAR));
        let intervals = self.intervals.iter().filter_map(|(every, phase)| {
            let whole = second.checked_sub(*phase)?.div_euclid(*every);
            let next = whole.checked_add(1)?.checked_mul(*every)?.checked_add(*phase)?;
            (next < BEYOND).then_some(next)
        });
        calendars.chain(intervals).min()
    }

    fn jitter_of(&self, second: i64) -> Duration {
        if self.jitter.is_zero() {
            return Duration::ZERO;
        }
        let gap = self.second_after(second).map_or(Duration::MAX, |next| Duration::from_secs((next - second) as u64));
        let most = u32::try_from(self.jitter.min(gap).as_millis()).unwrap_or(u32::MAX);
        // The upper half of the hash is a fraction of one.
        let fraction = hash(self.seed, &second.to_be_bytes()) >> 32;
        Duration::from_millis((fraction * u64::from(most)) >> 32)
    }
}

/// The time zone of a spec.
pub(super) fn zone(spec: &ScheduleSpec) -> Result<TimeZone, String> {
    if !spec.timezone_data.is_empty() {
        return TimeZone::tzif(&spec.timezone_name, &spec.timezone_data)
            .map_err(|_| "malformed time zone information".into());
    }
    match spec.timezone_name.as_str() {
        "" | "UTC" => Ok(TimeZone::UTC),
        name => parse::zone(name).ok_or_else(|| format!("unknown time zone {name}")),
    }
}

fn wall(calendar: &StructuredCalendarSpec, zone: &TimeZone) -> Wall {
    Wall {
        zone: zone.clone(),
        seconds: bits(&calendar.second),
        minutes: bits(&calendar.minute),
        hours: bits(&calendar.hour),
        days: bits(&calendar.day_of_month),
        months: bits(&calendar.month),
        weekdays: bits(&calendar.day_of_week),
        both_days: true,
        years: calendar.year.iter().flat_map(numbers).filter_map(|year| i16::try_from(year).ok()).collect(),
    }
}

fn bits(ranges: &[Range]) -> u64 {
    ranges.iter().flat_map(numbers).filter(|number| (0..64).contains(number)).fold(0, |bits, number| bits | 1 << number)
}

fn numbers(range: &Range) -> impl Iterator<Item = i32> + use<> {
    let step = usize::try_from(range.step).unwrap_or(1).max(1);
    (range.start.max(0)..=range.end.max(range.start).min(YEAR_MAX)).step_by(step)
}

fn interval(it: &IntervalSpec) -> (i64, i64) {
    let seconds = |span: Option<&weft_protocol::Duration>| span.map_or(0, |span| span.seconds);
    (seconds(it.interval.as_ref()).max(1), seconds(it.phase.as_ref()).max(0))
}

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// FNV-1a, stirred so that its upper half is as good as its lower.
fn hash(from: u64, bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(from, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME));
    let hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ hash >> 31
}

#[cfg(test)]
mod tests;
