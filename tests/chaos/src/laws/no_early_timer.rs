//! No timer fires before its time as the shard stamped it, nor twice, nor without having been started.

use std::collections::BTreeMap;

use weft_protocol::{
    api::history::{HistoryEvent, history_event::Attributes as Event},
    time::{duration, unix_nanos},
};

/// # Errors
/// Which timer was too early, or fired twice.
pub(crate) fn judge(events: &[HistoryEvent]) -> Result<(), String> {
    let mut due = BTreeMap::new();
    for event in events {
        let at = || {
            let stamped = event.event_time.as_ref().and_then(|time| unix_nanos(time).ok());
            stamped.map(i128::from).ok_or_else(|| format!("event {} has no time", event.event_id))
        };
        match &event.attributes {
            Some(Event::TimerStartedEventAttributes(it)) => {
                let lasts = it.start_to_fire_timeout.as_ref().and_then(|lasts| duration(lasts).ok());
                let lasts = lasts.ok_or_else(|| format!("timer {} lasts for no time", it.timer_id))?;
                due.insert(event.event_id, at()? + i128::try_from(lasts.as_nanos()).unwrap_or(i128::MAX));
            }
            Some(Event::TimerFiredEventAttributes(it)) => {
                let Some(due) = due.remove(&it.started_event_id) else {
                    return Err(format!("timer {} fired twice, or never started", it.timer_id));
                };
                let early = due - at()?;
                if early > 0 {
                    return Err(format!("timer {} fired {early} ns too early", it.timer_id));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use weft_protocol::{
        Duration,
        api::history::{TimerFiredEventAttributes as Fired, TimerStartedEventAttributes as Started},
    };

    use super::*;
    use crate::laws::made_up::history;

    #[test]
    fn a_timer_fires_once_and_not_before_its_time() {
        let started = |nanos| {
            let start_to_fire_timeout = Some(Duration { seconds: 1, nanos });
            Event::TimerStartedEventAttributes(Started { start_to_fire_timeout, ..Started::default() })
        };
        let fired = || Event::TimerFiredEventAttributes(Fired { timer_id: "t".to_owned(), started_event_id: 1 });
        assert_eq!(judge(&history([started(0), fired()])), Ok(()));
        assert_eq!(judge(&history([started(1)])), Ok(()));
        assert_eq!(judge(&history([started(1), fired()])), Err("timer t fired 1 ns too early".to_owned()));
        assert!(judge(&history([started(0), fired(), fired()])).is_err());
        assert!(judge(&history([fired()])).is_err());
    }
}
