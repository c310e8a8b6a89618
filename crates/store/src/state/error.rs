//! What can go wrong with the applied state, one variant per reaction.

use std::io;

/// An error of a state store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Refuse writes until there is room. The store itself may have stopped: see [`StoreError::Faulted`].
    #[error("no room left for the applied state")]
    Full { source: io::Error },

    /// Somebody else has the directory open.
    #[error("the applied state is in use by another process")]
    Locked,

    /// Stop; a person must restore the node from its peers or from a backup.
    #[error("the applied state is damaged: {what}")]
    Corrupt { what: String },

    /// The disk failed. The node stops rather than trust what it has.
    #[error("the disk of the applied state failed")]
    Io { source: io::Error },

    /// An earlier failure stopped all writes for good. Reads go on; opening the store again, and replaying the log,
    /// is the way back.
    #[error("the applied state takes no more writes: {cause}")]
    Faulted { cause: String },

    /// Another build of the program has it.
    #[error("this build has no backend {backend}: it is behind the cargo feature of that name")]
    NotBuilt { backend: &'static str },

    /// A bug of the caller. Nothing was written.
    #[error("misuse of the applied state: {what}")]
    Misuse { what: String },
}

impl From<io::Error> for StoreError {
    fn from(source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { source },
            _ => Self::Io { source },
        }
    }
}
