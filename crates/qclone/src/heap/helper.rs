//! A thread that keeps memory on huge pages, in a process that makes clones.
//!
//! # Fork safety
//!
//! The thread works only while it holds the lock of [`WORK`]. Otherwise it sleeps and holds nothing. A fork
//! holds that lock, so the thread is idle, and the census skips it. A clone has no such thread.

use std::{
    io,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI32, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use nix::{errno::Errno, sys::time::TimeSpec, unistd::gettid};

use super::upkeep::{Round, Shared, Upkeep};
use crate::{error::Error, signals::mask::SignalsBlocked};

/// Maximum share of a core that the thread may use, in percent.
const SHARE: u32 = 10;
/// Time between two rounds while clones are made.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(50);
/// Time after the last fork during which this continues.
const REST_AFTER: Duration = Duration::from_secs(10);
/// Time between two rounds after that, as long as clones share memory. Also the time between two checks for
/// new forks.
const BETWEEN_NAPS: Duration = Duration::from_secs(1);
/// Number of rounds that must end after a given moment so that one of them began after it. The first may
/// have begun before.
const WITH_A_WHOLE_ONE: u32 = 2;
/// Minimum sleep. A shorter one costs more than the work it delays.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

static WORK: Mutex<Option<Upkeep>> = Mutex::new(None);
/// Thread id of the helper, which never ends. 0 if there is none.
static HELPER: AtomicI32 = AtomicI32::new(0);
/// Number of forks of this process so far.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// Starts a thread that keeps this process's memory on huge pages, and uses at most a tenth of a core. It
/// works for 10 seconds after each fork. After that it continues until it has looked at all memory once
/// without leaving any of it alone because a clone shares it. Has no effect if the thread exists.
///
/// A fork waits for the current step of [`Upkeep`], and skips the thread: a [`Policy`](crate::Policy) does
/// not see it.
///
/// # Errors
/// As [`std::thread::Builder::spawn`].
pub fn start_upkeep(shared: Shared) -> io::Result<()> {
    let mut work = hold_helper();
    if HELPER.load(Ordering::Relaxed) != 0 {
        return Ok(());
    }
    let (tell, told) = mpsc::channel();
    // The thread inherits the mask: no signal handler of the process runs on it.
    let blocked = SignalsBlocked::all().map_err(io::Error::other)?;
    thread::Builder::new().name("qclone-heap".to_owned()).stack_size(STACK).spawn(move || {
        HELPER.store(gettid().as_raw(), Ordering::Relaxed);
        let _ = tell.send(());
        tend()
    })?;
    drop(blocked);
    // A census would not recognize the thread before this.
    told.recv().map_err(io::Error::other)?;
    *work = Some(Upkeep::new(shared));
    Ok(())
}

const STACK: usize = 128 << 10;

/// Runs the helper. Never returns, since the id of a thread that has ended may be reused.
fn tend() {
    let mut known = FORKS.load(Ordering::Relaxed);
    let mut last_fork: Option<Instant> = None;
    // Rounds that must end before the helper goes idle.
    let mut due_rounds = 0;
    loop {
        let forks = FORKS.load(Ordering::Relaxed);
        if forks != known {
            (known, last_fork) = (forks, Some(Instant::now()));
            due_rounds = WITH_A_WHOLE_ONE;
        }
        let is_recent = last_fork.is_some_and(|last| last.elapsed() < REST_AFTER);
        if !is_recent && due_rounds == 0 {
            thread::sleep(BETWEEN_NAPS);
            continue;
        }
        let before = processor_time();
        let stepped = step();
        let spent = processor_time().saturating_sub(before);
        let due = (spent * (100 / SHARE - 1)).max(SHORTEST_SLEEP);
        thread::sleep(match stepped {
            Ok(None) => due,
            Ok(Some(round)) => {
                due_rounds = if round.left > 0 { WITH_A_WHOLE_ONE } else { due_rounds.saturating_sub(1) };
                due.max(if is_recent { BETWEEN_ROUNDS } else { BETWEEN_NAPS })
            }
            Err(Failure::Unable) => break,
            Err(Failure::Other) => BETWEEN_NAPS,
        });
    }
    loop {
        thread::park();
    }
}

/// Reason why a step failed.
enum Failure {
    /// The kernel cannot report which pages are huge, and never will.
    Unable,
    Other,
}

/// Takes a step, and frees what it allocated, while holding the lock.
fn step() -> Result<Option<Round>, Failure> {
    hold_helper().as_mut().map_or(Ok(None), |upkeep| {
        upkeep.step().map_err(|error| match error {
            Error::Syscall { errno: Errno::ENOTTY, .. } => Failure::Unable,
            _ => Failure::Other,
        })
    })
}

/// Waits until the helper is idle, and keeps it idle until the result is dropped.
pub(crate) fn hold_helper() -> MutexGuard<'static, Option<Upkeep>> {
    WORK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns whether a thread is the helper, which is idle while the result of [`hold_helper`] is held.
pub(crate) fn is_helper(tid: i32) -> bool {
    tid == HELPER.load(Ordering::Relaxed)
}

/// In the parent: notes that there is a clone.
pub(crate) fn note_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// In the clone: notes that there is no helper.
pub(crate) fn forget_helper() {
    HELPER.store(0, Ordering::Relaxed);
}

/// Returns the CPU time of this thread so far.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to `time`, which outlives the call.
    match unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) } {
        0 => TimeSpec::from(time).into(),
        _ => Duration::ZERO,
    }
}
