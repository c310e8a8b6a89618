//! Which known names are near to a mistyped one, by edit distance without regard to case.

const SUGGESTIONS_MAX: usize = 3;
/// Longer names are not compared: the distance is quadratic in the length.
const LENGTH_MAX: usize = 64;

/// The nearest of `known` to `typed`, the best first; names that are further than a third of the word are not near.
pub(super) fn names<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    let typed: Vec<char> = typed.to_lowercase().chars().collect();
    if typed.is_empty() || typed.len() > LENGTH_MAX {
        return Vec::new();
    }
    let far = (typed.len() / 3).max(1);
    let mut found: Vec<(usize, &str)> =
        known.map(|name| (distance(&typed, name), name)).filter(|(distance, _)| *distance <= far).collect();
    found.sort_unstable();
    let best = found.first().map_or(0, |(distance, _)| *distance);
    let names = found.into_iter().take_while(|(distance, _)| *distance <= best + 1);
    names.take(SUGGESTIONS_MAX).map(|(_, name)| name.to_owned()).collect()
}

fn distance(typed: &[char], name: &str) -> usize {
    let name: Vec<char> = name.to_lowercase().chars().take(LENGTH_MAX + 1).collect();
    let mut row: Vec<usize> = (0..=name.len()).collect();
    for (i, a) in typed.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in name.iter().enumerate() {
            let change = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[name.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_the_name_and_strangers_find_nothing() {
        let known = ["WorkflowType", "WorkflowId", "StartTime", "CloseTime"];
        let check = |typed: &str, expected: &[&str]| assert_eq!(names(typed, known.into_iter()), expected, "{typed}");
        check("WorkflowTyp", &["WorkflowType"]);
        check("workflowtype", &["WorkflowType"]);
        check("StratTime", &["StartTime"]);
        check("Colour", &[]);
        check("", &[]);
    }
}
