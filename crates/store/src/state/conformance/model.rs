//! Random work against a model that is too simple to be wrong: maps that are copied for each view. The work follows
//! from a seed, which is named when store and model differ.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use weft_env::{Ids, SeededIds};

use super::super::{KeyRange, Order, Row, StateStore, StateView, WriteBatch};
use super::{Opener, TABLES, everything, ok};

const SEEDS: u64 = 12;
const STEPS: usize = 150;
const KEY_LENGTH_MAX: u64 = 3;

type Model = BTreeMap<(u8, Vec<u8>), Vec<u8>>;

struct Run {
    dice: SeededIds,
    store: Arc<dyn StateStore>,
    model: Model,
    views: Vec<(Box<dyn StateView>, Model)>,
}

/// All seeds work on the same store, one after the other.
pub(super) fn random_work(open: &Opener) {
    let mut model = Model::new();
    for seed in 0..SEEDS {
        println!("seed {seed}");
        let mut run = Run { dice: SeededIds::new(seed), store: open(), model, views: Vec::new() };
        for _ in 0..STEPS {
            run.step();
        }
        model = run.end();
    }
    let store = open();
    for table in TABLES {
        let rows = model.iter().filter(|((of, _), _)| *of == table.id);
        let rows = rows.map(|((_, key), value)| (Bytes::from(key.clone()), Bytes::from(value.clone())));
        assert!(everything(&*store, table.id) == rows.collect::<Vec<_>>(), "table {}", table.name);
    }
}

impl Run {
    fn step(&mut self) {
        match self.dice.below(20) {
            0..10 => self.write(),
            10..14 => self.compare(&*self.store, &self.model),
            14..17 => self.views.push((ok(self.store.view()), self.model.clone())),
            17..19 => self.look_back(),
            _ => ok(self.store.persist()),
        }
    }

    fn write(&mut self) {
        let mut batch = WriteBatch::new();
        for _ in 0..self.dice.below(8) {
            let (table, key) = (self.table(), self.key());
            if self.dice.below(4) == 0 {
                batch.delete(table, key.clone());
                self.model.remove(&(table, key));
            } else {
                let value = vec![self.dice.next_u64().to_le_bytes()[0]; self.dice.below(2_000) as usize];
                batch.put(table, key.clone(), value.clone());
                self.model.insert((table, key), value);
            }
        }
        ok(self.store.apply(batch));
    }

    fn look_back(&mut self) {
        if self.views.is_empty() {
            return;
        }
        let (view, model) = self.views.swap_remove(self.dice.below(self.views.len() as u64) as usize);
        self.compare(&*view, &model);
    }

    /// Ends well or very well; either keeps all that was applied.
    fn end(self) -> Model {
        let ending = if self.dice.below(2) == 0 { StateStore::close } else { StateStore::persist };
        ok(ending(&*self.store));
        self.model
    }

    fn compare(&self, view: &dyn StateView, model: &Model) {
        let (table, key) = (self.table(), self.key());
        assert_eq!(ok(view.get(table, &key)).map(Vec::from), model.get(&(table, key.clone())).cloned());
        let range = self.range();
        let limit = self.dice.below(30) as usize;
        let rows = model.iter().filter(|((of, key), _)| *of == table && range.contains(key));
        let rows = rows.map(|((_, key), value)| (Bytes::from(key.clone()), Bytes::from(value.clone())));
        let scan = |order| ok(view.scan(table, &range, order, limit));
        let expected: Vec<Row> = rows.clone().take(limit).collect();
        assert!(scan(Order::Ascending) == expected, "ascending scan of {range:?} in table {table}");
        let expected: Vec<Row> = rows.rev().take(limit).collect();
        assert!(scan(Order::Descending) == expected, "descending scan of {range:?} in table {table}");
    }

    fn range(&self) -> KeyRange {
        match self.dice.below(5) {
            0 => KeyRange::all(),
            1 => KeyRange::prefix(self.key()),
            2 => KeyRange::from(self.key()),
            3 => KeyRange::between(self.key(), self.key()),
            _ => KeyRange::prefix(self.key()).after(&self.key()).before(&self.key()),
        }
    }

    fn table(&self) -> u8 {
        TABLES[self.dice.below(TABLES.len() as u64) as usize].id
    }

    /// Few different bytes, so that keys meet and have common prefixes.
    fn key(&self) -> Vec<u8> {
        let length = 1 + self.dice.below(KEY_LENGTH_MAX);
        (0..length).map(|_| [0, 1, 0x7f, 0xff][self.dice.below(4) as usize]).collect()
    }
}
