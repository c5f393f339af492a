//! The fork, as called from JavaScript.

use std::{
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use napi::Env;
use napi_derive::napi;
use qclone::{CloneSide, Error, Fork, Forker, Policy};

use crate::{
    convert::ForkFailure,
    fork::{
        child::ChildHandle,
        facts::CloneFacts,
        loop_end,
        options::ForkOptions,
        policy::{self, Circumstances, Refusal},
        requests,
        setup::{self, EarlierPipes, Inheritance},
        threads::NodeThreads,
    },
    uv::{Loop, PlatformTasks},
    v8::worker,
};

/// State that one fork leaves for the next. Only one thread of a process forks, but the process loads the
/// addon once for all threads, Workers included.
static STATE: Mutex<Option<State>> = Mutex::new(None);

/// Whether the layout of this Node was found to be as this binding declares it.
static LAYOUT_CHECKED: AtomicBool = AtomicBool::new(false);

struct State {
    forker: Forker,
    threads: NodeThreads,
    /// `None` until the first fork, since most clones do not fork.
    earlier_pipes: Option<EarlierPipes>,
}

/// Result of a fork in the parent.
#[derive(Default)]
#[napi(object, object_from_js = false)]
pub struct ForkOutcome {
    /// The clone.
    pub child: Option<ChildHandle>,
    /// Reason why there is none.
    pub failure: Option<ForkFailure>,
}

/// Returns the reason why a fork would be refused now, or null. Threads of files named in `vouch_for` are
/// accepted while they wait.
#[napi]
pub fn preflight(env: Env, vouch_for: Vec<String>) -> Option<ForkFailure> {
    let event_loop = match qclone::is_main_thread().then(|| checked_loop(&env)).transpose() {
        Ok(event_loop) => event_loop,
        Err(unsupported) => return Some(unsupported),
    };
    let circumstances = Circumstances { vouch_for: &vouch_for, tasks: None, untold: false };
    let looked = with_state(|state| {
        event_loop.map_or(Ok(()), |event_loop| state.prepare_once(event_loop))?;
        state.attempt(&circumstances, None, |forker, policy| forker.preflight(policy))
    });
    looked.err().map(|refusal| refusal.error.into())
}

/// Returns the loop of `env`, after checking that its layout is as this binding declares it.
fn checked_loop(env: &Env) -> Result<Loop, ForkFailure> {
    let check = || {
        let event_loop = Loop::of(env)?;
        if !LAYOUT_CHECKED.load(Ordering::Relaxed) {
            event_loop.check_layout()?;
            PlatformTasks::find(event_loop)?;
            LAYOUT_CHECKED.store(true, Ordering::Relaxed);
        }
        Ok(event_loop)
    };
    check().map_err(|error: napi::Error| ForkFailure::unsupported(&error.reason))
}

/// Forks this process. Returns null in the clone, after filling in `facts`.
#[napi]
pub fn fork(env: Env, options: ForkOptions, facts: &mut CloneFacts) -> Option<ForkOutcome> {
    let event_loop = match checked_loop(&env) {
        Ok(event_loop) => event_loop,
        Err(unsupported) => return Some(ForkOutcome { child: None, failure: Some(unsupported) }),
    };
    let patience = Patience::new(&options, event_loop);
    let mut inheritance = Inheritance::from(&options);
    let tasks = options.loop_goes_on.then(|| loop_end::platform_tasks(event_loop)).flatten();
    loop {
        let untold = options.tells_all && requests::has_work_in_pool(event_loop);
        let circumstances = Circumstances { vouch_for: &options.vouch_for, tasks, untold };
        match fork_once(event_loop, &circumstances, &mut inheritance) {
            Ok((Fork::Clone(side), _)) => {
                become_clone(side, event_loop, &inheritance, facts);
                return None;
            }
            Ok((Fork::Parent { child, timings }, vouched)) => {
                let child = ChildHandle::new(child, timings, &vouched);
                return Some(ForkOutcome { child: Some(child), failure: None });
            }
            Err(refusal) if patience.is_left_for(&refusal) => thread::sleep(LOOK_INTERVAL),
            Err(refusal) => {
                let soon = refusal.may_pass_soon();
                let failure = ForkFailure { soon, ..refusal.error.into() };
                return Some(ForkOutcome { child: None, failure: Some(failure) });
            }
        }
    }
}

/// Makes one attempt at a fork. Also returns the files whose threads were vouched for.
fn fork_once(
    event_loop: Loop,
    circumstances: &Circumstances<'_>,
    inheritance: &mut Inheritance,
) -> Result<(Fork, Vec<PathBuf>), Refusal> {
    with_state(|state| {
        state.prepare_once(event_loop)?;
        // SAFETY: `NodeThreads` judges a thread of Node idle when it waits for work, which only this thread
        // could give it. JavaScript ensures that the clone leaves by `exit`.
        state.attempt(circumstances, Some(inheritance), |forker, policy| unsafe { forker.fork(policy) })
    })
}

/// Sets the clone up. Ends a clone that cannot release what belongs to its parent.
fn become_clone(side: CloneSide, event_loop: Loop, inheritance: &Inheritance, facts: &mut CloneFacts) {
    let dead = setup::settle(side, event_loop, inheritance).unwrap_or_else(|error| give_up(&error));
    let worker = with_state(|state| Ok(state.start_worker()));
    let has_worker = worker.unwrap_or_else(|refusal| give_up(&refusal.error.to_string()));
    inheritance.rank.limit().unwrap_or_else(|error| give_up(&error.to_string()));
    facts.note(has_worker, dead);
}

/// Ends a clone that could not be set up.
fn give_up(why: &str) -> ! {
    eprintln!("qclone: cannot set up the clone: {why}");
    qclone::exit(STATUS_OF_NO_SETUP);
}

/// Maximum times that a fork blocks until the other threads are idle.
struct Patience {
    begun: Instant,
    for_all: Duration,
    for_pool: Duration,
    event_loop: Loop,
}

impl Patience {
    fn new(options: &ForkOptions, event_loop: Loop) -> Self {
        Self {
            begun: Instant::now(),
            for_all: milliseconds(options.wait_ms),
            for_pool: milliseconds(options.pool_wait_ms),
            event_loop,
        }
    }

    /// Returns whether to look again after `refusal`.
    fn is_left_for(&self, refusal: &Refusal) -> bool {
        let elapsed = self.begun.elapsed();
        if elapsed < self.for_all && refusal.is_transient() {
            return true;
        }
        // Only the loop can call the callbacks of finished work. Work that was just given to the pool
        // has not begun yet, and is worth waiting for.
        let needs_loop = refusal.is_untold() && self.event_loop.has_work_done();
        elapsed < self.for_pool && refusal.is_of_pool() && !needs_loop
    }
}

fn milliseconds(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default()
}

impl State {
    fn new(mut forker: Forker) -> qclone::Result<Self> {
        let mut threads = NodeThreads::new(forker.condition_variables()?);
        threads.learn(&forker.census()?);
        Ok(Self { forker, threads, earlier_pipes: None })
    }

    /// Before the first fork: collects facts that clones need, such as the pipes that are open now.
    fn prepare_once(&mut self, event_loop: Loop) -> qclone::Result<()> {
        if self.earlier_pipes.is_none() {
            setup::prepare();
            self.earlier_pipes = Some(EarlierPipes::find(event_loop)?);
        }
        Ok(())
    }

    /// Tries `act` with Node's policy. When threads prevent it, learns about them and tries once more.
    fn attempt<T>(
        &mut self,
        circumstances: &Circumstances<'_>,
        mut inheritance: Option<&mut Inheritance>,
        act: impl Fn(&mut Forker, &mut dyn Policy) -> qclone::Result<T>,
    ) -> Result<(T, Vec<PathBuf>), Refusal> {
        let Self { forker, threads, earlier_pipes } = self;
        let pipes = earlier_pipes.as_ref();
        let first = policy::attempt(forker, threads, circumstances, pipes, inheritance.as_deref_mut(), &act);
        if !matches!(&first, Err(Refusal { error: Error::Threads(_), .. })) {
            return first;
        }
        threads.learn(&forker.census()?);
        policy::attempt(forker, threads, circumstances, pipes, inheritance, &act)
    }

    /// In a clone: starts a worker for V8. Returns whether there is one now.
    fn start_worker(&mut self) -> bool {
        // A clone that forks has a different lock pipe than its parent.
        self.earlier_pipes = None;
        let has_worker = self.threads.v8_workers().is_some_and(worker::start);
        self.threads.recount_v8_workers(usize::from(has_worker));
        has_worker
    }
}

fn with_state<T>(act: impl FnOnce(&mut State) -> Result<T, Refusal>) -> Result<T, Refusal> {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    let state = match &mut *state {
        Some(state) => state,
        none => none.insert(State::new(Forker::new())?),
    };
    act(state)
}

/// Time between two attempts of a fork that waits.
const LOOK_INTERVAL: Duration = Duration::from_micros(200);

/// Exit status of a clone whose setup failed.
const STATUS_OF_NO_SETUP: u8 = 125;
