//! Between protobuf's times and numbers of nanoseconds, without a silent wrong answer.
//!
//! A protobuf time that comes from outside may be negative, too large, or have nanoseconds that say nothing; each is
//! an error of its own. No clock is read here.

use std::time;

use crate::api::{Duration, Timestamp};

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Durations above this are shortened to it before they are used, as Temporal's server does.
pub const DURATION_MAX: time::Duration = time::Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Why a protobuf time is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("negative duration")]
    Negative,
    #[error("duration has seconds and nanos with different signs")]
    MixedSigns,
    #[error("nanos out of range")]
    NanosOutOfRange,
    #[error("time does not fit 64 bits of nanoseconds")]
    Overflow,
}

/// A point in time as nanoseconds since 1970-01-01 UTC (years 1677 to 2262).
pub fn unix_nanos(timestamp: &Timestamp) -> Result<i64, Error> {
    if !(0..NANOS_PER_SECOND).contains(&i64::from(timestamp.nanos)) {
        return Err(Error::NanosOutOfRange);
    }
    let nanos = i128::from(timestamp.seconds) * i128::from(NANOS_PER_SECOND) + i128::from(timestamp.nanos);
    i64::try_from(nanos).map_err(|_| Error::Overflow)
}

/// The point in time of nanoseconds since 1970-01-01 UTC.
pub fn timestamp(unix_nanos: i64) -> Timestamp {
    Timestamp {
        seconds: unix_nanos.div_euclid(NANOS_PER_SECOND),
        nanos: i32::try_from(unix_nanos.rem_euclid(NANOS_PER_SECOND)).expect("a remainder below 10^9 fits 31 bits"),
    }
}

/// A duration that came from outside.
pub fn duration(duration: &Duration) -> Result<time::Duration, Error> {
    let (seconds, nanos) = (duration.seconds, duration.nanos);
    if i64::from(nanos).abs() >= NANOS_PER_SECOND {
        return Err(Error::NanosOutOfRange);
    }
    if (seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0) {
        return Err(Error::MixedSigns);
    }
    match (u64::try_from(seconds), u32::try_from(nanos)) {
        (Ok(seconds), Ok(nanos)) => Ok(time::Duration::new(seconds, nanos)),
        _ => Err(Error::Negative),
    }
}

/// A duration that came from outside and may be absent (zero), shortened to [`DURATION_MAX`].
pub fn duration_capped(from: Option<&Duration>) -> Result<time::Duration, Error> {
    from.map_or(Ok(time::Duration::ZERO), duration).map(|duration| duration.min(DURATION_MAX))
}

/// The protobuf form of a duration; one that is too long even for its 64 bits of seconds becomes the longest.
pub fn proto_duration(duration: time::Duration) -> Duration {
    let nanos = i32::try_from(duration.subsec_nanos()).expect("less than 10^9 nanoseconds fit 31 bits");
    Duration { seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX), nanos }
}

/// The nanoseconds of a duration, if 63 bits hold them (292 years).
pub fn duration_nanos(duration: time::Duration) -> Result<i64, Error> {
    i64::try_from(duration.as_nanos()).map_err(|_| Error::Overflow)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(seconds: i64, nanos: i32, expected: Result<time::Duration, Error>) {
        assert_eq!(duration(&Duration { seconds, nanos }), expected, "{seconds} s {nanos} ns");
    }

    #[test]
    fn a_duration_that_says_nothing_sensible_is_refused_for_its_reason() {
        check(-1, 0, Err(Error::Negative));
        check(0, -1, Err(Error::Negative));
        check(-1, -1, Err(Error::Negative));
        check(1, -1, Err(Error::MixedSigns));
        check(-1, 1, Err(Error::MixedSigns));
        check(0, 1_000_000_000, Err(Error::NanosOutOfRange));
        check(0, i32::MIN, Err(Error::NanosOutOfRange));
        check(i64::MIN, 0, Err(Error::Negative));
        check(i64::MAX, 999_999_999, Ok(time::Duration::new(9_223_372_036_854_775_807, 999_999_999)));
    }

    #[test]
    fn an_absent_duration_is_zero_and_an_endless_one_is_shortened() {
        assert_eq!(duration_capped(None), Ok(time::Duration::ZERO));
        assert_eq!(duration_capped(Some(&Duration { seconds: i64::MAX, nanos: 5 })), Ok(DURATION_MAX));
        assert_eq!(duration_capped(Some(&Duration { seconds: 0, nanos: -5 })), Err(Error::Negative));
    }

    #[test]
    fn a_timestamp_out_of_range_is_refused() {
        assert_eq!(unix_nanos(&Timestamp { seconds: i64::MAX, nanos: 0 }), Err(Error::Overflow));
        assert_eq!(unix_nanos(&Timestamp { seconds: i64::MIN, nanos: 0 }), Err(Error::Overflow));
        assert_eq!(unix_nanos(&Timestamp { seconds: 0, nanos: -1 }), Err(Error::NanosOutOfRange));
        assert_eq!(unix_nanos(&Timestamp { seconds: 0, nanos: 1_000_000_000 }), Err(Error::NanosOutOfRange));
    }

    #[test]
    fn too_long_for_nanoseconds_is_said() {
        assert_eq!(duration_nanos(time::Duration::MAX), Err(Error::Overflow));
        assert_eq!(duration_nanos(time::Duration::from_millis(1)), Ok(1_000_000));
    }

    proptest! {
        #[test]
        fn a_point_in_time_survives_the_round_trip(nanos: i64) {
            prop_assert_eq!(unix_nanos(&timestamp(nanos)), Ok(nanos));
        }

        #[test]
        fn a_duration_survives_the_round_trip(seconds in 0..=i64::MAX.unsigned_abs(), nanos in 0..1_000_000_000u32) {
            let from = time::Duration::new(seconds, nanos);
            prop_assert_eq!(duration(&proto_duration(from)), Ok(from));
        }
    }
}
