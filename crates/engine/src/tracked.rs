//! A map that remembers what a request changed, so that the change can be written as rows or undone.
//!
//! Invariant: [`Tracked::rollback`] restores exactly what was there at the last [`Tracked::commit`], and `commit` reports
//! exactly the keys whose values were put or removed since.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

/// An ordered map with one level of undo. Values are shared, so that a transition can carry them without a copy.
#[derive(Clone, Debug)]
pub struct Tracked<K, V> {
    map: BTreeMap<K, Arc<V>>,
    /// What stood under each key that was touched since the last commit.
    before: BTreeMap<K, Option<Arc<V>>>,
}

/// What a request did to a map: each touched key with what stood there before.
pub type Differences<K, V> = Vec<(Option<Arc<V>>, Changed<K, V>)>;

/// What became of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed<K, V> {
    Put(K, Arc<V>),
    Removed(K),
}

impl<K, V> Default for Tracked<K, V> {
    fn default() -> Self {
        Self { map: BTreeMap::new(), before: BTreeMap::new() }
    }
}

impl<K: Ord, V: PartialEq> PartialEq for Tracked<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.map == other.map
    }
}

impl<K: Ord + Clone, V> FromIterator<(K, V)> for Tracked<K, V> {
    /// A map as loaded: nothing in it counts as changed.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(rows: I) -> Self {
        Self { map: rows.into_iter().map(|(key, value)| (key, Arc::new(value))).collect(), before: BTreeMap::new() }
    }
}

impl<K: Ord + Clone, V> Tracked<K, V> {
    pub fn get(&self, key: &K) -> Option<&V> {
        self.map.get(key).map(Arc::as_ref)
    }

    /// The shared value, for carrying it elsewhere.
    pub fn shared(&self, key: &K) -> Option<Arc<V>> {
        self.map.get(key).cloned()
    }

    pub fn contains(&self, key: &K) -> bool {
        self.map.contains_key(key)
    }

    pub fn len(&self) -> usize {
        self.map.len()
    }

    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.map.iter().map(|(key, value)| (key, value.as_ref()))
    }

    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> {
        self.map.keys()
    }

    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.map.values().map(Arc::as_ref)
    }

    pub fn put(&mut self, key: K, value: V) {
        let old = self.map.insert(key.clone(), Arc::new(value));
        self.before.entry(key).or_insert(old);
    }

    /// Puts what was loaded, which is no change; what is there already knows better.
    pub fn admit(&mut self, key: K, value: V) {
        self.map.entry(key).or_insert_with(|| Arc::new(value));
    }

    pub fn remove(&mut self, key: &K) -> Option<Arc<V>> {
        let old = self.map.remove(key)?;
        self.before.entry(key.clone()).or_insert_with(|| Some(Arc::clone(&old)));
        Some(old)
    }

    pub fn clear(&mut self) {
        for (key, old) in core::mem::take(&mut self.map) {
            self.before.entry(key).or_insert(Some(old));
        }
    }

    /// Some key was touched since the last commit.
    pub fn is_dirty(&self) -> bool {
        !self.before.is_empty()
    }

    /// Undoes everything since the last commit.
    pub fn rollback(&mut self) {
        for (key, old) in core::mem::take(&mut self.before) {
            match old {
                Some(value) => {
                    self.map.insert(key, value);
                }
                None => {
                    self.map.remove(&key);
                }
            }
        }
    }

    /// Accepts everything since the last commit and says what it was, with what stood there before.
    pub fn commit(&mut self) -> Differences<K, V> {
        core::mem::take(&mut self.before)
            .into_iter()
            .filter_map(|(key, old)| match (self.map.get(&key), old) {
                (Some(new), Some(old)) if Arc::ptr_eq(new, &old) => None,
                (Some(new), old) => Some((old, Changed::Put(key, Arc::clone(new)))),
                (None, Some(old)) => Some((Some(old), Changed::Removed(key))),
                // Put and removed by the same request: nothing to write.
                (None, None) => None,
            })
            .collect()
    }
}

impl<K: Ord + Clone, V: Clone> Tracked<K, V> {
    /// Changes the value under `key` in a copy; `None` if there is none.
    pub fn update<R>(&mut self, key: &K, change: impl FnOnce(&mut V) -> R) -> Option<R> {
        let mut value = self.get(key)?.clone();
        let result = change(&mut value);
        self.put(key.clone(), value);
        Some(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollback_restores_what_the_last_commit_left() {
        let mut map: Tracked<u32, u32> = [(1, 10), (2, 20)].into_iter().collect();
        map.put(1, 11);
        map.put(1, 12);
        map.put(3, 30);
        map.remove(&2);
        map.rollback();
        assert_eq!(map.iter().collect::<Vec<_>>(), [(&1, &10), (&2, &20)]);
        assert!(map.commit().is_empty());
    }

    #[test]
    fn a_commit_reports_each_touched_key_once_with_what_stood_before() {
        let mut map: Tracked<u32, u32> = [(1, 10), (2, 20)].into_iter().collect();
        map.update(&1, |value| *value += 1);
        map.remove(&2);
        map.put(3, 30);
        map.put(4, 40);
        map.remove(&4);
        let changes = map.commit();
        assert_eq!(
            changes,
            [
                (Some(Arc::new(10)), Changed::Put(1, Arc::new(11))),
                (Some(Arc::new(20)), Changed::Removed(2)),
                (None, Changed::Put(3, Arc::new(30))),
            ]
        );
        assert!(map.commit().is_empty());
    }
}
