//! Opening the applied state by the name of its backend, so that nobody else has to know the backends.
//!
//! Invariant: a backend that this build does not have is refused before anything is touched.

use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "sled")]
use super::sled::SledStore;
use super::{
    MemoryStore, StateStore, StoreError, Table,
    fjall::{FjallOptions, FjallStore},
};
use crate::datadir::Backend;

/// Whether this build has the backend.
pub const fn is_built(backend: Backend) -> bool {
    match backend {
        Backend::Fjall => true,
        Backend::Sled => cfg!(feature = "sled"),
    }
}

/// Opens or creates the applied state in `dir`, with a cache of roughly `cache_bytes`.
pub fn open(
    backend: Backend,
    dir: &Path,
    tables: &[Table],
    cache_bytes: u64,
) -> Result<Arc<dyn StateStore>, StoreError> {
    match backend {
        Backend::Fjall => {
            let options = FjallOptions { cache_bytes, ..FjallOptions::default() };
            Ok(Arc::new(FjallStore::open(dir, tables, options)?))
        }
        #[cfg(feature = "sled")]
        Backend::Sled => Ok(Arc::new(SledStore::open(dir, tables, cache_bytes)?)),
        #[cfg(not(feature = "sled"))]
        Backend::Sled => Err(StoreError::NotBuilt { backend: backend.name() }),
    }
}

/// An applied state that is lost at exit.
pub fn in_memory(tables: &[Table]) -> Result<Arc<dyn StateStore>, StoreError> {
    Ok(Arc::new(MemoryStore::new(tables)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_backend_is_opened_by_its_name_or_refused_untouched() {
        let folder = tempfile::tempdir().expect("a folder");
        let tables = [Table { id: 1, name: "one" }];
        for backend in [Backend::Fjall, Backend::Sled] {
            let dir = folder.path().join(backend.name());
            match open(backend, &dir, &tables, 1 << 20) {
                Ok(store) => {
                    assert!(is_built(backend));
                    assert!(store.get(1, b"k").expect("it reads").is_none());
                }
                Err(error) => {
                    assert!(!is_built(backend), "{error}");
                    assert!(!dir.exists());
                }
            }
        }
    }
}
