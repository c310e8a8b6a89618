//! Calendars that are written as texts (`"mon-fri"`, `"*/15"`, `"2026"`), read as ranges.
//!
//! Invariant: what is read is the shortest way to say it (an end that is the start and a step of one are left out), so
//! that it looks as Temporal shows it.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use weft_protocol::api::schedule::{CalendarSpec, Range, StructuredCalendarSpec};

pub(super) const YEAR_MIN: i32 = 2000;
pub(super) const YEAR_MAX: i32 = 2100;

/// What may stand in a field.
struct Field {
    name: &'static str,
    least: i32,
    most: i32,
    /// What an empty text stands for.
    default: &'static str,
    words: Words,
}

enum Words {
    None,
    /// `*` is said by no range at all.
    Years,
    /// Names from so many letters on, of the numbers from the first one on.
    Names {
        letters: usize,
        first: i32,
        names: &'static [&'static str],
    },
}

const MONTHS: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: &[&str] = &["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

const SECOND: Field = Field { name: "Second", least: 0, most: 59, default: "0", words: Words::None };
const MINUTE: Field = Field { name: "Minute", least: 0, most: 59, default: "0", words: Words::None };
const HOUR: Field = Field { name: "Hour", least: 0, most: 23, default: "0", words: Words::None };
const DAY_OF_MONTH: Field = Field { name: "DayOfMonth", least: 1, most: 31, default: "*", words: Words::None };
const MONTH: Field = Field {
    name: "Month",
    least: 1,
    most: 12,
    default: "*",
    words: Words::Names { letters: 3, first: 1, names: MONTHS },
};
const YEAR: Field = Field { name: "Year", least: YEAR_MIN, most: YEAR_MAX, default: "*", words: Words::Years };
/// Sunday is 0 and 7.
const DAY_OF_WEEK: Field = Field {
    name: "DayOfWeek",
    least: 0,
    most: 7,
    default: "*",
    words: Words::Names { letters: 2, first: 0, names: WEEKDAYS },
};

/// Reads a calendar, or says everything that is wrong with it.
pub(super) fn structured(calendar: &CalendarSpec) -> Result<StructuredCalendarSpec, String> {
    let mut wrong: Vec<String> = Vec::new();
    let mut read = |text: &str, field: &Field| {
        ranges(text, field).unwrap_or_else(|why| {
            wrong.push(why);
            Vec::new()
        })
    };
    let structured = StructuredCalendarSpec {
        second: read(&calendar.second, &SECOND),
        minute: read(&calendar.minute, &MINUTE),
        hour: read(&calendar.hour, &HOUR),
        day_of_week: read(&calendar.day_of_week, &DAY_OF_WEEK),
        day_of_month: read(&calendar.day_of_month, &DAY_OF_MONTH),
        month: read(&calendar.month, &MONTH),
        year: read(&calendar.year, &YEAR),
        comment: calendar.comment.clone(),
    };
    if wrong.is_empty() { Ok(structured) } else { Err(wrong.join(", ")) }
}

fn ranges(text: &str, field: &Field) -> Result<Vec<Range>, String> {
    let text = match text.trim() {
        "" => field.default,
        text => text,
    };
    if text == "*" && matches!(field.words, Words::Years) {
        return Ok(Vec::new());
    }
    let mut ranges = Vec::new();
    for part in text.split(',') {
        let (start, end, step) = part_of(part, field)?;
        if field.most == 7 && end == 7 {
            sunday_last(start, step, &mut ranges);
        } else {
            ranges.push(range(start, end, step));
        }
    }
    Ok(ranges)
}

/// A range that ends on the second name of Sunday: that day comes first in a week, so it may need a range of its own.
fn sunday_last(start: i32, step: i32, ranges: &mut Vec<Range>) {
    let has_sunday = (7 - start) % step == 0;
    if has_sunday && (step > 1 || start > 1) {
        ranges.push(range(0, 0, 1));
        if start == 7 {
            return;
        }
    }
    ranges.push(range(start, 6, step));
}

fn range(start: i32, end: i32, step: i32) -> Range {
    Range { start, end: if end == start { 0 } else { end }, step: if step == 1 { 0 } else { step } }
}

/// `*`, `5`, `1-5`, `*/2`, `3-9/2`, `5/10`: its start, end and step.
fn part_of(part: &str, field: &Field) -> Result<(i32, i32, i32), String> {
    let Field { name, least, most, .. } = *field;
    let mut halves = part.split('/');
    let (part, step) = (halves.next().unwrap_or_default(), halves.next());
    if halves.next().is_some() {
        return Err(format!("{name} has too many slashes"));
    }
    let step = step.map(|step| step_of(step, name)).transpose()?;
    if part == "*" {
        return Ok((least, most, step.unwrap_or(1)));
    }
    let (start, end) = match part.split_once('-') {
        Some((_, end)) if end.contains('-') => return Err(format!("{name} has too many dashes")),
        Some((start, end)) => {
            let start =
                value(start, least, field).ok_or_else(|| format!("{name} Start is not in range [{least}-{most}]"))?;
            let end = value(end, start, field)
                .ok_or_else(|| format!("{name} End is before Start or not in range [{least}-{most}]"))?;
            (start, end)
        }
        None => {
            let start = value(part, least, field).ok_or_else(|| format!("{name} is not in range [{least}-{most}]"))?;
            // A single value with a step goes on to the end.
            (start, if step.is_some() { most } else { start })
        }
    };
    Ok((start, end, step.unwrap_or(1)))
}

fn step_of(text: &str, name: &str) -> Result<i32, String> {
    if text.is_empty() {
        return Err(format!("{name} missing step value"));
    }
    let step: i32 = text.parse().map_err(|_| format!("strconv.Atoi: parsing {text:?}: invalid syntax"))?;
    if step < 1 { Err(format!("{name} has invalid Step")) } else { Ok(step) }
}

/// A number or a name, if it is not below `least` and not beyond the field.
fn value(text: &str, least: i32, field: &Field) -> Option<i32> {
    let named = match &field.words {
        Words::Names { letters, first, names } if text.len() >= *letters => {
            let text = text.to_string().to_ascii_lowercase();
            (*first..).zip(names.iter()).find(|(_, name)| name.starts_with(&text)).map(|(number, _)| number)
        }
        Words::Names { .. } | Words::None | Words::Years => None,
    };
    let number = named.or_else(|| text.parse().ok())?;
    (least..=field.most).contains(&number).then_some(number)
}
