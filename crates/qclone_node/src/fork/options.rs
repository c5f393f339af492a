//! Options of a fork, as passed by JavaScript.

use std::{ffi::CString, os::fd::RawFd};

use napi_derive::napi;
use qclone::resources::limits::Limit;

use crate::{
    convert::whole,
    fork::setup::{Inheritance, Rank, Standard},
};

/// Options of a fork.
#[napi(object)]
pub struct ForkOptions {
    /// Descriptors that stay open in the clone, with their handles, besides 0, 1 and 2.
    pub keep: Vec<i32>,
    /// Descriptors 0, 1 and 2 of the clone: -1 inherits the parent's, -2 ignores, any other number is a
    /// descriptor to duplicate.
    pub stdio: Vec<i32>,
    /// Niceness; see setpriority(2). Ignored where the system forbids it.
    pub niceness: Option<i32>,
    /// Whether the clone runs under SCHED_IDLE. Ignored where the system forbids it.
    pub idle: bool,
    /// Whether the clone changes to SCHED_IDLE if it keeps its parent waiting for a CPU.
    pub gives_way: bool,
    /// OOM score; see proc_pid_oom_score_adj(5). Ignored where the system forbids it.
    pub oom_score_adj: Option<i32>,
    /// CPUs the clone may run on, by number.
    pub affinity: Option<Vec<u32>>,
    /// Resource limits; see setrlimit(2).
    pub limits: Option<NativeLimits>,
    /// Whether the clone may outlive its parent, in a session of its own.
    pub detached: bool,
    /// Whether the clone ignores SIGHUP, SIGINT and SIGTERM that its parent did not send.
    pub heeds_parent_only: bool,
    /// Title that `ps` shows. The system truncates it to the length of the command line.
    pub title: String,
    /// Whether the clone's event loop continues. The fork is then refused while V8 has pending tasks
    /// for this thread, since only the loop can run them.
    pub loop_goes_on: bool,
    /// Whether the fork is refused while libuv's pool has work whose callback has not been called. In a
    /// clone, that callback is never called.
    pub tells_all: bool,
    /// Names of files whose threads are accepted while they wait.
    pub vouch_for: Vec<String>,
    /// Maximum time in milliseconds that this call blocks until the other threads are idle.
    pub wait_ms: f64,
    /// The same, when only libuv's pool is busy.
    pub pool_wait_ms: f64,
}

/// Resource limits of a clone; see `qclone::resources::limits::Limit`.
#[napi(object)]
pub struct NativeLimits {
    /// Virtual memory in bytes.
    pub address_space: Option<f64>,
    /// CPU time in seconds.
    pub cpu_seconds: Option<f64>,
    /// Size of a core dump in bytes.
    pub core_size: Option<f64>,
    /// Size of a file in bytes.
    pub file_size: Option<f64>,
}

impl NativeLimits {
    fn list(&self) -> Vec<(Limit, u64)> {
        [
            (Limit::CpuSeconds, self.cpu_seconds),
            (Limit::CoreSize, self.core_size),
            (Limit::FileSize, self.file_size),
            (Limit::AddressSpace, self.address_space),
        ]
        .into_iter()
        .filter_map(|(limit, most)| Some((limit, whole(most?))))
        .collect()
    }
}

impl From<&ForkOptions> for Inheritance {
    fn from(options: &ForkOptions) -> Self {
        Self {
            descriptors: Vec::new(),
            earlier_pipes: Vec::new(),
            keep: options.keep.clone(),
            standard: standard(&options.stdio),
            rank: Rank {
                niceness: options.niceness,
                idle: options.idle,
                gives_way: options.gives_way,
                oom_score_adj: options.oom_score_adj,
                affinity: options.affinity.clone(),
                limits: options.limits.as_ref().map(NativeLimits::list).unwrap_or_default(),
            },
            title: terminated(&options.title),
            detached: options.detached,
            heeds_parent_only: options.heeds_parent_only,
            parent: nix::unistd::getpid().as_raw(),
        }
    }
}

/// Decodes [`ForkOptions::stdio`]. A missing entry means to inherit.
fn standard(stdio: &[RawFd]) -> [Standard; 3] {
    [0, 1, 2].map(|index| match stdio.get(index) {
        None | Some(-1) => Standard::Inherit,
        Some(&fd) if fd >= 0 => Standard::Of(fd),
        Some(_) => Standard::Ignore,
    })
}

/// Returns `text` up to its first NUL, as a C string.
fn terminated(text: &str) -> CString {
    CString::new(text.split('\0').next().unwrap_or_default()).unwrap_or_default()
}
