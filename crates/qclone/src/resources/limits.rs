//! Limits and priorities of a clone: when it must end, how much of the machine it may use, and which
//! process yields.

use std::{fs, io};

use libc::{c_int, c_long, c_ulong};
use nix::{
    errno::Errno,
    sys::resource::{Resource, getrlimit, setrlimit},
    unistd::getppid,
};

use crate::error::{Error, Result};

/// Highest CPU number that [`set_affinity`] accepts: the maximum that Linux supports on x86-64.
pub const MAX_CPU: u32 = 8191;

/// Resources that [`set_limit`] limits; see `getrlimit(2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// Virtual memory in bytes, `RLIMIT_AS`. Above it, `mmap(2)` and `brk(2)` fail with ENOMEM. Existing
    /// mappings stay, even above the limit.
    AddressSpace,
    /// CPU time in seconds, `RLIMIT_CPU`: SIGXCPU at the soft limit and every second after it, SIGKILL at
    /// the hard limit. The child of a fork starts at 0.
    CpuSeconds,
    /// Size of a core dump in bytes, `RLIMIT_CORE`. 0 for none.
    CoreSize,
    /// Size of a file in bytes, `RLIMIT_FSIZE`. A write beyond it raises SIGXFSZ or, if that is ignored,
    /// fails with EFBIG. Applies to files of `memfd_create(2)`, but not to pipes and sockets.
    FileSize,
}

impl From<Limit> for Resource {
    fn from(limit: Limit) -> Self {
        match limit {
            Limit::AddressSpace => Self::RLIMIT_AS,
            Limit::CpuSeconds => Self::RLIMIT_CPU,
            Limit::CoreSize => Self::RLIMIT_CORE,
            Limit::FileSize => Self::RLIMIT_FSIZE,
        }
    }
}

/// Makes the kernel send `signal` to the calling process when its parent ends.
///
/// `parent_pid` is the parent's pid as read before the fork. Returns false if the parent ended before the
/// request: the signal will not come, and the caller must end itself. See `PR_SET_PDEATHSIG(2const)`:
/// `execve(2)` of a set-user-ID program drops the request, children do not inherit it, and "parent" means
/// the *thread* that forked.
///
/// Async-signal-safe: two system calls.
///
/// # Errors
/// [`Error::Syscall`] with EINVAL when `signal` is not a valid number.
pub fn die_with_parent(parent_pid: i32, signal: i32) -> Result<bool> {
    // PR_SET_PDEATHSIG takes an unsigned long, and a negative number is not a signal.
    let number = libc::c_ulong::try_from(signal)
        .map_err(|_| Error::Syscall { call: "prctl(2)", errno: Errno::EINVAL })?;
    // SAFETY: this option takes an integer, and touches no memory.
    let asked = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, number) };
    Errno::result(asked).map_err(Error::syscall("prctl(2)"))?;
    // Checked last: a parent that ends between the fork and the request would go unnoticed.
    Ok(getppid().as_raw() == parent_pid)
}

/// Sets the niceness of the calling thread, which in a fresh clone is the whole process. Ranges from -20
/// (highest priority) to 19 (lowest); other values are clamped. See `setpriority(2)`.
///
/// Async-signal-safe: one system call.
///
/// # Errors
/// [`Error::Syscall`] with EACCES when the niceness would decrease and neither `RLIMIT_NICE` nor
/// CAP_SYS_NICE allows it.
pub fn set_nice(nice: i32) -> Result<()> {
    // SAFETY: the call takes three integers, and touches no memory. This is the system call because
    // the wrapper's first parameter is signed in musl and unsigned in glibc.
    let set = unsafe {
        libc::syscall(
            libc::SYS_setpriority,
            c_long::from(libc::PRIO_PROCESS),
            c_long::from(0),
            c_long::from(nice),
        )
    };
    Errno::result(set).map(drop).map_err(Error::syscall("setpriority(2)"))
}

/// Sets how readily the kernel kills the calling process when memory runs out: -1000 (never) to 1000
/// (first). See `proc_pid_oom_score_adj(5)`.
///
/// Not async-signal-safe: allocates.
///
/// # Errors
/// [`Error::Syscall`]: EINVAL outside that range, EACCES when the value would be below the lowest that a
/// privileged process has set, ENOENT without `/proc`.
pub fn set_oom_score_adj(adj: i32) -> Result<()> {
    let errno = |error: io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
    fs::write("/proc/self/oom_score_adj", adj.to_string())
        .map_err(errno)
        .map_err(Error::syscall("write(2) to /proc/self/oom_score_adj"))
}

/// Makes the calling thread, which in a fresh clone is the whole process, run only when nothing else needs
/// the CPU: policy `SCHED_IDLE` of `sched(7)`. Threads it starts later inherit the policy.
///
/// Async-signal-safe: one system call.
///
/// # Errors
/// [`Error::Syscall`] when a sandbox forbids the call.
pub fn set_idle() -> Result<()> {
    set_idle_thread(0)
}

/// Does the same for another thread of this process, by thread id.
///
/// Async-signal-safe: one system call.
pub(crate) fn set_idle_thread(tid: i32) -> Result<()> {
    /// The kernel's `struct sched_param`. The one of libc has more members in musl.
    #[repr(C)]
    struct Param {
        priority: c_int,
    }
    let param = Param { priority: 0 };
    // SAFETY: the call reads one `struct sched_param`, which outlives it. This is the system call because
    // musl's wrapper only fails with ENOSYS.
    let set = unsafe { libc::syscall(libc::SYS_sched_setscheduler, tid, libc::SCHED_IDLE, &raw const param) };
    Errno::result(set).map(drop).map_err(Error::syscall("sched_setscheduler(2)"))
}

/// Restricts the calling thread, which in a fresh clone is the whole process, to `cpus`, numbered as in
/// `/proc/cpuinfo`. Threads it starts later inherit the restriction. CPUs that do not exist, or that the
/// cpuset forbids, are ignored. See `sched_setaffinity(2)`.
///
/// Async-signal-safe: one system call.
///
/// # Errors
/// [`Error::Syscall`] with EINVAL when no CPU is left, or a number is above [`MAX_CPU`].
pub fn set_affinity(cpus: &[u32]) -> Result<()> {
    const WORDS: usize = (MAX_CPU / c_ulong::BITS + 1) as usize;
    let mut mask: [c_ulong; WORDS] = [0; WORDS];
    for cpu in cpus {
        let word = usize::try_from(cpu / c_ulong::BITS).ok().and_then(|index| mask.get_mut(index));
        let word = word.ok_or(Error::Syscall { call: "sched_setaffinity(2)", errno: Errno::EINVAL })?;
        *word |= 1 << (cpu % c_ulong::BITS);
    }
    // SAFETY: the call reads as many bytes of the mask as the given size, which is all of them.
    let set = unsafe { libc::syscall(libc::SYS_sched_setaffinity, 0, size_of_val(&mask), mask.as_ptr()) };
    Errno::result(set).map(drop).map_err(Error::syscall("sched_setaffinity(2)"))
}

/// Limits the calling process. `soft` is enforced, and the process may raise it to `hard`. Units are those
/// of [`Limit`]. See `setrlimit(2)`.
///
/// Only lowers limits: both are capped at the current hard limit, which an unprivileged process could not
/// raise, and `soft` is capped at `hard`.
///
/// Async-signal-safe: two system calls.
///
/// # Errors
/// [`Error::Syscall`] when a sandbox forbids either call.
pub fn set_limit(limit: Limit, soft: u64, hard: u64) -> Result<()> {
    let resource = Resource::from(limit);
    let (_, in_force) = getrlimit(resource).map_err(Error::syscall("getrlimit(2)"))?;
    let hard = hard.min(in_force);
    setrlimit(resource, soft.min(hard), hard).map_err(Error::syscall("setrlimit(2)"))
}
