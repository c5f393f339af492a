//! The fork, as JavaScript calls it.

use std::{
    ffi::CString,
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use napi::{Env, Error as NapiError, Result, bindgen_prelude::Int32ArraySlice};
use napi_derive::napi;
use qclone::{Error, Fork, Forker, Offender, Thread, Verdict, fds, limits::Limit};

use crate::{
    child::ChildHandle,
    clone_side::{self, EarlierPipes, Inheritance, Rank, Standard},
    convert::{self, ForkFailure},
    is_main_thread, loop_end,
    node_threads::{Attempt, NodeThreads, is_untold, may_be_of_pool},
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
    /// Whether there is no fork while libuv's pool has work for this loop whose callback has not been
    /// called: a clone would never learn of it.
    pub tells_all: bool,
    /// Names of files whose threads may be beside the fork while they wait.
    pub vouch_for: Vec<String>,
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

/// Why a fork would be refused now; null when it would not. Threads of files by the names of
/// `vouch_for` may be beside it while they wait.
#[napi]
pub fn preflight(env: Env, vouch_for: Vec<String>) -> Result<Option<ForkFailure>> {
    if is_main_thread() {
        checked_loop(&env)?;
    }
    let looked = with_state(|state| {
        let circumstances = Circumstances { vouch_for: &vouch_for, tasks: None, untold: false };
        state.attempt(&circumstances, None, |forker, policy| forker.preflight(policy))
    });
    Ok(looked.err().map(Into::into))
}

/// The loop of `env`, found to be laid out as it is declared here.
fn checked_loop(env: &Env) -> Result<Loop> {
    let event_loop = Loop::of(env)?;
    if !LAYOUT_CHECKED.load(Ordering::Relaxed) {
        event_loop.check_layout()?;
        LAYOUT_CHECKED.store(true, Ordering::Relaxed);
    }
    Ok(event_loop)
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
    let event_loop = checked_loop(&env)?;
    let begun = Instant::now();
    let (wait, pool_wait) = (milliseconds(options.wait_ms), milliseconds(options.pool_wait_ms));
    let may_wait = |error: &Error| {
        let Error::Threads(offenders) = error else { return false };
        let elapsed = begun.elapsed();
        if elapsed < wait && offenders.iter().all(|offender| offender.busy) {
            return true;
        }
        // What is done, only the loop can tell of. What was given to the pool just now, it has not
        // begun yet.
        let only_untold = offenders.iter().all(is_untold);
        elapsed < pool_wait
            && offenders.iter().all(|offender| may_be_of_pool(offender) || is_untold(offender))
            && !(only_untold && event_loop.has_work_done())
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
        let untold = options.tells_all && clone_side::has_work_in_pool(event_loop);
        let circumstances = Circumstances { vouch_for: &options.vouch_for, tasks, untold };
        let forked = with_state(|state| {
            state.prepare_once(event_loop)?;
            // SAFETY: `NodeThreads` calls a thread of node at rest when it waits for work, which
            // only this thread could give it. JavaScript sees to it that the clone leaves by `exit`.
            state.attempt(&circumstances, Some(&mut inheritance), |forker, policy| unsafe {
                forker.fork(policy)
            })
        });
        return Ok(match forked {
            Ok((Fork::Parent { child, timings }, vouched)) => {
                Some(ForkOutcome { child: Some(ChildHandle::new(child, timings, &vouched)), failure: None })
            }
            Ok((Fork::Clone(side), _)) => {
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
            Err(error) => {
                let soon = matches!(&error, Error::Threads(offenders) if offenders.iter().all(may_pass_soon));
                let failure = ForkFailure { soon, ..error.into() };
                Some(ForkOutcome { child: None, failure: Some(failure) })
            }
        });
    }
}

/// Whether a thread is in the way only until the event loop has polled once more.
fn may_pass_soon(offender: &Offender) -> bool {
    is_untold(offender) || offender.busy && offender.what == TASKS_LEFT
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

    /// Tries `act` with node's policy, and once more when there was something to learn. Right before a
    /// fork, what is open is entered into `inheritance`. Gives the files that were vouched for, too.
    fn attempt<T>(
        &mut self,
        circumstances: &Circumstances<'_>,
        mut inheritance: Option<&mut Inheritance>,
        act: impl Fn(&mut Forker, &mut dyn qclone::Policy) -> qclone::Result<T>,
    ) -> qclone::Result<(T, Vec<PathBuf>)> {
        let Self { forker, threads, earlier_pipes } = self;
        let &Circumstances { vouch_for, tasks, untold } = circumstances;
        let mut attempt = |forker: &mut Forker, threads: &NodeThreads| {
            let inheritance = inheritance.as_deref_mut();
            let earlier_pipes = earlier_pipes.as_ref();
            let attempt = Attempt::new(vouch_for, untold);
            let mut policy = NodePolicy { threads, attempt, tasks, earlier_pipes, inheritance };
            act(forker, &mut policy).map(|done| (done, policy.attempt.vouched))
        };
        let first = attempt(forker, threads);
        if !matches!(first, Err(Error::Threads(_))) {
            return first;
        }
        threads.learn(&forker.census()?);
        attempt(forker, threads)
    }
}

/// What an attempt is made in.
struct Circumstances<'a> {
    vouch_for: &'a [String],
    /// While any of these have not run, threads of node are not at rest.
    tasks: Option<PlatformTasks>,
    /// Whether the pool has work that is to be told first.
    untold: bool,
}

/// Node's threads are at rest when they wait for work.
struct NodePolicy<'a> {
    threads: &'a NodeThreads,
    attempt: Attempt<'a>,
    tasks: Option<PlatformTasks>,
    earlier_pipes: Option<&'a EarlierPipes>,
    inheritance: Option<&'a mut Inheritance>,
}

impl qclone::Policy for NodePolicy<'_> {
    fn judge(&mut self, thread: &Thread) -> Verdict {
        match self.threads.judge(thread, &mut self.attempt) {
            // The threads have been looked at when they are judged, and one that was at rest then has
            // no task left to give.
            Verdict::AtRest if self.tasks.is_some_and(PlatformTasks::pending) => {
                Verdict::Busy(TASKS_LEFT.to_owned())
            }
            verdict => verdict,
        }
    }

    fn remember_rest(&mut self) -> bool {
        self.threads.remember_rest(&mut self.attempt)
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
