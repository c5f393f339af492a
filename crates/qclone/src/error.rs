//! The one error type of the crate.

use std::{
    io,
    path::{Path, PathBuf},
};

use nix::errno::Errno;

use crate::threads::Offender;

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a process could not be cloned, or a clone not be asked after.
///
/// After any of these the calling process is as it was before the call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another thread of this process is foreign to the policy, or at work.
    ///
    /// A fork copies the calling thread alone. Locks that another thread holds stay held in the
    /// clone, and structures it is changing stay half-changed, so the fork is refused.
    #[error("cannot fork beside other threads: {}", describe(.0))]
    Threads(Vec<Offender>),

    /// The call was made on a thread other than the process's main one.
    ///
    /// `fork(2)` would make the calling thread the clone's only thread, while the runtime's own
    /// state (its event loop, its thread-local storage) belongs to the main one.
    #[error("a clone can be made on the main thread only, this is thread {tid} of process {pid}")]
    NotMainThread {
        /// The process.
        pid: i32,
        /// The calling thread.
        tid: i32,
    },

    /// A file under `/proc` could not be read, so nothing is known of the other threads or of the
    /// mappings.
    #[error("cannot read {path}: {source}; {advice}", path = path.display(), advice = proc_advice(path, source))]
    Proc {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// A file under `/proc` was read, and does not have the form that proc(5) describes.
    #[error("cannot make sense of {path}: {line:?}", path = path.display())]
    ProcFormat {
        /// The file.
        path: PathBuf,
        /// The line, or what there was of it.
        line: String,
    },

    /// `fork(2)` refused.
    ///
    /// EAGAIN: a limit on processes was reached (`RLIMIT_NPROC`, `pids.max`,
    /// `kernel.threads-max`). ENOMEM: memory for the page tables, or the overcommit policy.
    #[error("fork(2) failed with {errno}: {advice}", advice = fork_advice(*errno))]
    Fork {
        /// The error number.
        errno: Errno,
    },

    /// A system call failed that the clone depends on.
    ///
    /// EAGAIN or ENOMEM of madvise(2): the process is near its limit of mappings
    /// (`vm.max_map_count`).
    #[error("{call} failed with {errno}")]
    Syscall {
        /// Its name, with the section of the manual.
        call: &'static str,
        /// The error number.
        errno: Errno,
    },

    /// A wait status word that no `WIF*` test of `wait(2)` holds for.
    #[error("wait status {raw:#x} of process {pid} is none that wait(2) describes")]
    WaitStatus {
        /// The process waited for.
        pid: i32,
        /// The word.
        raw: i32,
    },

    /// Somebody else waited for this clone, so that its status is lost.
    ///
    /// A `waitpid(-1)` elsewhere in the process, or SIGCHLD set to be ignored.
    #[error("the status of clone {pid} was taken by another wait in this process, or SIGCHLD is ignored")]
    StatusLost {
        /// The clone.
        pid: i32,
    },

    /// The thread library of this process could not be calibrated.
    ///
    /// The census tells threads apart by their start routine, which it finds by looking at a
    /// thread of its own. Where that look fails, no thread can be told from another.
    #[error("cannot calibrate the thread library: {0}")]
    Calibration(&'static str),
}

impl Error {
    /// Makes the error of system call `call`, for use with `map_err`.
    pub(crate) fn syscall(call: &'static str) -> impl Fn(Errno) -> Self {
        move |errno| Self::Syscall { call, errno }
    }

    /// Makes the error of a read under `/proc`, for use with `map_err`.
    pub(crate) fn proc(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Proc { path, source }
    }
}

fn describe(offenders: &[Offender]) -> String {
    offenders.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn proc_advice(path: &Path, source: &io::Error) -> &'static str {
    match source.raw_os_error() {
        _ if path.starts_with("/proc") && !path.starts_with("/proc/self") => {
            "there is no such process, or it is not this user's to look at"
        }
        Some(libc::EMFILE | libc::ENFILE) => {
            "no descriptor is left to read it by: close some, or raise RLIMIT_NOFILE"
        }
        Some(libc::EACCES | libc::EPERM) => {
            "after a change of user a process is closed to itself too: allow it by prctl(PR_SET_DUMPABLE, 1)"
        }
        _ => "qclone needs a readable /proc to tell whether a fork is safe",
    }
}

fn fork_advice(errno: Errno) -> &'static str {
    match errno {
        Errno::EAGAIN => {
            "a limit on processes was reached (RLIMIT_NPROC, the cgroup's pids.max or kernel.threads-max); \
             reap clones, or raise it"
        }
        Errno::ENOMEM => {
            "no memory for the clone's page tables, or vm.overcommit_memory forbids the copy; \
             free memory, or allow overcommit"
        }
        _ => "see fork(2)",
    }
}
