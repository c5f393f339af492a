//! What a clone may cost its parent: when it ends at the latest, and who yields to whom.

use std::{fs, io, mem};

use libc::c_long;
use nix::{
    errno::Errno,
    sys::resource::{Resource, getrlimit, setrlimit},
    unistd::getppid,
};

use crate::{Error, Result};

/// Has the kernel send `signal` to the calling process when its parent ends.
///
/// `parent_pid` is the parent's pid as read before the fork. False: the parent was gone before the
/// request was made, so the signal will not come, and the caller ends itself. See
/// `PR_SET_PDEATHSIG(2const)`: the request is forgotten at `execve(2)` of a set-user-ID program, is
/// not inherited by children, and "parent" means the *thread* that forked.
///
/// Async-signal-safe: two system calls.
///
/// # Errors
/// [`Error::Syscall`] with EINVAL when `signal` is no signal's number.
pub fn die_with_parent(parent_pid: i32, signal: i32) -> Result<bool> {
    // PR_SET_PDEATHSIG takes an unsigned long; a negative number is no signal's.
    let number = libc::c_ulong::try_from(signal)
        .map_err(|_| Error::Syscall { call: "prctl(2)", errno: Errno::EINVAL })?;
    // SAFETY: this option takes an integer, and touches no memory.
    let asked = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, number) };
    Errno::result(asked).map_err(Error::syscall("prctl(2)"))?;
    // Only now: a parent that ends between the fork and the request would go unnoticed.
    Ok(getppid().as_raw() == parent_pid)
}

/// Sets the niceness of the calling thread, which in a fresh clone is the whole process: -20 (first
/// served) to 19 (last), beyond which it is clamped. See `setpriority(2)`.
///
/// Async-signal-safe: one system call.
///
/// # Errors
/// [`Error::Syscall`] with EACCES when the niceness would fall, which `RLIMIT_NICE` or
/// CAP_SYS_NICE must allow.
pub fn set_nice(nice: i32) -> Result<()> {
    // SAFETY: the call takes three integers, and touches no memory. The system call is used because
    // its wrapper's first parameter is signed in musl and unsigned in glibc.
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

/// Sets how readily the kernel kills the calling process when memory runs out: -1000 (never) to
/// 1000 (first of all). See `proc_pid_oom_score_adj(5)`.
///
/// Not async-signal-safe: allocates.
///
/// # Errors
/// [`Error::Syscall`]: EINVAL out of that range, EACCES when the value would fall below the lowest
/// that a privileged process has set, ENOENT without `/proc`.
pub fn set_oom_score_adj(adj: i32) -> Result<()> {
    let errno = |error: io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
    fs::write("/proc/self/oom_score_adj", adj.to_string())
        .map_err(errno)
        .map_err(Error::syscall("write(2) to /proc/self/oom_score_adj"))
}

/// Gives the calling thread, and those that it starts, processor time only when nobody else wants
/// it. See SCHED_IDLE in `sched(7)`.
///
/// Async-signal-safe: one system call.
///
/// # Errors
/// [`Error::Syscall`] where the policy is not to be had, as in a sandbox.
pub fn set_idle() -> Result<()> {
    // SAFETY: zeroes are a valid `sched_param`, and its priority 0 the only one of this policy.
    let parameter: libc::sched_param = unsafe { mem::zeroed() };
    // SAFETY: the kernel reads `parameter`, which is valid for the call. 0 is the calling thread.
    let set = unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const parameter) };
    Errno::result(set).map(drop).map_err(Error::syscall("sched_setscheduler(2)"))
}

/// Has the calling thread, and those that it starts, run on processors of these numbers alone. See
/// `sched_setaffinity(2)`.
///
/// Not async-signal-safe: allocates.
///
/// # Errors
/// [`Error::Syscall`] with EINVAL when the process may run on none of them.
pub fn set_affinity(cpus: &[u32]) -> Result<()> {
    const BITS: usize = u64::BITS as usize;
    let numbers = || cpus.iter().map(|&cpu| usize::try_from(cpu).unwrap_or(usize::MAX));
    // Not `cpu_set_t`, which ends at 1,024.
    let mut mask = vec![0_u64; numbers().max().unwrap_or(0) / BITS + 1];
    for cpu in numbers() {
        mask[cpu / BITS] |= 1 << (cpu % BITS);
    }
    // SAFETY: the kernel reads as many bytes as `mask` has. 0 is the calling thread.
    let set = unsafe { libc::sched_setaffinity(0, size_of_val(mask.as_slice()), mask.as_ptr().cast()) };
    Errno::result(set).map(drop).map_err(Error::syscall("sched_setaffinity(2)"))
}

/// What a process's use of is bounded; see `getrlimit(2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Bytes of its address space. Beyond, memory is refused.
    AddressSpace,
    /// Seconds of processor time. Then SIGXCPU comes, and a second later SIGKILL.
    CpuSeconds,
    /// Bytes of a core dump.
    CoreSize,
    /// Bytes of a file that it writes. Beyond, SIGXFSZ comes.
    FileSize,
}

/// Bounds the calling process. Where the hard limit in force is lower than `most`, that is set: to
/// raise it takes privilege.
///
/// Async-signal-safe: two system calls.
///
/// # Errors
/// [`Error::Syscall`] when the system refuses.
pub fn set_limit(limit: Limit, most: u64) -> Result<()> {
    let (resource, margin) = match limit {
        Limit::AddressSpace => (Resource::RLIMIT_AS, 0),
        // A second for who handles SIGXCPU.
        Limit::CpuSeconds => (Resource::RLIMIT_CPU, 1),
        Limit::CoreSize => (Resource::RLIMIT_CORE, 0),
        Limit::FileSize => (Resource::RLIMIT_FSIZE, 0),
    };
    let (_, hard) = getrlimit(resource).map_err(Error::syscall("getrlimit(2)"))?;
    let (soft, hard) = (most.min(hard), most.saturating_add(margin).min(hard));
    setrlimit(resource, soft, hard).map_err(Error::syscall("setrlimit(2)"))
}
