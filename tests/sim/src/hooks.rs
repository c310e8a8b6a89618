//! Panics of the node under simulation: they count as findings of the seed that runs on this thread, and are not
//! printed for each planted bug.

use std::{cell::RefCell, panic, sync::Once};

thread_local! {
    static PANICS: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Collects the panics of this thread from now on.
pub(crate) fn collect_panics() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_ours = PANICS.with_borrow_mut(|panics| panics.as_mut().map(|all| all.push(info.to_string())));
            if is_ours.is_none() {
                before(info);
            }
        }));
    });
    PANICS.set(Some(Vec::new()));
}

/// The panics since then; this thread's panics are printed again.
pub(crate) fn collected_panics() -> Vec<String> {
    PANICS.take().unwrap_or_default()
}
