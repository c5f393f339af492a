//! A thread that keeps memory on huge pages, in a process that makes clones.
//!
//! # Fork safety
//!
//! The thread works with [`WORK`] locked, and sleeps otherwise: it holds nothing else then. A fork holds the
//! lock, so the thread is at rest, and the census passes over it. There is none in the clone.

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

/// How much of a core the thread may use, in percent.
const SHARE: u32 = 10;
/// Between two rounds, while clones are made.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(50);
/// How long after the last fork it goes on so.
const REST_AFTER: Duration = Duration::from_secs(10);
/// Between two rounds after that, as long as clones share memory; and between two looks whether there are forks.
const BETWEEN_NAPS: Duration = Duration::from_secs(1);
/// Rounds that end after a moment, of which one has begun after it: the first may be under way.
const WITH_A_WHOLE_ONE: u32 = 2;
/// A call that is shorter costs more than the work it puts off.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

static WORK: Mutex<Option<Upkeep>> = Mutex::new(None);
/// Thread id of the helper, which never ends; 0 without one.
static HELPER: AtomicI32 = AtomicI32::new(0);
/// Forks of this process so far.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// Has a thread of its own keep this process's memory on huge pages, with a tenth of a core at most: for 10 seconds
/// after each fork, and after that until it has looked at everything since, as long as it leaves nothing alone for a
/// clone. Without effect when there is such a thread.
///
/// A fork waits for the step of [`Upkeep`] that is under way, and passes over the thread: a
/// [`Policy`](crate::Policy) does not see it.
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
    // A census would not know it before.
    told.recv().map_err(io::Error::other)?;
    *work = Some(Upkeep::new(shared));
    Ok(())
}

const STACK: usize = 128 << 10;

/// Never returns, since the id of a thread that has ended may become that of another.
fn tend() {
    let mut known = FORKS.load(Ordering::Relaxed);
    let mut last_fork: Option<Instant> = None;
    // Rounds that are to end before the helper rests.
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

/// Why a step has failed.
enum Failure {
    /// The kernel cannot say which pages are huge, and does not learn it.
    Unable,
    Other,
}

/// Takes a step, and frees whatever it took memory for, with the lock held.
fn step() -> Result<Option<Round>, Failure> {
    hold_helper().as_mut().map_or(Ok(None), |upkeep| {
        upkeep.step().map_err(|error| match error {
            Error::Syscall { errno: Errno::ENOTTY, .. } => Failure::Unable,
            _ => Failure::Other,
        })
    })
}

/// Waits until the helper rests, and keeps it so.
pub(crate) fn hold_helper() -> MutexGuard<'static, Option<Upkeep>> {
    WORK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a thread is the helper, which rests as long as [`hold_helper`]'s answer is held.
pub(crate) fn is_helper(tid: i32) -> bool {
    tid == HELPER.load(Ordering::Relaxed)
}

/// In the parent: there is a clone.
pub(crate) fn note_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// In the clone: there is no helper.
pub(crate) fn forget_helper() {
    HELPER.store(0, Ordering::Relaxed);
}

/// Of this thread, so far.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to `time`, which outlives the call.
    match unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) } {
        0 => TimeSpec::from(time).into(),
        _ => Duration::ZERO,
    }
}
