//! What specs mean, against the times that Temporal's server gives for the same specs, and against the plain reading.

use alloc::{format, string::ToString};

use jiff::Timestamp as Instant;
use proptest::{prelude::*, sample::select};
use weft_protocol::api::schedule::CalendarSpec;

use super::*;
use crate::schedule::canonical;

/// Each case is a line that says a spec and a range, and below it the times in that range that Temporal's server 1.32
/// lists, each on a line of its own.
const RECORDED: &str = include_str!("recorded.txt");

fn at(text: &str) -> Timestamp {
    let instant: Instant = text.parse().expect("an instant");
    Timestamp(i64::try_from(instant.as_nanosecond()).expect("an instant of our time"))
}

fn show(time: Timestamp) -> String {
    format!("{}", Instant::from_nanosecond(i128::from(time.0)).expect("an instant"))
}

/// Reads `zone=UTC; cron=0 5 * * *; every=90s/30s; cal=second|minute|hour|day|month|year|weekday; not=…`.
#[expect(deprecated, reason = "the older way to exclude calendars is still spoken")]
fn spec(line: &str) -> ScheduleSpec {
    let mut spec = ScheduleSpec::default();
    for part in line.split("; ") {
        let (name, value) = part.split_once('=').expect("a name and a value");
        match name {
            "zone" => spec.timezone_name = value.to_string(),
            "cron" => spec.cron_string.push(value.to_string()),
            "every" => spec.cron_string.push(format!("@every {value}")),
            "cal" => spec.calendar.push(calendar(value)),
            "not" => spec.exclude_calendar.push(calendar(value)),
            "start" => spec.start_time = Some(at(value).wire()),
            "end" => spec.end_time = Some(at(value).wire()),
            other => panic!("{other} is not part of a spec"),
        }
    }
    spec
}

fn calendar(text: &str) -> CalendarSpec {
    let mut fields = text.split('|').map(ToString::to_string);
    let mut next = || fields.next().unwrap_or_default();
    let (second, minute, hour, day_of_month) = (next(), next(), next(), next());
    let (month, year, day_of_week) = (next(), next(), next());
    CalendarSpec { second, minute, hour, day_of_month, month, year, day_of_week, comment: String::new() }
}

fn times(line: &str) -> Times {
    Times::of(&canonical(spec(line)).expect(line), "schedule").expect(line)
}

#[test]
fn times_are_those_that_temporal_gives() {
    let mut cases = 0;
    for case in RECORDED.split("\n\n").filter(|case| !case.trim().is_empty()) {
        let mut lines = case.lines();
        let head = lines.next().expect("a spec");
        let mut head = head.split(" @ ");
        let (line, from, to) = (head.next().expect("a spec"), head.next().expect("from"), head.next().expect("to"));
        let times = times(line);
        let (mut time, to) = (at(from), at(to));
        for expected in lines {
            time = times.next(time).expect(line).nominal;
            assert_eq!(show(time), expected, "{line}");
        }
        assert!(times.next(time).is_none_or(|next| next.nominal > to), "{line} has more times than Temporal gives");
        cases += 1;
    }
    assert!(cases >= 30, "{cases} cases were read");
}

#[test]
fn jitter_is_the_same_each_time_and_differs_from_schedule_to_schedule() {
    let mut spec = canonical(spec("every=1h")).expect("a spec");
    spec.jitter = Some(weft_protocol::Duration { seconds: 600, nanos: 0 });
    let jitter = |seed: &str| {
        let times = Times::of(&spec, seed).expect("times");
        let mut time = at("2024-01-01T00:00:00Z");
        core::array::from_fn::<_, 20, _>(|_| {
            let Time { nominal, actual } = times.next(time).expect("a time");
            time = actual;
            actual.since(nominal)
        })
    };
    let one = jitter("one");
    assert_eq!(one, jitter("one"));
    assert_ne!(one, jitter("other"));
    assert!(one.iter().all(|jitter| *jitter < Duration::from_secs(600)));
    let apart = one.iter().collect::<alloc::collections::BTreeSet<_>>().len();
    assert!(apart > 15, "only {apart} of 20 differ");
}

#[test]
fn jitter_never_reaches_the_next_time() {
    let mut spec = canonical(spec("every=10s; every=13s")).expect("a spec");
    spec.jitter = Some(weft_protocol::Duration { seconds: 86_400, nanos: 0 });
    let times = Times::of(&spec, "schedule").expect("times");
    let mut time = at("2024-01-01T00:00:00Z");
    for _ in 0..500 {
        let next = times.next(time).expect("a time");
        let following = times.next(next.nominal).expect("a time");
        assert!(next.actual < following.nominal, "{} reaches {}", show(next.actual), show(following.nominal));
        time = next.actual;
    }
}

#[test]
fn a_spec_that_excludes_everything_has_no_time() {
    assert_eq!(times("every=1s; not=*|*|*").next(at("2024-01-01T00:00:00Z")), None);
    assert_eq!(times("cron=0 0 30 2 *").next(at("2024-01-01T00:00:00Z")), None);
    assert_eq!(times("cron=0 0 1 1 * 2001").next(at("2024-01-01T00:00:00Z")), None);
}

#[test]
fn a_search_goes_on_where_it_was_given_up() {
    let (times, from) = (times("every=1m; not=*|*|*||1-3"), at("2024-01-01T00:00:00Z"));
    let Found::NoneUntil(until) = times.look(from) else { panic!("three months are too many minutes") };
    assert_eq!(until, from.after(Duration::from_secs(60 * STEPS_MAX as u64 / 2)));
    let next = core::iter::successors(Some(Found::NoneUntil(from)), |found| match found {
        Found::NoneUntil(until) => Some(times.look(*until)),
        Found::Time(_) | Found::Nothing => None,
    });
    let Some(Found::Time(found)) = next.last() else { panic!("there is a time") };
    assert_eq!(show(found.nominal), "2024-04-01T00:00:00Z");
}

#[test]
fn a_calendar_with_a_field_that_says_nothing_has_no_time_and_takes_none() {
    let fields: [fn(&mut StructuredCalendarSpec); 6] = [
        |calendar| calendar.second.clear(),
        |calendar| calendar.minute.clear(),
        |calendar| calendar.hour.clear(),
        |calendar| calendar.day_of_month.clear(),
        |calendar| calendar.month.clear(),
        |calendar| calendar.day_of_week.clear(),
    ];
    for clear in fields {
        let mut spec = canonical(spec("cal=*|*|*")).expect("a spec");
        clear(&mut spec.structured_calendar[0]);
        let times = Times::of(&spec, "schedule").expect("times");
        assert!(times.calendars.is_empty(), "nobody walks along {spec:?}");
        assert_eq!(times.next(at("2024-01-01T00:00:00Z")), None);
    }
}

/// Some second of the years 2005 to 2060.
fn moments() -> impl Strategy<Value = i64> {
    1_104_537_600i64..2_840_140_800
}

fn field(least: u32, most: u32) -> impl Strategy<Value = String> {
    let number = least..=most;
    let range = (number.clone(), number.clone()).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b)));
    prop_oneof![
        2 => Just(String::from("*")),
        1 => (2u32..9).prop_map(|step| format!("*/{step}")),
        2 => number.prop_map(|number| format!("{number}")),
        1 => range,
    ]
}

fn line() -> impl Strategy<Value = String> {
    const ZONES: [&str; 5] = ["UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca"];
    let fields = (field(0, 59), field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7));
    (select(&ZONES[..]), fields, proptest::option::of((1u32..100_000, field(0, 23)))).prop_map(
        |(zone, (second, minute, hour, day, month, weekday), more)| {
            let calendar = format!("zone={zone}; cal={second}|{minute}|{hour}|{day}|{month}|*|{weekday}");
            match more {
                Some((every, hour)) => format!("{calendar}; every={every}s; not=*|*|{hour}"),
                None => calendar,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_next_time_is_later_and_fits_and_none_is_between(line in line(), second in moments()) {
        let times = times(&line);
        let fits = |second: i64| {
            (times.calendars.iter().any(|wall| walk::matches(wall, second))
                || times.intervals.iter().any(|(every, phase)| (second - phase) % every == 0))
                && !times.excluded.iter().any(|wall| walk::matches(wall, second))
        };
        let found = times.next(Timestamp(second * NANOS)).map(|time| time.nominal);
        if let Some(found) = found {
            prop_assert!(found.0 > second * NANOS && found.0 % NANOS == 0);
            prop_assert!(fits(found.0 / NANOS), "{line} has {}", show(found));
        }
        let until = found.map_or(i64::MAX, |found| found.0 / NANOS).min(second + 4_000);
        for second in second + 1..until {
            prop_assert!(!fits(second), "{line} leaves out {}", show(Timestamp(second * NANOS)));
        }
    }

    #[test]
    fn what_is_kept_is_read_again_as_it_is(line in line()) {
        let kept = canonical(spec(&line)).expect("a spec");
        prop_assert_eq!(canonical(kept.clone()), Ok(kept));
    }

    #[test]
    fn no_text_breaks_the_parser(text in "[@CRONTZ=a-z0-9*/,? +#-]{0,40}") {
        let spec = ScheduleSpec { cron_string: alloc::vec![text], ..ScheduleSpec::default() };
        if let Ok(spec) = canonical(spec) {
            let _ = Times::of(&spec, "").map(|times| times.next(Timestamp(0)));
        }
    }
}
