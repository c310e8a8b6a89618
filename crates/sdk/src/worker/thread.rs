//! The threads on which workflows' code runs, with the runs that each keeps.
//!
//! Invariants: a run never leaves its thread; the threads have no async runtime, so a workflow cannot await a timer or a
//! socket of one; the least recently used run goes first when there are too many.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, ThreadId},
};

use tokio::sync::{mpsc, oneshot};
use tracing::error;
use weft_protocol::api::common::WorkflowExecution;
use weft_replay::{Config, Factory, Foreign, Info, Run};

use crate::error::panic_text;

type Job = Box<dyn FnOnce(&mut Runs) + Send>;

/// Jobs that wait for a thread: tasks are bounded by slots, so this only smooths.
const JOBS_MAX: usize = 64;

pub(crate) struct Threads {
    jobs: Vec<mpsc::Sender<Job>>,
    cached: Arc<AtomicUsize>,
}

impl Threads {
    pub(crate) fn start(count: usize, cached_max: usize) -> io::Result<Self> {
        let cached = Arc::<AtomicUsize>::default();
        let start = |index: usize| {
            let cached = Arc::clone(&cached);
            let (jobs, mut next) = mpsc::channel::<Job>(JOBS_MAX);
            thread::Builder::new().name(format!("workflows-{index}")).spawn(move || {
                let mut runs = Runs::new(cached_max.div_ceil(count.max(1)));
                while let Some(job) = next.blocking_recv() {
                    let before = runs.kept.len();
                    // What is dropped with a run is the user's; the runs of others go on.
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| job(&mut runs))) {
                        error!(
                            why = panic_text(panic.as_ref()),
                            "a workflow's code panicked where it should do nothing"
                        );
                    }
                    // Wraps where there are fewer, and is right in the sum.
                    cached.fetch_add(runs.kept.len().wrapping_sub(before), Ordering::Relaxed);
                }
            })?;
            Ok(jobs)
        };
        let jobs = (0..count).map(start).collect::<io::Result<_>>()?;
        Ok(Self { jobs, cached })
    }

    /// Runs that are kept between their tasks, on all threads.
    pub(crate) fn cached(&self) -> usize {
        self.cached.load(Ordering::Relaxed)
    }

    /// Does something with the runs of the thread that has this run. `None` when the worker has stopped meanwhile.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        run_id: &str,
        work: impl FnOnce(&mut Runs) -> T + Send + 'static,
    ) -> Option<T> {
        let mut hasher = DefaultHasher::new();
        run_id.hash(&mut hasher);
        let index = usize::try_from(hasher.finish() % self.jobs.len() as u64).unwrap_or_default();
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |runs| {
            // Whoever asked may have gone.
            let _ = answer.send(work(runs));
        });
        self.jobs.get(index)?.send(job).await.ok()?;
        answered.await.ok()
    }
}

/// The runs that a thread has.
pub(crate) struct Runs {
    /// Those whose workflow task is being worked on.
    busy: HashMap<String, Run>,
    /// Those between workflow tasks.
    kept: HashMap<String, (u64, Run)>,
    by_use: BTreeMap<u64, String>,
    uses: u64,
    max: usize,
}

impl Runs {
    pub(crate) fn new(max: usize) -> Self {
        Self { busy: HashMap::new(), kept: HashMap::new(), by_use: BTreeMap::new(), uses: 0, max }
    }

    /// The run whose task is being worked on.
    pub(crate) fn busy(&mut self, run_id: &str) -> Option<&mut Run> {
        self.busy.get_mut(run_id)
    }

    /// A run, whatever is done with it.
    pub(crate) fn known(&self, run_id: &str) -> Option<&Run> {
        self.busy.get(run_id).or_else(|| self.kept.get(run_id).map(|(_, run)| run))
    }

    pub(crate) fn is_busy(&self, run_id: &str) -> bool {
        self.busy.contains_key(run_id)
    }

    /// A run that was kept is worked on again.
    pub(crate) fn resume(&mut self, run_id: &str) -> Option<&mut Run> {
        if let Some((used, run)) = self.kept.remove(run_id) {
            self.by_use.remove(&used);
            self.busy.insert(run_id.to_owned(), run);
        }
        self.busy.get_mut(run_id)
    }

    /// A run that was built anew is worked on.
    pub(crate) fn begin(&mut self, run_id: &str, run: Run) -> &mut Run {
        self.forget(run_id);
        self.busy.entry(run_id.to_owned()).or_insert(run)
    }

    /// Keeps a run for its next task, and lets go of the least recently used when there are too many.
    pub(crate) fn keep(&mut self, run_id: &str) {
        let Some(run) = self.busy.remove(run_id) else { return };
        self.uses += 1;
        self.by_use.insert(self.uses, run_id.to_owned());
        self.kept.insert(run_id.to_owned(), (self.uses, run));
        while self.kept.len() > self.max {
            let Some((_, oldest)) = self.by_use.pop_first() else { return };
            let evicted = self.kept.remove(&oldest);
            // Another workflow's code runs here: the one that is kept has nothing to do with it.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(evicted))) {
                error!(why = panic_text(panic.as_ref()), "a workflow's code panicked where it should do nothing");
            }
        }
    }

    /// Ends the work on a run, which is good for more or is not.
    pub(crate) fn give_back(&mut self, run_id: &str, is_good: bool) {
        if is_good {
            self.keep(run_id);
        } else {
            self.forget(run_id);
        }
    }

    /// Lets go of a run.
    pub(crate) fn forget(&mut self, run_id: &str) {
        self.busy.remove(run_id);
        if let Some((used, _)) = self.kept.remove(run_id) {
            self.by_use.remove(&used);
        }
    }
}

/// A run that is polled on this thread.
pub(crate) fn make_run(namespace: String, names: WorkflowExecution, task_queue: String, program: Factory) -> Run {
    let WorkflowExecution { workflow_id, run_id } = names;
    let home: Arc<dyn Foreign> = Home::here(workflow_id.clone());
    let info = Info { namespace, workflow_id, run_id, task_queue, ..Info::default() };
    Run::new(Config { info, foreign: Some(home), program })
}

/// Knows a workflow's thread, and says so when the workflow awaits what is not its own.
struct Home {
    thread: ThreadId,
    workflow: String,
}

impl Home {
    fn here(workflow: String) -> Arc<Self> {
        Arc::new(Self { thread: thread::current().id(), workflow })
    }
}

impl Foreign for Home {
    fn is_at_home(&self) -> bool {
        thread::current().id() == self.thread
    }

    fn strayed(&self) {
        error!(
            workflow = self.workflow,
            "the workflow awaits something that its history does not record: use the context's own timers and waits, and \
             do everything else in activities; its next workflow task will fail"
        );
    }
}
