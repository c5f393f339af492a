//! The only fork of the project.

use std::{
    mem,
    panic::{self, AssertUnwindSafe},
    path::Path,
    time::{Duration, Instant},
};

use nix::unistd::{ForkResult, Pid};

use crate::{
    calibrate::{CondLayout, calibration},
    child::{self, Child, Reservation},
    error::{Error, Result},
    maps::MapsGuard,
    mask::SignalsBlocked,
    orphans,
    threads::{self, Policy, Thread, Threads},
};

/// Forks this process, keeping from one fork to the next what makes the next one fast.
///
/// One a process is enough.
#[derive(Debug)]
pub struct Forker {
    threads: Threads,
    maps: MapsGuard,
    /// How many other threads there were at the last fork.
    known: Option<u64>,
}

/// Tells which condition variable a thread waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConditionVariables(Option<CondLayout>);

impl ConditionVariables {
    /// The address of the condition variable that a futex word would belong to; `None` where the
    /// thread library keeps that word elsewhere, as musl does.
    #[must_use]
    pub fn containing(self, futex: usize) -> Option<usize> {
        self.0?.cond_of(futex)
    }

    /// The variable at an address by [`containing`](Self::containing), as it is now.
    #[must_use]
    pub fn state(self, address: usize) -> Option<ConditionState> {
        self.0?.state_of(address)
    }
}

/// A condition variable at a moment. One that is equal later was neither signalled nor waited for
/// in between: it counts its waits (`__wseq` in glibc's `nptl/pthread_cond_common.c`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConditionState {
    /// How many threads it counts as waiting.
    pub waiters: u32,
    pub(crate) bytes: [u8; size_of::<libc::pthread_cond_t>()],
}

/// Which side of the fork this is.
#[derive(Debug)]
pub enum Fork {
    /// The process that was there before.
    Parent {
        /// The clone.
        child: Child,
        /// What the fork cost this process.
        timings: Timings,
    },
    /// The clone.
    Clone(CloneSide),
}

/// How long the calling process stood still for a fork, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// Describing and judging the other threads: twice, or once when the policy remembers their rest.
    pub census: Duration,
    /// Handing the mappings down, and taking them back.
    pub maps: Duration,
    /// fork(2) itself.
    pub fork: Duration,
    /// All of it, and the rest.
    pub total: Duration,
}

/// The clone's side of a fork: every signal is still blocked.
///
/// Whoever has an event loop resets it now, since a signal handler that ran before would write to
/// the parent's loop. Dropped, it lets signals through.
#[derive(Debug)]
#[must_use = "dropping it lets signals through"]
pub struct CloneSide {
    _blocked: SignalsBlocked,
}

impl Default for Forker {
    fn default() -> Self {
        Self::new()
    }
}

impl Forker {
    /// One that knows nothing yet of this process.
    #[must_use]
    pub fn new() -> Self {
        Self::with_proc(Path::new("/proc/self"))
    }

    /// Like [`new`](Self::new), reading what it reads of `/proc/self` in another folder: for
    /// tests of what happens where there is none.
    #[must_use]
    pub fn with_proc(proc_self: impl AsRef<Path>) -> Self {
        let proc_self = proc_self.as_ref();
        Self { threads: Threads::new(proc_self), maps: MapsGuard::new(proc_self), known: None }
    }

    /// Describes every other thread of this process, in order of thread id.
    ///
    /// The first time in a process that there is one, two threads are started and ended to learn
    /// how.
    ///
    /// # Errors
    /// [`Error::Proc`], [`Error::ProcFormat`] and [`Error::Calibration`].
    pub fn census(&mut self) -> Result<Vec<Thread>> {
        self.threads.census()
    }

    /// How this process's thread library places condition variables.
    ///
    /// # Errors
    /// [`Error::Proc`] and [`Error::Calibration`] when that cannot be found out.
    pub fn condition_variables(&self) -> Result<ConditionVariables> {
        Ok(ConditionVariables(calibration()?.cond))
    }

    /// Whether a fork would be refused now, and why.
    ///
    /// # Errors
    /// As [`fork`](Self::fork), but for those of fork(2) itself.
    pub fn preflight(&mut self, policy: &mut dyn Policy) -> Result<()> {
        self.first_look(policy)?;
        Reservation::new().map(drop)
    }

    fn first_look(&mut self, policy: &mut dyn Policy) -> Result<()> {
        threads::require_main_thread()?;
        let census = self.threads.census()?;
        threads::judge(&census, policy)
    }

    /// Forks, when every other thread is at rest by `policy`.
    ///
    /// # Errors
    /// [`Error::NotMainThread`]; [`Error::Threads`] when a thread is in the way; [`Error::Proc`]
    /// when nothing can be known of them; [`Error::Syscall`] with EMFILE when there is no
    /// descriptor for the clone's pidfd; [`Error::Fork`]; what [`Policy::all_at_rest`] gives. After each
    /// of them this process is as it was, and there is no clone.
    ///
    /// # Safety
    /// `policy` calls at rest only threads that hold no lock and leave nothing half-changed that
    /// the clone may come to use, and that do not begin to run unless the calling thread has them
    /// run. The clone leaves by [`exit`] and never returns into frames whose callers do not expect
    /// a second process.
    pub unsafe fn fork(&mut self, policy: &mut dyn Policy) -> Result<Fork> {
        let begun = Instant::now();
        threads::require_main_thread()?;
        // Before the mappings are read, too: a thread at work may map memory after that, which the
        // clone would not have, and be at rest again when it is looked at below. And nothing may be
        // mapped while they are handed down.
        let all_known = self.known.is_some() && self.known == self.threads.count();
        if !(all_known && policy.remember_rest()) {
            self.first_look(policy)?;
        }
        let census = begun.elapsed();
        let reservation = Reservation::new()?;
        let blocked = SignalsBlocked::all()?;
        let handing = Instant::now();
        let handed = self.maps.hand_down()?;
        let maps = handing.elapsed();

        // Once more, as late as can be: handing down took a while.
        let again = Instant::now();
        let threads = self.threads.census_again()?;
        threads::judge(&threads, policy)?;
        policy.all_at_rest()?;
        self.known = u64::try_from(threads.len()).ok();
        let layout = if threads.is_empty() { None } else { calibration()?.cond };
        let orphans = orphans::find(&threads, layout);
        let census = census + again.elapsed();

        let forking = Instant::now();
        // SAFETY: no other thread holds or changes anything that the clone uses, which is what
        // the policy said. libc's own locks are seen to by its fork.
        match unsafe { nix::unistd::fork() } {
            Ok(ForkResult::Child) => {
                handed.keep();
                // Each piece freed is a page copied, and the clone needs none of them.
                mem::forget(threads);
                // SAFETY: this is the clone, with one thread, right after the fork.
                if unsafe { orphans::repair(&orphans, layout) }.is_err() {
                    abandon();
                }
                Ok(Fork::Clone(CloneSide { _blocked: blocked }))
            }
            Ok(ForkResult::Parent { child }) => {
                let fork = forking.elapsed();
                let restoring = Instant::now();
                drop(handed);
                let maps = maps + restoring.elapsed();
                let child =
                    reservation.into_child(child.as_raw()).inspect_err(|_| child::end(child.as_raw()))?;
                drop(blocked);
                Ok(Fork::Parent { child, timings: Timings { census, maps, fork, total: begun.elapsed() } })
            }
            Err(errno) => Err(Error::Fork { errno }),
        }
    }
}

/// Ends this process at once: no destructors, no `atexit` functions, no flushing.
///
/// The only way out of a clone, since its libc still counts on threads that no longer exist.
/// Async-signal-safe.
pub fn exit(status: u8) -> ! {
    // SAFETY: _exit(2) has no preconditions.
    unsafe { libc::_exit(i32::from(status)) }
}

/// What a clone made by [`spawn`] keeps, and how it lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Descriptors that stay open in the clone beside 0, 1 and 2. Every other one is closed there,
    /// files that `task` has borrowed included. Default: none.
    pub keep: Vec<std::os::fd::RawFd>,
    /// Whether the clone reads the parent's standard input rather than `/dev/null`. Default: no.
    pub inherit_stdin: bool,
    /// Whether the clone is killed when its parent ends. Default: yes.
    pub die_with_parent: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { keep: Vec::new(), inherit_stdin: false, die_with_parent: true }
    }
}

/// Runs `task` in a clone of this process, which exits with the low 8 bits of what it returns, or
/// with 101 when it panics.
///
/// For programs with one thread: any other refuses.
///
/// # Errors
/// As [`Forker::fork`].
pub fn spawn(options: &Options, task: impl FnOnce() -> i32) -> Result<Child> {
    let parent = nix::unistd::getpid();
    let mut forker = Forker::new();
    // SAFETY: the policy lets no other thread pass, and the clone leaves by `exit` below.
    match unsafe { forker.fork(&mut threads::Alone)? } {
        Fork::Parent { child, .. } => Ok(child),
        Fork::Clone(side) => {
            let run = AssertUnwindSafe(|| {
                prepare(options, parent)?;
                drop(side);
                Ok::<_, Error>(task())
            });
            exit(match panic::catch_unwind(run) {
                Ok(Ok(status)) => status.to_le_bytes()[0],
                Ok(Err(error)) => {
                    eprintln!("qclone: cannot set the clone up: {error}");
                    STATUS_OF_A_PANIC
                }
                Err(_) => STATUS_OF_A_PANIC,
            })
        }
    }
}

fn prepare(options: &Options, parent: Pid) -> Result<()> {
    if options.die_with_parent && !crate::limits::die_with_parent(parent.as_raw(), libc::SIGKILL)? {
        exit(STATUS_OF_A_PANIC);
    }
    if !options.inherit_stdin {
        // SAFETY: nothing in this clone owns descriptor 0.
        unsafe { crate::fds::redirect_to_end(libc::STDIN_FILENO, false)? };
    }
    let mut keep = vec![libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO];
    keep.extend(&options.keep);
    // SAFETY: the documentation of `Options::keep` says that every other descriptor is closed, so
    // the task uses none; what the frames above the fork own is never dropped here.
    unsafe { crate::fds::close_all_except(&keep) }
}

/// Ends a clone that must not live, before it has run anything.
fn abandon() -> ! {
    // SAFETY: abort(3) has no preconditions, and is async-signal-safe.
    unsafe { libc::abort() }
}

/// What a Rust program that panics exits with.
const STATUS_OF_A_PANIC: u8 = 101;
