//! What a clone may cost its parent: when it ends at the latest, and who yields to whom.

use std::{fs, io};

use libc::c_long;
use nix::{errno::Errno, unistd::getppid};

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
