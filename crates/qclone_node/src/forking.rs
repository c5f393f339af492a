//! The fork, as JavaScript calls it.

use std::{
    ffi::CString,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use napi::{Env, Error as NapiError, Result, bindgen_prelude::Int32ArraySlice};
use napi_derive::napi;
use qclone::{Error, Fork, Forker, Thread, Verdict, fds, limits::Limit};

use crate::{
    child::ChildHandle,
    clone_side::{self, EarlierPipes, Inheritance, Rank, Standard},
    convert::{self, ForkFailure},
    loop_end,
    node_threads::{NodeThreads, may_be_of_pool},
    uv::{Loop, PlatformTasks},
    v8_worker,
};

/// What is kept from fork to fork. A process forks on one thread only, but addons are loaded once a
/// process, Workers included.
static STATE: Mutex<Option<State>> = Mutex::new(None);

/// Whether the loop is known to be laid out as it is declared here.
static LAYOUT_CHECKED: AtomicBool = AtomicBool::new(false);

struct State {
    forker: Forker,
    threads: NodeThreads,
    /// None until they are needed: most clones make none of their own.
    earlier_pipes: Option<EarlierPipes>,
}

/// How to fork.
#[napi(object)]
pub struct ForkOptions {
    /// Descriptors that stay open in the clone beside 0, 1 and 2, with the handles on them.
    pub keep: Vec<i32>,
    /// What 0, 1 and 2 are in the clone: -1, the parent's; -2, nothing; else what is open at that
    /// descriptor.
    pub stdio: Vec<i32>,
    /// By setpriority(2). As far as the system lets it be set.
    pub niceness: Option<i32>,
    /// Whether the policy is SCHED_IDLE. As far as the system lets it be set.
    pub idle: bool,
    /// Whether it takes that policy when it computes while its parent waits for a processor.
    pub gives_way: bool,
    /// By proc_pid_oom_score_adj(5). As far as the system lets it be set.
    pub oom_score_adj: Option<i32>,
    /// Numbers of processors.
    pub affinity: Option<Vec<u32>>,
    /// By setrlimit(2).
    pub limits: Option<NativeLimits>,
    /// Whether the clone may outlive its parent, in a session of its own.
    pub detached: bool,
    /// Whether the clone ignores SIGHUP, SIGINT and SIGTERM that its parent did not send.
    pub heeds_parent_only: bool,
    /// What `ps` is to show. The system cuts what is longer than the command line was.
    pub title: String,
    /// Whether the clone's event loop goes on. There is no fork then while V8 has tasks for this
    /// thread that have not run: only the loop runs them.
    pub loop_goes_on: bool,
    /// For how long, in milliseconds, this call may stand still until the other threads are at rest.
    pub wait_ms: f64,
    /// The same when none but libuv's pool is at work.
    pub pool_wait_ms: f64,
}

/// Bounds of a clone; see `qclone::limits::Limit`.
#[napi(object)]
pub struct NativeLimits {
    /// Bytes.
    pub address_space: Option<f64>,
    /// Seconds.
    pub cpu_seconds: Option<f64>,
    /// Bytes.
    pub core_size: Option<f64>,
    /// Bytes.
    pub file_size: Option<f64>,
}

impl NativeLimits {
    fn list(&self) -> Vec<(Limit, u64)> {
        [
            (Limit::CpuSeconds, self.cpu_seconds),
            (Limit::CoreSize, self.core_size),
            (Limit::FileSize, self.file_size),
            (Limit::AddressSpace, self.address_space),
        ]
        .into_iter()
        .filter_map(|(limit, most)| Some((limit, convert::whole(most?))))
        .collect()
    }
}

/// What came of a fork, for the parent.
#[derive(Default)]
#[napi(object, object_from_js = false)]
pub struct ForkOutcome {
    /// The clone.
    pub child: Option<ChildHandle>,
    /// Why there is none.
    pub failure: Option<ForkFailure>,
}

impl ForkOutcome {
    fn failed(why: impl Into<ForkFailure>) -> Self {
        Self { failure: Some(why.into()), ..Self::default() }
    }
}

/// Learns to tell node's threads apart, or finds out that this process cannot clone.
///
/// `proc_self` is read in place of `/proc/self`: for tests.
#[napi]
pub fn prepare(proc_self: Option<String>) -> Option<ForkFailure> {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    *state = None;
    let forker = proc_self.map_or_else(Forker::new, Forker::with_proc);
    match State::new(forker) {
        Ok(new) => {
            *state = Some(new);
            None
        }
        Err(error) => Some(error.into()),
    }
}

/// Why a fork would be refused now; null when it would not.
#[napi]
pub fn preflight() -> Option<ForkFailure> {
    with_state(|state| state.attempt(None, None, |forker, policy| forker.preflight(policy)))
        .err()
        .map(Into::into)
}

/// Forks this process. Null in the clone.
///
/// The clone writes what there is to know of it into `facts`: its pid; 1 if it has a thread on which
/// V8 compiles; a bit for each of the descriptors 1 and 2 (2 and 4) on which the parent's stream is
/// dead, or that leads elsewhere now; a bit for each of them that is a pipe or a socket. An object of
/// them would take the clone a fifth of a millisecond to make, as all that this needs is faulted in.
#[napi]
pub fn fork(env: Env, options: ForkOptions, mut facts: Int32ArraySlice) -> Result<Option<ForkOutcome>> {
    // SAFETY: JavaScript, whose memory it is, does not run meanwhile.
    let [pid, has_worker, dead_streams, pipes] = (unsafe { facts.as_mut() }) else {
        return Err(NapiError::from_reason("a clone has four facts to tell"));
    };
    let event_loop = Loop::of(&env)?;
    if !LAYOUT_CHECKED.load(Ordering::Relaxed) {
        event_loop.check_layout()?;
        LAYOUT_CHECKED.store(true, Ordering::Relaxed);
    }
    let begun = Instant::now();
    let (wait, pool_wait) = (milliseconds(options.wait_ms), milliseconds(options.pool_wait_ms));
    let may_wait = |error: &Error| {
        let Error::Threads(offenders) = error else { return false };
        let elapsed = begun.elapsed();
        elapsed < wait && offenders.iter().all(|offender| offender.busy)
            || elapsed < pool_wait && offenders.iter().all(may_be_of_pool)
    };
    let mut inheritance = Inheritance {
        descriptors: Vec::new(),
        earlier_pipes: Vec::new(),
        keep: options.keep,
        standard: standard(&options.stdio),
        rank: Rank {
            niceness: options.niceness,
            idle: options.idle,
            gives_way: options.gives_way,
            oom_score_adj: options.oom_score_adj,
            affinity: options.affinity,
            limits: options.limits.as_ref().map(NativeLimits::list).unwrap_or_default(),
        },
        detached: options.detached,
        heeds_parent_only: options.heeds_parent_only,
        title: terminated(&options.title),
        parent: own_pid(),
    };
    let tasks = options.loop_goes_on.then(|| loop_end::platform_tasks(event_loop));
    loop {
        let forked = with_state(|state| {
            state.prepare_once(event_loop)?;
            // SAFETY: `NodeThreads` calls a thread of node at rest when it waits for work, which
            // only this thread could give it. JavaScript sees to it that the clone leaves by `exit`.
            state.attempt(tasks, Some(&mut inheritance), |forker, policy| unsafe { forker.fork(policy) })
        });
        return Ok(match forked {
            Ok(Fork::Parent { child, timings }) => {
                Some(ForkOutcome { child: Some(ChildHandle::new(child, timings)), failure: None })
            }
            Ok(Fork::Clone(side)) => {
                let dead = clone_side::settle(side, event_loop, &inheritance)
                    .unwrap_or_else(|error| give_up(&error));
                let worker = with_state(|state| {
                    // A clone that clones has another lock pipe than its parent.
                    state.earlier_pipes = None;
                    let has_worker = state.threads.v8_workers().is_some_and(v8_worker::start);
                    state.threads.recount_v8_workers(usize::from(has_worker));
                    Ok(has_worker)
                });
                let worker = worker.unwrap_or_else(|error| give_up(&error.to_string()));
                inheritance.rank.limit().unwrap_or_else(|error| give_up(&error.to_string()));
                *pid = own_pid();
                *has_worker = i32::from(worker);
                *dead_streams = bits(&dead);
                *pipes = bits(&output_pipes());
                None
            }
            Err(error) if may_wait(&error) => {
                thread::sleep(LOOK_INTERVAL);
                continue;
            }
            Err(error) => Some(ForkOutcome::failed(error)),
        });
    }
}

/// `text`, as far as C can tell it.
fn terminated(text: &str) -> CString {
    CString::new(text.split('\0').next().unwrap_or_default()).unwrap_or_default()
}

/// Descriptors of standard streams as bits.
fn bits(descriptors: &[i32]) -> i32 {
    descriptors.iter().fold(0, |bits, fd| bits | 1 << fd)
}

/// What [`ForkOptions::stdio`] says. What is left out is the parent's.
fn standard(stdio: &[i32]) -> [Standard; 3] {
    [0, 1, 2].map(|index| match stdio.get(index) {
        None | Some(-1) => Standard::Inherit,
        Some(&fd) if fd >= 0 => Standard::Of(fd),
        Some(_) => Standard::Ignore,
    })
}

/// Ends a clone that could not let go of what is its parent's.
fn give_up(why: &str) -> ! {
    eprintln!("qclone: cannot set the clone up: {why}");
    qclone::exit(STATUS_OF_NO_SETUP);
}

impl State {
    fn new(mut forker: Forker) -> qclone::Result<Self> {
        let mut threads = NodeThreads::new(forker.condition_variables()?);
        threads.learn(&forker.census()?);
        Ok(Self { forker, threads, earlier_pipes: None })
    }

    /// Finds what must be known before the first fork, as the pipes that are open then; does nothing before later ones.
    fn prepare_once(&mut self, event_loop: Loop) -> qclone::Result<()> {
        if self.earlier_pipes.is_none() {
            clone_side::prepare();
            self.earlier_pipes = Some(EarlierPipes::find(event_loop)?);
        }
        Ok(())
    }

    /// Tries `act` with node's policy, and once more when there was something to learn. While any of
    /// `tasks` have not run, threads of node are not at rest. Right before a fork, what is open is
    /// entered into `inheritance`.
    fn attempt<T>(
        &mut self,
        tasks: Option<PlatformTasks>,
        mut inheritance: Option<&mut Inheritance>,
        act: impl Fn(&mut Forker, &mut dyn qclone::Policy) -> qclone::Result<T>,
    ) -> qclone::Result<T> {
        let Self { forker, threads, earlier_pipes } = self;
        let mut attempt = |forker: &mut Forker, threads: &NodeThreads| {
            let inheritance = inheritance.as_deref_mut();
            let earlier_pipes = earlier_pipes.as_ref();
            act(forker, &mut NodePolicy { threads, tasks, earlier_pipes, inheritance })
        };
        let first = attempt(forker, threads);
        if !matches!(first, Err(Error::Threads(_))) {
            return first;
        }
        threads.learn(&forker.census()?);
        attempt(forker, threads)
    }
}

/// Node's threads are at rest when they wait for work.
struct NodePolicy<'a> {
    threads: &'a NodeThreads,
    tasks: Option<PlatformTasks>,
    earlier_pipes: Option<&'a EarlierPipes>,
    inheritance: Option<&'a mut Inheritance>,
}

impl qclone::Policy for NodePolicy<'_> {
    fn judge(&mut self, thread: &Thread) -> Verdict {
        match self.threads.judge(thread) {
            // The threads have been looked at when they are judged, and one that was at rest then has
            // no task left to give.
            Verdict::AtRest if self.tasks.is_some_and(PlatformTasks::pending) => {
                Verdict::Busy(TASKS_LEFT.to_owned())
            }
            verdict => verdict,
        }
    }

    /// Not before: a thread of the pool may have been opening a file. What the forker holds for itself is
    /// listed, too, and closed in the clone by the time that the list is used.
    fn all_at_rest(&mut self) -> qclone::Result<()> {
        if let Some(inheritance) = &mut self.inheritance {
            inheritance.descriptors = fds::runs()?;
            inheritance.earlier_pipes = self.earlier_pipes.map(EarlierPipes::now).unwrap_or_default();
        }
        Ok(())
    }
}

fn with_state<T>(act: impl FnOnce(&mut State) -> qclone::Result<T>) -> qclone::Result<T> {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    let state = match &mut *state {
        Some(state) => state,
        none => none.insert(State::new(Forker::new())?),
    };
    act(state)
}

fn own_pid() -> i32 {
    nix::unistd::getpid().as_raw()
}

fn output_pipes() -> Vec<i32> {
    let is_pipe = |&fd: &i32| matches!(fds::kind(fd), fds::Kind::Pipe { .. } | fds::Kind::Socket { .. });
    (libc::STDOUT_FILENO..=libc::STDERR_FILENO).filter(is_pipe).collect()
}

fn milliseconds(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default()
}

/// In a clone nothing would tell the loop of them: the settling of a promise of WebAssembly's, as when
/// `fetch` loads its parser, would never come.
const TASKS_LEFT: &str = "at rest, but V8 has tasks for the main thread that have not run yet";

/// How often a fork that stands still looks again.
const LOOK_INTERVAL: Duration = Duration::from_micros(200);

/// Nobody has asked for it.
const STATUS_OF_NO_SETUP: u8 = 125;
