//! A worker's metrics in Prometheus' text format. Pure.

use std::fmt::Write;

use weft::{TaskMetrics, WorkerMetrics};

/// All of them. A worker that drains says so, and nothing of its tasks.
pub(super) fn prometheus(metrics: &WorkerMetrics, is_draining: bool) -> String {
    let mut text = String::new();
    one(&mut text, "weft_worker_draining", "Whether it takes nothing new", "gauge", u64::from(is_draining));
    if is_draining {
        return text;
    }
    let kinds = [
        ("workflow", metrics.workflow_tasks),
        ("activity", metrics.activities),
        ("local_activity", metrics.local_activities),
    ];
    let family = |text: &mut String, name: &str, help: &str, kind: &str, value: &dyn Fn(TaskMetrics) -> String| {
        head(text, name, help, kind);
        for (label, tasks) in kinds {
            let _ = writeln!(text, "{name}{{kind=\"{label}\"}} {}", value(tasks));
        }
    };
    family(&mut text, "weft_worker_slots_used", "Tasks in hand", "gauge", &|it| it.slots_used.to_string());
    family(&mut text, "weft_worker_slots_max", "Tasks at once at most", "gauge", &|it| it.slots_max.to_string());
    family(&mut text, "weft_worker_tasks_total", "Tasks that are done", "counter", &|it| it.done.to_string());
    let help = "Of those that are done, the ones that failed";
    family(&mut text, "weft_worker_tasks_failed_total", help, "counter", &|it| it.failed.to_string());
    let help = "Time that the tasks took that are done";
    family(&mut text, "weft_worker_task_seconds_total", help, "counter", &|it| it.time.as_secs_f64().to_string());
    let polls =
        [("workflow", metrics.workflow_polls), ("sticky", metrics.sticky_polls), ("activity", metrics.activity_polls)];
    head(&mut text, "weft_worker_polls", "Polls that wait for tasks", "gauge");
    for (label, count) in polls {
        let _ = writeln!(text, "weft_worker_polls{{kind=\"{label}\"}} {count}");
    }
    let help = "Activities that began without a poll";
    one(&mut text, "weft_worker_eager_activities_total", help, "counter", metrics.eager_activities);
    let cached = metrics.cached_workflows as u64;
    one(&mut text, "weft_worker_cached_workflows", "Workflows kept in memory", "gauge", cached);
    one(&mut text, "weft_worker_sticky_hits_total", "Tasks of workflows kept here", "counter", metrics.sticky_hits);
    let help = "Tasks of workflows that were not kept any more";
    one(&mut text, "weft_worker_sticky_misses_total", help, "counter", metrics.sticky_misses);
    one(&mut text, "weft_worker_replays_total", "Workflows built from their history", "counter", metrics.replays);
    text
}

fn head(text: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn one(text: &mut String, name: &str, help: &str, kind: &str, value: u64) {
    head(text, name, help, kind);
    let _ = writeln!(text, "{name} {value}");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_family_has_one_head_and_every_line_a_number() {
        let activities = TaskMetrics { slots_used: 3, slots_max: 100, done: 20, failed: 1, ..TaskMetrics::default() };
        let text = prometheus(&WorkerMetrics { activities, ..WorkerMetrics::default() }, false);
        assert!(text.contains("weft_worker_slots_used{kind=\"activity\"} 3\n"), "{text}");
        assert!(text.contains("weft_worker_tasks_failed_total{kind=\"activity\"} 1\n"), "{text}");
        let mut heads = BTreeSet::new();
        for line in text.lines() {
            match line.strip_prefix("# TYPE ") {
                Some(family) => assert!(heads.insert(family.split(' ').next().unwrap_or_default()), "{family} twice"),
                None if line.starts_with('#') => {}
                None => {
                    let (name, value) = line.rsplit_once(' ').expect("a name and a number");
                    assert!(heads.contains(name.split('{').next().unwrap_or_default()), "{line} has no head");
                    value.parse::<f64>().expect("a number");
                }
            }
        }
    }
}
