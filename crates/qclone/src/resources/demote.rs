//! A clone that gives way to a parent that waits for a CPU.
//!
//! Niceness alone is not enough. To the scheduler, a CPU that runs a nice thread is not free: threads of
//! the parent are placed on the same CPU and wait for each other's ticks. A CPU that runs only threads of
//! policy `SCHED_IDLE` is free. But next to other work, such threads get almost no CPU time, and leaving
//! the policy requires a privilege, see `sched(7)`.
//!
//! So a clone adopts the policy only on evidence. Every few milliseconds of its own CPU time, it checks
//! whether it computes while its busy parent is kept waiting, and whether nothing else is the cause.

use std::{
    ffi::{CStr, c_int, c_void},
    mem::MaybeUninit,
    ptr,
    sync::atomic::{AtomicI32, AtomicPtr, AtomicU64, Ordering},
};

use libc::{itimerspec, sigaction, sigevent, timer_t, timespec};
use nix::errno::Errno;

use crate::{
    error::{Error, Result},
    resources::limits::set_idle_thread,
};

/// CPU time of the calling thread before its first look, in nanoseconds. Short tasks end before that.
const FIRST_LOOK_NS: i64 = 2_000_000;

/// CPU time between two looks, in nanoseconds.
const LOOK_EVERY_NS: i64 = 5_000_000;

/// Minimum time between two looks, in nanoseconds. Long enough to notice a parent that waits for a tick
/// now and then.
const LOOK_BACK_NS: u64 = 50_000_000;

/// A parent is kept waiting if it waits for more than 1/`WAITING` of the time.
const WAITING: u64 = 200;

/// A parent is busy if it runs for more than 1/`AT_WORK` of the time.
const AT_WORK: u64 = 20;

/// Other processes may take 1/`OTHERS` of the CPU time used. CPU time stolen by a host does not count.
const OTHERS: u64 = 3;

/// Minimum and maximum time over which other processes are observed. `/proc/stat` counts in hundredths of a
/// second.
const OTHERS_SEEN_NS: std::ops::Range<u64> = 100_000_000..1_000_000_000;

/// A clone computes if it runs, or waits to run, for more than 1/`COMPUTING` of the time.
const COMPUTING: u64 = 2;

/// Process id of the parent.
static PARENT: AtomicI32 = AtomicI32::new(0);

/// Timer that triggers the looks of this clone.
static TIMER: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// The last look.
static LAST: Look = Look {
    at: AtomicU64::new(0),
    parent: Times { ran: AtomicU64::new(0), waited: AtomicU64::new(0) },
    own: Times { ran: AtomicU64::new(0), waited: AtomicU64::new(0) },
};

struct Look {
    /// In nanoseconds of `CLOCK_MONOTONIC`; 0 before the first look.
    at: AtomicU64,
    parent: Times,
    own: Times,
}

/// Result and time of the last [`time_of_others`]; 0 before the first look.
static OTHERS_AT: AtomicU64 = AtomicU64::new(0);
static OTHERS_TIME: AtomicU64 = AtomicU64::new(0);
static ALL_TIME: AtomicU64 = AtomicU64::new(0);

/// Times for which a thread has run and has waited for a CPU, in nanoseconds.
struct Times {
    ran: AtomicU64,
    waited: AtomicU64,
}

impl Times {
    /// Stores a thread's times, and returns how much they have increased.
    fn advance(&self, (ran, waited): (u64, u64)) -> (u64, u64) {
        (advance(&self.ran, ran), advance(&self.waited, waited))
    }
}

fn advance(last: &AtomicU64, value: u64) -> u64 {
    value.saturating_sub(last.swap(value, Ordering::Relaxed))
}

/// Makes the calling thread, which in a fresh clone is the whole process, watch the main thread of
/// `parent`. If that thread is busy and kept waiting for a CPU, while this process computes and others
/// hardly do, every thread of this process changes to `SCHED_IDLE` permanently.
///
/// A look takes about 20 µs, at most every 5 ms of the thread's CPU time, in a handler of the last
/// real-time signal. It reads `/proc/PID/schedstat` (`Documentation/scheduler/sched-stats.rst`).
/// Nothing happens without that file, if the signal is already handled or ignored, or if the thread
/// already has that policy.
///
/// A fork inherits the handler but not the timer, so a clone of a clone must call this itself. An
/// executed program inherits neither.
///
/// # Errors
/// [`Error::Syscall`] when the system cannot provide a timer.
pub fn give_way_to(parent: i32) -> Result<()> {
    let signal = libc::SIGRTMAX();
    // SAFETY: 0 means the calling thread, and the call touches no memory.
    let policy = unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) };
    if !is_free(signal) || policy == libc::SCHED_IDLE.into() {
        return Ok(());
    }
    PARENT.store(parent, Ordering::Relaxed);
    LAST.at.store(0, Ordering::Relaxed);
    OTHERS_AT.store(0, Ordering::Relaxed);
    // SAFETY: all zeroes is a valid value of these structures of integers and nullable pointers.
    let (mut action, mut event): (sigaction, sigevent) = unsafe { std::mem::zeroed() };
    // The timer counts this thread's CPU time, so the thread is running when the signal arrives, which
    // hardly ever interrupts a call.
    event.sigev_notify = libc::SIGEV_THREAD_ID;
    event.sigev_signo = signal;
    event.sigev_notify_thread_id = nix::unistd::gettid().as_raw();
    let mut timer = MaybeUninit::<timer_t>::uninit();
    // SAFETY: the call reads `event`, and `timer` has room for the timer; both outlive it.
    Errno::result(unsafe {
        libc::timer_create(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut event, timer.as_mut_ptr())
    })
    .map_err(Error::syscall("timer_create(2)"))?;
    // SAFETY: timer_create(2) succeeded, so it has stored the timer.
    let timer = unsafe { timer.assume_init() };
    action.sa_sigaction = look as extern "C" fn(c_int) as usize;
    action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
    // SAFETY: a handler that is async-signal-safe, and a structure that outlives the call.
    Errno::result(unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) })
        .map_err(Error::syscall("sigaction(2)"))?;
    TIMER.store(timer, Ordering::Relaxed);
    look_after(FIRST_LOOK_NS, LOOK_EVERY_NS)
}

/// Schedules looks of this thread: the first after `first` nanoseconds of its CPU time, then one after each
/// `every`. Zeroes stop the looks.
///
/// Async-signal-safe: one system call.
fn look_after(first: i64, every: i64) -> Result<()> {
    let nanoseconds = |tv_nsec| timespec { tv_sec: 0, tv_nsec };
    let spec = itimerspec { it_value: nanoseconds(first), it_interval: nanoseconds(every) };
    let timer = TIMER.load(Ordering::Relaxed);
    // SAFETY: the timer is this process's, and is never deleted; the structure outlives the call.
    Errno::result(unsafe { libc::timer_settime(timer, 0, &raw const spec, ptr::null_mut()) })
        .map(drop)
        .map_err(Error::syscall("timer_settime(2)"))
}

/// Returns whether `signal` has its default action, or this module's handler, as in a clone of a clone.
fn is_free(signal: c_int) -> bool {
    let mut before = MaybeUninit::<sigaction>::uninit();
    // SAFETY: the call sets no handler, and `before` has room for the old one.
    if unsafe { libc::sigaction(signal, ptr::null(), before.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: sigaction(2) succeeded, so it has written `before`.
    let handler = unsafe { before.assume_init() }.sa_sigaction;
    handler == libc::SIG_DFL || handler == look as extern "C" fn(c_int) as usize
}

/// Handles the signal. Async-signal-safe, like everything it calls: system calls and arithmetic.
extern "C" fn look(_: c_int) {
    let errno = Errno::last_raw();
    if sees_parent_wait().is_some_and(others_are_calm) {
        go_idle();
        let _ = look_after(0, 0);
    }
    Errno::set_raw(errno);
}

/// Returns whether this thread computed and the parent was kept waiting since the last look. `None` if that
/// is not known, or not yet.
fn sees_parent_wait() -> Option<bool> {
    let now = now();
    let last = LAST.at.load(Ordering::Relaxed);
    if now - last < LOOK_BACK_NS {
        return None;
    }
    let parent = times_in(&path_of(PARENT.load(Ordering::Relaxed), b"/schedstat"))?;
    let own = times_in(c"/proc/thread-self/schedstat")?;
    let elapsed = advance(&LAST.at, now);
    let (parent_ran, parent_waited) = LAST.parent.advance(parent);
    let (ran, waited) = LAST.own.advance(own);
    let is_computing = ran + waited > elapsed / COMPUTING;
    let is_kept_waiting = parent_ran > elapsed / AT_WORK && parent_waited > elapsed / WAITING;
    Some(last != 0 && is_computing && is_kept_waiting)
}

/// Returns whether other processes recently left the CPUs to the parent and its clones. False if that is
/// not known, or if not `asked`.
fn others_are_calm(asked: bool) -> bool {
    let now = now();
    let since = OTHERS_AT.load(Ordering::Relaxed);
    let seen_for = now - since;
    // This takes long on systems with many CPUs, so it is not done at every look.
    let due = if asked { OTHERS_SEEN_NS.start } else { OTHERS_SEEN_NS.end };
    if seen_for < due {
        return false;
    }
    let Some((others, all)) = time_of_others(PARENT.load(Ordering::Relaxed)) else { return false };
    OTHERS_AT.store(now, Ordering::Relaxed);
    let (others, all) = (advance(&OTHERS_TIME, others), advance(&ALL_TIME, all));
    asked && since != 0 && others <= all / OTHERS
}

/// Returns two CPU times in ticks. The first is that of all processes except the parent and nice ones, such
/// as clones, but including the time of nice ones in the kernel. The second is that of all processes.
fn time_of_others(parent: i32) -> Option<(u64, u64)> {
    let (common, nice) = read_start(c"/proc/stat", |text| {
        let mut fields = text.split(|&byte| byte == b' ').filter(|field| !field.is_empty());
        // "cpu", user, nice, system.
        let (user, nice, system) = (fields.nth(1)?, fields.next()?, fields.next()?);
        Some((number(user)? + number(system)?, number(nice)?))
    })?;
    let of_parent = read_start(&path_of(parent, b"/stat"), |text| {
        // After the name in parentheses, from the third field on; utime and stime are 14 and 15.
        let behind = text.iter().rposition(|&byte| byte == b')')? + 2;
        let mut fields = text.get(behind..)?.split(|&byte| byte == b' ').skip(11);
        Some(number(fields.next()?)? + number(fields.next()?)?)
    })?;
    Some((common.saturating_sub(of_parent), common + nice))
}

/// Changes every thread of this process to `SCHED_IDLE`. Later threads inherit it.
fn go_idle() {
    // SAFETY: the path ends in NUL, and the descriptor is closed below.
    let folder = unsafe { libc::open(c"/proc/self/task".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    let mut entries = Entries { bytes: [0; 1024] };
    loop {
        let (to, room) = (entries.bytes.as_mut_ptr(), entries.bytes.len());
        // SAFETY: the call writes at most `room` bytes to `to`. With an invalid descriptor it writes nothing.
        let read = unsafe { libc::syscall(libc::SYS_getdents64, folder, to, room) };
        let Ok(length @ 1..) = usize::try_from(read) else { break };
        entries.names(length).filter_map(|name| i32::try_from(number(name)?).ok()).for_each(|tid| {
            let _ = set_idle_thread(tid);
        });
    }
    // SAFETY: the descriptor was opened above and nothing else knows about it, or it is -1, which
    // close(2) rejects.
    unsafe { libc::close(folder) };
}

/// Buffer of getdents64(2).
#[repr(align(8))]
struct Entries {
    bytes: [u8; 1024],
}

impl Entries {
    /// Returns the names in the first `length` bytes.
    fn names(&self, length: usize) -> impl Iterator<Item = &[u8]> {
        // `struct linux_dirent64`: inode and offset, 8 bytes each, the entry's length, the type, the name.
        let mut rest = &self.bytes[..length];
        std::iter::from_fn(move || {
            let entry_length = u16::from_ne_bytes([*rest.get(16)?, *rest.get(17)?]);
            let (entry, behind) = rest.split_at_checked(entry_length.into())?;
            rest = behind;
            entry.get(19..)?.split(|&byte| byte == 0).next()
        })
    }
}

/// Reads the times in a file like `/proc/PID/schedstat`: how long the thread has run, and has waited.
fn times_in(path: &CStr) -> Option<(u64, u64)> {
    read_start(path, |text| {
        let mut numbers = text.split(|&byte| byte == b' ').map(number);
        Some((numbers.next()??, numbers.next()??))
    })
}

/// Applies `parse` to the first bytes of a file.
fn read_start<T>(path: &CStr, parse: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
    // SAFETY: the path ends in NUL, and the descriptor is closed below.
    let fd = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    let mut text = [0_u8; 512];
    // SAFETY: the call writes at most `text.len()` bytes to `text`. With an invalid descriptor it writes
    // nothing.
    let read = unsafe { libc::read(fd, text.as_mut_ptr().cast(), text.len()) };
    // SAFETY: the descriptor was opened above and nothing else knows about it, or it is -1, which
    // close(2) rejects.
    unsafe { libc::close(fd) };
    parse(text.get(..usize::try_from(read).ok()?)?)
}

/// Builds the path of a file in `/proc/PID`, without allocating.
fn path_of(pid: i32, file: &[u8]) -> Path {
    let mut digits = [0; 10];
    let mut count = 0;
    let mut rest = pid.unsigned_abs();
    while rest > 0 {
        digits[count] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        count += 1;
        rest /= 10;
    }
    let mut path = Path([0; 32]);
    let parts = b"/proc/".iter().chain(digits[..count].iter().rev()).chain(file);
    for (to, from) in path.0.iter_mut().zip(parts) {
        *to = *from;
    }
    path
}

/// A C string with NULs to spare.
struct Path([u8; 32]);

impl std::ops::Deref for Path {
    type Target = CStr;

    fn deref(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or(c"")
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |value, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        value.checked_mul(10)?.checked_add(digit.into())
    })
}

/// Returns the time of `CLOCK_MONOTONIC` in nanoseconds.
fn now() -> u64 {
    let mut time = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one `timespec` to `time`, which outlives it.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    seconds.unwrap_or(0) * 1_000_000_000 + nanoseconds.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Entries, number, path_of, time_of_others, times_in};

    #[test]
    fn paths_are_those_of_the_process() {
        assert_eq!(&*path_of(1, b"/stat"), c"/proc/1/stat");
        assert_eq!(&*path_of(i32::MAX, b"/schedstat"), c"/proc/2147483647/schedstat");
    }

    #[test]
    fn this_process_has_run() {
        let pid = nix::unistd::getpid().as_raw();
        let (ran, _) = times_in(&path_of(pid, b"/schedstat")).unwrap();
        assert!(ran > 0);
        assert!(times_in(&path_of(i32::MAX, b"/schedstat")).is_none());
        assert!(time_of_others(pid).is_some_and(|(others, all)| 0 < others && others <= all));
        assert!(time_of_others(i32::MAX).is_none());
    }

    #[test]
    fn numbers_are_digits_that_fit() {
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(number(b"18446744073709551616"), None);
        assert_eq!(number(b"."), None);
    }

    #[test]
    fn entries_of_a_folder_are_named() {
        let mut entries = Entries { bytes: [0; 1024] };
        for (at, name) in [(0, &b"."[..]), (24, b"4194304")] {
            entries.bytes[at + 16] = if at == 0 { 24 } else { 32 };
            entries.bytes[at + 19..at + 19 + name.len()].copy_from_slice(name);
        }
        assert_eq!(entries.names(24 + 32).collect::<Vec<_>>(), [&b"."[..], b"4194304"]);
        assert_eq!(entries.names(24 + 8).count(), 1);
    }
}
