//! What calls made in a context begin with, where they say nothing else.

use std::time::Duration;

use weft_client::RetryPolicy;

/// An attempt of an activity that says nothing of its time may take this long.
const START_TO_CLOSE: Duration = Duration::from_secs(60);

/// The beginnings of calls. A call's own settings go before these.
#[derive(Clone, Debug)]
pub struct Options {
    /// For one attempt of an activity: a minute.
    pub start_to_close: Duration,
    /// `None` is the server's own.
    pub retry: Option<RetryPolicy>,
    /// `None` is the workflow's own.
    pub task_queue: Option<String>,
    /// What people read beside each step in histories.
    pub summary: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { start_to_close: START_TO_CLOSE, retry: None, task_queue: None, summary: None }
    }
}
