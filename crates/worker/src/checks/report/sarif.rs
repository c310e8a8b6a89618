//! Findings of analysers: SARIF, and the messages of Rust's compiler.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Found, Unreadable, finding};
use crate::model::{Finding, Severity};

const WANTED: &str = "SARIF";
/// CVSS scores from here on are critical, as forges show them.
const CRITICAL: f64 = 9.0;

pub(super) fn read(text: &str) -> Result<Found, Unreadable> {
    let log: Value = serde_json::from_str(text).map_err(|e| Unreadable::new(WANTED, e))?;
    let runs = log["runs"].as_array().ok_or_else(|| Unreadable::new(WANTED, "it has no runs"))?;
    let mut findings = Vec::new();
    for run in runs {
        let scores = scores(run);
        let results = run["results"].as_array().map(Vec::as_slice).unwrap_or_default();
        findings.extend(results.iter().filter_map(|result| result_of(result, &scores)));
    }
    Ok(Found { findings, ..Found::default() })
}

/// Rules that say how bad they are.
fn scores(run: &Value) -> BTreeMap<&str, f64> {
    let rules = run["tool"]["driver"]["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
    let score = |rule: &Value| match &rule["properties"]["security-severity"] {
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    };
    rules.iter().filter_map(|rule| Some((rule["id"].as_str()?, score(rule)?))).collect()
}

fn result_of(result: &Value, scores: &BTreeMap<&str, f64>) -> Option<Finding> {
    let is_suppressed = result["suppressions"].as_array().is_some_and(|all| !all.is_empty());
    let is_finding = matches!(result["kind"].as_str(), None | Some("fail"));
    if is_suppressed || !is_finding {
        return None;
    }
    let rule = result["ruleId"].as_str();
    let severity = match result["level"].as_str() {
        _ if rule.and_then(|rule| scores.get(rule)).is_some_and(|score| *score >= CRITICAL) => Severity::Critical,
        Some("error") => Severity::Error,
        Some("note" | "none") => Severity::Note,
        _ => Severity::Warning,
    };
    let place = &result["locations"][0]["physicalLocation"];
    Some(Finding {
        file: place["artifactLocation"]["uri"].as_str().map(str::to_owned),
        line: place["region"]["startLine"].as_u64().and_then(|line| line.try_into().ok()),
        rule: rule.map(str::to_owned),
        ..finding(severity, result["message"]["text"].as_str().unwrap_or_default())
    })
}

/// Lines that are no messages are left out: cargo prints others between them.
pub(super) fn cargo_messages(text: &str) -> Found {
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let messages = messages.filter(|line| line["reason"].as_str() == Some("compiler-message"));
    Found { findings: messages.filter_map(|line| message(&line["message"])).collect(), ..Found::default() }
}

fn message(message: &Value) -> Option<Finding> {
    let severity = match message["level"].as_str()? {
        "error" | "error: internal compiler error" => Severity::Error,
        "warning" => Severity::Warning,
        _ => return None,
    };
    // Without a place it only counts what was told before.
    let spans = message["spans"].as_array()?;
    let span = spans.iter().find(|span| span["is_primary"].as_bool() == Some(true))?;
    Some(Finding {
        file: span["file_name"].as_str().map(str::to_owned),
        line: span["line_start"].as_u64().and_then(|line| line.try_into().ok()),
        rule: message["code"]["code"].as_str().map(str::to_owned),
        ..finding(severity, message["message"].as_str().unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_have_a_severity_and_a_place() {
        let text = r#"{"runs": [{"tool": {"driver": {"rules": [{"id": "B1", "properties": {"security-severity": "9.8"}}]}},
            "results": [
              {"ruleId": "E1", "level": "error", "message": {"text": "bad"}, "locations": [{"physicalLocation":
                {"artifactLocation": {"uri": "a.py"}, "region": {"startLine": 7}}}]},
              {"ruleId": "B1", "message": {"text": "injection"}},
              {"ruleId": "W1", "message": {"text": "so so"}},
              {"ruleId": "W1", "message": {"text": "meant"}, "suppressions": [{"kind": "inSource"}]},
              {"ruleId": "W1", "kind": "pass", "message": {"text": "fine"}}]}]}"#;
        let found = super::super::read(super::super::Format::Sarif, text).expect("it is right");
        let told: Vec<_> =
            found.findings.iter().map(|it| (it.severity, it.message.as_str(), it.file.as_deref(), it.line)).collect();
        let expected = [
            (Severity::Critical, "injection", None, None),
            (Severity::Error, "bad", Some("a.py"), Some(7)),
            (Severity::Warning, "so so", None, None),
        ];
        assert_eq!(told, expected);
        assert!(read("{}").is_err() && read("").is_err());
        assert_eq!(read(r#"{"runs": [{}]}"#).map(|found| found.findings), Ok(vec![]));
    }

    #[test]
    fn the_compiler_is_understood() {
        let text = "   Compiling x\n{\"reason\":\"compiler-artifact\"}\n{\"reason\":\"compiler-message\",\"message\":{\"level\":\
                    \"warning\",\"message\":\"unused\",\"code\":{\"code\":\"unused_variables\"},\"spans\":[{\"is_primary\":true,\
                    \"file_name\":\"src/lib.rs\",\"line_start\":2}]}}\n{\"reason\":\"compiler-message\",\"message\":{\"level\":\
                    \"warning\",\"message\":\"1 warning emitted\",\"spans\":[]}}\n";
        let findings = cargo_messages(text).findings;
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].file.as_deref(), findings[0].line), (Some("src/lib.rs"), Some(2)));
    }
}
