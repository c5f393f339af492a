//! A clone in one call, for programs with one thread.

use std::{
    os::fd::RawFd,
    panic::{self, AssertUnwindSafe},
};

use nix::unistd::{Pid, getpid};

use crate::{
    census::policy::Alone,
    child::Child,
    error::{Error, Result},
    fds,
    fork::{Fork, Forker, exit},
    resources::limits,
};

/// Options of [`spawn`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Descriptors that stay open in the clone, besides 0, 1 and 2. All others are closed, including files
    /// that `task` has borrowed. Default: none.
    pub keep: Vec<RawFd>,
    /// Whether the clone reads the parent's standard input instead of `/dev/null`. Default: no.
    pub inherit_stdin: bool,
    /// Whether the clone is killed when its parent ends. Default: yes.
    pub die_with_parent: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { keep: Vec::new(), inherit_stdin: false, die_with_parent: true }
    }
}

/// Runs `task` in a clone of this process. The clone exits with the low 8 bits of the returned value,
/// or with 101 when `task` panics.
///
/// For programs with one thread: any other thread prevents the clone.
pub fn spawn(options: &Options, task: impl FnOnce() -> i32) -> Result<Child> {
    let parent = getpid();
    let mut forker = Forker::new();
    // SAFETY: the policy accepts no other thread, and the clone leaves by `exit` below.
    match unsafe { forker.fork(&mut Alone)? } {
        Fork::Parent { child, .. } => Ok(child),
        Fork::Clone(side) => {
            let run = AssertUnwindSafe(|| {
                prepare(options, parent)?;
                drop(side);
                Ok::<_, Error>(task())
            });
            exit(match panic::catch_unwind(run) {
                Ok(Ok(status)) => status.to_le_bytes()[0],
                Ok(Err(error)) => {
                    eprintln!("qclone: cannot set up the clone: {error}");
                    STATUS_OF_A_PANIC
                }
                Err(_) => STATUS_OF_A_PANIC,
            })
        }
    }
}

fn prepare(options: &Options, parent: Pid) -> Result<()> {
    if options.die_with_parent && !limits::die_with_parent(parent.as_raw(), libc::SIGKILL)? {
        exit(STATUS_OF_A_PANIC);
    }
    if !options.inherit_stdin {
        // SAFETY: nothing in this clone owns descriptor 0.
        unsafe { fds::redirect_to_end(libc::STDIN_FILENO, false)? };
    }
    let mut keep = vec![libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO];
    keep.extend(&options.keep);
    // SAFETY: `Options::keep` documents that all other descriptors are closed, so the task uses none of
    // them. Values owned by the frames above the fork are never dropped here.
    unsafe { fds::close_all_except(&keep) }
}

/// Exit status of a Rust program that panics.
const STATUS_OF_A_PANIC: u8 = 101;
