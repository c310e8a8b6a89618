//! Alerts, and what agents with different views make of them.

use std::collections::BTreeMap;

use super::*;
use crate::model::{AlertSeverity, Sample, Series};

fn alert(message: &str, metrics: &[(&str, f64)], logs: Vec<String>, series: &[(&str, Vec<f64>)]) -> Alert {
    let to_series = |values: &Vec<f64>| {
        let samples =
            values.iter().zip(0_u32..).map(|(value, at)| Sample { at_seconds: f64::from(at) * 60.0, value: *value });
        Series(samples.collect())
    };
    Alert {
        id: "alert-1".to_owned(),
        severity: AlertSeverity::Critical,
        service: "api-service".to_owned(),
        message: message.to_owned(),
        timestamp: "2024-01-15T14:32:00Z".to_owned(),
        metrics: metrics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        logs,
        series: series.iter().map(|(name, values)| ((*name).to_owned(), to_series(values))).collect::<BTreeMap<_, _>>(),
    }
}

/// What each of three agents says: the cause, and whether it is sure enough for a fix.
fn swarm(alert: &Alert) -> Vec<(String, bool)> {
    let said = (0..3).map(|agent| diagnose(alert, View::of_agent(agent)));
    said.map(|it| (it.cause, it.confidence.get() >= 0.7)).collect()
}

fn repeated(line: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| line.replace('#', &number.to_string())).collect()
}

fn steps(from: f64, to: f64) -> Vec<f64> {
    [[from; 10], [to; 10]].concat()
}

fn ramp(from: f64, to: f64) -> Vec<f64> {
    (0..20).map(|at| from + (to - from) * f64::from(at) / 19.0).collect()
}

const EXHAUSTED: &[(&str, f64)] =
    &[("error_rate", 15.5), ("response_time_p95", 5000.0), ("active_connections", 100.0), ("max_connections", 100.0)];

#[test]
fn a_pool_that_is_too_small_is_seen_by_those_who_look_at_use_and_at_logs() {
    let logs = repeated("2024-01-15 14:31:0# ERROR connection refused by db-1:5432 after 30# ms", 30);
    let series = [("active_connections", ramp(20.0, 100.0)), ("request_rate", steps(50.0, 52.0))];
    let alert = alert("Database connection pool exhausted", EXHAUSTED, logs, &series);
    let leak = "connection_leak".to_owned();
    let small = "connection_pool_too_small".to_owned();
    assert_eq!(swarm(&alert), [(small.clone(), true), (small, true), (leak, true)]);
    let one = diagnose(&alert, View::Saturation);
    assert_eq!(one.root_cause, "Connection pool too small for traffic");
    assert!(
        one.evidence_for.iter().any(|it| it.statement == "saturated: active_connections 100 of max_connections 100")
    );
    assert!(one.evidence_against.iter().any(|it| it.statement == "request_rate stays as it was"), "{one:?}");
}

#[test]
fn all_agree_where_traffic_explains_it() {
    let logs = repeated("ERROR timeout waiting for a connection from the pool request=#", 30);
    let series = [("active_connections", steps(40.0, 100.0)), ("request_rate", steps(50.0, 200.0))];
    let said = swarm(&alert("Database connection pool exhausted", EXHAUSTED, logs, &series));
    assert!(said.iter().all(|(cause, sure)| cause == "connection_pool_too_small" && *sure), "{said:?}");
}

#[test]
fn hardly_any_evidence_makes_nobody_sure() {
    let bare = alert("Elevated latency in recommendations", &[], Vec::new(), &[]);
    for view in View::ALL {
        let said = diagnose(&bare, view);
        assert_eq!((said.cause.as_str(), said.suggested_fix), ("unknown", None));
        assert!(said.confidence.get() < 0.7);
    }
}

#[test]
fn weak_and_contrary_evidence_makes_agents_disagree() {
    let logs = repeated("WARN slow query on recommendations took 45# ms", 2);
    let series = [("model_inference_ms", ramp(20.0, 60.0))];
    let said = swarm(&alert("Elevated latency in recommendations", &[("cache_hit_rate", 0.4)], logs, &series));
    let causes: Vec<&str> = said.iter().map(|(cause, _)| cause.as_str()).collect();
    assert_eq!(causes, ["cache_invalidation", "slow_database_query", "model_performance"]);
    assert!(said.iter().filter(|(_, sure)| *sure).count() <= 1, "{said:?}");
}

#[test]
fn a_resource_of_which_enough_is_left_is_not_blamed() {
    let metrics = [("active_connections", 10.0), ("max_connections", 100.0)];
    let said = diagnose(&alert("Database connection pool exhausted", &metrics, Vec::new(), &[]), View::Saturation);
    assert_eq!(said.cause, "unknown");
}

#[test]
fn errors_right_after_a_deployment_are_blamed_on_it() {
    let series = [("error_rate", steps(0.1, 12.0)), ("deployed_version", steps(41.0, 62.0))];
    let said = diagnose(&alert("Error rate high", &[], Vec::new(), &series), View::Trend);
    assert_eq!((said.cause.as_str(), said.confidence.get() >= 0.7), ("bad_deployment", true));
}

#[test]
fn steps_ramps_and_noise_are_told_apart() {
    let of = |values: Vec<f64>| shape(&alert("", &[], Vec::new(), &[("x", values)]).series["x"]);
    assert_eq!(of(steps(10.0, 30.0)), Shape::Step { at_seconds: 600.0, from: 10.0, to: 30.0 });
    assert!(matches!(of(ramp(10.0, 30.0)), Shape::Ramp { .. }));
    let noise = (0..20).map(|at| 10.0 + f64::from(at * 7 % 5)).collect();
    assert_eq!(of(noise), Shape::Flat);
    assert_eq!(of(vec![5.0; 20]), Shape::Flat);
    assert_eq!(of(vec![1.0, 9.0]), Shape::Flat);
    assert_eq!(of(vec![f64::NAN; 20]), Shape::Flat);
}

#[test]
fn lines_that_differ_in_numbers_share_a_template() {
    let mut logs = repeated("ERROR request # to db-1:5432 failed after 12# ms", 5);
    logs.push("INFO started".to_owned());
    let found = templates(&logs);
    let seen: Vec<(String, u32, bool)> = found.iter().map(|it| (it.text(), it.count, it.alarming)).collect();
    let failed = "ERROR request <*> to <*> failed after <*> ms".to_owned();
    assert_eq!(seen, [(failed, 5, true), ("INFO started".to_owned(), 1, false)]);
}
