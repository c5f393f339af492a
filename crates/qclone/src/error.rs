//! The one error type of the crate.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use nix::errno::Errno;

use crate::census::thread::Offender;

/// Result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Reason why a process could not be cloned, or why a clone could not be waited for.
///
/// After any of these, the calling process is as it was before the call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another thread of this process is unknown to the policy, or busy.
    ///
    /// A fork copies only the calling thread. Locks that another thread holds stay held in the clone,
    /// and structures it is changing stay half-changed, so the fork is refused.
    #[error("cannot fork because of other threads: {}", Summary(.0))]
    Threads(Vec<Offender>),

    /// The call was made on a thread other than the main one.
    ///
    /// The calling thread would become the clone's only thread, but the state of the runtime (its event
    /// loop, its thread-local storage) belongs to the main thread.
    #[error("only the main thread can make a clone, and this is thread {tid} of process {pid}")]
    NotMainThread {
        /// Process id.
        pid: i32,
        /// Thread id of the calling thread.
        tid: i32,
    },

    /// A file under `/proc` could not be read, so nothing is known about the other threads or the mappings.
    #[error("cannot read {path}: {source}; {advice}", path = path.display(), advice = proc_advice(path, source))]
    Proc {
        /// File or folder.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },

    /// A file under `/proc` does not have the format that proc(5) describes.
    #[error("cannot parse {path}: {line:?}; report this with your kernel version", path = path.display())]
    ProcFormat {
        /// File.
        path: PathBuf,
        /// The line, or the part of it that was there.
        line: String,
    },

    /// `fork(2)` failed.
    ///
    /// EAGAIN: a limit on processes was reached (`RLIMIT_NPROC`, `pids.max`, `kernel.threads-max`).
    /// ENOMEM: there is not enough memory for the page tables, or the overcommit policy forbids the copy.
    #[error("fork(2) failed with {errno}: {advice}", advice = fork_advice(*errno))]
    Fork {
        /// Error number.
        errno: Errno,
    },

    /// A system call that the clone depends on failed.
    ///
    /// EAGAIN or ENOMEM of madvise(2): the process is near its limit of mappings (`vm.max_map_count`).
    #[error("{call} failed with {errno}")]
    Syscall {
        /// Name of the call, with its section of the manual.
        call: &'static str,
        /// Error number.
        errno: Errno,
    },

    /// No `WIF*` test of `wait(2)` holds for a status word.
    #[error("process {pid} has the unknown wait status {raw:#x}; see wait(2)")]
    WaitStatus {
        /// Process that was waited for.
        pid: i32,
        /// Status word.
        raw: i32,
    },

    /// Another wait took this clone's status.
    ///
    /// Causes: a `waitpid(-1)` elsewhere in the process, or SIGCHLD set to be ignored.
    #[error("another wait(2) call in this process got the status of clone {pid}, or SIGCHLD is ignored")]
    StatusLost {
        /// Process id of the clone.
        pid: i32,
    },

    /// The thread library of this process could not be calibrated.
    ///
    /// The census recognizes threads by their start routine. It learns where to find that routine from
    /// threads that it starts itself. When that fails, no thread can be recognized.
    #[error("cannot read the C library's thread structures: {0}")]
    Calibration(&'static str),
}

impl Error {
    /// Creates the error of system call `call`, for `map_err`.
    pub(crate) fn syscall(call: &'static str) -> impl Fn(Errno) -> Self {
        move |errno| Self::Syscall { call, errno }
    }

    /// Creates the error of a read under `/proc`, for `map_err`.
    pub(crate) fn proc(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Proc { path, source }
    }
}

/// Threads that prevent a fork, in one line: foreign ones first, threads of one kind together, and at most
/// [`MOST_KINDS`] kinds.
struct Summary<'a>(&'a [Offender]);

const MOST_KINDS: usize = 2;

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds: Vec<(&Offender, usize)> = Vec::new();
        for offender in self.0 {
            let is_alike = |(one, _): &&mut (&Offender, usize)| {
                one.what == offender.what && one.thread.owner == offender.thread.owner
            };
            match kinds.iter_mut().find(is_alike) {
                Some((_, more)) => *more += 1,
                None => kinds.push((offender, 0)),
            }
        }
        kinds.sort_by_key(|(offender, _)| offender.busy);
        for (index, (offender, more)) in kinds.iter().take(MOST_KINDS).enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{offender}")?;
            if *more > 0 {
                write!(f, " and {more} like it")?;
            }
        }
        let left: usize = kinds.iter().skip(MOST_KINDS).map(|(_, more)| 1 + more).sum();
        if left > 0 {
            write!(f, "; and {left} more")?;
        }
        Ok(())
    }
}

fn proc_advice(path: &Path, source: &io::Error) -> &'static str {
    match source.raw_os_error() {
        _ if path.starts_with("/proc") && !path.starts_with("/proc/self") => {
            "the process does not exist, or this user may not read it"
        }
        Some(libc::EMFILE | libc::ENFILE) => "no file descriptor is left: close some, or raise RLIMIT_NOFILE",
        Some(libc::EACCES | libc::EPERM) => {
            "a process that has changed its user cannot read its own /proc: call prctl(PR_SET_DUMPABLE, 1)"
        }
        _ => "qclone needs a readable /proc to know whether a fork is safe",
    }
}

fn fork_advice(errno: Errno) -> &'static str {
    match errno {
        Errno::EAGAIN => {
            "a process limit was reached (RLIMIT_NPROC, the cgroup's pids.max or kernel.threads-max); \
             run fewer clones, or raise the limit"
        }
        Errno::ENOMEM => {
            "no memory for the clone's page tables, or vm.overcommit_memory forbids the copy; \
             free memory, or allow overcommit"
        }
        _ => "see fork(2)",
    }
}

#[cfg(test)]
mod tests {
    use super::Error;
    use crate::census::thread::{Offender, Thread, Wait};

    fn offender(tid: i32, busy: bool, what: &str) -> Offender {
        let thread =
            Thread { tid, wait: Wait::Running, start: None, owner: Some("/a/b".into()), description: None };
        Offender { thread, name: "node".to_owned(), busy, what: what.to_owned() }
    }

    #[test]
    fn threads_of_one_kind_are_told_together_and_foreign_ones_first() {
        let threads = [
            offender(2, true, "at work"),
            offender(3, true, "at work"),
            offender(4, false, "an addon's"),
            offender(5, true, "collecting garbage"),
            offender(6, true, "collecting garbage"),
        ];
        assert_eq!(
            Error::Threads(threads.into()).to_string(),
            "cannot fork because of other threads: thread 4 \"node\" of /a/b (an addon's); \
             thread 2 \"node\" of /a/b (at work) and 1 like it; and 2 more"
        );
    }
}
