//! Telling lists what of a run is paused: a search attribute that no event sets.

use alloc::{borrow::ToOwned, collections::BTreeSet, format, string::String, sync::Arc, vec::Vec};

use crate::{change::Run, keywords};

/// The search attribute's name.
pub const PAUSE_INFO: &str = "TemporalPauseInfo";

/// Says what is paused now.
pub(crate) fn tell(run: &mut Run<'_>) {
    let paused = paused(run);
    let known = run.core.search_attributes.get(PAUSE_INFO);
    if paused.is_empty() {
        if known.is_some() {
            Arc::make_mut(&mut run.core.search_attributes).remove(PAUSE_INFO);
        }
        return;
    }
    let value = keywords::list(&paused);
    if known != Some(&value) {
        Arc::make_mut(&mut run.core.search_attributes).insert(PAUSE_INFO.to_owned(), value);
    }
}

/// What was told may be so no more: a paused activity may have ended. A run that ends keeps what was told last.
pub(crate) fn settle(run: &mut Run<'_>) {
    if run.is_open() && run.core.search_attributes.contains_key(PAUSE_INFO) {
        tell(run);
    }
}

fn paused(run: &Run<'_>) -> Vec<String> {
    let activities = run.activities.values().filter(|activity| activity.paused().is_some());
    let types: BTreeSet<&str> = activities.map(|activity| &*activity.activity_type).collect();
    let types = types.into_iter().map(|name| format!("property:activityType={name}"));
    let pause = run.core.pause.iter();
    let own = pause.flat_map(|pause| {
        let reason = (!pause.reason.is_empty()).then(|| format!("Reason:{}", pause.reason));
        [Some(format!("Workflow:{}", run.key.workflow)), reason].into_iter().flatten()
    });
    own.chain(types).collect()
}
