//! Cron strings of schedules: five to seven fields, a time zone before them, a comment behind them, and `@every 1h/5m`.
//!
//! They are not quite those of workflows (`cron.rs`): both kinds of day must fit, Sunday is 7 too, and a string may have
//! seconds and years.

use alloc::string::{String, ToString};
use core::time::Duration;

use weft_protocol::api::schedule::{CalendarSpec, IntervalSpec, StructuredCalendarSpec};

use super::calendar;
use crate::{cron::parse::span, time::wire_span};

/// What a cron string says.
pub(super) enum Said {
    Calendar(StructuredCalendarSpec),
    Interval(IntervalSpec),
}

/// What it says, and the name of its time zone; empty if it names none.
pub(super) fn parse(text: &str) -> Result<(Said, String), String> {
    let text = text.trim();
    let (zone, text) = match text.strip_prefix("CRON_TZ=").or_else(|| text.strip_prefix("TZ=")) {
        Some(text) => text.split_once(' ').ok_or("CronString has time zone but missing fields")?,
        None => ("", text),
    };
    let (text, comment) = text.split_once('#').unwrap_or((text, ""));
    let text = text.trim();
    if let Some(every) = text.strip_prefix("@every") {
        return Ok((Said::Interval(interval(every)?), String::new()));
    }
    let calendar = fields(predefined(text), comment.trim()).ok_or("CronString does not have 5-7 fields")?;
    Ok((Said::Calendar(calendar::structured(&calendar)?), zone.to_string()))
}

fn interval(text: &str) -> Result<IntervalSpec, String> {
    let text = text.strip_prefix(' ').ok_or("CronString does not have interval after @every")?;
    let (interval, phase) = text.split_once('/').unwrap_or((text, ""));
    let read = |text: &str| {
        let nanos = span(text).and_then(|nanos| u64::try_from(nanos).ok());
        nanos
            .map(|nanos| wire_span(Duration::from_nanos(nanos)))
            .ok_or_else(|| alloc::format!("invalid duration: {text:?}"))
    };
    let phase = if phase.is_empty() { None } else { Some(read(phase)?) };
    Ok(IntervalSpec { interval: Some(read(interval)?), phase })
}

fn predefined(text: &str) -> &str {
    match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        text => text,
    }
}

fn fields(text: &str, comment: &str) -> Option<CalendarSpec> {
    let mut parts = text.split_whitespace();
    let count = parts.clone().count();
    let mut next = || parts.next().unwrap_or_default().to_string();
    let second = if count == 7 { next() } else { String::new() };
    let (minute, hour, day_of_month, month, day_of_week) = (next(), next(), next(), next(), next());
    let year = if count >= 6 { next() } else { String::new() };
    let comment = comment.to_string();
    (5..=7).contains(&count).then_some(CalendarSpec {
        second,
        minute,
        hour,
        day_of_month,
        month,
        year,
        day_of_week,
        comment,
    })
}
