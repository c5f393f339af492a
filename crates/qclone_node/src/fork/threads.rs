//! Recognition of Node's own threads.
//!
//! Node always has threads: V8's workers, the one that delays their tasks, the one that waits to start
//! the inspector, and libuv's pool. Each is recognized by its start routine, and is idle only in the one
//! place where it waits for work. These routines are not exported by name, so they are learned once, from
//! threads that are idle in a way that is unique to their kind.

use std::path::{Path, PathBuf};

use qclone::{ConditionState, ConditionVariables, FutexOp, Modules, Thread};

use crate::{uv, v8::worker::V8Workers};

/// Knowledge about Node's threads: start routines, and the condition variables of the two crews.
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

/// Verdict on a thread.
pub(crate) enum Judgement {
    AtRest,
    /// The thread prevents the fork. The text describes it to a person.
    InTheWay(Blocker, String),
}

/// Activity of a thread that prevents a fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blocker {
    /// It is never idle, or nothing is known about it.
    Foreign,
    /// It is busy, and may be idle later.
    AtWork,
    /// It is busy in libuv's pool.
    Pool,
    /// It is busy, most likely in libuv's pool.
    PerhapsPool,
    /// It is idle in libuv's pool, but callbacks of the pool's work have not been called.
    Untold,
    /// It is idle, but V8 has tasks for the main thread.
    TasksLeft,
}

/// State of one attempt at a fork, in which the threads are judged twice.
pub(crate) struct Attempt<'a> {
    /// Names of files whose threads are accepted while they wait; see [`Thread::is_of`].
    vouch_for: &'a [String],
    /// Whether libuv's pool has callbacks that must be called first.
    untold: bool,
    /// Files of the threads that were accepted this way.
    pub(crate) vouched: Vec<PathBuf>,
    /// State of the place where V8's workers and the pool's threads wait, at the first look or before it.
    v8_rest: Option<ConditionState>,
    pool_rest: Option<ConditionState>,
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(vouch_for: &'a [String], untold: bool) -> Self {
        Self { vouch_for, untold, vouched: Vec::new(), v8_rest: None, pool_rest: None }
    }

    /// Judges a thread of an addon or a library.
    fn judge_foreign(&mut self, thread: &Thread) -> Judgement {
        let Some(name) = self.vouch_for.iter().find(|name| thread.is_of(name)) else {
            return foreign("started by an addon or a library; it may hold locks, see `vouchFor`");
        };
        if !thread.wait.is_parked() {
            let what = format!("busy; `vouchFor` accepts threads of {name} only while they wait");
            return Judgement::InTheWay(Blocker::AtWork, what);
        }
        if let Some(owner) = &thread.owner
            && !self.vouched.contains(owner)
        {
            self.vouched.push(owner.clone());
        }
        Judgement::AtRest
    }
}

/// Returns whether a crew's idle place is as it was at the first look, so that no thread has woken since.
///
/// A thread that woke may have mapped memory, which the clone would lack. The thread of delayed tasks may
/// wake V8's workers at any time. If the thread library hides the place, this cannot be detected.
fn is_as_at_first(first: &mut Option<ConditionState>, now: Option<ConditionState>) -> bool {
    now.is_none_or(|now| *first.get_or_insert(now) == now)
}

/// Threads with one start routine that wait for work on one condition variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Crew {
    start: usize,
    rest: Option<usize>,
    /// Number of threads, if none of them ever ends.
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

    /// Learns from `threads`, which are in order of thread id.
    ///
    /// The platform's threads are the first that Node starts. They have SIGUSR1 blocked, which belongs to the
    /// inspector. Later threads of other kinds have other start routines, so the first ones are the ones to
    /// learn from.
    pub(crate) fn learn(&mut self, threads: &[Thread]) {
        self.modules.refresh();
        let of_node: Vec<_> = threads.iter().filter(|thread| self.begins_in(thread, &self.node)).collect();
        self.learn_delayed_tasks(&of_node);
        self.learn_v8(&of_node);
        self.learn_signal_inspector(&of_node);
        self.learn_pool(threads);
    }

    fn learn_delayed_tasks(&mut self, of_node: &[&Thread]) {
        let is_it = |thread: &&&Thread| thread.wait.is_epoll() && blocks_sigusr1(thread);
        self.delayed_tasks =
            self.delayed_tasks.or_else(|| of_node.iter().find(is_it).and_then(|thread| start_of(thread)));
    }

    fn learn_v8(&mut self, of_node: &[&Thread]) {
        if let Some(v8) = &mut self.v8 {
            // A worker that had only been seen running was not counted.
            v8.size = v8.size.max(Some(members(v8.start, of_node).count()));
            return;
        }
        let one = of_node.iter().find(|thread| self.waits_on_heap(thread) && blocks_sigusr1(thread));
        self.v8 = one.and_then(|one| crew_at_rest(one, of_node, self.conditions));
    }

    fn learn_signal_inspector(&mut self, of_node: &[&Thread]) {
        let is_it = |thread: &&&Thread| self.waits_in(thread, &self.node) && blocks_nearly_all(thread);
        self.signal_inspector =
            self.signal_inspector.or_else(|| of_node.iter().find(is_it).and_then(|thread| start_of(thread)));
    }

    fn learn_pool(&mut self, threads: &[Thread]) {
        if self.pool.is_some() {
            return;
        }
        let one = threads.iter().find(|thread| {
            self.begins_in(thread, &self.libuv)
                && self.waits_in(thread, &self.libuv)
                && start_of(thread) != self.signal_inspector
                && !blocks_nearly_all(thread)
                && !has_stack_of_a_worker(thread)
        });
        let size = |start| threads.iter().filter(|thread| start_of(thread) == Some(start)).count();
        self.pool = one
            .and_then(|one| Crew::of(one, self.conditions))
            .map(|crew| Crew { size: Some(size(crew.start)), ..crew });
    }

    /// Remembers the state of the places where V8's workers and the pool wait. Returns whether a thread that
    /// wakes later can be detected from it. All of them must be idle now, and vouched threads need two looks.
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

    /// Judges `thread`.
    pub(crate) fn judge(&self, thread: &Thread, attempt: &mut Attempt<'_>) -> Judgement {
        let Some(start) = &thread.start else { return judge_unknown(thread) };
        let address = Some(start.address);
        if let Some(v8) = self.v8.filter(|v8| Some(v8.start) == address) {
            return self.judge_v8_worker(thread, v8, attempt);
        }
        if let Some(pool) = self.pool.filter(|pool| Some(pool.start) == address) {
            return self.judge_pool(thread, pool, attempt);
        }
        if self.delayed_tasks == address {
            return at_rest_or_at_work(thread.wait.is_epoll(), "V8's delayed-task thread, busy");
        }
        if self.signal_inspector == address {
            let rests = self.waits_in(thread, &self.node);
            return at_rest_or_at_work(rests, "the thread that starts the inspector, busy");
        }
        if start.module.as_deref() != Some(&*self.node) && start.module.as_deref() != Some(&*self.libuv) {
            return attempt.judge_foreign(thread);
        }
        self.judge_other_of_node(thread)
    }

    fn judge_v8_worker(&self, thread: &Thread, v8: Crew, attempt: &mut Attempt<'_>) -> Judgement {
        let now = v8.place(self.conditions);
        let rests = v8.rests(thread, self.conditions, now)
            && self.waits_on_heap(thread)
            && is_as_at_first(&mut attempt.v8_rest, now);
        at_rest_or_at_work(rests, "a V8 worker, collecting garbage or compiling")
    }

    fn judge_pool(&self, thread: &Thread, pool: Crew, attempt: &mut Attempt<'_>) -> Judgement {
        let rests = pool.rests(thread, self.conditions, None)
            && self.waits_in(thread, &self.libuv)
            && is_as_at_first(&mut attempt.pool_rest, pool.place(self.conditions));
        match (rests, attempt.untold) {
            (true, false) => Judgement::AtRest,
            (true, true) => Judgement::InTheWay(
                Blocker::Untold,
                "libuv's thread pool, with work whose callbacks have not been called yet".to_owned(),
            ),
            (false, _) => Judgement::InTheWay(
                Blocker::Pool,
                "libuv's thread pool, busy with file system, crypto, zlib or DNS calls".to_owned(),
            ),
        }
    }

    /// Judges a thread of Node or libuv whose start routine is none of the learned ones.
    fn judge_other_of_node(&self, thread: &Thread) -> Judgement {
        if let Some(what) = by_own_name(thread) {
            return foreign(what);
        }
        if has_stack_of_a_worker(thread) {
            return foreign(WORKER);
        }
        if thread.wait.is_epoll() {
            // The thread of delayed tasks may have become idle right after the search for it.
            if self.delayed_tasks.is_none() && blocks_sigusr1(thread) {
                return at_rest_or_at_work(false, "a Node thread, not yet identified");
            }
            return foreign(OWN_LOOP);
        }
        // Node 20 does not name threads. The thread that starts the inspector waits in the same way, and is
        // known.
        if self.signal_inspector.is_some() && self.waits_in(thread, &self.node) && blocks_nearly_all(thread) {
            return foreign(SIGINT_WATCHDOG);
        }
        Judgement::InTheWay(
            Blocker::PerhapsPool,
            "a busy Node thread, not yet identified: usually of libuv's thread pool".to_owned(),
        )
    }

    /// Returns V8's workers, if it is known where they wait.
    pub(crate) fn v8_workers(&self) -> Option<V8Workers> {
        let Crew { start, rest, .. } = self.v8?;
        Some(V8Workers { start, condition: rest? })
    }

    /// In a clone: sets the number of V8's workers.
    pub(crate) fn recount_v8_workers(&mut self, count: usize) {
        if let Some(v8) = &mut self.v8 {
            v8.size = Some(count);
        }
    }

    fn begins_in(&self, thread: &Thread, module: &Path) -> bool {
        thread.start.as_ref().is_some_and(|start| start.module.as_deref() == Some(module))
    }

    /// Returns whether `thread` waits on a condition variable or semaphore in the static data of `module`.
    fn waits_in(&self, thread: &Thread, module: &Path) -> bool {
        matches!(thread.wait.futex(), Some((futex, FutexOp::WaitBitset)) if self.modules.of(futex) == Some(module))
    }

    fn waits_on_heap(&self, thread: &Thread) -> bool {
        matches!(thread.wait.futex(), Some((futex, FutexOp::WaitBitset)) if self.modules.of(futex).is_none())
    }
}

/// Judges a thread whose start routine could not be found.
fn judge_unknown(thread: &Thread) -> Judgement {
    if let Some(what) = by_own_name(thread) {
        return foreign(what);
    }
    // It holds nothing of this process, and libuv gives the clone its own ring.
    if thread.is_of_kernel() {
        return Judgement::AtRest;
    }
    // It has been running since it started, so its stack could not be found.
    Judgement::InTheWay(Blocker::AtWork, "a busy thread, not yet identified".to_owned())
}

impl Crew {
    /// Returns the crew of `one`, whose idle place is where `one` waits.
    fn of(one: &Thread, conditions: ConditionVariables) -> Option<Self> {
        let (futex, _) = one.wait.futex()?;
        Some(Self { start: start_of(one)?, rest: conditions.containing(futex), size: None })
    }

    /// Returns the current state of the idle place.
    fn place(&self, conditions: ConditionVariables) -> Option<ConditionState> {
        conditions.state(self.rest?)
    }

    /// Returns whether `thread` waits at the idle place of its crew. In a crew of known size, `place` must also
    /// count all of the crew.
    fn rests(&self, thread: &Thread, conditions: ConditionVariables, place: Option<ConditionState>) -> bool {
        let here = thread.wait.futex().is_some_and(|(futex, _)| conditions.containing(futex) == self.rest);
        here && place.is_none_or(|place| self.is_all_at(place))
    }

    /// Returns whether all of a crew of known size wait at `place`, its idle place.
    fn is_all_at(&self, place: ConditionState) -> bool {
        self.size.is_none_or(|size| usize::try_from(place.waiters) == Ok(size))
    }
}

/// Returns the crew of `one`, if every member is idle in the same place.
fn crew_at_rest(one: &Thread, threads: &[&Thread], conditions: ConditionVariables) -> Option<Crew> {
    let crew = Crew::of(one, conditions)?;
    let crew = Crew { size: Some(members(crew.start, threads).count()), ..crew };
    let place = crew.place(conditions);
    members(crew.start, threads).all(|thread| crew.rests(thread, conditions, place)).then_some(crew)
}

fn members<'a>(start: usize, threads: &'a [&Thread]) -> impl Iterator<Item = &'a Thread> {
    threads.iter().copied().filter(move |thread| start_of(thread) == Some(start))
}

const WORKER: &str =
    "a Worker, started by worker_threads or by a module loader registered with module.register()";

/// Returns whether a judgement's text is that of a Worker.
pub(crate) fn is_worker(what: &str) -> bool {
    what == WORKER
}

/// Describes a thread of Node or V8 that is never idle, by the name it gives itself. A thread of another
/// kind with such a name is also refused.
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

/// The inspector's thread and those of `node::tracing::Agent` in Node's `src/tracing/agent.cc` wait in the same
/// way.
const OWN_LOOP: &str = "a Node thread with its own event loop: the inspector, a Worker, or tracing with \
    --trace-event-categories";
/// `ProfilerEventsProcessor` in V8's `src/profiler/cpu-profiler.cc`.
const CPU_PROFILER: &str = "V8's CPU profiler, started by --cpu-prof, the inspector's Profiler.start or a \
    tracing agent; stop it, or start it in clones";
/// `Profiler` and `SamplingThread` in V8's `src/logging/log.cc`.
const LOGGING_PROFILER: &str = "V8's profiler, started by --prof";
/// `SigintWatchdog` in Node's `src/node_watchdog.cc`.
const SIGINT_WATCHDOG: &str =
    "Node's SigintWatchdog, started by a vm call with breakOnSigint; clone after the call";
/// `Watchdog` in Node's `src/node_watchdog.cc`.
const TIMEOUT_WATCHDOG: &str = "Node's Watchdog, started by a vm call with a timeout; clone after the call";

fn foreign(what: &str) -> Judgement {
    Judgement::InTheWay(Blocker::Foreign, what.to_owned())
}

fn at_rest_or_at_work(rests: bool, what: &str) -> Judgement {
    if rests { Judgement::AtRest } else { Judgement::InTheWay(Blocker::AtWork, what.to_owned()) }
}

fn start_of(thread: &Thread) -> Option<usize> {
    thread.start.as_ref().map(|start| start.address)
}

fn blocks_sigusr1(thread: &Thread) -> bool {
    thread.blocked_signals().is_some_and(|mask| mask >> (libc::SIGUSR1 - 1) & 1 == 1)
}

/// Returns whether `thread` blocks every signal except the few that cannot be blocked or that libc reserves.
fn blocks_nearly_all(thread: &Thread) -> bool {
    thread.blocked_signals().is_some_and(|mask| mask.count_ones() > 48)
}

/// Returns whether `thread` has a stack of 4 MiB, which Node gives to Workers. Others have the default of 8
/// MiB.
fn has_stack_of_a_worker(thread: &Thread) -> bool {
    const WORKER_STACK: usize = 4 << 20;
    const GUARD: usize = 64 << 10;
    thread.stack().is_some_and(|stack| stack.len().abs_diff(WORKER_STACK) <= GUARD)
}
