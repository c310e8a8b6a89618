//! The end of the demo: the history, the score with a line per check, and what happened to the server.
//!
//! Invariant: all of it is read from the history that the server gave after its crash; and what the demo is there to
//! show, that each check was done exactly once, is verified before anything is printed.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::ensure;
use serde_json::{Value, json};
use weft_client::api::history::{History, HistoryEvent, history_event::Attributes};
use weft_env::UnixNanos;
use weft_protocol::json::to_json;

use super::{
    checks::Check,
    gate::Gate,
    node::Ready,
    score::{Decision, REQUIRED, Score, percent},
    screen::{COLUMNS, Screen, cut, tone},
    table::{self, Note},
};
use crate::output::{Output, Tone};

pub(super) struct Summary {
    pub(super) events: Vec<HistoryEvent>,
    pub(super) gate: Gate,
    pub(super) kill: Option<Kill>,
    pub(super) first: Ready,
    pub(super) report: PathBuf,
    pub(super) took: Duration,
}

/// What was killed, and what came instead.
pub(super) struct Kill {
    pub(super) pid: u32,
    pub(super) at: UnixNanos,
    /// Since the demo began.
    pub(super) after: Duration,
    /// Until it took calls again.
    pub(super) away: Duration,
    pub(super) again: u32,
    pub(super) again_at: UnixNanos,
    pub(super) recorded: usize,
    pub(super) running: usize,
}

impl Summary {
    pub(super) fn print(&self, screen: &Screen, output: &Output) -> anyhow::Result<()> {
        self.verify()?;
        let score = self.gate.judged()?.score;
        if output.is_json() {
            return Ok(output.json(&self.json(&score)?)?);
        }
        screen.heading(&format!("The history: {} events", self.events.len()));
        table::print(screen, &self.events, &self.gate, &self.notes());
        self.checks(screen, &score);
        self.footer(screen);
        Ok(())
    }

    /// Ids are dense, and every check was scheduled once and ended once.
    fn verify(&self) -> anyhow::Result<()> {
        let dense = self.events.iter().zip(1..).all(|(event, id)| event.event_id == id);
        ensure!(dense, "the history has a gap or a repetition");
        let mut seen: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for event in &self.events {
            let ended = match &event.attributes {
                Some(Attributes::ActivityTaskScheduledEventAttributes(it)) => {
                    seen.entry(&it.activity_id).or_default().0 += 1;
                    continue;
                }
                Some(Attributes::ActivityTaskCompletedEventAttributes(it)) => it.scheduled_event_id,
                Some(Attributes::ActivityTaskFailedEventAttributes(it)) => it.scheduled_event_id,
                Some(Attributes::ActivityTaskTimedOutEventAttributes(it)) => it.scheduled_event_id,
                _ => continue,
            };
            seen.entry(self.gate.activity(ended)).or_default().1 += 1;
        }
        for check in Check::ALL {
            let (scheduled, ended) = seen.get(check.name()).copied().unwrap_or_default();
            ensure!(
                (scheduled, ended) == (1, 1),
                "the check {} is in the history {scheduled} times and ended {ended} times",
                check.name()
            );
        }
        Ok(())
    }

    fn notes(&self) -> Vec<Note> {
        let Some(kill) = &self.kill else { return Vec::new() };
        vec![
            Note { at: kill.at, text: format!("kill -9 of the server, process {}", kill.pid) },
            Note { at: kill.again_at, text: format!("the server again, process {}", kill.again) },
        ]
    }

    fn checks(&self, screen: &Screen, score: &Score) {
        let good = if score.decision == Decision::Pass { Tone::Good } else { Tone::Bad };
        screen.line(&screen.paint(good, &format!("\n{}\n", score_line(score))));
        for check in Check::ALL {
            let Some(outcome) = self.gate.outcomes.get(check.name()) else { continue };
            let (word, summary) = outcome.says();
            let word = screen.paint(tone(outcome), &format!("{word:<14}"));
            screen.line(format!("  {word}  {:<11}  {}", check.name(), cut(summary, COLUMNS - 31)).trim_end());
        }
    }

    fn footer(&self, screen: &Screen) {
        let name = |name: &str| screen.paint(Tone::Faint, &format!("{name:<7}"));
        screen.line("");
        if let Some(kill) = &self.kill {
            let (after, away) = (kill.after.as_secs_f64(), kill.away.as_secs_f64());
            let (pid, again, recorded, running) = (kill.pid, kill.again, kill.recorded, kill.running);
            screen.line(&format!("{}  process {pid} by kill -9 after {after:.2} s,", name("killed")));
            screen.line(&format!("{:7}  with {recorded} checks recorded and {running} under way", ""));
            screen.line(&format!("{}  as process {again}, taking calls {away:.2} s later", name("again")));
        }
        screen.line(&format!("{}  each check is in the history exactly once", name("proof")));
        screen.line(&format!("{}  {}", name("report"), self.report.display()));
        screen.line(&format!("{}  {:.1} s", name("took"), self.took.as_secs_f64()));
    }

    fn json(&self, score: &Score) -> anyhow::Result<Value> {
        let killed = self.kill.as_ref().map(|kill| {
            json!({
                "pid": kill.pid, "after_ms": millis(kill.after), "away_ms": millis(kill.away),
                "checks_recorded": kill.recorded, "checks_running": kill.running,
            })
        });
        let servers: Vec<_> =
            [Some(self.first.pid), self.kill.as_ref().map(|kill| kill.again)].into_iter().flatten().collect();
        let checks: BTreeMap<_, _> =
            self.gate.outcomes.iter().map(|(name, outcome)| (name, says(outcome.says()))).collect();
        Ok(json!({
            "score": score, "checks": checks, "servers": servers, "killed": killed, "report": self.report,
            "took_ms": millis(self.took), "events": table::counts(&self.events),
            "history": to_json(&History { events: self.events.clone() })?,
        }))
    }
}

fn says((verdict, summary): (&str, &str)) -> Value {
    json!({ "verdict": verdict, "summary": summary })
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn score_line(score: &Score) -> String {
    let blocked =
        if score.blocking.is_empty() { String::new() } else { format!("; blocking: {}", score.blocking.join(", ")) };
    format!("Score: {} of 100, {} is required: {}{blocked}", score.shown(), percent(REQUIRED), score.decision.word())
}
