//! Node's own threads told from foreign ones.
//!
//! Node always has threads: V8's workers, the one that delays their tasks, the one that waits to
//! start the inspector, libuv's pool. Each is recognized by the function it began with, and is at
//! rest only in the one place where it waits for work. Nothing gives these functions a name, so
//! they are learned once, from threads found at rest in a way that only the one kind has.

use std::path::{Path, PathBuf};

use qclone::{ConditionState, ConditionVariables, FutexOp, Modules, Offender, Thread, Verdict};

use crate::uv;

/// What was learned: start routines, and the condition variables of the two kinds that share one.
#[derive(Debug)]
pub(crate) struct NodeThreads {
    node: PathBuf,
    libuv: PathBuf,
    modules: Modules,
    conditions: ConditionVariables,
    v8: Option<Crew>,
    pool: Option<Crew>,
    delayed_tasks: Option<usize>,
    signal_inspector: Option<usize>,
}

/// What an attempt at a fork knows beside the threads, and what it learns while they are judged, twice.
pub(crate) struct Attempt<'a> {
    /// Names of files whose threads may be beside a fork while they wait; see [`Thread::is_of`].
    pub(crate) vouch_for: &'a [String],
    /// Whether libuv's pool has work that the loop has not told of, and is to have none.
    pub(crate) untold: bool,
    /// The files that such threads are of.
    pub(crate) vouched: Vec<PathBuf>,
    /// Where V8's workers rest, and the threads of libuv's pool, at the first look or before.
    v8_rest: Option<ConditionState>,
    pool_rest: Option<ConditionState>,
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(vouch_for: &'a [String], untold: bool) -> Self {
        Self { vouch_for, untold, vouched: Vec::new(), v8_rest: None, pool_rest: None }
    }

    /// The verdict on a thread of an addon or library.
    fn judge_foreign(&mut self, thread: &Thread) -> Verdict {
        let Some(name) = self.vouch_for.iter().find(|name| thread.is_of(name)) else {
            return Verdict::Foreign(
                "started by an addon or a library; what it holds is not known, see `vouchFor`".to_owned(),
            );
        };
        if !thread.wait.is_parked() {
            return Verdict::Busy(format!("of {name}, which is vouched for, and at work"));
        }
        if let Some(owner) = &thread.owner
            && !self.vouched.contains(owner)
        {
            self.vouched.push(owner.clone());
        }
        Verdict::AtRest
    }
}

/// Whether no thread has woken since the first look, as the place where it rests tells: memory that one
/// has mapped meanwhile, the clone would not have. The thread of delayed tasks may have woken one of
/// V8's. Where the thread library hides that place, it cannot be seen.
fn is_as_at_first(first: &mut Option<ConditionState>, now: Option<ConditionState>) -> bool {
    now.is_none_or(|now| *first.get_or_insert(now) == now)
}

/// Threads that began alike and wait for work on one condition variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Crew {
    start: usize,
    rest: Option<usize>,
    /// How many they are, when none of them ever ends.
    size: Option<usize>,
}

impl NodeThreads {
    pub(crate) fn new(conditions: ConditionVariables) -> Self {
        let mut modules = Modules::default();
        modules.refresh();
        let path = |address| modules.of(address).map(Path::to_owned).unwrap_or_default();
        let node = path(napi::sys::napi_get_uv_event_loop as *const () as usize);
        let libuv = path(uv::uv_handle_size as *const () as usize);
        Self {
            node,
            libuv,
            modules,
            conditions,
            v8: None,
            pool: None,
            delayed_tasks: None,
            signal_inspector: None,
        }
    }

    /// Learns what `threads`, in order of thread id, have to teach.
    pub(crate) fn learn(&mut self, threads: &[Thread]) {
        self.modules.refresh();
        let of_node: Vec<_> = threads.iter().filter(|thread| self.begins_in(thread, &self.node)).collect();
        // The platform's threads are the first that node starts, with SIGUSR1 blocked: it belongs
        // to the inspector. Later ones of other kinds begin elsewhere, so the first ones teach.
        let first = |is: &dyn Fn(&Thread) -> bool| of_node.iter().copied().find(|thread| is(thread));
        if self.delayed_tasks.is_none() {
            self.delayed_tasks =
                first(&|thread| thread.wait.is_epoll() && blocks_sigusr1(thread)).and_then(start_of);
        }
        if let Some(v8) = &mut self.v8 {
            // One that had only been seen running was not counted.
            v8.size = v8.size.max(Some(members(v8.start, &of_node).count()));
        } else {
            let one = first(&|thread| self.waits_on_heap(thread) && blocks_sigusr1(thread));
            self.v8 = one.and_then(|one| crew_at_rest(one, &of_node, self.conditions));
        }
        if self.signal_inspector.is_none() {
            self.signal_inspector =
                first(&|thread| self.waits_in(thread, &self.node) && blocks_nearly_all(thread))
                    .and_then(start_of);
        }
        if self.pool.is_none() {
            let pool = threads.iter().find(|thread| {
                self.begins_in(thread, &self.libuv)
                    && self.waits_in(thread, &self.libuv)
                    && start_of(thread) != self.signal_inspector
                    && !blocks_nearly_all(thread)
                    && !has_stack_of_a_worker(thread)
            });
            let size =
                |crew: &Crew| threads.iter().filter(|thread| start_of(thread) == Some(crew.start)).count();
            self.pool = pool
                .and_then(|one| Crew::of(one, self.conditions))
                .map(|crew| Crew { size: Some(size(&crew)), ..crew });
        }
    }

    /// Remembers where V8's workers and the pool rest, if it is known and all of them do: whether any has
    /// woken since, that will tell. Threads that are vouched for are to be looked at twice.
    pub(crate) fn remember_rest(&self, attempt: &mut Attempt<'_>) -> bool {
        let at_rest = |crew: Crew| {
            let place = crew.place(self.conditions)?;
            crew.is_all_at(place).then_some(place)
        };
        attempt.v8_rest = self.v8.filter(|v8| v8.size.is_some()).and_then(at_rest);
        attempt.pool_rest = self.pool.and_then(at_rest);
        attempt.vouch_for.is_empty()
            && attempt.v8_rest.is_some()
            && self.pool.is_some() == attempt.pool_rest.is_some()
    }

    /// The verdict on `thread`.
    pub(crate) fn judge(&self, thread: &Thread, attempt: &mut Attempt<'_>) -> Verdict {
        let Some(start) = &thread.start else {
            if let Some(what) = by_own_name(thread) {
                return Verdict::Foreign(what.to_owned());
            }
            // It holds nothing of this process, and libuv gives the clone a ring of its own.
            if thread.is_of_kernel() {
                return Verdict::AtRest;
            }
            // Seen running ever since it began, so that its stack could not be found.
            return Verdict::Busy("a thread at work, not yet known".to_owned());
        };
        let address = Some(start.address);
        if let Some(v8) = self.v8.filter(|v8| Some(v8.start) == address) {
            let now = v8.place(self.conditions);
            let resting = v8.rests(thread, self.conditions, now)
                && self.waits_on_heap(thread)
                && is_as_at_first(&mut attempt.v8_rest, now);
            return at_rest_or(resting, "a V8 worker, collecting garbage or compiling");
        }
        if let Some(pool) = self.pool.filter(|pool| Some(pool.start) == address) {
            let resting = pool.rests(thread, self.conditions, None)
                && self.waits_in(thread, &self.libuv)
                && is_as_at_first(&mut attempt.pool_rest, pool.place(self.conditions));
            return at_rest_or(resting && !attempt.untold, if resting { UNTOLD } else { POOL_AT_WORK });
        }
        if self.delayed_tasks == address {
            return at_rest_or(thread.wait.is_epoll(), "V8's thread of delayed tasks");
        }
        if self.signal_inspector == address {
            return at_rest_or(self.waits_in(thread, &self.node), "the thread that starts the inspector");
        }
        if start.module.as_deref() != Some(&*self.node) && start.module.as_deref() != Some(&*self.libuv) {
            return attempt.judge_foreign(thread);
        }
        if let Some(what) = by_own_name(thread) {
            return Verdict::Foreign(what.to_owned());
        }
        if has_stack_of_a_worker(thread) {
            return Verdict::Foreign(WORKER.to_owned());
        }
        if thread.wait.is_epoll() {
            return Verdict::Foreign(
                "a thread of node with an event loop of its own: the inspector, or a Worker".to_owned(),
            );
        }
        // As Node 20 names no threads. The one that starts the inspector waits like this, and is known.
        if self.signal_inspector.is_some() && self.waits_in(thread, &self.node) && blocks_nearly_all(thread) {
            return Verdict::Foreign(SIGINT_WATCHDOG.to_owned());
        }
        Verdict::Busy(PERHAPS_POOL_AT_WORK.to_owned())
    }

    /// V8's workers, when it is known where they wait.
    pub(crate) fn v8_workers(&self) -> Option<V8Workers> {
        let Crew { start, rest, .. } = self.v8?;
        Some(V8Workers { start, condition: rest? })
    }

    /// In a clone, which has this many of V8's workers.
    pub(crate) fn recount_v8_workers(&mut self, count: usize) {
        if let Some(v8) = &mut self.v8 {
            v8.size = Some(count);
        }
    }

    fn begins_in(&self, thread: &Thread, module: &Path) -> bool {
        thread.start.as_ref().is_some_and(|start| start.module.as_deref() == Some(module))
    }

    /// Waits on a condition variable or semaphore among the static data of `module`.
    fn waits_in(&self, thread: &Thread, module: &Path) -> bool {
        matches!(thread.wait.futex(), Some((futex, FutexOp::WaitBitset)) if self.modules.of(futex) == Some(module))
    }

    fn waits_on_heap(&self, thread: &Thread) -> bool {
        matches!(thread.wait.futex(), Some((futex, FutexOp::WaitBitset)) if self.modules.of(futex).is_none())
    }
}

/// Whether a thread in the way is of libuv's pool, as far as is known. Such a thread gets its work
/// from the thread that would fork, and so runs out of it while that one stands still.
pub(crate) fn may_be_of_pool(offender: &Offender) -> bool {
    offender.busy && [POOL_AT_WORK, PERHAPS_POOL_AT_WORK].contains(&&*offender.what)
}

/// Whether a thread is in the way only until the loop has told of its work.
pub(crate) fn is_untold(offender: &Offender) -> bool {
    offender.busy && offender.what == UNTOLD
}

const UNTOLD: &str = "libuv's thread pool, with work whose callbacks have not been called yet";

const POOL_AT_WORK: &str =
    "libuv's thread pool at work: file system, crypto, zlib or DNS calls are under way";

const PERHAPS_POOL_AT_WORK: &str = "a thread of node at work, not yet known: most often libuv's thread pool";

/// What it takes to start another of V8's workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct V8Workers {
    /// The function they began with.
    pub(crate) start: usize,
    /// The condition variable of the queue they wait for.
    pub(crate) condition: usize,
}

impl Crew {
    /// The crew that `one` is of, taking the place where it waits for the crew's place of rest.
    fn of(one: &Thread, conditions: ConditionVariables) -> Option<Self> {
        let (futex, _) = one.wait.futex()?;
        Some(Self { start: start_of(one)?, rest: conditions.containing(futex), size: None })
    }

    /// The place where it rests, as it is now.
    fn place(&self, conditions: ConditionVariables) -> Option<ConditionState> {
        conditions.state(self.rest?)
    }

    /// Whether `thread` waits where its crew rests and, in a crew of known size, all of it does by
    /// the count of that `place`.
    fn rests(&self, thread: &Thread, conditions: ConditionVariables, place: Option<ConditionState>) -> bool {
        let here = thread.wait.futex().is_some_and(|(futex, _)| conditions.containing(futex) == self.rest);
        here && place.is_none_or(|place| self.is_all_at(place))
    }

    /// Whether all of a crew of known size wait at `place`, its place of rest.
    fn is_all_at(&self, place: ConditionState) -> bool {
        self.size.is_none_or(|size| usize::try_from(place.waiters) == Ok(size))
    }
}

/// The crew of `one`, when every member of it is at rest in the same place.
fn crew_at_rest(one: &Thread, threads: &[&Thread], conditions: ConditionVariables) -> Option<Crew> {
    let crew = Crew::of(one, conditions)?;
    let crew = Crew { size: Some(members(crew.start, threads).count()), ..crew };
    let place = crew.place(conditions);
    members(crew.start, threads).all(|thread| crew.rests(thread, conditions, place)).then_some(crew)
}

fn members<'a>(start: usize, threads: &'a [&Thread]) -> impl Iterator<Item = &'a Thread> {
    threads.iter().copied().filter(move |thread| start_of(thread) == Some(start))
}

const WORKER: &str = "a Worker: of worker_threads, or of a module loader registered with module.register()";

/// What a thread of node or V8 is that never rests, by the name that it gives itself. A thread of
/// another kind that goes by such a name is refused by it, too.
fn by_own_name(thread: &Thread) -> Option<&'static str> {
    match &*thread.name() {
        "WorkerThread" => Some(WORKER),
        "v8:ProfEvntProc" => Some(CPU_PROFILER),
        "v8:Profiler" | "SamplingThread" => Some(LOGGING_PROFILER),
        "SigintWatchdog" => Some(SIGINT_WATCHDOG),
        "Watchdog" => Some(TIMEOUT_WATCHDOG),
        _ => None,
    }
}

/// `ProfilerEventsProcessor` in V8's `src/profiler/cpu-profiler.cc`.
const CPU_PROFILER: &str = "V8's CPU profiler: --cpu-prof, the inspector's Profiler.start, or a tracing \
    agent's; stop it, or start it in clones";
/// `Profiler` and `SamplingThread` in V8's `src/logging/log.cc`.
const LOGGING_PROFILER: &str = "V8's profiler, by --prof";
/// In node's `src/node_watchdog.cc`, as the next.
const SIGINT_WATCHDOG: &str =
    "node's SigintWatchdog, of a call of vm with breakOnSigint; clone after the call";
const TIMEOUT_WATCHDOG: &str = "node's Watchdog, of a call of vm with a timeout; clone after the call";

fn at_rest_or(resting: bool, work: &str) -> Verdict {
    if resting { Verdict::AtRest } else { Verdict::Busy(work.to_owned()) }
}

fn start_of(thread: &Thread) -> Option<usize> {
    thread.start.as_ref().map(|start| start.address)
}

fn blocks_sigusr1(thread: &Thread) -> bool {
    thread.blocked_signals().is_some_and(|mask| mask >> (libc::SIGUSR1 - 1) & 1 == 1)
}

/// The signals that can be blocked, but for a few that libc keeps for itself.
fn blocks_nearly_all(thread: &Thread) -> bool {
    thread.blocked_signals().is_some_and(|mask| mask.count_ones() > 48)
}

/// Node gives the threads of Workers 4 MiB, where others have the system's default of 8.
fn has_stack_of_a_worker(thread: &Thread) -> bool {
    const WORKER_STACK: usize = 4 << 20;
    const GUARD: usize = 64 << 10;
    thread.stack().is_some_and(|stack| stack.len().abs_diff(WORKER_STACK) <= GUARD)
}
