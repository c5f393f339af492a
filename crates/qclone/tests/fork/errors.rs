//! Forks that fail. Each has its own error, and the parent continues.

use std::{
    env, fs,
    path::Path,
    process,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::resource::{Resource, getrlimit, setrlimit},
    unistd::{Uid, chroot, setuid},
};
use qclone::{Alone, Error, Forker, Options, fds, spawn};

use crate::{
    Case, ForkLock,
    common::assert_success,
    maps::Arena,
    support::{Sleeper, State, assert_well, at_rest, fork},
};

pub(crate) const CASES: &[(&str, Case)] = &[
    ("errors::without_proc_it_refuses", no_proc),
    ("errors::without_any_proc_it_refuses_soon", no_proc_at_all),
    ("errors::at_the_limit_of_descriptors_it_refuses", no_descriptors),
    ("errors::spawn_at_the_limit_of_descriptors_refuses_soon", spawn_without_descriptors),
    ("errors::at_the_limit_of_processes_fork_says_so", no_processes),
    ("errors::after_privileges_were_dropped_it_clones", unprivileged),
    ("errors::after_that_a_thread_that_cannot_be_read_refuses", unprivileged_with_a_thread),
];

/// Maximum time until a refusal.
const SOON: Duration = Duration::from_secs(1);

fn no_proc(_: &ForkLock) {
    let before = State::now();
    let mut forker = Forker::with_proc("/nonexistent");
    for refused in [
        fork(&mut forker, &mut Alone, drop).map(drop),
        forker.preflight(&mut Alone),
        forker.census().map(drop),
    ] {
        match refused {
            Err(Error::Proc { path, source }) => {
                assert_eq!(path, Path::new("/nonexistent/task"));
                assert_eq!(source.raw_os_error(), Some(libc::ENOENT));
            }
            other => panic!("not refused: {other:?}"),
        }
    }
    assert_eq!(State::now(), before);
    assert_well(spawn(&Options::default(), || 0).unwrap());
}

/// Runs `body` with a limit under which no more than `free` descriptors can be opened.
fn with_free_descriptors<T>(free: usize, body: impl FnOnce() -> T) -> T {
    let open = fds::list().unwrap();
    assert!(open.iter().copied().eq(0..i32::try_from(open.len()).unwrap()), "{open:?}");
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, (open.len() + free).try_into().unwrap(), hard).unwrap();
    let result = body();
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
    result
}

fn is_emfile(error: &Error) -> bool {
    match error {
        Error::Syscall { errno, .. } => *errno == Errno::EMFILE,
        Error::Proc { source, .. } => source.raw_os_error() == Some(libc::EMFILE),
        _ => false,
    }
}

fn no_descriptors(_: &ForkLock) {
    // The harness's pipes may have left gaps in the numbers.
    // SAFETY: nothing in this process uses a descriptor of the harness.
    unsafe { fds::close_all_except(&[0, 1, 2]) }.unwrap();
    let arena = Arena::new("MMUUMM");
    let sleeper = Sleeper::start("sleeper");
    let mut forker = Forker::new();
    let before = State::now();
    let mut passed = 0;
    for free in 0..20 {
        match with_free_descriptors(free, || fork(&mut forker, &mut at_rest, |_| arena.check())) {
            Err(error) => assert!(is_emfile(&error) && passed == 0, "with {free}: {error:?}"),
            Ok(child) => {
                passed += 1;
                assert_well(child);
            }
        }
        assert_eq!(State::now(), before, "with {free}");
    }
    assert!(passed > 0);
    sleeper.end();
}

fn spawn_without_descriptors(_: &ForkLock) {
    // SAFETY: as above.
    unsafe { fds::close_all_except(&[0, 1, 2]) }.unwrap();
    let before = State::now();
    let begun = Instant::now();
    let refused = with_free_descriptors(0, || spawn(&Options::default(), || 0));
    let error = refused.unwrap_err();
    assert!(is_emfile(&error), "after {:?}: {error:?}", begun.elapsed());
    assert!(begun.elapsed() < SOON);
    assert_eq!(State::now(), before);
    assert_well(spawn(&Options::default(), || 0).unwrap());
}

/// Changes to another user for the rest of this process's life, since root has no limit on processes.
fn drop_privileges() {
    if Uid::effective().is_root() {
        setuid(Uid::from_raw(65_534)).unwrap();
    }
}

fn no_processes(_: &ForkLock) {
    let arena = Arena::new("MMUUMM");
    let mut forker = Forker::new();
    drop_privileges();
    let before = State::now();
    let (soft, hard) = getrlimit(Resource::RLIMIT_NPROC).unwrap();
    for _ in 0..3 {
        setrlimit(Resource::RLIMIT_NPROC, 0, hard).unwrap();
        match fork(&mut forker, &mut Alone, drop) {
            Err(Error::Fork { errno: Errno::EAGAIN }) => {}
            other => panic!("not refused: {other:?}"),
        }
        setrlimit(Resource::RLIMIT_NPROC, soft, hard).unwrap();
        assert_eq!(State::now(), before);
        assert_well(fork(&mut forker, &mut Alone, |_| arena.check()).unwrap());
    }
    assert_eq!(State::now(), before);
}

fn unprivileged(_: &ForkLock) {
    drop_privileges();
    let before = State::now();
    assert_well(spawn(&Options::default(), || 0).unwrap());
    assert_eq!(State::now(), before);
}

/// The system gives this process's files under `/proc` to root when its user changes.
fn unprivileged_with_a_thread(_: &ForkLock) {
    let sleeper = Sleeper::start("sleeper");
    drop_privileges();
    let before = State::now();
    let begun = Instant::now();
    match fork(&mut Forker::new(), &mut at_rest, drop) {
        Ok(child) => assert_well(child),
        Err(Error::Proc { source, .. }) if source.raw_os_error() == Some(libc::EACCES) => {}
        Err(other) => panic!("after {:?}: {other:?}", begun.elapsed()),
    }
    assert!(begun.elapsed() < SOON);
    assert_eq!(State::now(), before);
    sleeper.end();
}

fn no_proc_at_all(lock: &ForkLock) {
    if !Uid::effective().is_root() {
        return;
    }
    let empty = env::temp_dir().join(format!("qclone-no-proc-{}", process::id()));
    fs::create_dir(&empty).unwrap();
    let status = lock.in_child(|| {
        chroot(&empty).unwrap();
        let begun = Instant::now();
        let preflight = Forker::new().preflight(&mut Alone);
        for refused in [preflight, spawn(&Options::default(), || 0).map(drop)] {
            assert!(matches!(refused, Err(Error::Proc { .. })), "after {:?}: {refused:?}", begun.elapsed());
        }
        assert!(begun.elapsed() < SOON);
        0
    });
    fs::remove_dir(&empty).unwrap();
    assert_success(&status);
}
