//! From a text to a schedule.

use alloc::collections::BTreeSet;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::{Cron, Error, Kind, Wall, field};

/// Reads a schedule.
///
/// # Errors
/// Why it is none.
pub fn parse(text: &str) -> Result<Cron, Error> {
    let (zone, text) = split_zone(text.trim())?;
    let fields = match text.strip_prefix('@') {
        Some(name) => match name.strip_prefix("every ") {
            Some(span) => return every(span).map(|seconds| Cron(Kind::Every(seconds))).ok_or(Error::Malformed),
            None => descriptor(name).ok_or(Error::Malformed)?,
        },
        None => text,
    };
    let wall = wall(fields, zone)?;
    if wall.ticks() { Ok(Cron(Kind::Wall(wall))) } else { Err(Error::NeverTicks) }
}

/// `CRON_TZ=Europe/Paris 0 4 * * *`
fn split_zone(text: &str) -> Result<(TimeZone, &str), Error> {
    let Some(text) = text.strip_prefix("CRON_TZ=").or_else(|| text.strip_prefix("TZ=")) else {
        return Ok((TimeZone::UTC, text));
    };
    let (name, fields) = text.split_once(char::is_whitespace).ok_or(Error::Malformed)?;
    if name.is_empty() {
        return Ok((TimeZone::UTC, fields.trim_start()));
    }
    Ok((zone(name).ok_or(Error::UnknownZone)?, fields.trim_start()))
}

/// The time zone of this name.
pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    // Only the bundled data: every replica and every release on the same version agrees on it.
    TimeZoneDatabase::bundled().get(name).ok().filter(|zone| !zone.is_unknown())
}

fn descriptor(name: &str) -> Option<&'static str> {
    Some(match name {
        "yearly" | "annually" => "0 0 1 1 *",
        "monthly" => "0 0 1 * *",
        "weekly" => "0 0 * * 0",
        "daily" | "midnight" => "0 0 * * *",
        "hourly" => "0 * * * *",
        _ => return None,
    })
}

fn wall(text: &str, zone: TimeZone) -> Result<Wall, Error> {
    let mut fields = text.split_whitespace();
    let mut next = |bounds| field::parse(fields.next().ok_or(Error::Malformed)?, bounds);
    let minutes = next(&field::MINUTES)?;
    let hours = next(&field::HOURS)?;
    let days = next(&field::DAYS)?;
    let months = next(&field::MONTHS)?;
    let weekdays = next(&field::WEEKDAYS)?;
    if fields.next().is_some() {
        return Err(Error::Malformed);
    }
    Ok(Wall {
        zone,
        seconds: 1,
        years: BTreeSet::new(),
        minutes: minutes.bits,
        hours: hours.bits,
        days: days.bits,
        months: months.bits,
        weekdays: weekdays.bits,
        both_days: days.any || weekdays.any,
    })
}

impl Wall {
    /// Is there a second that fits, as far as each field but the years is concerned? A walk to one that does not exist
    /// would go from minute to minute.
    pub(crate) fn has_times(&self) -> bool {
        let sets = [self.seconds, self.minutes, self.hours, self.weekdays];
        sets.iter().all(|set| *set != 0) && self.ticks()
    }

    /// Is there a day that fits?
    fn ticks(&self) -> bool {
        const LENGTHS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let first_day = self.days.trailing_zeros();
        let has_day = (1..).zip(LENGTHS).any(|(month, days)| self.months >> month & 1 == 1 && first_day <= days);
        has_day || !self.both_days
    }
}

/// A span in whole seconds; at least one.
fn every(text: &str) -> Option<i64> {
    let seconds = i64::try_from(span(text)? / 1_000_000_000).ok()?;
    // Longer than any clock goes.
    (seconds <= i64::MAX / 1_000_000_000).then_some(seconds.max(1))
}

/// A span as Go writes it (`1h30m`, `1.5s`, `250ms`), in nanoseconds.
pub(crate) fn span(text: &str) -> Option<u128> {
    let mut left = text.trim().trim_start_matches('+');
    if left == "0" {
        return Some(0);
    }
    let mut nanos: u128 = 0;
    let mut any = false;
    while !left.is_empty() {
        let end = left.find(|letter: char| !(letter.is_ascii_digit() || letter == '.'))?;
        let (count, rest) = left.split_at(end);
        let end = rest.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(rest.len());
        let (unit, rest) = rest.split_at(end);
        nanos = nanos.checked_add(part(count, unit)?)?;
        any = true;
        left = rest;
    }
    any.then_some(nanos)
}

/// The nanoseconds of `1.5` and `h`.
fn part(count: &str, unit: &str) -> Option<u128> {
    let unit: u128 = match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = count.split_once('.').unwrap_or((count, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || count.len() > MAX_DIGITS {
        return None;
    }
    let number = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<u128>().ok() };
    let scale = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    number(whole)?.checked_mul(unit)?.checked_add(number(fraction)?.checked_mul(unit)? / scale)
}

/// More digits than any span needs.
const MAX_DIGITS: usize = 20;
