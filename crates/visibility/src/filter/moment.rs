//! Times (RFC 3339 or Unix nanoseconds) and durations (as Go writes them, `hh:mm:ss`, or nanoseconds), in i64 nanoseconds.

use jiff::Timestamp;

/// Nanoseconds since the Unix epoch. Times that do not fit are as far as can be said.
pub(crate) fn time(text: &str) -> Option<i64> {
    if let Ok(nanos) = text.parse() {
        return Some(nanos);
    }
    let nanos = text.parse::<Timestamp>().ok()?.as_nanosecond();
    // `i64::MAX` itself stands for "not closed" in the index.
    Some(i64::try_from(nanos.clamp(i128::from(i64::MIN), i128::from(i64::MAX - 1))).expect("clamped to its range"))
}

/// A length of time: `1h30m`, `-1.5h`, `300ms`, `2d`, `01:30:00`, or a number of nanoseconds.
pub(super) fn duration(text: &str) -> Option<i64> {
    if let Ok(nanos) = text.parse() {
        return Some(nanos);
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let nanos = if rest.contains(':') { clock(rest)? } else { units(rest)? };
    i64::try_from(sign * nanos).ok()
}

fn clock(text: &str) -> Option<i128> {
    let parts: Vec<i128> = text.split(':').map(digits).collect::<Option<_>>()?;
    match parts[..] {
        [hours, minutes @ 0..60, seconds @ 0..60] => Some((hours * 3_600 + minutes * 60 + seconds) * 1_000_000_000),
        _ => None,
    }
}

fn units(mut text: &str) -> Option<i128> {
    if text.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !text.is_empty() {
        let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, rest) = text.split_at(number_end);
        let unit_end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let (unit, rest) = rest.split_at(unit_end);
        total = total.checked_add(scaled(number, unit_nanos(unit)?)?)?;
        text = rest;
    }
    Some(total)
}

fn unit_nanos(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return None,
    })
}

/// `number` units; decimals beyond a nanosecond are cut.
fn scaled(number: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { digits(whole)? };
    let fraction = &fraction[..fraction.len().min(18)];
    let part = if fraction.is_empty() { 0 } else { digits(fraction)? };
    let scale = 10_i128.pow(u32::try_from(fraction.len()).expect("at most 18 digits"));
    whole.checked_mul(unit)?.checked_add(part * unit / scale)
}

fn digits(text: &str) -> Option<i128> {
    let plain = !text.is_empty() && text.len() <= 19 && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        let check = |text: &str, expected: Option<i64>| assert_eq!(duration(text), expected, "{text}");
        check("1h30m", Some(5_400_000_000_000));
        check("-1.5h", Some(-5_400_000_000_000));
        check("300ms", Some(300_000_000));
        check("1.5µs", Some(1_500));
        check("2d", Some(172_800_000_000_000));
        check("01:30:00", Some(5_400_000_000_000));
        check("12345", Some(12_345));
        for wrong in ["", "h", "1", "1x", "1.h.", ".s", "-", "1:2", "1:99:00", "99999999999999999999s", "1..5s"] {
            check(wrong, if wrong == "1" { Some(1) } else { None });
        }
    }

    #[test]
    fn times_are_rfc3339_or_nanoseconds() {
        let check = |text: &str, expected: Option<i64>| assert_eq!(time(text), expected, "{text}");
        check("1970-01-01T00:00:01Z", Some(1_000_000_000));
        check("1970-01-01T01:00:00+01:00", Some(0));
        check("1970-01-01T00:00:00.000000001Z", Some(1));
        check("42", Some(42));
        check("9999-01-01T00:00:00Z", Some(i64::MAX - 1));
        check("yesterday", None);
        check("1970-01-01", None);
    }
}
