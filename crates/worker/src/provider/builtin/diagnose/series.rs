//! How metrics went: steadily up, by a step, or not at all; and what that says together.

use super::{Cause, Clue, Kind, saturation::causes_of};
use crate::model::{Alert, Series};

/// Fewer samples say nothing.
const SAMPLES_MIN: usize = 6;
/// A step or a ramp explains at least this share of the variance.
const EXPLAINED: f64 = 0.6;
/// A change of less than this share of the level before is no change.
const CHANGE_MIN: f64 = 0.2;
/// Changes within this share of the time that is looked at belong together.
const TOGETHER: f64 = 0.15;

/// How a metric went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// Nothing that stands out of its noise.
    Flat,
    /// Steadily from one level to another.
    Ramp { from: f64, to: f64 },
    /// From one level to another at this moment.
    Step { at_seconds: f64, from: f64, to: f64 },
}

impl Shape {
    fn rises(self) -> bool {
        match self {
            Self::Flat => false,
            Self::Ramp { from, to } | Self::Step { from, to, .. } => to > from,
        }
    }
}

/// The shape of a series: whichever of a line and a step explains it better.
#[must_use]
pub fn shape(series: &Series) -> Shape {
    let values: Vec<f64> = series.0.iter().map(|it| it.value).filter(|it| it.is_finite()).collect();
    if values.len() < SAMPLES_MIN || values.len() != series.0.len() {
        return Shape::Flat;
    }
    let all = scatter(&values);
    if all <= f64::EPSILON {
        return Shape::Flat;
    }
    let (at, left) = best_split(&values);
    let (ramp_from, ramp_to, off_line) = line(&values);
    let (before, after) = (mean(values.get(..at).unwrap_or_default()), mean(values.get(at..).unwrap_or_default()));
    let is_change = |from: f64, to: f64| (to - from).abs() >= CHANGE_MIN * from.abs().max(1e-9);
    if left <= off_line && 1.0 - left / all >= EXPLAINED && is_change(before, after) {
        let at_seconds = series.0.get(at).map(|it| it.at_seconds).unwrap_or_default();
        Shape::Step { at_seconds, from: before, to: after }
    } else if 1.0 - off_line / all >= EXPLAINED && is_change(ramp_from, ramp_to) {
        Shape::Ramp { from: ramp_from, to: ramp_to }
    } else {
        Shape::Flat
    }
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / number(values.len().max(1))
}

/// The sum of squares around the mean.
fn scatter(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|it| (it - mean).powi(2)).sum()
}

/// Where two levels explain most, and what they leave unexplained.
fn best_split(values: &[f64]) -> (usize, f64) {
    let splits = 2..values.len().saturating_sub(1);
    let left = splits.map(|at| {
        let (before, after) = values.split_at(at);
        (at, scatter(before) + scatter(after))
    });
    left.min_by(|one, other| one.1.total_cmp(&other.1)).unwrap_or((0, f64::INFINITY))
}

/// The line of least squares: where it begins, where it ends, and what it leaves unexplained.
fn line(values: &[f64]) -> (f64, f64, f64) {
    let middle = (number(values.len()) - 1.0) / 2.0;
    let mean = mean(values);
    let at = |index: usize| number(index) - middle;
    let spread: f64 = (0..values.len()).map(|index| at(index).powi(2)).sum();
    let slope = values.iter().enumerate().map(|(index, it)| at(index) * (it - mean)).sum::<f64>() / spread.max(1e-12);
    let off = values.iter().enumerate().map(|(index, it)| (it - mean - slope * at(index)).powi(2)).sum();
    (mean - slope * middle, mean + slope * middle, off)
}

pub(super) fn clues(alert: &Alert) -> Vec<Clue> {
    let shapes: Vec<(&str, Shape)> = alert.series.iter().map(|(name, it)| (name.as_str(), shape(it))).collect();
    let traffic = shapes.iter().find(|(name, _)| is_traffic(name)).copied();
    let length = alert.series.values().filter_map(|it| Some(it.0.last()?.at_seconds)).fold(0.0, f64::max);
    let mut found = Vec::new();
    for (name, shape) in &shapes {
        if let [short, leak] = causes_of(name) {
            resource(name, *shape, traffic, (*short, *leak), &mut found);
        } else if let ([only], true) = (causes_of(name), shape.rises()) {
            found.push(Clue::new(*only, Kind::Trend, 0.5, words(name, *shape), *name));
        }
        if name.contains("query") && shape.rises() {
            found.push(Clue::new(Cause::SlowDatabaseQuery, Kind::Trend, 0.6, words(name, *shape), *name));
        }
        if name.contains("inference") && shape.rises() {
            found.push(Clue::new(Cause::ModelPerformance, Kind::Trend, 0.6, words(name, *shape), *name));
        }
        let falls = matches!(shape, Shape::Step { from, to, .. } | Shape::Ramp { from, to } if to < from);
        if name.contains("cache") && name.contains("hit") && falls {
            found.push(Clue::new(Cause::CacheInvalidation, Kind::Trend, 0.65, words(name, *shape), *name));
        }
        deployment(name, *shape, &shapes, length, &mut found);
    }
    found
}

/// A resource that is used up by traffic is too small; one that is used up without traffic is lost somewhere.
fn resource(
    name: &str,
    shape: Shape,
    traffic: Option<(&str, Shape)>,
    (short, leak): (Cause, Cause),
    found: &mut Vec<Clue>,
) {
    if !shape.rises() {
        return;
    }
    let mut clue =
        |cause, weight, statement: String| found.push(Clue::new(cause, Kind::Trend, weight, statement, name));
    match (shape, traffic) {
        (_, Some((busy, load))) if load.rises() => {
            clue(short, 0.6, format!("{}, as traffic does: {}", words(name, shape), words(busy, load)));
            clue(leak, -0.5, format!("traffic grows too: {}", words(busy, load)));
        }
        (Shape::Ramp { .. }, Some((busy, _))) => {
            clue(leak, 0.75, format!("{}, while {busy} stays as it was", words(name, shape)));
            clue(short, -0.5, format!("{busy} stays as it was"));
        }
        (Shape::Ramp { .. }, None) => clue(leak, 0.6, words(name, shape)),
        (Shape::Step { .. } | Shape::Flat, _) => clue(short, 0.4, words(name, shape)),
    }
}

/// Errors that begin when a version is rolled out.
fn deployment(name: &str, shape: Shape, shapes: &[(&str, Shape)], length: f64, found: &mut Vec<Clue>) {
    let (true, Shape::Step { at_seconds: rolled, .. }) = (is_version(name), shape) else { return };
    for (other, shape) in shapes {
        if let (true, Shape::Step { at_seconds, from, to }) = (is_trouble(other), *shape)
            && to > from
            && at_seconds >= rolled - 0.02 * length
            && at_seconds - rolled <= TOGETHER * length
        {
            let statement = format!("{}, right after {name} changed", words(other, *shape));
            found.push(Clue::new(Cause::BadDeployment, Kind::Trend, 0.75, statement, *other));
        }
    }
}

fn is_traffic(name: &str) -> bool {
    ["request_rate", "requests", "traffic", "throughput", "rps", "qps"].iter().any(|word| name.contains(word))
}

fn is_version(name: &str) -> bool {
    ["version", "deploy", "release", "revision"].iter().any(|word| name.contains(word))
}

fn is_trouble(name: &str) -> bool {
    ["error", "latency", "response_time", "failure", "duration"].iter().any(|word| name.contains(word))
}

fn words(name: &str, shape: Shape) -> String {
    match shape {
        Shape::Flat => format!("{name} stays as it was"),
        Shape::Ramp { from, to } => format!("{name} goes steadily from {from:.1} to {to:.1}"),
        Shape::Step { at_seconds, from, to } => format!("{name} jumps from {from:.1} to {to:.1} at {at_seconds:.0} s"),
    }
}
