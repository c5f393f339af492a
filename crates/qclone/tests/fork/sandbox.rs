//! Sandboxes that forbid some of the calls: the fork is refused, or works without them.

use std::{ptr, time::Duration};

use nix::errno::Errno;
use qclone::{Alone, Child, Error, Forker, Options, signals, spawn};

use crate::{
    Case, ForkLock,
    support::{DEADLINE, State, assert_well, fork, reap},
};

pub(crate) const CASES: &[(&str, Case)] = &[
    ("sandbox::without_pidfd_open_neither_a_look_nor_a_fork_passes", no_pidfd_open),
    ("sandbox::without_pidfd_send_signal_a_clone_is_ended_by_its_pid", no_pidfd_send_signal),
    ("sandbox::a_clone_that_heeds_its_parent_alone_heeds_it_there_too", heeds_parent),
    ("sandbox::nobody_is_signalled_for_a_clone_that_another_wait_has_reaped", reaped_elsewhere),
    ("sandbox::without_waitid_a_clone_is_reaped_by_its_pid", no_waitid),
];

/// Makes system call `number` fail with `errno` for the rest of this process's life; see seccomp(2).
fn forbid(number: i64, errno: Errno) {
    let op = |code: u32, k: u32| libc::sock_filter { code: u16::try_from(code).unwrap(), jt: 0, jf: 0, k };
    let number = u32::try_from(number).unwrap();
    let mut filter = [
        // The call's number is the first word of seccomp_data.
        op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0),
        libc::sock_filter { jf: 1, ..op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, number) },
        op(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | errno as u32),
        op(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: u16::try_from(filter.len()).unwrap(), filter: filter.as_mut_ptr() };
    // SAFETY: prctl(2) takes integers here.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    // SAFETY: the program outlives the call, and refers to a filter of the given length.
    let set =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, ptr::from_ref(&program)) };
    assert_eq!(set, 0, "{}", Errno::last());
}

/// Starts a clone that waits forever.
fn waiting() -> Child {
    spawn(&Options::default(), || {
        loop {
            nix::unistd::pause();
        }
    })
    .unwrap()
}

fn no_pidfd_open(_: &ForkLock) {
    forbid(libc::SYS_pidfd_open, Errno::EPERM);
    let before = State::now();
    let mut forker = Forker::new();
    for refused in [forker.preflight(&mut Alone), fork(&mut forker, &mut Alone, drop).map(drop)] {
        let is_told = matches!(&refused, Err(Error::Syscall { call: "pidfd_open(2)", errno: Errno::EPERM }));
        assert!(is_told, "{refused:?}");
    }
    assert_eq!(State::now(), before);
}

fn no_pidfd_send_signal(_: &ForkLock) {
    for errno in [Errno::EPERM, Errno::ENOSYS] {
        let terminated = waiting();
        let killed = waiting();
        forbid(libc::SYS_pidfd_send_signal, errno);
        terminated.kill(libc::SIGTERM).unwrap();
        assert_eq!(reap(terminated).termsig, Some(libc::SIGTERM));
        killed.kill(libc::SIGKILL).unwrap();
        assert_eq!(reap(killed).termsig, Some(libc::SIGKILL));
    }
    let ended = spawn(&Options::default(), || 3).unwrap();
    assert!(matches!(ended.kill(4711), Err(Error::Syscall { errno: Errno::EINVAL, .. })));
    assert_eq!(reap(ended).status, Some(3));
}

fn heeds_parent(_: &ForkLock) {
    forbid(libc::SYS_pidfd_send_signal, Errno::EPERM);
    let (ready, tell) = nix::unistd::pipe().unwrap();
    let mut child = fork(&mut Forker::new(), &mut Alone, |side| {
        signals::heed_parent_only().unwrap();
        drop(side);
        nix::unistd::write(&tell, b"!").unwrap();
        loop {
            nix::unistd::pause();
        }
    })
    .unwrap();
    nix::unistd::read(&ready, &mut [0]).unwrap();
    // It is ignored unless `Child::kill` sent it.
    // SAFETY: kill(2) takes integers, and the clone has not been reaped.
    assert_eq!(unsafe { libc::kill(child.pid(), libc::SIGTERM) }, 0);
    assert_eq!(child.wait_timeout(Duration::from_millis(100)).unwrap(), None);
    child.kill(libc::SIGTERM).unwrap();
    assert_eq!(reap(child).termsig, Some(libc::SIGTERM));
}

fn reaped_elsewhere(_: &ForkLock) {
    let child = spawn(&Options::default(), || 0).unwrap();
    assert!(qclone::child::wait::wait(child.pid()).unwrap().success());
    forbid(libc::SYS_pidfd_send_signal, Errno::EPERM);
    // If the signal were sent, kill(2) would fail: the process no longer exists.
    forbid(libc::SYS_kill, Errno::EINVAL);
    child.kill(libc::SIGKILL).unwrap();
}

fn no_waitid(_: &ForkLock) {
    forbid(libc::SYS_waitid, Errno::EPERM);
    let mut child = waiting();
    assert_eq!(child.try_wait().unwrap(), None);
    child.kill(libc::SIGKILL).unwrap();
    assert_eq!(child.wait_timeout(DEADLINE).unwrap().and_then(|status| status.termsig), Some(libc::SIGKILL));
    assert_well(spawn(&Options::default(), || 0).unwrap());
}
