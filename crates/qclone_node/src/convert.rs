//! The core's types, as exposed to JavaScript.

use std::{io, time::Duration};

use napi_derive::napi;
use nix::errno::Errno;
use qclone::{
    Offender, Timings, WaitStatus,
    resources::{headroom::Headroom, memory::Memory},
};

use crate::fork::is_worker;

/// Times in milliseconds that the parent was blocked for a fork.
#[napi(object)]
pub struct ForkTimings {
    /// Time to describe and judge the other threads.
    pub census_ms: f64,
    /// Time to make the mappings inheritable, and to undo that.
    pub maps_ms: f64,
    /// Time of fork(2) itself.
    pub fork_ms: f64,
    /// Time from the call to its return.
    pub total_ms: f64,
}

impl From<Timings> for ForkTimings {
    fn from(timings: Timings) -> Self {
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        Self {
            census_ms: ms(timings.census),
            maps_ms: ms(timings.maps),
            fork_ms: ms(timings.fork),
            total_ms: ms(timings.total),
        }
    }
}

/// Wait status of a clone; see wait(2).
#[napi(object)]
pub struct NativeWaitStatus {
    /// Process id.
    pub pid: i32,
    /// Whether it exited.
    pub exited: bool,
    /// Exit status, if it exited.
    pub status: Option<u8>,
    /// Whether a signal ended it.
    pub signaled: bool,
    /// Number of that signal.
    pub termsig: Option<i32>,
    /// Name of that signal.
    pub signal: Option<String>,
    /// Whether it dumped core.
    pub coredumped: bool,
    /// Whether a signal stopped it.
    pub stopped: bool,
    /// Number of the signal that stopped it.
    pub stopsig: Option<i32>,
    /// Whether SIGCONT continued it.
    pub continued: bool,
    /// Resource usage.
    pub rusage: Option<NativeRusage>,
}

/// Resource usage of a clone; see getrusage(2).
#[napi(object)]
pub struct NativeRusage {
    /// CPU time in user code, in microseconds.
    pub user_us: f64,
    /// CPU time in the kernel, in microseconds.
    pub system_us: f64,
    /// Largest resident set, shared memory included, in KiB.
    pub max_rss_kib: f64,
    /// Page faults without I/O, most of them copies of shared pages.
    pub minor_faults: f64,
    /// Page faults with I/O.
    pub major_faults: f64,
}

/// Converts a count to a JavaScript number, exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts and bytes stay far below 2^53")]
pub(crate) fn number(value: u64) -> f64 {
    value as f64
}

/// Converts a JavaScript number to a count. Negative numbers become 0, and too large ones the maximum.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
pub(crate) fn whole(value: f64) -> u64 {
    value as u64
}

impl From<WaitStatus> for NativeWaitStatus {
    fn from(status: WaitStatus) -> Self {
        Self {
            signal: status.signal_name(),
            pid: status.pid,
            exited: status.exited,
            status: status.status,
            signaled: status.signaled,
            termsig: status.termsig,
            coredumped: status.coredumped,
            stopped: status.stopped,
            stopsig: status.stopsig,
            continued: status.continued,
            rusage: status.rusage.map(|rusage| NativeRusage {
                user_us: number(rusage.user_us),
                system_us: number(rusage.system_us),
                max_rss_kib: number(rusage.max_rss_kib),
                minor_faults: number(rusage.minor_faults),
                major_faults: number(rusage.major_faults),
            }),
        }
    }
}

/// A thread that prevents a fork.
#[napi(object)]
pub struct NativeOffender {
    /// Thread id.
    pub tid: i32,
    /// Name, as ps(1) shows it.
    pub name: String,
    /// File whose code it runs.
    pub module: Option<String>,
    /// Whether it may become idle.
    pub busy: bool,
    /// Description of what it seems to be.
    pub what: String,
    /// Whether it is a Worker.
    pub is_worker: bool,
}

impl From<&Offender> for NativeOffender {
    fn from(offender: &Offender) -> Self {
        Self {
            tid: offender.thread.tid,
            name: offender.name.clone(),
            module: offender.thread.owner.as_ref().map(|path| path.display().to_string()),
            busy: offender.busy,
            what: offender.what.clone(),
            is_worker: is_worker(&offender.what),
        }
    }
}

/// Memory of a process, in bytes.
#[napi(object)]
pub struct NativeMemory {
    /// Memory in RAM, including shared memory.
    pub rss: f64,
    /// Memory in RAM, with shared memory divided among the processes that share it.
    pub pss: f64,
    /// Unshared memory in RAM.
    pub uss: f64,
    /// Memory in swap.
    pub swap: f64,
}

impl From<Memory> for NativeMemory {
    fn from(memory: Memory) -> Self {
        Self {
            rss: number(memory.rss),
            pss: number(memory.pss),
            uss: number(memory.uss),
            swap: number(memory.swap),
        }
    }
}

/// Memory left for a clone, in bytes.
#[napi(object)]
pub struct NativeHeadroom {
    /// Memory available within all limits.
    pub available: f64,
    /// Control group whose limit is the narrowest bound; null when the machine's memory is.
    pub cgroup: Option<String>,
    /// Memory of this process in RAM and in swap.
    pub own: f64,
    /// Memory that processes may still commit, if the system does not overcommit.
    pub commit_left: Option<f64>,
    /// Memory that a fork commits.
    pub commit_needed: f64,
}

impl From<Headroom> for NativeHeadroom {
    fn from(headroom: Headroom) -> Self {
        Self {
            available: number(headroom.available),
            cgroup: headroom.cgroup.map(|path| path.display().to_string()),
            own: number(headroom.own),
            commit_left: headroom.commit_left.map(number),
            commit_needed: number(headroom.commit_needed),
        }
    }
}

/// Kind of a failure.
#[napi(string_enum = "camelCase")]
pub enum ForkFailureKind {
    /// Other threads prevent the fork.
    Threads,
    /// The call was made on a thread other than the main one.
    MainThread,
    /// A file under `/proc` cannot be read or parsed.
    Proc,
    /// fork(2) failed.
    Fork,
    /// Another system call failed.
    System,
    /// The layout of this Node or libuv is not known to qclone.
    Unsupported,
}

/// Reason why there was no fork.
#[napi(object)]
pub struct ForkFailure {
    /// Kind of the failure.
    pub kind: ForkFailureKind,
    /// Error message.
    pub message: String,
    /// Name of the error number, if the system returned one.
    pub errno: Option<String>,
    /// Threads that prevent the fork.
    pub threads: Vec<NativeOffender>,
    /// Whether the same fork may succeed later without any other change.
    pub transient: bool,
    /// Whether the fork may already succeed after the next turn of the event loop.
    pub soon: bool,
}

impl ForkFailure {
    /// Creates the failure for a Node or libuv whose layout is not known to qclone.
    pub(crate) fn unsupported(message: &str) -> Self {
        Self {
            kind: ForkFailureKind::Unsupported,
            message: message.to_owned(),
            errno: None,
            threads: Vec::new(),
            transient: false,
            soon: false,
        }
    }

    /// Creates the failure of a system call that a fork needs.
    pub(crate) fn of_call(call: &str, error: &io::Error) -> Self {
        let errno = error.raw_os_error().map(Errno::from_raw);
        Self {
            kind: ForkFailureKind::System,
            message: format!("{call} failed with {error}"),
            errno: errno.map(|errno| format!("{errno:?}")),
            threads: Vec::new(),
            transient: false,
            soon: false,
        }
    }
}

impl From<qclone::Error> for ForkFailure {
    fn from(error: qclone::Error) -> Self {
        let message = error.to_string();
        let mut threads = Vec::new();
        let (kind, errno) = match &error {
            qclone::Error::Threads(offenders) => {
                threads = offenders.iter().map(Into::into).collect();
                (ForkFailureKind::Threads, None)
            }
            qclone::Error::NotMainThread { .. } => (ForkFailureKind::MainThread, None),
            qclone::Error::Proc { source, .. }
                if matches!(source.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) =>
            {
                (
                    ForkFailureKind::System,
                    source.raw_os_error().map(|errno| format!("{:?}", Errno::from_raw(errno))),
                )
            }
            qclone::Error::Proc { .. } | qclone::Error::ProcFormat { .. } => (ForkFailureKind::Proc, None),
            qclone::Error::Fork { errno } => (ForkFailureKind::Fork, Some(format!("{errno:?}"))),
            qclone::Error::Syscall { errno, .. } => (ForkFailureKind::System, Some(format!("{errno:?}"))),
            _ => (ForkFailureKind::System, None),
        };
        let transient = !threads.is_empty() && threads.iter().all(|thread: &NativeOffender| thread.busy);
        Self { kind, message, errno, threads, transient, soon: false }
    }
}
