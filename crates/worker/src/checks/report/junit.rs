//! JUnit XML, as the many tools that write it agree on it.

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use super::{Found, Unreadable, finding};
use crate::model::{Counts, Finding, Severity};

const WANTED: &str = "JUnit XML";

/// One test while it is read.
#[derive(Default)]
struct Case {
    name: String,
    file: Option<String>,
    line: Option<u32>,
    result: Outcome,
    message: String,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Outcome {
    #[default]
    Passed,
    Failed,
    Skipped,
}

pub(super) fn read(text: &str) -> Result<Found, Unreadable> {
    let mut reader = Reader::from_str(text);
    let (mut counts, mut findings) = (Counts::default(), Vec::new());
    let (mut case, mut is_suite, mut in_failure) = (None, false, false);
    loop {
        match reader.read_event().map_err(|e| Unreadable::new(WANTED, e))? {
            Event::Start(tag) | Event::Empty(tag) if is_root(&tag) => is_suite = true,
            Event::Start(tag) if tag.name().as_ref() == "testcase" => case = Some(begin(&tag)?),
            Event::Empty(tag) if tag.name().as_ref() == "testcase" => {
                end(begin(&tag)?, &mut counts, &mut findings);
            }
            Event::End(tag) if tag.name().as_ref() == "testcase" => {
                if let Some(case) = case.take() {
                    end(case, &mut counts, &mut findings);
                }
            }
            Event::Start(tag) => {
                in_failure = within(case.as_mut(), &tag)?;
            }
            Event::Empty(tag) => drop(within(case.as_mut(), &tag)?),
            Event::Text(text) if in_failure => add(case.as_mut(), &text.xml_content(XmlVersion::Implicit1_0)),
            Event::CData(text) if in_failure => add(case.as_mut(), &text.xml_content(XmlVersion::Implicit1_0)),
            Event::End(_) => in_failure = false,
            Event::Eof => break,
            Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
    }
    if !is_suite {
        return Err(Unreadable::new(WANTED, "it has no testsuite"));
    }
    if case.is_some() {
        return Err(Unreadable::new(WANTED, "it ends within a testcase"));
    }
    Ok(Found { tests: Some(counts), findings, coverage: None })
}

fn is_root(tag: &BytesStart<'_>) -> bool {
    matches!(tag.name().as_ref(), "testsuite" | "testsuites")
}

fn begin(tag: &BytesStart<'_>) -> Result<Case, Unreadable> {
    let name = attribute(tag, "name")?.unwrap_or_default();
    let name = match attribute(tag, "classname")? {
        Some(class) if !class.is_empty() => format!("{class}.{name}"),
        _ => name,
    };
    let line = attribute(tag, "line")?.and_then(|line| line.parse().ok());
    Ok(Case { name, file: attribute(tag, "file")?, line, ..Case::default() })
}

/// Takes in an element within a test. True if its text says why the test failed.
fn within(case: Option<&mut Case>, tag: &BytesStart<'_>) -> Result<bool, Unreadable> {
    let Some(case) = case else { return Ok(false) };
    match tag.name().as_ref() {
        "failure" | "error" => {
            case.result = Outcome::Failed;
            case.message = attribute(tag, "message")?.unwrap_or_default();
            Ok(case.message.is_empty())
        }
        "skipped" if case.result == Outcome::Passed => {
            case.result = Outcome::Skipped;
            Ok(false)
        }
        _ => Ok(false),
    }
}

fn add(case: Option<&mut Case>, text: &str) {
    if let Some(case) = case {
        case.message.push_str(text);
    }
}

fn end(case: Case, counts: &mut Counts, findings: &mut Vec<Finding>) {
    match case.result {
        Outcome::Passed => counts.passed += 1,
        Outcome::Skipped => counts.skipped += 1,
        Outcome::Failed => {
            counts.failed += 1;
            let found = finding(Severity::Error, &case.message);
            findings.push(Finding { rule: Some(case.name), file: case.file, line: case.line, ..found });
        }
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Result<Option<String>, Unreadable> {
    let found = tag.try_get_attribute(name).map_err(|e| Unreadable::new(WANTED, e))?;
    let value = found.map(|it| it.normalized_value(XmlVersion::Implicit1_0).map(std::borrow::Cow::into_owned));
    value.transpose().map_err(|e| Unreadable::new(WANTED, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted_and_failures_told() {
        let text = r#"<?xml version="1.0"?><testsuites><testsuite name="pytest" tests="5">
            <testcase classname="tests.test_a" name="ok"/>
            <testcase classname="tests.test_a" name="bad" file="tests/test_a.py" line="3">
              <failure message="assert 1 == 2 &amp; so on">def bad(): ...</failure></testcase>
            <testcase name="broken"><error><![CDATA[no <module>]]></error></testcase>
            <testcase name="later"><skipped/></testcase>
            <testcase name="loud"><system-out>failure</system-out></testcase>
            </testsuite></testsuites>"#;
        let found = read(text).expect("it is right");
        assert_eq!(found.tests, Some(Counts { passed: 2, failed: 2, skipped: 1 }));
        let told: Vec<_> = found
            .findings
            .iter()
            .map(|it| (it.rule.as_deref(), it.message.as_str(), it.file.as_deref(), it.line))
            .collect();
        let bad = (Some("tests.test_a.bad"), "assert 1 == 2 & so on", Some("tests/test_a.py"), Some(3));
        assert_eq!(told, [bad, (Some("broken"), "no <module>", None, None)]);
    }

    #[test]
    fn what_is_no_report_is_told() {
        for text in ["", "<html></html>", "<testsuite><testcase name='a'>", "<testsuite", "{}"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(read("<testsuites/>").map(|found| found.tests), Ok(Some(Counts::default())));
    }
}
