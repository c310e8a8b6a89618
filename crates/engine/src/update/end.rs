//! What becomes of updates when their run ends.

use alloc::vec::Vec;

use crate::{
    change::Run,
    ids::UpdateId,
    state::Update,
    transition::{Effect, UpdateNews},
};

/// The run has ended. Updates that it had not accepted may find another run; those it was at will never be completed.
pub(crate) fn abort(run: &mut Run<'_>) {
    let continues = run.core.closed.as_ref().is_some_and(|closed| closed.new_run.is_some());
    close_admitted(run, continues);
    for id in named(run, Update::is_under_way) {
        tell(run, id, UpdateNews::CutShort);
    }
}

/// The run goes away, and with it whatever is known of its updates.
pub(crate) fn abandon(run: &mut Run<'_>) {
    close_admitted(run, false);
    for id in named(run, Update::is_under_way) {
        tell(run, id, UpdateNews::CutShort);
    }
}

fn close_admitted(run: &mut Run<'_>, continues: bool) {
    let waiting: Vec<UpdateId> = run.volatile.admitted.keys().cloned().collect();
    for id in waiting {
        run.volatile.admitted.remove(&id);
        tell(run, id, UpdateNews::Closed { continues });
    }
    for id in named(run, |update| !update.is_accepted()) {
        tell(run, id, UpdateNews::Closed { continues });
    }
}

pub(super) fn named(run: &Run<'_>, which: impl Fn(&Update) -> bool) -> Vec<UpdateId> {
    run.updates.iter().filter(|(_, update)| which(update)).map(|(id, _)| id.clone()).collect()
}

/// Whoever waits for the update hears of it: of the last news alone, if one request brings more.
pub(super) fn tell(run: &mut Run<'_>, update: UpdateId, news: UpdateNews) {
    let id = run.core.run.clone();
    run.retract(|effect| matches!(effect, Effect::UpdateMoved { run, update: of, .. } if *run == id && *of == update));
    run.effect(Effect::UpdateMoved { run: id, update, news });
}
