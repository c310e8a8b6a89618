//! Feeding and waiting: what was fed is seen by who waits for it, in both kinds of lanes.

use std::convert::Infallible;
use std::task::Wake;

use super::*;
use crate::record::Status;
use crate::schema::Schema;

fn change(run: &str) -> Change {
    Change::Upsert(Box::new(Record {
        namespace: "ns".to_owned(),
        workflow_id: run.to_owned(),
        run_id: run.to_owned(),
        workflow_type: "T".to_owned(),
        status: Status::Running,
        task_queue: "q".to_owned(),
        start_time: 1,
        execution_time: 1,
        close_time: None,
        history_length: 1,
        history_size_bytes: 1,
        state_transition_count: 1,
        parent: None,
        root: None,
        memo: Vec::new(),
        search_attributes: Vec::new(),
    }))
}

/// All that a group has, as of a position.
fn whole(position: u64, runs: &[&str]) -> Result<(u64, Read<Infallible>), Infallible> {
    let record = |run: &&str| match change(run) {
        Change::Upsert(record) => *record,
        Change::Remove { .. } => unreachable!("runs are put"),
    };
    Ok((position, runs.iter().map(record).map(Ok).collect()))
}

type Read<E> = Vec<Result<Record, E>>;

fn visibility(lane: Lane) -> Visibility {
    Visibility::new(Index::in_memory().expect("an index"), lane).expect("a service")
}

fn total(visibility: &Visibility) -> u64 {
    visibility.count("ns", &Query::all()).expect("a count").total
}

#[derive(Default)]
struct Woken(Mutex<bool>, Condvar);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        *self.0.lock() = true;
        self.1.notify_all();
    }
}

fn wait<F: Future>(future: F) -> F::Output {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut future = Box::pin(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let mut called = woken.0.lock();
        while !*called {
            woken.1.wait(&mut called);
        }
        *called = false;
    }
}

fn is_ready(future: &mut Indexed) -> bool {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn who_waits_for_what_was_fed_sees_it() {
    for lane in [Lane::inline(), Lane::thread("visibility", 4).expect("a thread")] {
        let visibility = visibility(lane);
        visibility.feed(1, 1, vec![change("a")]).expect("fed");
        visibility.feed(2, 8, vec![change("b")]).expect("fed");
        wait(visibility.wait_indexed([(1, 1), (2, 8)])).expect("indexed");
        assert_eq!(total(&visibility), 2);
        assert_eq!((visibility.indexed(1), visibility.indexed(2)), (1, 8));
    }
}

#[test]
fn nothing_is_committed_before_a_tick_or_a_wait() {
    let visibility = visibility(Lane::inline());
    visibility.feed(1, 1, vec![change("a")]).expect("fed");
    assert_eq!(total(&visibility), 0);
    visibility.tick();
    assert_eq!(total(&visibility), 1);
    visibility.feed(1, 2, vec![change("b")]).expect("fed");
    wait(visibility.wait_fed()).expect("indexed");
    assert_eq!(total(&visibility), 2);
}

#[test]
fn who_waits_for_what_is_not_yet_fed_is_woken_when_it_is() {
    let visibility = visibility(Lane::inline());
    let mut indexed = visibility.wait_indexed([(1, 2)]);
    assert!(!is_ready(&mut indexed));
    visibility.feed(1, 1, vec![change("a")]).expect("fed");
    assert!(!is_ready(&mut indexed));
    // An entry without changes counts as much as any.
    visibility.feed(1, 2, Vec::new()).expect("fed");
    assert!(is_ready(&mut indexed));
}

#[test]
fn a_caller_who_goes_away_leaves_nothing_behind() {
    let visibility = visibility(Lane::inline());
    let mut indexed = visibility.wait_indexed([(1, 2)]);
    assert!(!is_ready(&mut indexed));
    assert_eq!(visibility.shared.state.lock().waiting.len(), 1);
    drop(indexed);
    assert_eq!(visibility.shared.state.lock().waiting.len(), 0);
}

#[test]
fn many_changes_are_committed_without_being_asked_for() {
    let visibility = visibility(Lane::inline());
    let changes = (0..GATHERED_CHANGES).map(|i| change(&format!("run-{i}"))).collect();
    visibility.feed(1, 1, changes).expect("fed");
    assert_eq!(total(&visibility), GATHERED_CHANGES as u64);
}

#[test]
fn a_commit_that_fails_is_tried_again_and_loses_nothing() {
    let visibility = visibility(Lane::inline());
    let locked = |sql: &str| visibility.shared.index.lock().execute_for_tests(sql);
    locked("CREATE TRIGGER full BEFORE INSERT ON runs BEGIN SELECT RAISE(FAIL, 'disk full'); END");
    visibility.feed(1, 1, vec![change("a")]).expect("fed");
    assert!(wait(visibility.wait_fed()).is_err());
    visibility.feed(1, 2, vec![change("b")]).expect("fed");
    assert!(wait(visibility.persist()).is_err());
    locked("DROP TRIGGER full");
    wait(visibility.wait_indexed([(1, 2)])).expect("indexed");
    assert_eq!(total(&visibility), 2);
}

/// A group of whose changes one found no room.
fn torn() -> Visibility {
    let visibility = visibility(Lane::inline());
    fill(&visibility);
    let changes = (0..GATHERED_CHANGES_MAX).map(|i| change(&format!("run-{i}"))).collect();
    visibility.feed(1, 1, changes).expect("fed");
    assert!(visibility.feed(1, 2, vec![change("one more")]).is_err());
    visibility
}

fn fill(visibility: &Visibility) {
    let sql = "CREATE TRIGGER full BEFORE INSERT ON runs BEGIN SELECT RAISE(FAIL, 'disk full'); END";
    visibility.shared.index.lock().execute_for_tests(sql);
}

fn make_room(visibility: &Visibility) {
    visibility.shared.index.lock().execute_for_tests("DROP TRIGGER full");
}

#[test]
fn a_torn_group_takes_nothing_so_that_its_position_stays_before_the_hole() {
    let visibility = torn();
    assert_eq!(visibility.torn(), BTreeSet::from([1]));
    assert_eq!(visibility.whole(None), None);
    make_room(&visibility);
    visibility.tick();
    visibility.feed(1, 3, vec![change("later")]).expect("dropped");
    visibility.feed(2, 8, vec![change("of another group")]).expect("fed");
    visibility.tick();
    assert_eq!((visibility.indexed(1), visibility.indexed(2)), (1, 8));
    assert_eq!(total(&visibility), GATHERED_CHANGES_MAX as u64 + 1);
}

#[test]
fn a_torn_group_is_built_again_while_it_goes_on() {
    let visibility = torn();
    make_room(&visibility);
    let feeding = visibility.clone();
    let rebuilt = visibility.rebuild_group(1, move || {
        // The group is at 3 when it is read, and goes on.
        feeding.feed(1, 3, vec![change("b")]).expect("fed");
        feeding.feed(1, 4, vec![change("c")]).expect("fed");
        assert_eq!(feeding.whole(None), None);
        whole(3, &["a", "b"])
    });
    wait(rebuilt).expect("rebuilt");
    assert!(visibility.whole(None).is_some());
    wait(visibility.wait_indexed([(1, 4)])).expect("indexed");
    assert_eq!(total(&visibility), 3);
}

#[test]
fn a_group_that_is_not_built_again_to_its_end_stays_torn_and_before_the_hole() {
    let visibility = torn();
    make_room(&visibility);
    let feeding = visibility.clone();
    let failed = visibility.rebuild_group(1, move || {
        feeding.feed(1, 4, vec![change("c")]).expect("fed");
        Err::<(u64, Read<_>), _>("the store cannot be read")
    });
    assert!(matches!(wait(failed), Err(Rebuild::Source(_))));
    let feeding = visibility.clone();
    let failed = visibility.rebuild_group(1, move || -> Result<(u64, Read<Infallible>), Infallible> {
        feeding.feed(1, 5, vec![change("d")]).expect("fed");
        panic!("reading panics")
    });
    assert!(matches!(wait(failed), Err(Rebuild::Index(_))));
    fill(&visibility);
    let feeding = visibility.clone();
    let failed = visibility.rebuild_group(1, move || {
        feeding.feed(1, 6, vec![change("e")]).expect("fed");
        whole(6, &["a"])
    });
    assert!(matches!(wait(failed), Err(Rebuild::Index(_))));
    make_room(&visibility);
    visibility.tick();
    assert_eq!(visibility.torn(), BTreeSet::from([1]));
    assert_eq!(visibility.indexed(1), 0);
}

#[test]
fn a_group_is_rebuilt_behind_what_was_fed_before() {
    let visibility = visibility(Lane::inline());
    visibility.feed(1, 5, vec![change("old")]).expect("fed");
    wait(visibility.rebuild_group(1, || whole(7, &["new"]))).expect("rebuilt");
    assert_eq!(visibility.indexed(1), 7);
    let query = crate::parse("WorkflowId = 'old'", &Schema::default()).expect("a query");
    assert_eq!(visibility.count("ns", &query).expect("a count").total, 0);
    assert_eq!(total(&visibility), 1);
}

#[test]
fn persist_says_how_far_everything_fed_is_durable() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = Index::open(&folder.path().join("visibility.sqlite")).expect("opened");
    let visibility = Visibility::new(index, Lane::inline()).expect("a service");
    visibility.feed(3, 9, vec![change("a")]).expect("fed");
    assert_eq!(wait(visibility.persist()).expect("persisted"), BTreeMap::from([(3, 9)]));
    let page = visibility.list("ns", &Query::all(), &PageRequest { size: 1, token: None }).expect("a page");
    assert_eq!(page.records.len(), 1);
}

#[test]
fn what_was_read_while_a_group_was_built_again_is_known_afterwards() {
    let visibility = visibility(Lane::inline());
    let (all, of_one, of_two) = (None, BTreeSet::from([1]), BTreeSet::from([2]));
    let whole = || [all, Some(&of_one), Some(&of_two)].map(|of| visibility.whole(of));
    let before = whole();
    assert!(before.iter().all(Option::is_some) && whole() == before);
    visibility.tear(1);
    assert_eq!(whole(), [None, None, before[2]], "nothing is missing of the other group");
    wait(visibility.rebuild_group(1, || whole_of_a(1))).expect("rebuilt");
    let between = whole();
    wait(visibility.rebuild_group(1, || whole_of_a(2))).expect("rebuilt");
    let after = whole();
    for (place, is_same) in [(0, false), (1, false), (2, true)] {
        assert!(between[place].is_some() && after[place].is_some());
        assert_eq!([before[place] == between[place], between[place] == after[place]], [is_same; 2]);
    }
}

fn whole_of_a(position: u64) -> Result<(u64, Read<Infallible>), Infallible> {
    whole(position, &["a"])
}
