//! Moments and spans, in UTC.

use weft_client::api::{Duration, Timestamp};

use crate::span;

/// `2026-01-02T03:04:05Z`; empty for no moment.
pub(crate) fn seconds(at: Option<&Timestamp>) -> String {
    at.filter(|at| at.seconds != 0).map(|at| format!("{:.0}", moment(at))).unwrap_or_default()
}

/// `2026-01-02T03:04:05.678Z`
pub(crate) fn millis(at: Option<&Timestamp>) -> String {
    at.map(|at| format!("{:.3}", moment(at))).unwrap_or_default()
}

fn moment(at: &Timestamp) -> jiff::Timestamp {
    // What no calendar can say is shown as the first moment rather than not at all.
    jiff::Timestamp::new(at.seconds, at.nanos).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// `1h 30m`; empty for no span.
pub(crate) fn duration(span: Option<&Duration>) -> String {
    let set = span.filter(|span| span.seconds != 0 || span.nanos != 0);
    set.map(|span| span::show(span.seconds, span.nanos)).unwrap_or_default()
}

/// Whole days where it is whole days, as retention is spoken of.
pub(crate) fn days(span: Option<&Duration>) -> String {
    match span {
        Some(span) if span.seconds > 0 && span.seconds % 86_400 == 0 => format!("{}d", span.seconds / 86_400),
        other => duration(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_spans_are_short() {
        let at = Timestamp { seconds: 1_700_000_000, nanos: 678_900_000 };
        assert_eq!(seconds(Some(&at)), "2023-11-14T22:13:20Z");
        assert_eq!(millis(Some(&at)), "2023-11-14T22:13:20.678Z");
        assert_eq!(seconds(None), "");
        assert_eq!(duration(Some(&Duration { seconds: 90, nanos: 0 })), "1m 30s");
        assert_eq!(days(Some(&Duration { seconds: 259_200, nanos: 0 })), "3d");
        assert_eq!(days(Some(&Duration { seconds: 3_600, nanos: 0 })), "1h");
    }
}
