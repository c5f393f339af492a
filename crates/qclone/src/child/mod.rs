//! Handle of a clone: its pid, and a descriptor that never refers to another process.

pub mod wait;

use std::{
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
    process, ptr,
    time::{Duration, Instant},
};

use libc::c_long;
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    unistd::Pid,
};

use self::wait::WaitStatus;
use crate::{
    error::{Error, Result},
    fds,
    signals::Marked,
};

/// A clone, seen from its parent.
///
/// Dropping it neither kills nor waits. A clone that is not waited for stays a zombie after it ends, until
/// its parent ends.
#[derive(Debug)]
pub struct Child {
    pid: i32,
    pidfd: OwnedFd,
    status: Option<WaitStatus>,
}

impl Child {
    /// Creates the handle of child `pid`. See `pidfd_open(2)`.
    ///
    /// Free of races only until the child is reaped: until then, no other process gets its pid.
    ///
    /// # Errors
    /// [`Error::Syscall`]: EMFILE, ENFILE, ENOMEM, or ENOSYS before Linux 5.3. The child is untouched, and
    /// the caller can kill and reap it by its pid.
    pub(crate) fn open(pid: i32) -> Result<Self> {
        Ok(Self { pid, pidfd: pidfd_open(pid)?, status: None })
    }

    /// Returns the process id. After the clone is reaped, the system may give it to another process.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Returns the pidfd, which is readable in `poll(2)` and `epoll(7)` once the clone has ended.
    /// Close-on-exec.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Returns whether the clone has not ended. A stopped clone counts as running. Does not reap.
    pub fn is_running(&self) -> Result<bool> {
        Ok(!self.ended_within(PollTimeout::ZERO)?)
    }

    /// Reaps the clone if it has ended; `None` while it runs. Once reaped, returns the same status again.
    ///
    /// # Errors
    /// [`Error::StatusLost`] when another wait reaped it. [`Error::Syscall`] otherwise.
    pub fn try_wait(&mut self) -> Result<Option<WaitStatus>> {
        self.reap(libc::WNOHANG)
    }

    /// Waits until the clone ends, and reaps it. Once reaped, returns the same status again.
    ///
    /// # Errors
    /// As [`Child::try_wait`].
    pub fn wait(&mut self) -> Result<WaitStatus> {
        // Without WNOHANG there is always a status.
        self.reap(0)?.ok_or(Error::StatusLost { pid: self.pid })
    }

    /// Waits until the clone ends, for at most `timeout` rounded up to whole milliseconds, and reaps it.
    /// Returns `None` if it is still running then.
    ///
    /// # Errors
    /// As [`Child::try_wait`].
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Option<WaitStatus>> {
        // A deadline beyond the clock's range is never reached.
        let deadline = Instant::now().checked_add(timeout);
        loop {
            if let Some(status) = self.try_wait()? {
                return Ok(Some(status));
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
            self.ended_within(left.map_or(PollTimeout::NONE, poll_timeout))?;
        }
    }

    /// Sends the clone a signal, by number. See `pidfd_send_signal(2)`.
    ///
    /// The signal reaches only this clone, never another process that got the same pid. Signaling a clone
    /// that has ended is not an error. SIGHUP, SIGINT and SIGTERM carry a mark for clones that [heed only
    /// their parent](crate::signals::heed_parent_only). The clone's own handlers see SI_QUEUE in `si_code`.
    ///
    /// Where a sandbox forbids `pidfd_send_signal(2)`, sends the signal by pid, which stays the clone's until
    /// the clone is reaped.
    ///
    /// # Errors
    /// [`Error::Syscall`]: EINVAL for an invalid number, EPERM when the clone now runs as another user.
    pub fn kill(&self, signal: i32) -> Result<()> {
        let mark = Marked::for_signal(signal);
        // SAFETY: the call takes an open descriptor, integers, and either a siginfo_t that outlives it
        // or null, which means the one of kill(2).
        let sent = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                c_long::from(self.pidfd.as_raw_fd()),
                c_long::from(signal),
                mark.as_ref().map_or(ptr::null(), ptr::from_ref),
                c_long::from(0),
            )
        };
        match Errno::result(sent) {
            Ok(_) | Err(Errno::ESRCH) => Ok(()),
            // A sandbox chooses the error. It is usually one of these two.
            Err(Errno::EPERM | Errno::ENOSYS) => self.kill_by_pid(signal, mark.as_ref()),
            Err(errno) => Err(Error::Syscall { call: "pidfd_send_signal(2)", errno }),
        }
    }

    /// Sends the signal by pid, after checking that the clone has not been reaped.
    fn kill_by_pid(&self, signal: i32, mark: Option<&Marked>) -> Result<()> {
        if self.status.is_some() || !wait::is_unreaped(self.pid) {
            return Ok(());
        }
        let sent = match mark {
            // SAFETY: the call takes integers and a siginfo_t that outlives it.
            Some(mark) => unsafe {
                libc::syscall(
                    libc::SYS_rt_sigqueueinfo,
                    c_long::from(self.pid),
                    c_long::from(signal),
                    ptr::from_ref(mark),
                )
            },
            // SAFETY: kill(2) takes integers.
            None => c_long::from(unsafe { libc::kill(self.pid, signal) }),
        };
        match Errno::result(sent) {
            Ok(_) | Err(Errno::ESRCH) => Ok(()),
            Err(errno) => Err(Error::Syscall { call: "kill(2)", errno }),
        }
    }

    /// Kills and reaps a clone that its caller cannot keep. Waits for its end, which is immediate for a process
    /// that was just started.
    pub fn abandon(self) {
        if self.status.is_none() {
            end(self.pid);
        }
    }

    fn reap(&mut self, flags: libc::c_int) -> Result<Option<WaitStatus>> {
        if self.status.is_none() {
            self.status = wait::wait_pidfd(self.pid, self.pidfd.as_fd(), flags)?;
        }
        Ok(self.status.clone())
    }

    /// Returns whether the clone ended before the timeout, and before a signal handler ran.
    fn ended_within(&self, timeout: PollTimeout) -> Result<bool> {
        let mut polled = [PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN)];
        match poll(&mut polled, timeout) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::EINTR) => Ok(false),
            Err(errno) => Err(Error::Syscall { call: "poll(2)", errno }),
        }
    }
}

/// Descriptors reserved before the fork, so that a shortage is detected while only the parent exists.
///
/// One is for the clone's pidfd. The others are for the descriptors that the clone opens to make the
/// inherited ones inert ([`fds::HEADROOM`]). They are pidfds of this process, which also proves that
/// `pidfd_open(2)` exists and is allowed. All are close-on-exec. The clone drops its copies before
/// anything else.
#[derive(Debug)]
pub(crate) struct Reservation(Vec<OwnedFd>);

impl Reservation {
    /// Opens the descriptors.
    ///
    /// # Errors
    /// [`Error::Syscall`]: EMFILE, ENFILE or ENOMEM; ENOSYS before Linux 5.3; EPERM where a sandbox forbids
    /// `pidfd_open(2)`.
    pub(crate) fn new() -> Result<Self> {
        let own = i32::try_from(process::id())
            .map_err(|_| Error::Syscall { call: "getpid(2)", errno: Errno::EOVERFLOW })?;
        let mut held = vec![pidfd_open(own)?];
        for _ in 0..fds::HEADROOM {
            let copy = fcntl(&held[0], FcntlArg::F_DUPFD_CLOEXEC(0)).map_err(Error::syscall("fcntl(2)"))?;
            // SAFETY: fcntl(2) just opened this descriptor, and nothing else knows about it.
            held.push(unsafe { OwnedFd::from_raw_fd(copy) });
        }
        Ok(Self(held))
    }

    /// In the parent, after the fork: frees the descriptors and opens the clone's pidfd.
    ///
    /// # Errors
    /// As [`Child::open`], but only if another thread takes every freed descriptor first.
    pub(crate) fn into_child(self, pid: i32) -> Result<Child> {
        let Self(held) = self;
        drop(held);
        Child::open(pid)
    }
}

/// Kills and reaps a child that has not been reaped.
pub(crate) fn end(pid: i32) {
    let _ = nix::sys::signal::kill(Pid::from_raw(pid), nix::sys::signal::SIGKILL);
    let _ = wait::wait(pid);
}

fn pidfd_open(pid: i32) -> Result<OwnedFd> {
    // SAFETY: the call takes two integers, and touches no memory.
    let opened = unsafe { libc::syscall(libc::SYS_pidfd_open, c_long::from(pid), c_long::from(0)) };
    let opened = Errno::result(opened).map_err(Error::syscall("pidfd_open(2)"))?;
    let opened = RawFd::try_from(opened)
        .map_err(|_| Error::Syscall { call: "pidfd_open(2)", errno: Errno::EOVERFLOW })?;
    // SAFETY: the kernel just opened this descriptor, and nothing else knows about it.
    Ok(unsafe { OwnedFd::from_raw_fd(opened) })
}

/// Converts to whole milliseconds, rounded up so that the caller does not spin through the last one. A
/// timeout that is too long for `poll(2)` takes several calls.
fn poll_timeout(time: Duration) -> PollTimeout {
    PollTimeout::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(PollTimeout::MAX)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    /// Starts `sh -c`, which needs no fork of this test's many threads.
    #[expect(clippy::zombie_processes, reason = "every test waits for it by its own handle")]
    fn sh(script: &str) -> Child {
        let spawned = Command::new("sh").args(["-c", script]).spawn().expect("sh runs");
        Reservation::new().unwrap().into_child(i32::try_from(spawned.id()).unwrap()).unwrap()
    }

    #[test]
    fn an_exit_code_is_told_again_and_again() {
        let mut child = sh("exit 7");
        let status = child.wait().unwrap();
        assert_eq!((status.pid, status.status), (child.pid(), Some(7)));
        assert!(status.rusage.is_some_and(|used| used.max_rss_kib > 0));
        assert_eq!(child.wait().unwrap(), status);
        assert_eq!(child.try_wait().unwrap(), Some(status.clone()));
        assert_eq!(child.wait_timeout(Duration::ZERO).unwrap(), Some(status));
    }

    #[test]
    fn a_running_child_has_no_status_until_it_is_killed() {
        let mut child = sh("exec sleep 60");
        assert!(child.is_running().unwrap());
        assert_eq!(child.try_wait().unwrap(), None);

        let start = Instant::now();
        assert_eq!(child.wait_timeout(Duration::from_millis(30)).unwrap(), None);
        assert!(start.elapsed() >= Duration::from_millis(30));

        child.kill(libc::SIGKILL).unwrap();
        let status = child.wait_timeout(LONG).unwrap().expect("SIGKILL ends it");
        assert_eq!((status.signaled, status.termsig), (true, Some(libc::SIGKILL)));
        assert_eq!(status.signal_name().as_deref(), Some("SIGKILL"));
    }

    #[test]
    fn a_real_time_signal_is_told() {
        let mut child = sh("exec sleep 60");
        child.kill(libc::SIGRTMIN() + 2).unwrap();
        let status = child.wait_timeout(LONG).unwrap().expect("its default is to end the process");
        assert_eq!(status.signal_name().as_deref(), Some("SIGRTMIN+2"));
    }

    #[test]
    fn a_child_that_ended_can_be_signalled_before_and_after_it_is_reaped() {
        let mut child = sh("exit 0");
        while child.is_running().unwrap() {
            std::thread::yield_now();
        }
        child.kill(libc::SIGTERM).unwrap();
        assert!(child.wait().unwrap().success());
        child.kill(libc::SIGTERM).unwrap();
        assert!(!child.is_running().unwrap());
    }

    #[test]
    fn a_number_that_is_no_signal_is_refused() {
        let mut child = sh("exec sleep 60");
        assert!(matches!(child.kill(4711), Err(Error::Syscall { errno: Errno::EINVAL, .. })));
        child.kill(libc::SIGKILL).unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_status_taken_by_another_wait_is_reported_lost() {
        let mut child = sh("exit 3");
        assert_eq!(wait::wait(child.pid()).unwrap().status, Some(3));
        for answer in [child.try_wait(), child.wait().map(Some), child.wait_timeout(LONG)] {
            assert!(matches!(answer, Err(Error::StatusLost { pid }) if pid == child.pid()));
        }
    }

    #[test]
    fn a_stopped_child_counts_as_running() {
        let mut child = sh("exec sleep 60");
        child.kill(libc::SIGSTOP).unwrap();
        assert_eq!(child.wait_timeout(Duration::from_millis(20)).unwrap(), None);
        assert!(child.is_running().unwrap());
        child.kill(libc::SIGKILL).unwrap();
        assert!(child.wait().unwrap().signaled);
    }

    #[test]
    fn an_endless_timeout_is_no_overflow() {
        assert!(sh("exit 0").wait_timeout(Duration::MAX).unwrap().is_some());
    }

    #[test]
    fn the_pidfd_and_the_reservation_close_on_exec() {
        let mut child = sh("exit 0");
        let reservation = Reservation::new().unwrap();
        assert_eq!(reservation.0.len(), 1 + fds::HEADROOM);
        let held = reservation.0.iter().map(AsRawFd::as_raw_fd);
        for fd in held.chain([child.pidfd().as_raw_fd()]) {
            // SAFETY: F_GETFD only reads a flag.
            assert_eq!(unsafe { libc::fcntl(fd, libc::F_GETFD) }, libc::FD_CLOEXEC);
        }
        child.wait().unwrap();
    }

    #[test]
    fn timeouts_round_up() {
        assert_eq!(poll_timeout(Duration::from_nanos(1)), PollTimeout::from(1u8));
        assert_eq!(poll_timeout(Duration::from_millis(5)), PollTimeout::from(5u8));
        assert_eq!(poll_timeout(Duration::MAX), PollTimeout::MAX);
    }
}
