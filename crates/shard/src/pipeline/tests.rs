//! What becomes of batches that the group refuses, whatever else is under way.

use std::sync::Arc;

use futures::future;
use parking_lot::Mutex;
use weft_rows::table;

use super::*;

const EPOCH: Epoch = Epoch { leader: 1, term: 7, epoch: 3 };

/// A group of one shard: what it refuses is up to the test, and it applies what is the next batch.
#[derive(Clone, Default)]
struct Toy(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Whether each of the next proposals is refused, the next one first; later ones are not.
    refusals: VecDeque<Option<ProposeError>>,
    /// What becomes of confirmations, the next one first; later ones succeed.
    confirmations: VecDeque<BoxFuture<'static, Result<(), Lost>>>,
    /// How often leadership was to be confirmed.
    confirmed: u64,
    /// The sequence numbers of what entered the log.
    log: Vec<u64>,
    applied: Vec<u64>,
}

impl Proposer for Toy {
    fn commit(&self, batch: Bytes) -> BoxFuture<'static, Result<(), Lost>> {
        let sequence = batch::decode(&batch).expect("the pipeline makes whole batches").header.sequence;
        let mut state = self.0.lock();
        let outcome = match state.refusals.pop_front().flatten() {
            Some(refusal) => Err(refusal.into()),
            None => {
                state.log.push(sequence);
                if state.applied.last().copied().unwrap_or_default() + 1 == sequence {
                    state.applied.push(sequence);
                    Ok(())
                } else {
                    Err(Lost::Void)
                }
            }
        };
        future::ready(outcome).boxed()
    }

    fn confirm(&self, term: u64) -> BoxFuture<'static, Result<(), Lost>> {
        assert_eq!(term, EPOCH.term);
        let mut state = self.0.lock();
        state.confirmed += 1;
        state.confirmations.pop_front().unwrap_or_else(|| future::ready(Ok(())).boxed())
    }
}

impl Toy {
    fn refusing(refusals: impl IntoIterator<Item = Option<ProposeError>>) -> (Self, Pipeline<&'static str>) {
        let toy = Self::default();
        toy.0.lock().refusals = refusals.into_iter().collect();
        (toy.clone(), Pipeline::open(Box::new(toy), EPOCH))
    }

    fn log(&self) -> Vec<u64> {
        self.0.lock().log.clone()
    }

    fn applied(&self) -> Vec<u64> {
        self.0.lock().applied.clone()
    }
}

fn write<P>(pipeline: &mut Pipeline<P>, waits: P) {
    let mut ops = Ops::default();
    ops.put(table::CURRENT, b"key", b"value");
    pipeline.propose(Building { ops, visibility: Vec::new(), parcels: vec![waits] }, 0);
}

fn read<P>(pipeline: &mut Pipeline<P>, waits: P) {
    pipeline.propose(Building { parcels: vec![waits], ..Building::default() }, 0);
}

fn next<P>(pipeline: &mut Pipeline<P>) -> Option<Result<Vec<P>, Lost>> {
    pipeline.next().now_or_never()
}

#[test]
fn a_refused_batch_is_proposed_again_and_what_is_behind_it_after_it() {
    let (toy, mut pipeline) = Toy::refusing([Some(ProposeError::LeaseExpired)]);
    write(&mut pipeline, "refused");
    write(&mut pipeline, "void");
    read(&mut pipeline, "read");
    assert_eq!(next(&mut pipeline), Some(Ok(vec!["refused"])));
    assert_eq!((pipeline.opened(), pipeline.batches_in_flight()), (1, 1));
    assert_eq!(next(&mut pipeline), Some(Ok(vec!["void"])));
    assert_eq!(next(&mut pipeline), Some(Ok(vec!["read"])));
    assert_eq!(next(&mut pipeline), None);
    assert_eq!((toy.log(), toy.applied()), (vec![2, 1, 2], vec![1, 2]));
    assert!(pipeline.is_idle());
}

#[test]
fn a_batch_without_room_is_proposed_again() {
    let (toy, mut pipeline) = Toy::refusing([Some(ProposeError::Full)]);
    write(&mut pipeline, "refused");
    assert_eq!(next(&mut pipeline), Some(Ok(vec!["refused"])));
    assert_eq!(toy.log(), [1]);
}

#[test]
fn what_is_decided_while_leadership_is_in_doubt_is_proposed_in_its_place() {
    let (toy, mut pipeline) = Toy::refusing([Some(ProposeError::LeaseExpired)]);
    let (answered, answer) = futures::channel::oneshot::channel::<()>();
    toy.0.lock().confirmations.push_back(answer.map(|_| Ok(())).boxed());
    write(&mut pipeline, "refused");
    assert_eq!(next(&mut pipeline), None);
    write(&mut pipeline, "written");
    read(&mut pipeline, "read");
    assert_eq!((next(&mut pipeline), toy.log()), (None, Vec::new()));
    answered.send(()).expect("somebody waits");
    let passed: Vec<_> = std::iter::from_fn(|| next(&mut pipeline)).collect();
    assert_eq!(passed, [Ok(vec!["refused"]), Ok(vec!["written"]), Ok(vec!["read"])]);
    assert_eq!(toy.log(), [1, 2]);
}

#[test]
fn leadership_that_is_not_confirmed_is_lost_with_all_that_waits() {
    let (toy, mut pipeline) = Toy::refusing([Some(ProposeError::LeaseExpired)]);
    let unconfirmed = Lost::Unconfirmed(ReadError::NotLeader { leader: None });
    write(&mut pipeline, "refused");
    read(&mut pipeline, "read");
    toy.0.lock().confirmations.push_back(future::ready(Err(unconfirmed.clone())).boxed());
    assert_eq!(next(&mut pipeline), Some(Err(unconfirmed)));
    assert_eq!(pipeline.fail().collect::<Vec<_>>(), ["refused", "read"]);
    assert!(toy.log().is_empty());
}

#[test]
fn a_read_behind_a_refused_batch_is_confirmed_after_it() {
    let (toy, mut pipeline) = Toy::refusing([Some(ProposeError::LeaseExpired)]);
    let (answered, answer) = futures::channel::oneshot::channel::<()>();
    toy.0.lock().confirmations.push_back(answer.map(|_| Ok(())).boxed());
    write(&mut pipeline, "refused");
    read(&mut pipeline, "read");
    assert_eq!((next(&mut pipeline), toy.log(), pipeline.is_refused()), (None, Vec::new(), true));
    answered.send(()).expect("somebody waits");
    assert_eq!(next(&mut pipeline), Some(Ok(vec!["refused"])));
    assert_eq!(next(&mut pipeline), Some(Ok(vec!["read"])));
    assert_eq!(toy.0.lock().confirmed, 3, "the read, all of it, and the read again");
}

#[test]
fn nothing_is_proposed_again_when_anything_behind_it_may_have_been_written() {
    let doubts = [ProposeError::Unknown, ProposeError::NotLeader { leader: None }, ProposeError::Fatal("gone".into())];
    for doubt in doubts {
        let (toy, mut pipeline) = Toy::refusing([Some(ProposeError::LeaseExpired), Some(doubt.clone())]);
        write(&mut pipeline, "refused");
        write(&mut pipeline, "unknown");
        assert_eq!(next(&mut pipeline), Some(Err(Lost::Unanswered(doubt))));
        assert!(toy.log().is_empty());
    }
}

#[test]
fn a_batch_is_never_proposed_again_when_it_is_void_by_itself() {
    let (toy, mut pipeline) = Toy::refusing([]);
    // Somebody else's epoch is open.
    toy.0.lock().applied.push(100);
    write(&mut pipeline, "void");
    assert_eq!(next(&mut pipeline), Some(Err(Lost::Void)));
    assert_eq!(toy.log(), [1]);
}

/// Whichever of the proposals are refused, those made again among them: all are applied once, in their order.
#[test]
fn whatever_is_refused_each_batch_is_applied_once_and_in_order() {
    for refused in 0_u32..1 << 12 {
        let refusals = (0..12).map(|bit| (refused & (1 << bit) != 0).then_some(ProposeError::LeaseExpired));
        let (toy, mut pipeline) = Toy::refusing(refusals);
        let words = ["a", "b", "c", "d", "e", "f"];
        let mut passed = Vec::new();
        for (at, word) in words.into_iter().enumerate() {
            let decide = if at % 3 == 2 { read } else { write };
            decide(&mut pipeline, word);
            if at % 2 == 1 {
                passed.extend(next(&mut pipeline).expect("no confirmation is waited for"));
            }
        }
        passed.extend(std::iter::from_fn(|| next(&mut pipeline)).map(|passed| passed.expect("leadership goes on")));
        assert_eq!(passed.concat(), words, "{refused:b}");
        assert_eq!(toy.applied(), [1, 2, 3, 4], "{refused:b}");
    }
}
