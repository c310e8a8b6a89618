//! From a second to the next one that fits: from month to month, day to day, hour to hour, minute to minute.

use jiff::{
    Timestamp as Instant,
    civil::{Date, DateTime},
};

use super::Wall;

/// A cron schedule without a tick in so many years has none.
const YEARS: i16 = 5;

/// The first second from `second` on that fits, within some years.
pub(super) fn within_years(wall: &Wall, second: i64) -> Option<i64> {
    let last_year = shown(wall, second)?.year().saturating_add(YEARS);
    next(wall, second, last_year)
}

/// The first second from `second` on that fits, up to the end of a year.
pub(crate) fn next(wall: &Wall, mut second: i64, last_year: i16) -> Option<i64> {
    loop {
        let now = shown(wall, second)?;
        if now.year() > last_year {
            return None;
        }
        let into_minute = i64::from(now.second());
        let into_hour = 60 * i64::from(now.minute()) + into_minute;
        second = if !wall.years.is_empty() && !wall.years.contains(&now.year()) {
            midnight(wall, now.date().last_of_year().tomorrow().ok()?, second)?
        } else if !has(wall.months, now.month()) {
            midnight(wall, now.date().last_of_month().tomorrow().ok()?, second)?
        } else if !fits(wall, now.date()) {
            midnight(wall, now.date().tomorrow().ok()?, second)?
        } else if !has(wall.hours, now.hour()) {
            second + 3600 - into_hour
        } else if !has(wall.minutes, now.minute()) {
            second + 60 - into_minute
        } else if !has(wall.seconds, now.second()) {
            second + later_in_minute(wall, into_minute)
        } else {
            return Some(second);
        };
    }
}

/// Does this second fit?
pub(crate) fn matches(wall: &Wall, second: i64) -> bool {
    shown(wall, second).is_some_and(|now| {
        (wall.years.is_empty() || wall.years.contains(&now.year()))
            && has(wall.months, now.month())
            && fits(wall, now.date())
            && has(wall.hours, now.hour())
            && has(wall.minutes, now.minute())
            && has(wall.seconds, now.second())
    })
}

/// How long until a second of this minute fits, or else until the next minute.
fn later_in_minute(wall: &Wall, into_minute: i64) -> i64 {
    (into_minute + 1..60).find(|at| wall.seconds >> at & 1 == 1).unwrap_or(60) - into_minute
}

/// What the clock on the wall shows.
fn shown(wall: &Wall, second: i64) -> Option<DateTime> {
    Some(wall.zone.to_datetime(Instant::from_second(second).ok()?))
}

/// The day's first second, or, where a change of clocks makes the day begin twice, the first one after `before`.
fn midnight(wall: &Wall, date: Date, before: i64) -> Option<i64> {
    let begins = wall.zone.to_ambiguous_timestamp(date.at(0, 0, 0, 0));
    let first = begins.compatible().ok()?.as_second();
    if first > before {
        return Some(first);
    }
    let again = begins.later().ok()?.as_second();
    Some(if again > before { again } else { before + 3600 })
}

/// Does a day fit?
fn fits(wall: &Wall, date: Date) -> bool {
    let day = has(wall.days, date.day());
    let weekday = has(wall.weekdays, date.weekday().to_sunday_zero_offset());
    if wall.both_days { day && weekday } else { day || weekday }
}

fn has(set: u64, number: i8) -> bool {
    u32::try_from(number).is_ok_and(|number| set >> number & 1 == 1)
}
