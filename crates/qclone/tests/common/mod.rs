//! Forks inside a test harness: one test at a time, and no child outlives its test.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    io,
    panic::{self, AssertUnwindSafe},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use qclone::child::wait::{self, WaitStatus};

const DEADLINE: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(1);
const PANICKED: i32 = 101;

static FORKS: Mutex<()> = Mutex::new(());

/// Lock for forking. A test that takes it at its start also keeps other tests from changing descriptors,
/// since the other tests of the file wait for it.
pub(crate) struct ForkLock(MutexGuard<'static, ()>);

/// Waits for the other tests' children to be reaped.
pub(crate) fn lock() -> ForkLock {
    ForkLock(FORKS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Runs `body` in a child and returns the child's exit code. Takes the lock itself.
pub(crate) fn in_child(body: impl FnOnce() -> i32) -> WaitStatus {
    lock().in_child(body)
}

impl ForkLock {
    /// Runs `body` in a child, waits for it, and returns its exit code.
    pub(crate) fn in_child(&self, body: impl FnOnce() -> i32) -> WaitStatus {
        self.start(body).finish()
    }

    /// Starts `body` in a child. A panic is printed and ends the child with code 101.
    pub(crate) fn start(&self, body: impl FnOnce() -> i32) -> Forked<'_> {
        // SAFETY: the child runs only `body`, on this thread's copy, and leaves by _exit. libc's fork takes
        // care of malloc. If another thread of the harness held a lock of std, the child would hang until the
        // deadline kills it.
        let pid = unsafe { libc::fork() };
        match pid {
            -1 => panic!("fork: {}", io::Error::last_os_error()),
            0 => {
                let code = panic::catch_unwind(AssertUnwindSafe(|| {
                    // The harness captures the output of the default hook, which would be lost here.
                    panic::set_hook(Box::new(|panic| {
                        let _ = nix::unistd::write(io::stderr(), format!("{panic}\n").as_bytes());
                    }));
                    body()
                }));
                // SAFETY: _exit ends the child without destructors of the harness.
                unsafe { libc::_exit(code.unwrap_or(PANICKED)) }
            }
            pid => Forked { pid, reaped: false, lock: self },
        }
    }
}

/// A child, killed and reaped when dropped.
pub(crate) struct Forked<'lock> {
    /// Process id.
    pub(crate) pid: i32,
    reaped: bool,
    lock: &'lock ForkLock,
}

impl Forked<'_> {
    /// Waits until the child ends. After the deadline, kills it first.
    pub(crate) fn finish(mut self) -> WaitStatus {
        let start = Instant::now();
        let status = loop {
            match wait::try_wait(self.pid).expect("it is this test's child") {
                Some(status) => break status,
                None if start.elapsed() < DEADLINE => thread::sleep(POLL_INTERVAL),
                None => break self.kill(),
            }
        };
        self.reaped = true;
        status
    }

    /// Sends the child a signal.
    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: kill takes two integers. The pid is that of a child that has not been reaped.
        assert_eq!(unsafe { libc::kill(self.pid, signal) }, 0);
    }

    fn kill(&self) -> WaitStatus {
        self.signal(libc::SIGKILL);
        wait::wait(self.pid).expect("it is this test's child")
    }
}

impl Drop for Forked<'_> {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
        }
    }
}

/// Fails unless the child exited with 0.
#[track_caller]
pub(crate) fn assert_success(status: &WaitStatus) {
    assert!(status.success(), "{status}");
}
