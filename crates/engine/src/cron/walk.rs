//! From a second to the next one that fits: from month to month, day to day, hour to hour, minute to minute.

use jiff::{
    Timestamp as Instant,
    civil::{Date, DateTime},
};

use super::Wall;

/// A schedule without a tick in so many years has none.
const YEARS: i16 = 5;

/// The first second from `second` on that fits.
pub(super) fn next(wall: &Wall, mut second: i64) -> Option<i64> {
    let last_year = shown(wall, second)?.year().saturating_add(YEARS);
    loop {
        let now = shown(wall, second)?;
        if now.year() > last_year {
            return None;
        }
        let into_minute = i64::from(now.second());
        let into_hour = 60 * i64::from(now.minute()) + into_minute;
        second = if !has(wall.months, now.month()) {
            midnight(wall, now.date().last_of_month().tomorrow().ok()?, second)?
        } else if !fits(wall, now.date()) {
            midnight(wall, now.date().tomorrow().ok()?, second)?
        } else if !has(wall.hours, now.hour()) {
            second + 3600 - into_hour
        } else if into_minute > 0 || !has(wall.minutes, now.minute()) {
            second + 60 - into_minute
        } else {
            return Some(second);
        };
    }
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
