//! Facts that a clone learns from its fork.

use std::os::fd::RawFd;

use napi_derive::napi;
use qclone::fds::{self, Kind};

/// Facts a clone learns from its fork.
///
/// The parent creates the object before the fork, and the clone reads it through getters, which allocate
/// nothing in V8's heap. An object returned by the fork itself cost each clone 0.2 ms, because creating one
/// touches code and heap that the clone must first fault in.
#[napi]
#[derive(Default)]
pub struct CloneFacts {
    pid: i32,
    has_worker: bool,
    dead_outputs: Vec<RawFd>,
    pipe_outputs: Vec<RawFd>,
}

impl CloneFacts {
    /// In a clone: records the facts.
    pub(crate) fn note(&mut self, has_worker: bool, dead_outputs: Vec<RawFd>) {
        let is_pipe = |&fd: &RawFd| matches!(fds::kind(fd), Kind::Pipe { .. } | Kind::Socket { .. });
        self.pid = nix::unistd::getpid().as_raw();
        self.has_worker = has_worker;
        self.dead_outputs = dead_outputs;
        self.pipe_outputs = (libc::STDOUT_FILENO..=libc::STDERR_FILENO).filter(is_pipe).collect();
    }
}

#[napi]
impl CloneFacts {
    /// Creates facts for the next fork to fill in.
    #[napi(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Process id of the clone.
    #[napi(getter)]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Whether the clone has a thread on which V8 compiles.
    #[napi(getter)]
    pub fn has_worker(&self) -> bool {
        self.has_worker
    }

    /// Whether the parent's stream on descriptor `fd`, 1 or 2, is dead or leads elsewhere in the clone.
    #[napi]
    pub fn is_dead_output(&self, fd: i32) -> bool {
        self.dead_outputs.contains(&fd)
    }

    /// Whether descriptor `fd`, 1 or 2, is a pipe or a socket in the clone.
    #[napi]
    pub fn is_pipe_output(&self, fd: i32) -> bool {
        self.pipe_outputs.contains(&fd)
    }
}
