//! Panics of the node under simulation: they count as findings of the seed that runs on this thread, and are not
//! printed for each planted bug.

use std::{cell::RefCell, panic, sync::Once};

/// How a panic of the simulation itself is told: it says nothing of what is simulated.
const OURS: &str = "panicked: ";
/// How a panic of the program, or of a library that it uses, is told.
const OF_A_NODE: &str = "a node panicked: ";
/// Where the files of the simulation are, as the compiler names them.
const OUR_FILES: &str = "tests/sim/";

thread_local! {
    static PANICS: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Collects the panics of this thread from now on.
pub(crate) fn collect_panics() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let file = info.location().map_or("", |location| location.file());
            let told = || told(file, &info.to_string());
            let collected = PANICS.with_borrow_mut(|panics| panics.as_mut().map(|all| all.push(told())));
            if collected.is_none() {
                before(info);
            }
        }));
    });
    PANICS.set(Some(Vec::new()));
}

fn told(file: &str, what: &str) -> String {
    let whose = if file.starts_with(OUR_FILES) { OURS } else { OF_A_NODE };
    format!("{whose}{what}")
}

/// Whether a violation is a panic of the simulation.
pub(crate) fn is_ours(violation: &str) -> bool {
    violation.starts_with(OURS)
}

/// The panics since then; this thread's panics are printed again.
pub(crate) fn collected_panics() -> Vec<String> {
    PANICS.take().unwrap_or_default()
}

/// What is told of a seed: that a node stopped because of a panic says less of it than the panic does. A panic of the
/// simulation comes after what was found before it, and says nothing of that.
pub(crate) fn with_panic(violation: Option<String>, panic: Option<String>) -> Option<String> {
    match (violation, panic) {
        (Some(violation), Some(panic)) if !is_ours(&panic) => Some(format!("{violation}: {panic}")),
        (Some(violation), _) => Some(violation),
        (None, panic) => panic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_s_panic_is_told_with_what_it_came_to() {
        let some = |text: &str| Some(text.to_owned());
        let of_a_node = || some("a node panicked: why");
        assert_eq!(with_panic(some("it stops"), of_a_node()), some("it stops: a node panicked: why"));
        assert_eq!(with_panic(some("it stops"), some("panicked: ours")), some("it stops"));
        assert_eq!(with_panic(None, of_a_node()), of_a_node());
        assert_eq!(with_panic(None, None), None);
    }

    #[test]
    fn a_panic_says_whether_it_is_the_simulation_s_or_a_node_s() {
        let panicked = || {
            collect_panics();
            // What the compiler calls this file is what it calls all files of the simulation.
            let _ = panic::catch_unwind(|| panic!("for a test"));
            collected_panics()
        };
        let panics = panicked();
        assert_eq!(panics.len(), 1);
        assert!(is_ours(&panics[0]), "{panics:?}");
        assert!(!is_ours(&told("crates/shard/src/leader.rs", "for a test")));
    }
}
