//! Statuses of real children.

mod common;

use std::thread;

use common::{in_child, lock};
use qclone::{
    Error,
    child::wait::{self, WaitStatus},
};

fn die_by(signal: i32) -> i32 {
    // SAFETY: SIG_DFL is not a function that could be called in a wrong place.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    // SAFETY: raise takes an integer.
    unsafe { libc::raise(signal) };
    0
}

#[test]
fn exit_codes_come_through() {
    for code in [0, 1, 7, 101, 255] {
        let status = in_child(|| code);
        assert!(status.exited && !status.signaled && !status.coredumped);
        assert_eq!(status.status.map(i32::from), Some(code));
        assert_eq!(status.success(), code == 0);
    }
}

#[test]
fn deadly_signals_come_through_real_time_ones_too() {
    for signal in [libc::SIGTERM, libc::SIGKILL, libc::SIGRTMIN(), libc::SIGRTMIN() + 5, libc::SIGRTMAX()] {
        let status = in_child(|| die_by(signal));
        assert!(status.signaled && !status.exited, "{status}");
        assert_eq!((status.termsig, status.status), (Some(signal), None));
    }
}

#[test]
fn usage_is_told() {
    let status = in_child(|| {
        let pages = vec![1_u8; 8 << 20];
        i32::from(std::hint::black_box(&pages)[4711]) - 1
    });
    let used = status.rusage.expect("wait4 tells it");
    assert!(used.max_rss_kib >= 8 << 10, "{used:?}");
    assert!(used.minor_faults > 0, "{used:?}");
}

#[test]
fn a_running_child_has_no_status_yet() {
    let lock = lock();
    let child = lock.start(|| {
        loop {
            thread::park();
        }
    });
    assert_eq!(wait::try_wait(child.pid).unwrap(), None);
    child.signal(libc::SIGTERM);
    assert_eq!(child.finish().termsig, Some(libc::SIGTERM));
}

#[test]
fn a_status_is_given_once() {
    let lock = lock();
    let child = lock.start(|| 0);
    let pid = child.pid;
    common::assert_success(&child.finish());
    assert!(matches!(wait::wait(pid), Err(Error::StatusLost { pid: lost }) if lost == pid));
    assert!(matches!(wait::try_wait(pid), Err(Error::StatusLost { .. })));
}

/// Waits for the next state change, including stops and continuations.
fn next_change(pid: i32) -> WaitStatus {
    let mut raw = 0;
    // SAFETY: waitpid writes one int to a place that outlives the call.
    let changed = unsafe { libc::waitpid(pid, &raw mut raw, libc::WUNTRACED | libc::WCONTINUED) };
    assert_eq!(changed, pid);
    wait::decode(pid, raw).unwrap()
}

#[test]
fn stops_and_continuations_decode() {
    let lock = lock();
    let child = lock.start(|| {
        loop {
            thread::park();
        }
    });

    child.signal(libc::SIGSTOP);
    let stopped = next_change(child.pid);
    assert!(stopped.stopped && !stopped.continued);
    assert_eq!(stopped.stopsig, Some(libc::SIGSTOP));
    assert_eq!(stopped.signal_name().as_deref(), Some("SIGSTOP"));
    assert_eq!(wait::try_wait(child.pid).unwrap(), None, "a stop is no end");

    child.signal(libc::SIGCONT);
    let continued = next_change(child.pid);
    assert!(continued.continued && !continued.stopped);
    assert_eq!(continued.signal_name(), None);
}
