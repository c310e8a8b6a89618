//! Where a fault may be: what failing tests executed and passing tests did not, and what stack traces point to.
//!
//! Pure. The measure is Ochiai's: a line's suspicion is the cosine between "executed by" and "fails" over all tests.

use std::collections::{BTreeMap, BTreeSet};

/// A line of a file, counted from 1.
pub type Place = (String, u32);

/// One test and what it executed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    pub name: String,
    pub passed: bool,
    pub places: BTreeSet<Place>,
}

/// All tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spectrum {
    pub runs: Vec<Run>,
    /// What was executed before any test, and so by all.
    pub always: BTreeSet<Place>,
}

/// How suspicious places are, from 0 to 1; what is not here is not suspicious at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Suspicion {
    files: BTreeMap<String, BTreeMap<u32, f64>>,
}

impl Spectrum {
    /// Without a failing test nothing is suspicious.
    #[must_use]
    pub fn suspicion(&self) -> Suspicion {
        let mut counts: BTreeMap<&Place, (u32, u32)> = BTreeMap::new();
        let mut totals = (0_u32, 0_u32);
        for run in &self.runs {
            let add = |counts: &mut (u32, u32)| if run.passed { counts.1 += 1 } else { counts.0 += 1 };
            add(&mut totals);
            run.places.iter().for_each(|place| add(counts.entry(place).or_default()));
        }
        for place in &self.always {
            counts.insert(place, totals);
        }
        let mut suspicion = Suspicion::default();
        for ((file, line), (failed, passed)) in counts {
            if failed > 0 {
                let value = f64::from(failed) / (f64::from(totals.0) * f64::from(failed + passed)).sqrt();
                suspicion.raise(file, *line, value);
            }
        }
        suspicion
    }
}

impl Suspicion {
    /// Never lowers what is known.
    pub fn raise(&mut self, file: &str, line: u32, value: f64) {
        let known = self.files.entry(file.to_owned()).or_default().entry(line).or_default();
        *known = known.max(value);
    }

    #[must_use]
    pub fn of(&self, file: &str, line: u32) -> f64 {
        self.files.get(file).and_then(|lines| lines.get(&line)).copied().unwrap_or_default()
    }

    /// The most suspicious of some lines.
    #[must_use]
    pub fn most(&self, file: &str, lines: std::ops::RangeInclusive<u32>) -> f64 {
        if lines.is_empty() {
            return 0.0;
        }
        let known = self.files.get(file).into_iter().flat_map(|known| known.range(lines.clone()));
        known.map(|(_, value)| *value).fold(0.0, f64::max)
    }

    /// Files with anything suspicious, the most suspicious first.
    #[must_use]
    pub fn files(&self) -> Vec<&str> {
        let worst = |lines: &BTreeMap<u32, f64>| lines.values().copied().fold(0.0, f64::max);
        let mut files: Vec<(&str, f64)> =
            self.files.iter().map(|(file, lines)| (file.as_str(), worst(lines))).collect();
        files.sort_by(|one, other| other.1.total_cmp(&one.1));
        files.into_iter().map(|(file, _)| file).collect()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

/// Lines that a test run's output points to, innermost first as far as its language prints them so: Python's
/// `File "a.py", line 3`, pytest's `a.py:3: Error`, Rust's `panicked at src/a.rs:3:5`.
#[must_use]
pub fn frames(output: &str) -> Vec<Place> {
    let mut found = Vec::new();
    for line in output.lines() {
        let line = line.trim();
        let place = quoted(line).or_else(|| panicked(line)).or_else(|| plain(line));
        found.extend(place.filter(|place| !found.contains(place)));
    }
    found.reverse();
    found
}

fn quoted(line: &str) -> Option<Place> {
    let (file, rest) = line.strip_prefix("File \"")?.split_once("\", line ")?;
    Some((file.to_owned(), leading_number(rest)?))
}

fn panicked(line: &str) -> Option<Place> {
    let (_, place) = line.split_once("panicked at ")?;
    // Before 1.73 the message stood before the place, in quotes.
    let place = place.rsplit("', ").next().unwrap_or(place);
    plain(place)
}

fn plain(line: &str) -> Option<Place> {
    let (file, rest) = line.split_once(':')?;
    let known = file.ends_with(".py") || file.ends_with(".rs");
    (known && !file.contains(' ')).then(|| Some((file.to_owned(), leading_number(rest)?)))?
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, passed: bool, lines: &[u32]) -> Run {
        Run { name: name.to_owned(), passed, places: lines.iter().map(|line| ("a.py".to_owned(), *line)).collect() }
    }

    #[test]
    fn what_failing_tests_alone_execute_is_most_suspicious() {
        let spectrum = Spectrum {
            runs: vec![run("good", true, &[1, 2]), run("bad", false, &[1, 3]), run("other", true, &[1])],
            always: BTreeSet::from([("a.py".to_owned(), 9)]),
        };
        let suspicion = spectrum.suspicion();
        assert!((suspicion.of("a.py", 3) - 1.0).abs() < 1e-9);
        assert!((suspicion.of("a.py", 1) - (1.0_f64 / 3.0).sqrt()).abs() < 1e-9);
        assert!((suspicion.of("a.py", 9) - suspicion.of("a.py", 1)).abs() < 1e-9);
        assert!(suspicion.of("a.py", 2).abs() < 1e-9);
        assert_eq!(suspicion.files(), ["a.py"]);
    }

    #[test]
    fn nothing_is_suspicious_where_nothing_fails() {
        assert!(Spectrum { runs: vec![run("good", true, &[1])], always: BTreeSet::new() }.suspicion().is_empty());
    }

    #[test]
    fn places_are_read_out_of_what_test_runners_print() {
        let output = "  File \"/w/tests/test_a.py\", line 7, in test_x\n  File \"/w/a.py\", line 12, in f\n\
                      tests/test_b.py:31: AssertionError\nthread 'tests::t' panicked at src/lib.rs:40:9:\n\
                      warning: at http://x:80 nothing\nAt 12:30";
        let place = |file: &str, line| (file.to_owned(), line);
        let wanted = [
            place("src/lib.rs", 40),
            place("tests/test_b.py", 31),
            place("/w/a.py", 12),
            place("/w/tests/test_a.py", 7),
        ];
        assert_eq!(frames(output), wanted);
    }
}
