//! When a schedule acts, as the API says it: checked, and in the one form in which it is kept.
//!
//! Invariant: a spec in this form has no texts left (calendars and cron strings are structured), can be read again to the
//! same form, and can be compiled (`times.rs`).

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use prost::Message;
use weft_protocol::{
    Duration as WireDuration,
    api::schedule::{IntervalSpec, Range, ScheduleSpec, StructuredCalendarSpec},
};

use super::{
    calendar::{self, YEAR_MAX, YEAR_MIN},
    cron_string::{self, Said},
    times,
};

/// Calendars, intervals, cron strings, and ranges of calendars: each is gone through whenever a time is looked for.
const PARTS_MAX: usize = 2000;

/// The bytes of a spec, time zone information among them.
const BYTES_MAX: usize = 256 * 1024;

const COMMENT_BYTES_MAX: usize = 200;

/// A span that the API can say: some ten thousand years, and no mixture of signs.
const SECONDS_MAX: i64 = 315_576_000_000;

const ZONES_CONFLICT: &str = "conflicting timezone names";

/// The spec as it is kept.
///
/// # Errors
/// What is wrong with it, in Temporal's words.
pub fn canonical(spec: ScheduleSpec) -> Result<ScheduleSpec, String> {
    check_size(&spec)?;
    for interval in &spec.interval {
        valid_span(interval.interval.as_ref(), "interval")?;
        valid_span(interval.phase.as_ref(), "phase")?;
    }
    let mut spec = structured(spec)?;
    cron_strings(&mut spec)?;
    // A short text may say many ranges.
    check_size(&spec)?;
    let (calendars, excluded) = (&spec.structured_calendar, &spec.exclude_structured_calendar);
    calendars.iter().chain(excluded).try_for_each(check_calendar)?;
    spec.interval.iter().try_for_each(check_interval)?;
    times::zone(&spec)?;
    Ok(spec)
}

/// Defaults written out, as descriptions and lists show them.
pub fn clean(spec: &mut ScheduleSpec) {
    for calendar in spec.structured_calendar.iter_mut().chain(&mut spec.exclude_structured_calendar) {
        let StructuredCalendarSpec { second, minute, hour, day_of_month, month, year, day_of_week, comment: _ } =
            calendar;
        for range in [second, minute, hour, day_of_month, month, year, day_of_week].into_iter().flatten() {
            range.end = range.end.max(range.start);
            range.step = if range.step == 0 { 1 } else { range.step };
        }
    }
}

#[expect(deprecated, reason = "the older way to exclude calendars is still spoken")]
fn check_size(spec: &ScheduleSpec) -> Result<(), String> {
    let ranges = |calendar: &StructuredCalendarSpec| {
        let StructuredCalendarSpec { second, minute, hour, day_of_month, month, year, day_of_week, comment: _ } =
            calendar;
        let fields = [second, minute, hour, day_of_month, month, year, day_of_week];
        1 + fields.into_iter().map(Vec::len).sum::<usize>()
    };
    let structured = spec.structured_calendar.iter().chain(&spec.exclude_structured_calendar);
    let texts = spec.cron_string.len() + spec.calendar.len() + spec.exclude_calendar.len();
    let parts = texts + spec.interval.len() + structured.map(ranges).sum::<usize>();
    if parts > PARTS_MAX {
        return Err(format!("{parts} calendars, intervals and ranges are more than the limit of {PARTS_MAX}"));
    }
    let bytes = spec.encoded_len();
    if bytes > BYTES_MAX {
        return Err(format!("{bytes} bytes are more than the limit of {BYTES_MAX}"));
    }
    Ok(())
}

#[expect(deprecated, reason = "the older way to exclude calendars is still spoken")]
fn structured(mut spec: ScheduleSpec) -> Result<ScheduleSpec, String> {
    for calendar in core::mem::take(&mut spec.calendar) {
        spec.structured_calendar.push(calendar::structured(&calendar)?);
    }
    for calendar in core::mem::take(&mut spec.exclude_calendar) {
        spec.exclude_structured_calendar.push(calendar::structured(&calendar)?);
    }
    Ok(spec)
}

/// All cron strings must speak of one time zone, and of the one that the spec names, if it names one.
fn cron_strings(spec: &mut ScheduleSpec) -> Result<(), String> {
    let mut zone: Option<String> = None;
    for text in core::mem::take(&mut spec.cron_string) {
        let (said, named) = cron_string::parse(&text)?;
        if zone.as_ref().is_some_and(|zone| *zone != named) {
            return Err(ZONES_CONFLICT.to_string());
        }
        zone = Some(named);
        match said {
            Said::Calendar(calendar) => spec.structured_calendar.push(calendar),
            Said::Interval(interval) => spec.interval.push(interval),
        }
    }
    if let Some(zone) = zone.filter(|zone| !zone.is_empty()) {
        let other = !spec.timezone_name.is_empty() && spec.timezone_name != zone;
        if other || !spec.timezone_data.is_empty() {
            return Err(ZONES_CONFLICT.to_string());
        }
        spec.timezone_name = zone;
    }
    Ok(())
}

fn check_calendar(calendar: &StructuredCalendarSpec) -> Result<(), String> {
    let mut wrong: Vec<String> = Vec::new();
    let mut check = |ranges: &[Range], name: &str, least: i32, most: i32| {
        for Range { start, end, step } in ranges {
            if !(least..=most).contains(start) {
                wrong.push(format!("{name} Start is not in range [{least}-{most}]"));
            }
            if *end != 0 && (end < start || *end > most) {
                wrong.push(format!("{name} End is before Start or not in range [{least}-{most}]"));
            }
            if *step < 0 {
                wrong.push(format!("{name} has invalid Step"));
            }
        }
    };
    check(&calendar.second, "Second", 0, 59);
    check(&calendar.minute, "Minute", 0, 59);
    check(&calendar.hour, "Hour", 0, 23);
    check(&calendar.day_of_month, "DayOfMonth", 1, 31);
    check(&calendar.month, "Month", 1, 12);
    check(&calendar.year, "Year", YEAR_MIN, YEAR_MAX);
    check(&calendar.day_of_week, "DayOfWeek", 0, 6);
    if calendar.comment.len() > COMMENT_BYTES_MAX {
        wrong.push("comment is too long".to_string());
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("invalid calendar spec: {}", wrong.join(", "))) }
}

fn valid_span(span: Option<&WireDuration>, name: &str) -> Result<(), String> {
    let Some(span) = span else { return Ok(()) };
    let in_range = span.seconds.checked_abs().is_some_and(|seconds| seconds <= SECONDS_MAX)
        && (-999_999_999..=999_999_999).contains(&span.nanos);
    let one_sign = span.seconds.signum() * i64::from(span.nanos.signum()) >= 0;
    if in_range && one_sign { Ok(()) } else { Err(format!("{name} is not a valid duration")) }
}

fn check_interval(it: &IntervalSpec) -> Result<(), String> {
    let parts = |span: Option<&WireDuration>| span.map_or((0, 0), |span| (span.seconds, span.nanos));
    let (interval, phase) = (parts(it.interval.as_ref()), parts(it.phase.as_ref()));
    let wrong = if interval < (1, 0) {
        "interval is too small"
    } else if phase < (0, 0) {
        "phase is negative"
    } else if phase >= interval {
        "phase cannot be greater than Interval"
    } else {
        return Ok(());
    };
    Err(wrong.to_string())
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn a_spec_that_takes_too_long_to_go_through_is_refused() {
        let range = Range { start: 1, ..Range::default() };
        let calendar = |ranges| StructuredCalendarSpec { second: vec![range; ranges], ..Default::default() };
        let spec = |ranges| ScheduleSpec { structured_calendar: vec![calendar(ranges)], ..Default::default() };
        assert!(canonical(spec(PARTS_MAX - 1)).is_ok());
        assert!(canonical(spec(PARTS_MAX)).is_err_and(|why| why.contains("limit of 2000")));
        let text = vec!["1"; PARTS_MAX].join(",") + " * * * *";
        let cron = ScheduleSpec { cron_string: vec![text], ..Default::default() };
        assert!(canonical(cron).is_err_and(|why| why.contains("limit of 2000")));
        let zone = ScheduleSpec { timezone_data: vec![0; BYTES_MAX], ..Default::default() };
        assert!(canonical(zone).is_err_and(|why| why.contains("bytes are more than the limit")));
    }
}
