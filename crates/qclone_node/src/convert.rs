//! The core's types as JavaScript sees them.

use std::{io, time::Duration};

use napi_derive::napi;
use nix::errno::Errno;
use qclone::{Offender, Timings, WaitStatus, headroom::Headroom, memory::Memory};

/// Milliseconds that the parent stood still for a fork.
#[napi(object)]
pub struct ForkTimings {
    /// Looking at the other threads.
    pub census_ms: f64,
    /// Handing the mappings down, and taking them back.
    pub maps_ms: f64,
    /// fork(2) itself.
    pub fork_ms: f64,
    /// All of it, and the rest.
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

/// How a clone ended; see wait(2).
#[napi(object)]
pub struct NativeWaitStatus {
    /// Its process id.
    pub pid: i32,
    /// Whether it left by exit.
    pub exited: bool,
    /// Its exit status, when it left by exit.
    pub status: Option<u8>,
    /// Whether a signal ended it.
    pub signaled: bool,
    /// That signal's number.
    pub termsig: Option<i32>,
    /// That signal's name.
    pub signal: Option<String>,
    /// Whether it left a core dump.
    pub coredumped: bool,
    /// Whether it is stopped rather than ended.
    pub stopped: bool,
    /// The signal that stopped it.
    pub stopsig: Option<i32>,
    /// Whether it goes on after a stop.
    pub continued: bool,
    /// What it used.
    pub rusage: Option<NativeRusage>,
}

/// What a clone used; see getrusage(2).
#[napi(object)]
pub struct NativeRusage {
    /// Processor time in its own code, in microseconds.
    pub user_us: f64,
    /// Processor time in the kernel, in microseconds.
    pub system_us: f64,
    /// The most memory it had in RAM, shared memory included, in KiB.
    pub max_rss_kib: f64,
    /// Page faults without I/O: most of them copies of shared pages.
    pub minor_faults: f64,
    /// Page faults with I/O.
    pub major_faults: f64,
}

/// Exact up to 2^53, which no count here reaches.
#[expect(clippy::cast_precision_loss, reason = "counts and bytes stay far below 2^53")]
pub(crate) fn number(value: u64) -> f64 {
    value as f64
}

/// A number of JavaScript's as a count: what is negative is 0, and what is too large the largest.
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

/// A thread that stands in the way of a fork.
#[napi(object)]
pub struct NativeOffender {
    /// Its thread id.
    pub tid: i32,
    /// Its name, as ps(1) shows it.
    pub name: String,
    /// The file whose code it runs.
    pub module: Option<String>,
    /// Whether it may be at rest later.
    pub busy: bool,
    /// What it is taken for.
    pub what: String,
}

impl From<&Offender> for NativeOffender {
    fn from(offender: &Offender) -> Self {
        Self {
            tid: offender.thread.tid,
            name: offender.name.clone(),
            module: offender.thread.owner.as_ref().map(|path| path.display().to_string()),
            busy: offender.busy,
            what: offender.what.clone(),
        }
    }
}

/// Memory of a process, in bytes.
#[napi(object)]
pub struct NativeMemory {
    /// In RAM, shared memory included.
    pub rss: f64,
    /// In RAM, shared memory divided among those that share it.
    pub pss: f64,
    /// In RAM, and of nobody else.
    pub uss: f64,
    /// In swap.
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

/// How much memory there is for a clone, in bytes.
#[napi(object)]
pub struct NativeHeadroom {
    /// What all bounds leave.
    pub available: f64,
    /// The control group whose limit is the narrowest bound; null when it is the machine's memory.
    pub cgroup: Option<String>,
    /// What this process has in RAM and in swap.
    pub own: f64,
    /// What the system still lets processes commit to, where it does not overcommit.
    pub commit_left: Option<f64>,
    /// What a fork commits to.
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

/// Why there was no fork.
#[napi(object)]
pub struct ForkFailure {
    /// `threads`, `mainThread`, `proc`, `fork` or `system`.
    pub kind: String,
    /// The error in words.
    pub message: String,
    /// The name of the error number, when the system gave one.
    pub errno: Option<String>,
    /// The threads in the way.
    pub threads: Vec<NativeOffender>,
    /// Whether the same fork may succeed later, with nothing done about it.
    pub transient: bool,
    /// Whether the next turn of the event loop may be enough for that.
    pub soon: bool,
}

impl ForkFailure {
    /// A system call that a fork needs has failed.
    pub(crate) fn of_call(call: &str, error: &io::Error) -> Self {
        let errno = error.raw_os_error().map(Errno::from_raw);
        Self {
            kind: "system".to_owned(),
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
                ("threads", None)
            }
            qclone::Error::NotMainThread { .. } => ("mainThread", None),
            qclone::Error::Proc { source, .. }
                if matches!(source.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) =>
            {
                ("system", source.raw_os_error().map(|errno| format!("{:?}", Errno::from_raw(errno))))
            }
            qclone::Error::Proc { .. } | qclone::Error::ProcFormat { .. } => ("proc", None),
            qclone::Error::Fork { errno } => ("fork", Some(format!("{errno:?}"))),
            qclone::Error::Syscall { errno, .. } => ("system", Some(format!("{errno:?}"))),
            _ => ("system", None),
        };
        let transient = !threads.is_empty() && threads.iter().all(|thread: &NativeOffender| thread.busy);
        Self { kind: kind.to_owned(), message, errno, threads, transient, soon: false }
    }
}
