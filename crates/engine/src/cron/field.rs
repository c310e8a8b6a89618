//! One field of a schedule: a list of numbers, names, ranges and steps, as a set of bits.

use super::Error;

/// What may stand in a field.
pub(super) struct Bounds {
    pub(super) least: u32,
    pub(super) most: u32,
    /// Names of the numbers from `least` on.
    pub(super) names: &'static [&'static str],
}

pub(super) const MINUTES: Bounds = Bounds { least: 0, most: 59, names: &[] };
pub(super) const HOURS: Bounds = Bounds { least: 0, most: 23, names: &[] };
pub(super) const DAYS: Bounds = Bounds { least: 1, most: 31, names: &[] };
pub(super) const MONTHS: Bounds = Bounds {
    least: 1,
    most: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
pub(super) const WEEKDAYS: Bounds =
    Bounds { least: 0, most: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

/// The numbers of a field, and whether it says nothing at all (`*`).
pub(super) struct Field {
    pub(super) bits: u64,
    pub(super) any: bool,
}

pub(super) fn parse(text: &str, bounds: &Bounds) -> Result<Field, Error> {
    let mut field = Field { bits: 0, any: false };
    for part in text.split(',') {
        let part = parse_part(part, bounds)?;
        field.bits |= part.bits;
        field.any |= part.any;
    }
    Ok(field)
}

/// `*`, `5`, `mon-fri`, `*/2`, `3-9/2`, `5/10`
fn parse_part(text: &str, bounds: &Bounds) -> Result<Field, Error> {
    let (range, step) = match text.split_once('/') {
        Some((range, step)) => (range, Some(number(step)?)),
        None => (text, None),
    };
    let every = matches!(range, "*" | "?");
    let (from, to) = match range.split_once('-') {
        _ if every => (bounds.least, bounds.most),
        Some((from, to)) => (value(from, bounds)?, value(to, bounds)?),
        // A single number with a step goes on to the end.
        None if step.is_some() => (value(range, bounds)?, bounds.most),
        None => (value(range, bounds)?, value(range, bounds)?),
    };
    let step = step.unwrap_or(1);
    if from < bounds.least || to > bounds.most || from > to || step == 0 {
        return Err(Error::Malformed);
    }
    let stride = usize::try_from(step).map_err(|_| Error::Malformed)?;
    let bits = (from..=to).step_by(stride).fold(0, |bits, number| bits | 1 << number);
    Ok(Field { bits, any: every && step == 1 })
}

fn value(text: &str, bounds: &Bounds) -> Result<u32, Error> {
    match (bounds.least..).zip(bounds.names).find(|(_, name)| name.eq_ignore_ascii_case(text)) {
        Some((number, _)) => Ok(number),
        None => number(text),
    }
}

fn number(text: &str) -> Result<u32, Error> {
    if text.is_empty() || !text.bytes().all(|letter| letter.is_ascii_digit()) {
        return Err(Error::Malformed);
    }
    text.parse().map_err(|_| Error::Malformed)
}
