//! Lists and counts put together from parts, against those of one index that has everything.

use super::*;

/// As many groups as an index of these tests has.
const GROUPS: u32 = 4;

/// The group of a run stays the same.
fn group_of(run_id: &str) -> u32 {
    1 + run_id.bytes().map(u32::from).sum::<u32>() % GROUPS
}

/// One index with everything, and the same spread over nodes, each of which has all groups and is asked for some.
struct Nodes {
    whole: Index,
    nodes: Vec<(Index, BTreeSet<u32>)>,
    at: u64,
}

impl Nodes {
    fn new(asked: &[BTreeSet<u32>]) -> Self {
        let index = || Index::in_memory().expect("an index");
        Self { whole: index(), nodes: asked.iter().map(|of| (index(), of.clone())).collect(), at: 0 }
    }

    fn apply(&mut self, changes: &[(u32, Change)]) {
        self.at += 1;
        for index in self.nodes.iter_mut().map(|(index, _)| index).chain([&mut self.whole]) {
            let mut batch = Batch::default();
            for (group, change) in changes {
                batch.add(*group, self.at, [change.clone()]);
            }
            index.apply_batch(&batch).expect("applied");
        }
    }

    fn upsert(&mut self, records: &[Record]) {
        let changes: Vec<_> = records.iter().map(|record| (group_of(&record.run_id), upsert(record.clone()))).collect();
        self.apply(&changes);
    }

    fn parts<T>(&self, part: impl Fn(&Reader, BTreeSet<u32>) -> T) -> Vec<T> {
        let of = |(index, groups): &(Index, BTreeSet<u32>)| part(&index.reader().expect("a reader"), groups.clone());
        self.nodes.iter().map(of).collect()
    }

    fn page(&self, query: &Query, page: &PageRequest) -> Page {
        let parts = self.parts(|reader, groups| {
            let part = reader.part("ns", &query.clone().within(groups), page).expect("a part");
            // As another node reads it.
            let rows = part.rows().map(|(place, record)| (place, record.clone())).collect();
            let read = Part::of_page(query, rows, part.more()).expect("our own");
            assert_eq!(read, part);
            read
        });
        Page::merged(query, parts, page.size)
    }

    fn listed(&self, text: &str, size: usize, mut between: impl FnMut(&Page)) -> Vec<String> {
        let (query, mut runs, mut token) = (query(text), Vec::new(), None);
        loop {
            let page = self.page(&query, &PageRequest { size, token });
            assert!(page.records.len() <= size && (!page.records.is_empty() || page.next.is_none()));
            between(&page);
            runs.extend(page.records.into_iter().map(|record| record.run_id));
            token = page.next;
            if token.is_none() {
                return runs;
            }
        }
    }

    fn walked(&self, text: &str, how: Walk) -> Vec<String> {
        let (query, mut runs) = (query(text), Vec::<String>::new());
        loop {
            let step = crate::plan::Step { after: runs.last().cloned(), limit: 2, how };
            let parts = self.parts(|reader, groups| {
                let part = reader.walk_part("ns", &query.clone().within(groups), &step).expect("a part");
                Part::of_walk(part.rows().map(|(_, record)| record.clone()).collect(), part.more()).expect("our own")
            });
            let found = Page::walked(parts, 2);
            if found.is_empty() {
                return runs;
            }
            runs.extend(found.into_iter().map(|record| record.run_id));
        }
    }

    fn count(&self, text: &str) -> Count {
        let query = query(text);
        let part = |reader: &Reader, groups| reader.count_part("ns", &query.clone().within(groups)).expect("a part");
        Count::merged(&query, self.parts(part))
    }
}

/// Each group is asked of one of three nodes; some node may be asked for none.
fn arb_asked() -> impl Strategy<Value = [BTreeSet<u32>; 3]> {
    proptest::collection::vec(0..3_usize, GROUPS as usize).prop_map(|nodes| {
        let of = |node: usize| (1..).zip(&nodes).filter(move |(_, at)| **at == node).map(|(group, _)| group).collect();
        [of(0), of(1), of(2)]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 300, ..ProptestConfig::default() })]
    #[test]
    fn what_is_gathered_is_what_one_index_has(
        asked in arb_asked(),
        records in proptest::collection::vec(arb_record(), 0..24),
        filters in proptest::collection::vec((arb_condition(), arb_order()), 8),
        size in 1..6_usize,
    ) {
        let mut nodes = Nodes::new(&asked);
        for records in records.chunks(5) {
            nodes.upsert(records);
        }
        let whole = nodes.whole.reader().expect("a reader");
        prop_assert_eq!(nodes.listed("", size, |_| {}), listed(&whole, "", size));
        for (filter, order) in filters {
            let text = format!("{filter}{order}");
            prop_assert_eq!(nodes.listed(&text, size, |_| {}), listed(&whole, &text, size), "{}", text);
            for how in [Walk::Few, Walk::Many] {
                prop_assert_eq!(nodes.walked(&text, how), walked(&whole, &text, how, |_| {}), "{:?} {}", how, text);
            }
            for by in ["", " GROUP BY ExecutionStatus", " GROUP BY WorkflowType", " GROUP BY Colour", " GROUP BY Size"] {
                let text = format!("{filter}{by}");
                prop_assert_eq!(nodes.count(&text), whole.count("ns", &query(&text)).expect("a count"), "{}", text);
            }
        }
    }

    #[test]
    fn rows_that_stay_come_once_while_others_come_and_go_between_pages(
        asked in arb_asked(),
        stay in proptest::collection::vec((0..4_i64, 0..2_i64, any::<bool>()), 0..20),
        come in proptest::collection::vec((0..4_i64, 0..2_i64), 0..12),
        order in proptest::sample::select(&["", " ORDER BY StartTime", " ORDER BY HistoryLength DESC"][..]),
        size in 1..6_usize,
    ) {
        let of = |name: String, start: i64, took: i64, open: bool| {
            let status = if open { Status::Running } else { Status::Completed };
            let close_time = (!open).then_some(start + took);
            Record { close_time, history_length: took, ..record(&name, status, start) }
        };
        let stay: Vec<Record> =
            (0..).zip(stay).map(|(i, (start, took, open))| of(format!("stay-{i}"), start, took, open)).collect();
        let mut nodes = Nodes::new(&asked);
        nodes.upsert(&stay);
        let expected = nodes.listed(order, size, |_| {});
        let mut coming = (0..).zip(come).map(|(i, (start, took))| of(format!("come-{i}"), start, took, false));
        let nodes = std::cell::RefCell::new(nodes);
        let mut token = None;
        let mut seen = Vec::new();
        loop {
            let page = nodes.borrow().page(&query(order), &PageRequest { size, token });
            seen.extend(page.records.into_iter().map(|record| record.run_id));
            if let Some(record) = coming.next() {
                nodes.borrow_mut().upsert(&[record]);
            }
            token = page.next;
            if token.is_none() {
                break;
            }
        }
        let mut once = seen.clone();
        once.sort();
        once.dedup();
        prop_assert_eq!(once.len(), seen.len(), "one came twice");
        seen.retain(|run| run.starts_with("stay-"));
        prop_assert_eq!(seen, expected);
    }
}

#[test]
fn nothing_is_shown_that_is_behind_the_end_of_a_part_that_has_more() {
    let placed = |close: i64| {
        let record = Record { close_time: Some(close), ..record(&format!("r{close}"), Status::Completed, 0) };
        let mut index = Index::in_memory().expect("an index");
        index.apply(1, 1, [upsert(record.clone())]).expect("applied");
        let part = index.reader().expect("a reader").part("ns", &Query::all(), &PageRequest { size: 1, token: None });
        let (place, _) = part.expect("a part").rows().next().map(|(place, row)| (place, row.clone())).expect("a row");
        (place, record)
    };
    let part = |closes: &[i64], more| {
        Part::of_page(&Query::all(), closes.iter().map(|close| placed(*close)).collect(), more).expect("in order")
    };
    let check = |parts: Vec<Part>, size: usize, expected: &[&str], more: bool| {
        let page = Page::merged(&Query::all(), parts, size);
        let runs: Vec<_> = page.records.iter().map(|record| record.run_id.as_str()).collect();
        assert_eq!((runs.as_slice(), page.next.is_some()), (expected, more));
    };
    check(vec![part(&[9, 7], true), part(&[8, 6, 5], false)], 10, &["r9", "r8", "r7"], true);
    check(vec![part(&[9, 7], false), part(&[8, 6, 5], false)], 10, &["r9", "r8", "r7", "r6", "r5"], false);
    check(vec![part(&[9, 7], false), part(&[8], false), part(&[], false)], 2, &["r9", "r8"], true);
    check(vec![part(&[9], true), part(&[8], true)], 10, &["r9"], true);
    check(vec![part(&[], false), part(&[], false)], 3, &[], false);
    check(Vec::new(), 3, &[], false);
    assert!(matches!(Part::of_page(&Query::all(), Vec::new(), true), Err(Error::Part(_))));
    assert!(matches!(Part::of_page(&Query::all(), vec![placed(7), placed(9)], false), Err(Error::Part(_))));
}

#[test]
fn a_part_of_large_records_ends_early_and_a_list_for_a_client_does_not() {
    let mut index = Index::in_memory().expect("an index");
    let large = |run: &str, start| Record { memo: vec![0; 9 << 20], ..record(run, Status::Running, start) };
    index.apply(1, 1, [large("a", 3), large("b", 2), large("c", 1)].map(upsert)).expect("applied");
    let reader = index.reader().expect("a reader");
    let page = PageRequest { size: 3, token: None };
    let part = reader.part("ns", &Query::all(), &page).expect("a part");
    assert_eq!((part.rows().count(), part.more()), (2, true));
    assert_eq!(reader.list("ns", &Query::all(), &page).expect("a page").records.len(), 3);
}

/// What counts without looking at the runs has to follow their groups.
#[test]
fn tallies_are_kept_for_each_group() {
    let mut index = Index::in_memory().expect("an index");
    index.apply(1, 1, [upsert(record("a", Status::Running, 1)), upsert(record("b", Status::Running, 1))]).expect("ok");
    index.apply(2, 1, [upsert(record("c", Status::Running, 1))]).expect("applied");
    let check = |index: &Index, groups: &[u32], text: &str, expected: u64| {
        let query = query(text).within(groups.iter().copied().collect());
        assert_eq!(index.reader().expect("a reader").count("ns", &query).expect("a count").total, expected, "{text}");
    };
    check(&index, &[1], "", 2);
    check(&index, &[1, 2], "ExecutionStatus = 'Running'", 3);
    check(&index, &[], "", 0);
    // A run that goes on in another group, as after a split.
    index.apply(2, 2, [upsert(record("b", Status::Running, 1))]).expect("applied");
    check(&index, &[1], "", 1);
    check(&index, &[2], "", 2);
    index.apply(2, 3, [upsert(record("b", Status::Completed, 1))]).expect("applied");
    check(&index, &[2], "ExecutionStatus = 'Completed'", 1);
    index.remove_group(2).expect("removed");
    check(&index, &[2], "", 0);
    check(&index, &[1], "", 1);
    index.apply(1, 2, [Change::Remove { namespace: "ns".to_owned(), run_id: "a".to_owned() }]).expect("applied");
    check(&index, &[1], "", 0);
}

#[test]
fn a_file_of_before_the_groups_of_tallies_is_counted_again_and_not_built_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("visibility.sqlite");
    let mut index = Index::open(&path).expect("opened");
    index.apply(1, 7, [upsert(record("a", Status::Running, 1))]).expect("applied");
    index.apply(2, 8, [upsert(record("b", Status::Failed, 1))]).expect("applied");
    index.execute_for_tests(
        "DROP TABLE tallies;
         CREATE TABLE tallies (
             space INTEGER NOT NULL, type TEXT NOT NULL, status INTEGER NOT NULL, count INTEGER NOT NULL,
             PRIMARY KEY (space, type, status)
         ) WITHOUT ROWID;
         INSERT INTO tallies SELECT space, type, status, count(*) FROM runs GROUP BY space, type, status;
         PRAGMA user_version = 1;",
    );
    drop(index);
    let mut index = Index::open(&path).expect("opened");
    assert_eq!((index.indexed(1), index.indexed(2)), (7, 8), "it was not replaced");
    check(&index, "", &["a", "b"]);
    index.apply(2, 9, [upsert(record("b", Status::Completed, 1))]).expect("applied");
    let query = query("ExecutionStatus = 'Completed'").within(BTreeSet::from([2]));
    assert_eq!(index.reader().expect("a reader").count("ns", &query).expect("a count").total, 1);
}
