//! Decoded wait statuses: how a process ended.

use std::{
    fmt,
    mem::MaybeUninit,
    os::fd::{AsRawFd, BorrowedFd},
};

use libc::{c_int, c_long};
use nix::{errno::Errno, sys::signal::Signal};

use crate::{
    error::{Error, Result},
    syscall::retry,
};

/// How a process changed state; see `wait(2)`.
///
/// Exactly one of `exited`, `signaled`, `stopped` and `continued` is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitStatus {
    /// Process id.
    pub pid: i32,
    /// Whether it ended with `exit(3)` or `_exit(2)`.
    pub exited: bool,
    /// Exit code, if it exited.
    pub status: Option<u8>,
    /// Whether a signal ended it.
    pub signaled: bool,
    /// Number of the signal that ended it, real-time signals included.
    pub termsig: Option<i32>,
    /// Whether it dumped core.
    pub coredumped: bool,
    /// Whether a signal stopped it.
    pub stopped: bool,
    /// Number of the signal that stopped it.
    pub stopsig: Option<i32>,
    /// Whether SIGCONT continued it.
    pub continued: bool,
    /// Resource usage, known once the process is reaped. `None` from [`decode`], which sees only the status
    /// word.
    pub rusage: Option<Rusage>,
}

/// Resource usage of a process and of the children it waited for; see `getrusage(2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rusage {
    /// CPU time in user code, in microseconds.
    pub user_us: u64,
    /// CPU time in the kernel, in microseconds.
    pub system_us: u64,
    /// Largest resident set, in KiB. In a clone it starts at the resident set of its parent.
    pub max_rss_kib: u64,
    /// Page faults without I/O, including a clone's copies of shared pages.
    pub minor_faults: u64,
    /// Page faults with I/O.
    pub major_faults: u64,
    /// Number of times it gave up the CPU to wait.
    pub voluntary_switches: u64,
    /// Number of times it lost the CPU.
    pub involuntary_switches: u64,
}

impl WaitStatus {
    /// Returns the name of the signal that ended or stopped the process, such as `SIGKILL` or `SIGRTMIN+3`.
    ///
    /// Numbers without a name, such as those reserved by the C library, have the form `SIG32`.
    pub fn signal_name(&self) -> Option<String> {
        self.termsig.or(self.stopsig).map(signal_name)
    }

    /// Returns whether the process exited with code 0.
    pub fn success(&self) -> bool {
        self.status == Some(0)
    }
}

impl fmt::Display for WaitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ", self.pid)?;
        match (self.status, self.termsig, self.stopsig) {
            (Some(code), ..) => write!(f, "exited with code {code}"),
            (_, Some(signal), _) => {
                let core = if self.coredumped { " and dumped core" } else { "" };
                write!(f, "was killed by {}{core}", signal_name(signal))
            }
            (.., Some(signal)) => write!(f, "was stopped by {}", signal_name(signal)),
            _ => f.write_str("was continued"),
        }
    }
}

impl From<&libc::rusage> for Rusage {
    fn from(raw: &libc::rusage) -> Self {
        Self {
            user_us: micros(raw.ru_utime),
            system_us: micros(raw.ru_stime),
            max_rss_kib: count(raw.ru_maxrss),
            minor_faults: count(raw.ru_minflt),
            major_faults: count(raw.ru_majflt),
            voluntary_switches: count(raw.ru_nvcsw),
            involuntary_switches: count(raw.ru_nivcsw),
        }
    }
}

/// Decodes a raw `wait4(2)` status word.
///
/// # Errors
/// [`Error::WaitStatus`] when no `WIF*` test of `wait(2)` holds for `raw`.
pub fn decode(pid: i32, raw: i32) -> Result<WaitStatus> {
    let unknown = WaitStatus {
        pid,
        exited: false,
        status: None,
        signaled: false,
        termsig: None,
        coredumped: false,
        stopped: false,
        stopsig: None,
        continued: false,
        rusage: None,
    };
    // Bits 0-6: the signal that ended it, 0 for an exit, 0x7f for a stop. Bit 7: core dumped.
    // Bits 8-15: exit code or stop signal. Higher bits: the event of a ptrace(2) stop.
    match raw.to_le_bytes() {
        [0xff, 0xff, 0, 0] => Ok(WaitStatus { continued: true, ..unknown }),
        [0x7f, signal, ..] => Ok(WaitStatus { stopped: true, stopsig: Some(signal.into()), ..unknown }),
        [low, code, ..] if low & 0x7f == 0 => Ok(WaitStatus { exited: true, status: Some(code), ..unknown }),
        [low, ..] if low & 0x7f != 0x7f => Ok(WaitStatus {
            signaled: true,
            termsig: Some((low & 0x7f).into()),
            coredumped: low & 0x80 != 0,
            ..unknown
        }),
        _ => Err(Error::WaitStatus { pid, raw }),
    }
}

/// Reaps child `pid` if it has ended; `None` while it runs. See `wait4(2)`.
///
/// # Errors
/// [`Error::StatusLost`] when `pid` is not a child of this process, or was reaped elsewhere.
/// [`Error::Syscall`] with EINVAL when `pid` is not positive: it would mean a group of children, and this
/// crate must not reap all of them.
pub fn try_wait(pid: i32) -> Result<Option<WaitStatus>> {
    wait4(pid, libc::WNOHANG)
}

/// Waits until child `pid` ends, and reaps it. See `wait4(2)`.
///
/// # Errors
/// As [`try_wait`].
pub fn wait(pid: i32) -> Result<WaitStatus> {
    // Without WNOHANG there is always a status.
    wait4(pid, 0)?.ok_or(Error::WaitStatus { pid, raw: 0 })
}

/// Returns whether `pid` is an unreaped child of this process, as far as the system reports. Until it is
/// reaped, no other process gets that pid.
pub(crate) fn is_unreaped(pid: i32) -> bool {
    let Ok(id) = libc::id_t::try_from(pid) else { return false };
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: waitid(2) writes one siginfo_t to the given place, which outlives the call.
    let found = retry(|| unsafe { libc::waitid(libc::P_PID, id, info.as_mut_ptr(), flags) });
    found != Err(Errno::ECHILD)
}

/// Reaps the child that `pidfd` refers to. See `waitid(2)`, `P_PIDFD` (Linux 5.4).
///
/// Unlike a pid, a pidfd never refers to another child after this one is reaped. `flags` is `WNOHANG` or
/// 0. The result can be `None` only with `WNOHANG`.
pub(crate) fn wait_pidfd(pid: i32, pidfd: BorrowedFd<'_>, flags: c_int) -> Result<Option<WaitStatus>> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let mut rusage = MaybeUninit::<libc::rusage>::zeroed();
    let waited = retry(|| {
        // SAFETY: waitid takes an open descriptor, kept open by `pidfd`, and writes one siginfo_t and one
        // rusage to the two given places, which outlive the call. This is the system call, since the wrapper
        // has no rusage. On 64-bit systems the kernel's struct rusage is libc's, or the start of it.
        unsafe {
            libc::syscall(
                libc::SYS_waitid,
                c_long::from(libc::P_PIDFD),
                c_long::from(pidfd.as_raw_fd()),
                info.as_mut_ptr(),
                c_long::from(flags | libc::WEXITED),
                rusage.as_mut_ptr(),
            )
        }
    });
    match waited {
        Ok(_) => {}
        Err(Errno::ECHILD) => return Err(Error::StatusLost { pid }),
        // A kernel with pidfds but without P_PIDFD, or a sandbox that forbids the call.
        Err(Errno::EINVAL | Errno::ENOSYS | Errno::EPERM) => return wait4(pid, flags),
        Err(errno) => return Err(Error::Syscall { call: "waitid(2)", errno }),
    }

    // SAFETY: all bit patterns are valid for siginfo_t's integers, and it was zeroed before the call.
    let info = unsafe { info.assume_init() };
    // SAFETY: all bit patterns are valid for rusage's integers, and it was zeroed before the call.
    let rusage = unsafe { rusage.assume_init() };
    // SAFETY: waitid fills in the SIGCHLD member of the union, or leaves it zeroed.
    let reaped = unsafe { info.si_pid() };
    if reaped == 0 {
        return Ok(None);
    }
    // SAFETY: waitid reaped a child, so it has filled in the SIGCHLD member of the union.
    let status = unsafe { info.si_status() };
    let raw = word_of(info.si_code, status);
    Ok(Some(WaitStatus { rusage: Some(Rusage::from(&rusage)), ..decode(pid, raw)? }))
}

/// Converts to the word that wait4 would have returned, so that one decoder is enough.
fn word_of(code: c_int, status: c_int) -> i32 {
    match code {
        libc::CLD_EXITED => (status & 0xff) << 8,
        libc::CLD_DUMPED => status | 0x80,
        _ => status,
    }
}

fn wait4(pid: i32, flags: c_int) -> Result<Option<WaitStatus>> {
    if pid <= 0 {
        return Err(Error::Syscall { call: "wait4(2)", errno: Errno::EINVAL });
    }
    let mut raw = 0;
    let mut rusage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: wait4 writes one int and one rusage to the two given places, which outlive the call.
    let reaped = retry(|| unsafe { libc::wait4(pid, &raw mut raw, flags, rusage.as_mut_ptr()) });
    match reaped {
        Ok(0) => Ok(None),
        Ok(_) => {
            // SAFETY: all bit patterns are valid for rusage's integers, and it was zeroed before
            // the call.
            let rusage = unsafe { rusage.assume_init() };
            Ok(Some(WaitStatus { rusage: Some(Rusage::from(&rusage)), ..decode(pid, raw)? }))
        }
        Err(Errno::ECHILD) => Err(Error::StatusLost { pid }),
        Err(errno) => Err(Error::Syscall { call: "wait4(2)", errno }),
    }
}

fn signal_name(number: i32) -> String {
    match Signal::try_from(number) {
        Ok(signal) => signal.as_str().to_owned(),
        Err(_) if (libc::SIGRTMIN()..=libc::SIGRTMAX()).contains(&number) => {
            match number - libc::SIGRTMIN() {
                0 => "SIGRTMIN".to_owned(),
                above => format!("SIGRTMIN+{above}"),
            }
        }
        Err(_) => format!("SIG{number}"),
    }
}

fn micros(time: libc::timeval) -> u64 {
    count(time.tv_sec) * 1_000_000 + count(time.tv_usec)
}

/// Converts a count of the kernel, which counts up from zero in signed integers.
fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PID: i32 = 4711;

    /// Decodes the word with libc's macros, for comparison.
    fn by_macros(raw: i32) -> Option<WaitStatus> {
        let (exited, signaled) = (libc::WIFEXITED(raw), libc::WIFSIGNALED(raw));
        let (stopped, continued) = (libc::WIFSTOPPED(raw), libc::WIFCONTINUED(raw));
        let status = WaitStatus {
            pid: PID,
            exited,
            status: exited.then(|| u8::try_from(libc::WEXITSTATUS(raw)).unwrap()),
            signaled,
            termsig: signaled.then(|| libc::WTERMSIG(raw)),
            coredumped: signaled && libc::WCOREDUMP(raw),
            stopped,
            stopsig: stopped.then(|| libc::WSTOPSIG(raw)),
            continued,
            rusage: None,
        };
        (exited || signaled || stopped || continued).then_some(status)
    }

    fn assert_as_macros(raw: i32) {
        match (decode(PID, raw), by_macros(raw)) {
            (Ok(ours), Some(theirs)) => {
                assert_eq!(ours, theirs, "{raw:#x}");
                let states = [ours.exited, ours.signaled, ours.stopped, ours.continued];
                assert_eq!(states.iter().filter(|state| **state).count(), 1, "{raw:#x}");
            }
            (Err(Error::WaitStatus { pid: PID, raw: named }), None) => assert_eq!(named, raw),
            (ours, theirs) => panic!("{raw:#x}: {ours:?}, by the macros {theirs:?}"),
        }
    }

    #[test]
    fn every_16_bit_word_decodes_as_the_macros_do() {
        (0..=0xffff).for_each(assert_as_macros);
    }

    proptest! {
        #[test]
        fn any_word_decodes_as_the_macros_do(raw: i32) {
            assert_as_macros(raw);
        }

        #[test]
        fn ptrace_stops_decode_as_the_macros_do(event in 0..0x100, signal in 0..0x100) {
            assert_as_macros(event << 16 | signal << 8 | 0x7f);
        }

        #[test]
        fn an_exit_code_survives(code: u8) {
            let status = decode(PID, i32::from(code) << 8).unwrap();
            prop_assert_eq!(status.status, Some(code));
            prop_assert_eq!(status.success(), code == 0);
            prop_assert_eq!(status.signal_name(), None);
            prop_assert_eq!(status.to_string(), format!("process 4711 exited with code {code}"));
        }

        #[test]
        fn a_signal_survives(signal in 1..=64, core: bool) {
            let status = decode(PID, signal | i32::from(core) << 7).unwrap();
            prop_assert_eq!(status.termsig, Some(signal));
            prop_assert_eq!(status.coredumped, core);
            prop_assert!(!status.success());
            prop_assert!(status.to_string().contains(&status.signal_name().unwrap()));
        }
    }

    #[test]
    fn statuses_read_as_sentences() {
        let said = |raw| decode(PID, raw).unwrap().to_string();
        assert_eq!(said(9), "process 4711 was killed by SIGKILL");
        assert_eq!(said(0x80 | 11), "process 4711 was killed by SIGSEGV and dumped core");
        assert_eq!(said(libc::SIGSTOP << 8 | 0x7f), "process 4711 was stopped by SIGSTOP");
        assert_eq!(said(0xffff), "process 4711 was continued");
    }

    #[test]
    fn waitid_tells_what_wait4_does() {
        assert_eq!(word_of(libc::CLD_EXITED, 7), 7 << 8);
        assert_eq!(word_of(libc::CLD_KILLED, 9), 9);
        assert_eq!(word_of(libc::CLD_DUMPED, 11), 11 | 0x80);
    }

    #[test]
    fn real_time_signals_are_counted_from_the_first() {
        assert_eq!(signal_name(libc::SIGRTMIN()), "SIGRTMIN");
        assert_eq!(signal_name(libc::SIGRTMIN() + 3), "SIGRTMIN+3");
        assert_eq!(signal_name(32), "SIG32");
        assert_eq!(signal_name(libc::SIGRTMAX() + 1), format!("SIG{}", libc::SIGRTMAX() + 1));
    }

    #[test]
    fn only_a_positive_pid_is_waited_for() {
        for pid in [0, -1, -2, i32::MIN] {
            for answer in [wait(pid).map(Some), try_wait(pid)] {
                assert!(matches!(answer, Err(Error::Syscall { errno: Errno::EINVAL, .. })), "{pid}");
            }
        }
    }

    #[test]
    fn what_is_no_child_has_no_status() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(matches!(try_wait(own), Err(Error::StatusLost { pid }) if pid == own));
        assert!(matches!(wait(own), Err(Error::StatusLost { .. })));
    }
}
