//! What tells a node that it is out of its cluster: it was removed, or what it has are not the data of the node that the
//! others know under its number.
//!
//! Invariant: only what is never taken back is an expulsion, so the first word of any member is enough; a node that has
//! heard it stops, and each time that it is started again it hears it again.

use std::sync::Arc;

use tokio::sync::watch;
use tonic::{Status, metadata::MetadataValue};

/// A refusal that carries it is an expulsion.
const OUT: &str = "weft-out";

/// Whether this node is out, and why. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Expulsion(Arc<watch::Sender<Option<Arc<str>>>>);

impl Default for Expulsion {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Expulsion {
    pub(crate) fn note(&self, why: &str) {
        self.0.send_if_modified(|known| {
            let is_news = known.is_none();
            if is_news {
                tracing::error!(why, "this node is out of its cluster: it stops");
                *known = Some(why.into());
            }
            is_news
        });
    }

    /// Takes it in if the status says so.
    pub(crate) fn heed(&self, status: &Status) {
        if status.metadata().contains_key(OUT) {
            self.note(status.message());
        }
    }

    pub(crate) fn reason(&self) -> Option<Arc<str>> {
        self.0.borrow().clone()
    }

    /// Waits for it.
    pub(crate) async fn heard(&self) -> Arc<str> {
        let mut news = self.0.subscribe();
        match news.wait_for(Option::is_some).await.ok().and_then(|known| known.clone()) {
            Some(why) => why,
            // The sender is held by this one.
            None => std::future::pending().await,
        }
    }
}

/// A refusal that is an expulsion to whoever gets it.
pub(crate) fn expelling(why: String) -> Status {
    let mut status = Status::permission_denied(why);
    status.metadata_mut().insert(OUT, MetadataValue::from_static("1"));
    status
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn the_first_word_counts_and_no_plain_refusal_does() {
        let expulsion = Expulsion::default();
        expulsion.heed(&Status::permission_denied("it is of another cluster"));
        assert_eq!((expulsion.reason(), expulsion.heard().now_or_never()), (None, None));
        expulsion.heed(&expelling("it was removed".to_owned()));
        expulsion.heed(&expelling("again".to_owned()));
        assert_eq!(expulsion.reason().as_deref(), Some("it was removed"));
        assert_eq!(expulsion.heard().now_or_never().as_deref(), Some("it was removed"));
    }
}
