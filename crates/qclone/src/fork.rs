//! The only fork of the project.

use std::{
    mem,
    path::Path,
    time::{Duration, Instant},
};

use nix::unistd::{ForkResult, Pid, fork};

use crate::{
    census::{
        condvars::{self, CondLayout, ConditionVariables, Orphaned},
        layout::calibration,
        policy::{self, Policy},
        thread::Thread,
        threads::{self, Threads},
    },
    child::{self, Child, Reservation},
    error::{Error, Result},
    heap,
    maps::MapsGuard,
    signals::mask::SignalsBlocked,
};

/// Forks this process, and caches between forks what makes the next one fast.
///
/// A process needs only one.
///
/// # Examples
///
/// A policy for a program whose second thread only sleeps. The default, [`Alone`](crate::Alone),
/// refuses that thread.
///
/// ```no_run
/// use qclone::{Fork, Forker, Thread, Verdict};
///
/// let mut sleepers_only = |thread: &Thread| match thread.wait.is_parked() {
///     true => Verdict::AtRest,
///     false => Verdict::Busy("at work".to_owned()),
/// };
/// let mut forker = Forker::new();
/// // SAFETY: the parked thread holds no lock, and the clone leaves by `exit`.
/// match unsafe { forker.fork(&mut sleepers_only)? } {
///     Fork::Parent { mut child, timings } => {
///         println!("clone {} took {:?}", child.pid(), timings.total);
///         child.wait()?;
///     }
///     Fork::Clone(side) => {
///         drop(side); // lets signals through
///         qclone::exit(0);
///     }
/// }
/// # Ok::<(), qclone::Error>(())
/// ```
#[derive(Debug)]
pub struct Forker {
    threads: Threads,
    maps: MapsGuard,
    /// Number of other threads at the last fork.
    known: Option<u64>,
}

/// Side of the fork that a process is on.
#[derive(Debug)]
pub enum Fork {
    /// The process that forked.
    Parent {
        /// The clone.
        child: Child,
        /// Cost of the fork for this process.
        timings: Timings,
    },
    /// The clone.
    Clone(CloneSide),
}

/// Time for which a fork blocked the calling process, by step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// Time to describe and judge the other threads: twice, or once when the policy remembers that they
    /// were idle.
    pub census: Duration,
    /// Time to wait for the helper of [`heap`](crate::heap), to make the mappings inheritable, and to undo
    /// that.
    pub maps: Duration,
    /// Time of fork(2) itself.
    pub fork: Duration,
    /// Time from the call to its return.
    pub total: Duration,
}

/// The clone's side of a fork, with every signal still blocked.
///
/// A process with an event loop must reset the loop before it drops this. A signal handler that ran
/// earlier would write to the parent's loop.
#[derive(Debug)]
#[must_use = "dropping it lets signals through"]
pub struct CloneSide {
    _blocked: SignalsBlocked,
}

/// Findings of the last look before a fork.
struct LastLook {
    threads: Vec<Thread>,
    layout: Option<CondLayout>,
    orphans: Vec<Orphaned>,
}

impl Default for Forker {
    fn default() -> Self {
        Self::new()
    }
}

impl Forker {
    /// Creates a forker that knows nothing about this process yet.
    #[must_use]
    pub fn new() -> Self {
        Self::with_proc(Path::new("/proc/self"))
    }

    /// Like [`new`](Self::new), with another directory in place of `/proc/self`. For tests without one.
    #[must_use]
    pub fn with_proc(proc_self: impl AsRef<Path>) -> Self {
        let proc_self = proc_self.as_ref();
        Self { threads: Threads::new(proc_self), maps: MapsGuard::new(proc_self), known: None }
    }

    /// Describes every other thread of this process, in order of thread id.
    ///
    /// The first census that finds another thread starts and ends a few threads to learn the thread library's
    /// layout.
    ///
    /// # Errors
    /// [`Error::Proc`], [`Error::ProcFormat`] and [`Error::Calibration`].
    pub fn census(&mut self) -> Result<Vec<Thread>> {
        self.threads.census()
    }

    /// Returns how the thread library of this process lays out condition variables.
    ///
    /// # Errors
    /// [`Error::Proc`] and [`Error::Calibration`] when the layout cannot be determined.
    pub fn condition_variables(&self) -> Result<ConditionVariables> {
        Ok(ConditionVariables(calibration()?.cond))
    }

    /// Checks whether a fork would be refused now, without forking.
    ///
    /// # Errors
    /// As [`fork`](Self::fork), except errors of fork(2) itself.
    pub fn preflight(&mut self, policy: &mut dyn Policy) -> Result<()> {
        threads::require_main_thread()?;
        judge_census(&mut self.threads, policy)?;
        Reservation::new().map(drop)
    }

    /// Forks if `policy` judges every other thread to be idle.
    ///
    /// The order of the steps matters:
    ///
    /// 1. The first look at the threads comes before the mappings are read. A busy thread could map memory
    ///    after that, which the clone would lack, and be idle again at the last look.
    /// 2. Descriptors are reserved and signals are blocked while only the parent exists.
    /// 3. Arenas are locked, and the mappings are made inheritable. Nothing may be mapped from here on. The
    ///    policy must not judge a thread idle that waits for an arena's lock while it holds another lock.
    /// 4. The last look at the threads comes as late as possible, since step 3 takes a while.
    /// 5. fork(2).
    ///
    /// # Errors
    /// [`Error::NotMainThread`]; [`Error::Threads`] when a thread prevents the fork; [`Error::Proc`] when
    /// the threads or the mappings cannot be read; [`Error::Syscall`] with EMFILE when no descriptor is
    /// left for the clone's pidfd; [`Error::Fork`]; and errors of [`Policy::all_at_rest`]. After any of
    /// these, this process is as it was before, and there is no clone.
    ///
    /// # Safety
    /// `policy` judges a thread idle only if the thread holds no lock, leaves nothing half-changed that the
    /// clone may use, and starts to run only when the calling thread makes it run. The clone leaves by
    /// [`exit`], and never returns into frames whose callers do not expect a second process.
    pub unsafe fn fork(&mut self, policy: &mut dyn Policy) -> Result<Fork> {
        let begun = Instant::now();
        let Self { threads, maps, known } = self;
        threads::require_main_thread()?;
        first_look(threads, *known, policy)?;
        let census = begun.elapsed();

        let reservation = Reservation::new()?;
        let blocked = SignalsBlocked::all()?;
        // The helper of `heap` is idle from here on, and no thread changes an arena.
        let handing = Instant::now();
        let held = heap::hold_all();
        let handed = maps.hand_down(&held.arenas)?;
        let maps = handing.elapsed();

        let looking = Instant::now();
        let last = last_look(threads, policy)?;
        *known = u64::try_from(last.threads.len()).ok();
        let census = census + looking.elapsed();

        let forking = Instant::now();
        // SAFETY: according to the policy, no other thread holds or changes anything that the clone uses.
        // libc's fork takes care of libc's own locks.
        match unsafe { fork() } {
            Ok(ForkResult::Child) => {
                handed.keep();
                heap::forget_helper();
                // SAFETY: this is the clone, right after the fork, with one thread.
                unsafe { repair_or_abort(last) };
                Ok(Fork::Clone(CloneSide { _blocked: blocked }))
            }
            Ok(ForkResult::Parent { child }) => {
                let fork = forking.elapsed();
                heap::note_fork();
                let restoring = Instant::now();
                drop(handed);
                let maps = maps + restoring.elapsed();
                let child = keep_or_end(reservation, child)?;
                drop(blocked);
                Ok(Fork::Parent { child, timings: Timings { census, maps, fork, total: begun.elapsed() } })
            }
            Err(errno) => Err(Error::Fork { errno }),
        }
    }
}

fn judge_census(threads: &mut Threads, policy: &mut dyn Policy) -> Result<()> {
    let census = threads.census()?;
    policy::judge(&census, policy)
}

/// Judges all threads, unless the policy can tell later, from what it remembers, whether any has run since.
fn first_look(threads: &mut Threads, known: Option<u64>, policy: &mut dyn Policy) -> Result<()> {
    let all_known = known.is_some() && known == threads.count();
    if all_known && policy.remember_rest() { Ok(()) } else { judge_census(threads, policy) }
}

/// Judges all threads once more, and finds the condition variables that the clone must repair.
fn last_look(threads: &mut Threads, policy: &mut dyn Policy) -> Result<LastLook> {
    let threads = threads.census_again()?;
    policy::judge(&threads, policy)?;
    policy.all_at_rest()?;
    let layout = if threads.is_empty() { None } else { calibration()?.cond };
    let orphans = condvars::find(&threads, layout);
    Ok(LastLook { threads, layout, orphans })
}

/// In the clone: repairs condition variables. If a thread woke between the last look and the fork, aborts
/// the clone before it has run anything.
///
/// # Safety
/// No other thread exists.
unsafe fn repair_or_abort(LastLook { threads, layout, orphans }: LastLook) {
    // Freeing them would copy pages that the clone does not need.
    mem::forget(threads);
    // SAFETY: the caller says that no other thread exists, and `find` found the orphans in this memory.
    if unsafe { condvars::repair(&orphans, layout) }.is_err() {
        // SAFETY: abort(3) has no preconditions, and is async-signal-safe.
        unsafe { libc::abort() }
    }
}

/// In the parent: creates the handle of a clone, or terminates a clone that cannot have one.
fn keep_or_end(reservation: Reservation, child: Pid) -> Result<Child> {
    reservation.into_child(child.as_raw()).inspect_err(|_| child::end(child.as_raw()))
}

/// Ends this process at once: no destructors, no `atexit` functions, no flushing.
///
/// A clone must not end in any other way, since its libc still relies on threads that no longer exist.
/// Async-signal-safe.
pub fn exit(status: u8) -> ! {
    // SAFETY: _exit(2) has no preconditions.
    unsafe { libc::_exit(i32::from(status)) }
}
