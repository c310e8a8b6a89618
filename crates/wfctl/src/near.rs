//! Which names somebody may have meant.

/// More is no hint.
const SHOWN_MAX: usize = 3;

/// Names near `meant`, the nearest first.
pub(crate) fn near<'a>(meant: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let allowed = (meant.chars().count() / 3).max(2);
    let measured = names.into_iter().filter(|name| *name != meant).map(|name| (distance(meant, name), name));
    let mut found: Vec<_> =
        measured.filter(|(steps, name)| *steps <= allowed || name.contains(meant) || meant.contains(name)).collect();
    found.sort_unstable();
    found.into_iter().map(|(_, name)| name).take(SHOWN_MAX).collect()
}

/// The names as part of a sentence; empty if none is near.
pub(crate) fn hint<'a>(meant: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let found = near(meant, names);
    if found.is_empty() { String::new() } else { format!(" (did you mean {}?)", found.join(", ")) }
}

/// How many letters to add, take away, change or swap with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_lowercase().chars().collect(), b.to_lowercase().chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = changed.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_fingers_is_near() {
        assert_eq!(near("prdo", ["default", "prod", "production"]), ["prod"]);
        assert_eq!(near("Orders", ["orders", "order", "payments"]), ["orders", "order"]);
        assert_eq!(near("pay", ["payments", "orders"]), ["payments"]);
    }

    #[test]
    fn what_is_far_is_not_mentioned() {
        assert_eq!(hint("billing", ["default", "orders"]), "");
        assert_eq!(hint("defualt", ["default"]), " (did you mean default?)");
    }

    #[test]
    fn distance_counts_changes() {
        assert_eq!([distance("", "abc"), distance("abc", "abc"), distance("abc", "acb")], [3, 0, 1]);
    }
}
