//! How much is covered: Cobertura, lcov, or a percentage that is printed.

use quick_xml::{Reader, XmlVersion, events::Event};

use super::{Found, Unreadable};
use crate::model::Percent;

const COBERTURA: &str = "Cobertura XML";
const LCOV: &str = "an lcov tracefile";
const PRINTED: &str = "a percentage";

pub(super) fn cobertura(text: &str) -> Result<Found, Unreadable> {
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event().map_err(|e| Unreadable::new(COBERTURA, e))? {
            Event::Start(tag) | Event::Empty(tag) => {
                if tag.name().as_ref() != "coverage" {
                    return Err(Unreadable::new(COBERTURA, "it does not begin with coverage"));
                }
                let number = |name: &str| -> Option<f64> {
                    let value = tag.try_get_attribute(name).ok()??;
                    value.normalized_value(XmlVersion::Implicit1_0).ok()?.parse().ok()
                };
                let by_lines = match (number("lines-covered"), number("lines-valid")) {
                    (Some(covered), Some(valid)) if valid > 0.0 => Percent::new(covered / valid * 100.0),
                    _ => None,
                };
                let percent = by_lines.or_else(|| Percent::new(number("line-rate")? * 100.0));
                return covered(percent.ok_or_else(|| Unreadable::new(COBERTURA, "it has no line-rate"))?);
            }
            Event::Eof => return Err(Unreadable::new(COBERTURA, "it is empty")),
            Event::End(_)
            | Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
    }
}

/// Totals are left out by some tools: the lines themselves are counted then.
pub(super) fn lcov(text: &str) -> Result<Found, Unreadable> {
    let (mut lines, mut hit, mut records) = (0_u64, 0_u64, 0);
    let (mut totals, mut counted) = ((None, None), (0_u64, 0_u64));
    for line in text.lines() {
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| Unreadable::new(LCOV, format!("{line:?}")));
        if let Some(count) = line.strip_prefix("LF:") {
            totals.0 = Some(number(count)?);
        } else if let Some(count) = line.strip_prefix("LH:") {
            totals.1 = Some(number(count)?);
        } else if let Some(data) = line.strip_prefix("DA:") {
            let times = data.split(',').nth(1).ok_or_else(|| Unreadable::new(LCOV, format!("{line:?}")))?;
            counted = (counted.0 + 1, counted.1 + u64::from(number(times)? > 0));
        } else if line.trim() == "end_of_record" {
            let (found, reached) = std::mem::take(&mut totals);
            let (all, some) = std::mem::take(&mut counted);
            lines += found.unwrap_or(all);
            hit += reached.unwrap_or(some);
            records += 1;
        }
    }
    if records == 0 {
        return Err(Unreadable::new(LCOV, "it has no record"));
    }
    covered(Percent::of(hit, lines))
}

pub(super) fn last_percent(text: &str) -> Result<Found, Unreadable> {
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let mut before = text;
    while let Some((rest, _)) = before.rsplit_once('%') {
        let start =
            rest.rfind(|c| !is_number(c)).map_or(0, |at| at + rest[at..].chars().next().map_or(1, char::len_utf8));
        if let Some(percent) = rest[start..].parse().ok().and_then(Percent::new) {
            return covered(percent);
        }
        before = rest;
    }
    Err(Unreadable::new(PRINTED, "there is none"))
}

fn covered(percent: Percent) -> Result<Found, Unreadable> {
    Ok(Found { coverage: Some(percent), ..Found::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percent(found: Result<Found, Unreadable>) -> Option<f64> {
        found.ok()?.coverage.map(Percent::get)
    }

    #[test]
    fn cobertura_is_read() {
        let lines =
            r#"<?xml version="1.0"?><!DOCTYPE coverage><coverage line-rate="0.1" lines-covered="7" lines-valid="8"/>"#;
        assert_eq!(percent(cobertura(lines)), Some(87.5));
        assert_eq!(percent(cobertura(r#"<coverage line-rate="0.5"><packages/></coverage>"#)), Some(50.0));
        for text in ["", "<x/>", "<coverage/>", "<coverage line-rate='7'/>"] {
            assert!(cobertura(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lcov_is_read() {
        assert_eq!(percent(lcov("SF:a\nLF:6\nLH:3\nend_of_record\nSF:b\nLF:2\nLH:2\nend_of_record\n")), Some(62.5));
        let lines = "SF:a\nDA:1,0\nDA:2,7\nDA:3,0,hash\nend_of_record\n";
        assert_eq!(percent(lcov(&format!("{lines}SF:b\nLF:1\nLH:1\nDA:1,1\nend_of_record\n"))), Some(50.0));
        assert!(lcov("").is_err() && lcov("LF:x\nend_of_record").is_err() && lcov("DA:1\nend_of_record").is_err());
    }

    #[test]
    fn the_last_percentage_counts() {
        assert_eq!(percent(last_percent("a.go 10.0%\ntotal: (statements)\t85.7%\n")), Some(85.7));
        assert_eq!(percent(last_percent("50% of it, ü%")), Some(50.0));
        assert!(last_percent("900% and %").is_err());
    }
}
