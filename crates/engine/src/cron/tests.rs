//! What schedules mean, in words and against the naive reading: look at every minute.

use alloc::{format, string::String, vec::Vec};

use jiff::{Timestamp as Instant, Zoned, tz::TimeZoneDatabase};
use proptest::{prelude::*, sample::select};

use super::*;

fn at(text: &str) -> Timestamp {
    let instant: Instant = text.parse().expect("an instant");
    Timestamp(i64::try_from(instant.as_nanosecond()).expect("an instant of our time"))
}

fn show(time: Timestamp) -> String {
    format!("{}", Instant::from_nanosecond(i128::from(time.0)).expect("an instant"))
}

/// The first ticks after a time.
fn ticks<const N: usize>(cron: &str, after: &str) -> [String; N] {
    let cron = parse(cron).expect("a schedule");
    let mut time = at(after);
    core::array::from_fn(|_| {
        time = cron.next(time).expect("a tick");
        show(time)
    })
}

#[test]
fn fields_are_numbers_names_ranges_steps_and_lists() {
    let from = "2024-01-01T00:00:00Z";
    assert_eq!(ticks("* * * * *", from), ["2024-01-01T00:01:00Z", "2024-01-01T00:02:00Z"]);
    assert_eq!(ticks("*/20 * * * *", from), ["2024-01-01T00:20:00Z", "2024-01-01T00:40:00Z", "2024-01-01T01:00:00Z"]);
    assert_eq!(ticks("5/30 1 * * *", from), ["2024-01-01T01:05:00Z", "2024-01-01T01:35:00Z", "2024-01-02T01:05:00Z"]);
    assert_eq!(ticks("0 9-17/4 * * ?", from), ["2024-01-01T09:00:00Z", "2024-01-01T13:00:00Z", "2024-01-01T17:00:00Z"]);
    assert_eq!(ticks("0 0 1,15 feb,MAR *", from), ["2024-02-01T00:00:00Z", "2024-02-15T00:00:00Z"]);
    assert_eq!(ticks("0 12 * * Tue-Wed", from), ["2024-01-02T12:00:00Z", "2024-01-03T12:00:00Z"]);
}

#[test]
fn of_two_restricted_kinds_of_day_either_suffices() {
    let from = "2024-01-01T00:00:00Z";
    assert_eq!(ticks("0 0 13 * FRI", from), ["2024-01-05T00:00:00Z", "2024-01-12T00:00:00Z", "2024-01-13T00:00:00Z"]);
    assert_eq!(ticks("0 0 */31 * FRI", from), ["2024-01-05T00:00:00Z", "2024-01-12T00:00:00Z"]);
    assert_eq!(ticks("0 0 * * FRI", from), ["2024-01-05T00:00:00Z", "2024-01-12T00:00:00Z"]);
    assert_eq!(ticks("0 0 13 * *", from), ["2024-01-13T00:00:00Z", "2024-02-13T00:00:00Z"]);
}

#[test]
fn names_stand_for_usual_schedules() {
    let from = "2024-01-03T04:05:06.7Z";
    assert_eq!(ticks("@hourly", from), ["2024-01-03T05:00:00Z", "2024-01-03T06:00:00Z"]);
    assert_eq!(ticks("@daily", from), ["2024-01-04T00:00:00Z"]);
    assert_eq!(ticks("@midnight", from), ["2024-01-04T00:00:00Z"]);
    assert_eq!(ticks("@weekly", from), ["2024-01-07T00:00:00Z"]);
    assert_eq!(ticks("@monthly", from), ["2024-02-01T00:00:00Z"]);
    assert_eq!(ticks("@yearly", from), ["2025-01-01T00:00:00Z"]);
    assert_eq!(ticks("@annually", from), ["2025-01-01T00:00:00Z"]);
}

#[test]
fn an_interval_counts_from_the_last_time() {
    assert_eq!(ticks("@every 1h30m", "2024-01-01T00:00:10Z"), ["2024-01-01T01:30:10Z", "2024-01-01T03:00:10Z"]);
    assert_eq!(ticks("@every 1.5m", "2024-01-01T00:00:00Z"), ["2024-01-01T00:01:30Z"]);
    assert_eq!(ticks("@every 10s", "2024-01-01T00:00:00.9Z"), ["2024-01-01T00:00:10Z"]);
    assert_eq!(ticks("@every 100ms", "2024-01-01T00:00:00Z"), ["2024-01-01T00:00:01Z"]);
}

#[test]
fn a_schedule_may_be_of_a_zone() {
    let from = "2024-07-01T00:00:00Z";
    assert_eq!(ticks("CRON_TZ=Europe/Paris 0 4 * * *", from), ["2024-07-01T02:00:00Z"]);
    assert_eq!(ticks("TZ=America/New_York @daily", from), ["2024-07-01T04:00:00Z"]);
    assert_eq!(ticks("TZ=UTC 0 4 * * *", from), ["2024-07-01T04:00:00Z"]);
    assert_eq!(ticks("CRON_TZ=Asia/Kolkata 15 9 * * *", from), ["2024-07-01T03:45:00Z"]);
}

#[test]
fn a_time_that_clocks_leave_out_has_no_tick() {
    let day = "2024-03-10T00:00:00Z";
    assert_eq!(ticks("TZ=America/New_York 30 2 * * *", day), ["2024-03-11T06:30:00Z"]);
    assert_eq!(
        ticks("TZ=America/New_York 30 * * * *", "2024-03-10T06:00:00Z"),
        ["2024-03-10T06:30:00Z", "2024-03-10T07:30:00Z"]
    );
}

#[test]
fn a_time_that_clocks_show_twice_ticks_twice() {
    let day = "2024-11-03T04:30:00Z";
    assert_eq!(
        ticks("TZ=America/New_York 30 1 * * *", day),
        ["2024-11-03T05:30:00Z", "2024-11-03T06:30:00Z", "2024-11-04T06:30:00Z"]
    );
}

#[test]
fn a_day_that_begins_late_is_not_left_out() {
    // Clocks in Cairo went from 00:00 to 01:00 on 26 April 2024.
    let from = "2024-04-25T12:00:00Z";
    assert_eq!(ticks("TZ=Africa/Cairo 0 1 * * *", from), ["2024-04-25T22:00:00Z", "2024-04-26T22:00:00Z"]);
    assert_eq!(ticks("TZ=Africa/Cairo 0 5 26 4 *", from), ["2024-04-26T02:00:00Z"]);
}

#[test]
fn a_leap_day_is_waited_for() {
    assert_eq!(ticks("0 0 29 2 *", "2024-03-01T00:00:00Z"), ["2028-02-29T00:00:00Z"]);
}

#[test]
fn what_makes_no_sense_is_no_schedule() {
    let malformed = [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 7",
        "* * * * mon-sun",
        "5-1 * * * *",
        "*/0 * * * *",
        "1,,2 * * * *",
        "1-2-3 * * * *",
        "1/2/3 * * * *",
        "-1 * * * *",
        "+1 * * * *",
        "jan * * * *",
        "99999999999999999999 * * * *",
        "@fortnightly",
        "@every",
        "@every soon",
        "@every -5s",
        "@every 5",
        "@every 1e9s",
        "@every 99999999999999999999h",
        "TZ=UTC",
    ];
    for text in malformed {
        assert_eq!(parse(text), Err(Error::Malformed), "{text:?}");
    }
    assert_eq!(parse("CRON_TZ=Nowhere/Land * * * * *"), Err(Error::UnknownZone));
    assert_eq!(parse("TZ=Local * * * * *"), Err(Error::UnknownZone));
    for text in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 31 feb ?"] {
        assert_eq!(parse(text), Err(Error::NeverTicks), "{text:?}");
    }
    assert!(parse("0 0 30 2 MON").is_ok(), "a Monday suffices");
}

#[test]
fn the_end_of_time_has_no_tick() {
    assert_eq!(parse("* * * * *").expect("a schedule").next(Timestamp::MAX), None);
    assert_eq!(parse("@every 1s").expect("a schedule").next(Timestamp::MAX), None);
}

fn field(least: u32, most: u32) -> impl Strategy<Value = String> {
    let number = least..=most;
    let range = (number.clone(), number.clone()).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b)));
    prop_oneof![
        3 => Just(String::from("*")),
        1 => (2u32..9).prop_map(|step| format!("*/{step}")),
        2 => number.clone().prop_map(|number| format!("{number}")),
        1 => (number.clone(), number).prop_map(|(a, b)| format!("{a},{b}")),
        1 => range.clone(),
        1 => (range, 1u32..5).prop_map(|(range, step)| format!("{range}/{step}")),
    ]
}

const ZONES: [&str; 5] = ["UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca"];

fn schedule() -> impl Strategy<Value = (String, &'static str)> {
    let fields = (field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6));
    (fields, select(&ZONES[..]))
        .prop_map(|((a, b, c, d, e), zone)| (format!("CRON_TZ={zone} {a} {b} {c} {d} {e}"), zone))
}

/// Some second of the years 2000 to 2060.
fn moments() -> impl Strategy<Value = i64> {
    946_684_800i64..2_840_140_800
}

/// The plain reading of a schedule: does this second fit?
fn fits(wall: &Wall, zoned: &Zoned) -> bool {
    let has = |set: u64, number: i8| set & 1 << number != 0;
    let day = has(wall.days, zoned.day());
    let weekday = has(wall.weekdays, zoned.weekday().to_sunday_zero_offset());
    zoned.second() == 0
        && has(wall.minutes, zoned.minute())
        && has(wall.hours, zoned.hour())
        && has(wall.months, zoned.month())
        && if wall.both_days { day && weekday } else { day || weekday }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_next_tick_is_later_and_fits_and_none_is_between((text, zone) in schedule(), second in moments(), nanos in 0i64..NANOS) {
        let Ok(cron) = parse(&text) else { return Ok(()) };
        let Kind::Wall(wall) = &cron.0 else { unreachable!("it has five fields") };
        let zone = TimeZoneDatabase::bundled().get(zone).expect("it is known");
        let zoned = |second: i64| Instant::from_second(second).expect("an instant").to_zoned(zone.clone());
        let after = Timestamp(second * NANOS + nanos);
        let tick = cron.next(after);
        if let Some(tick) = tick {
            prop_assert!(tick > after && tick.0 % NANOS == 0);
            prop_assert!(fits(wall, &zoned(tick.0 / NANOS)), "{text} ticks at {}", show(tick));
        }
        // Every whole minute of the next four days.
        let first = second - second % 60 + 60;
        let until = tick.map_or(i64::MAX, |tick| tick.0 / NANOS).min(second + 4 * 86_400);
        for minute in (first..until).step_by(60) {
            prop_assert!(!fits(wall, &zoned(minute)), "{text} leaves out {}", show(Timestamp(minute * NANOS)));
        }
    }

    #[test]
    fn a_later_question_has_no_earlier_answer((text, _) in schedule(), one in moments(), other in moments()) {
        let Ok(cron) = parse(&text) else { return Ok(()) };
        let tick = |second: i64| cron.next(Timestamp(second * NANOS)).map_or(i64::MAX, |tick| tick.0);
        prop_assert!(tick(one.min(other)) <= tick(one.max(other)));
    }

    #[test]
    fn no_text_breaks_the_parser(text in "[@CRONTZ=a-z0-9*/,? +-]{0,40}") {
        if let Ok(cron) = parse(&text) {
            let _ = cron.next(Timestamp(0));
        }
    }
}

#[test]
fn a_run_that_took_longer_than_a_period_keeps_step() {
    use alloc::sync::Arc;

    let namespace = crate::moment::Namespace {
        id: "ns".into(),
        name: Arc::from("default"),
        retention: Duration::ZERO,
        search_attributes: Arc::default(),
    };
    let settings = crate::limits::Settings::default();
    let wait = |cron: &str, from: &str, now: &str| {
        let moment = Moment {
            now: at(now),
            new_run: "run".into(),
            jitter: 0,
            namespace: &namespace,
            settings: &settings,
            calendar: &WallCalendar,
        };
        backoff(cron, at(from), &moment).map(|wait| wait.as_secs())
    };
    let from = "2024-01-01T00:00:10Z";
    let waits: Vec<_> = ["00:00:10Z", "00:00:12.5Z", "00:01:10Z", "00:01:11Z", "03:33:33Z"]
        .map(|now| wait("@every 1m", from, &format!("2024-01-01T{now}")))
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(waits, [60, 58, 0, 59, 37]);
    assert_eq!(wait("0 * * * *", from, "2024-01-01T05:00:00Z"), Some(0));
    assert_eq!(wait("0 * * * *", from, "2024-01-01T05:00:01.5Z"), Some(3599));
    assert_eq!(wait("", from, from), None);
}
