//! Spans of time on the command line: `30s`, `1h 30m`, `3d`.

use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};

pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = |_| format!("{text:?} is not a span of time: write 30s, \"1h 30m\" or 3d");
    let span: Span = text.parse().map_err(wrong)?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(wrong)?;
    Duration::try_from(duration).map_err(|_| format!("{text:?} is negative"))
}

/// As people write it, to the millisecond.
pub(crate) fn show(seconds: i64, nanos: i32) -> String {
    let nanos = if seconds != 0 || nanos.abs() >= 1_000_000 { nanos - nanos % 1_000_000 } else { nanos };
    format!("{:#}", SignedDuration::new(seconds, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_refused_with_an_example() {
        assert_eq!(parse("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse("3d"), Ok(Duration::from_secs(3 * 86_400)));
        assert!(parse("soon").unwrap_err().contains("write 30s"));
        assert!(parse("-1s").unwrap_err().contains("negative"));
    }

    #[test]
    fn spans_are_shown_as_people_write_them() {
        assert_eq!([show(0, 138_309_841), show(0, 500)], ["138ms", "500ns"]);
        assert_eq!([show(90, 0), show(1, 500_000_000), show(0, 0)], ["1m 30s", "1s 500ms", "0s"]);
    }
}
