//! Clones of a process with one thread.

use std::{
    fs,
    io::{Read, Write},
    os::fd::AsRawFd,
    panic, process, thread,
};

use nix::{
    sys::wait::{WaitStatus as Ended, waitpid},
    unistd::{Pid, dup2_stdin, dup2_stdout, pause},
};
use qclone::{Alone, Fork, Forker, Options, exit, fds, spawn};

use crate::{
    Case, ForkLock,
    support::{State, assert_well, fork, reap, until},
};

pub(crate) const CASES: &[(&str, Case)] = &[
    ("spawn::a_clone_exits_with_the_low_8_bits_of_its_task", exit_codes),
    ("spawn::a_panic_is_status_101", panics),
    ("spawn::a_signal_that_ends_a_clone_is_told", signals),
    ("spawn::each_side_keeps_its_own_memory", snapshot),
    ("spawn::the_parent_is_as_it_was", parent_intact),
    ("spawn::descriptors_beside_the_kept_ones_are_closed", descriptors),
    ("spawn::standard_input_is_null_unless_asked_for", standard_input),
    ("spawn::nothing_of_the_parents_runs_at_a_clones_end", parents_end),
    ("spawn::a_clone_dies_with_its_parent", dies_with_parent),
    ("spawn::a_clone_may_outlive_its_parent", outlives_parent),
    ("spawn::a_clone_clones_in_its_turn", clones_of_clones),
    ("spawn::many_clones_at_once_keep_their_statuses_apart", many_clones),
];

/// Clones like a program does, and not in a child of the harness like the other cases.
pub(crate) fn the_harness_itself_clones() {
    let mut child = spawn(&Options::default(), || 42).unwrap();
    assert_eq!(child.wait().unwrap().status, Some(42));
}

fn exit_codes(_: &ForkLock) {
    for (returned, told) in [(0, 0), (7, 7), (255, 255), (256, 0), (259, 3), (-1, 255), (i32::MIN, 0)] {
        let status = reap(spawn(&Options::default(), || returned).unwrap());
        assert_eq!(status.status, Some(told), "of {returned}");
        assert_eq!(status.success(), told == 0);
    }
}

fn panics(_: &ForkLock) {
    let task = || {
        panic::set_hook(Box::new(|_| {}));
        panic!("as meant to");
    };
    assert_eq!(reap(spawn(&Options::default(), task).unwrap()).status, Some(101));
}

fn signals(_: &ForkLock) {
    for signal in [libc::SIGKILL, libc::SIGTERM, libc::SIGRTMIN() + 1] {
        let child = spawn(&Options::default(), || {
            loop {
                pause();
            }
        });
        let child = child.unwrap();
        child.kill(signal).unwrap();
        assert_eq!(reap(child).termsig, Some(signal));
    }
    let child = spawn(&Options::default(), || process::abort()).unwrap();
    assert_eq!(reap(child).termsig, Some(libc::SIGABRT));
}

fn snapshot(_: &ForkLock) {
    const ROWS: usize = 1 << 20;
    let mut table: Vec<usize> = (0..ROWS).collect();
    let (mut wait_until_changed, mut changed) = std::io::pipe().unwrap();
    let options = Options { keep: vec![wait_until_changed.as_raw_fd()], ..Options::default() };
    let child = spawn(&options, || {
        wait_until_changed.read_exact(&mut [0]).unwrap();
        assert!(table.iter().enumerate().all(|(index, &row)| index == row), "the parent's change is seen");
        table.fill(usize::MAX);
        0
    });
    let child = child.unwrap();
    table.iter_mut().for_each(|row| *row += 1);
    changed.write_all(b"c").unwrap();
    assert_well(child);
    assert!(table.iter().enumerate().all(|(index, &row)| index + 1 == row), "the clone's change is seen");
}

fn parent_intact(_: &ForkLock) {
    let before = State::now();
    let child = spawn(&Options::default(), || 0).unwrap();
    let pidfd = child.pidfd().as_raw_fd();
    let with_child = State::now();
    assert_well(child);
    assert_eq!(State::now(), before);
    assert_eq!(with_child.without_fd(pidfd), before);
}

fn descriptors(_: &ForkLock) {
    let (read, kept) = std::io::pipe().unwrap();
    let lost = fs::File::open("/dev/zero").unwrap();
    let options = Options { keep: vec![kept.as_raw_fd()], ..Options::default() };
    let child = spawn(&options, || {
        assert_eq!(fds::list().unwrap(), [0, 1, 2, kept.as_raw_fd()]);
        (&kept).write_all(b"k").unwrap();
        0
    });
    assert_well(child.unwrap());
    (&read).read_exact(&mut [0]).unwrap();
    (&lost).read_exact(&mut [0]).unwrap();

    // Numbers that are not open or occur twice do no harm.
    let options = Options { keep: vec![-1, 4711, 2, 2, 0], ..Options::default() };
    let child = spawn(&options, || {
        assert_eq!(fds::list().unwrap(), [0, 1, 2]);
        0
    });
    assert_well(child.unwrap());
}

fn standard_input(_: &ForkLock) {
    let (input, mut feed) = std::io::pipe().unwrap();
    dup2_stdin(&input).unwrap();
    feed.write_all(b"i").unwrap();

    let child = spawn(&Options::default(), || {
        assert_eq!(fs::read_link("/proc/self/fd/0").unwrap(), std::path::Path::new("/dev/null"));
        assert_eq!(std::io::stdin().read(&mut [0]).unwrap(), 0);
        0
    });
    assert_well(child.unwrap());

    let child = spawn(&Options { inherit_stdin: true, ..Options::default() }, || {
        let mut byte = [0];
        std::io::stdin().read_exact(&mut byte).unwrap();
        i32::from(byte != *b"i")
    });
    assert_well(child.unwrap());
}

fn parents_end(_: &ForkLock) {
    /// Reports when it is dropped.
    struct Told<'a>(&'a std::io::PipeWriter);
    impl Drop for Told<'_> {
        fn drop(&mut self) {
            let _ = self.0.write_all(b"dropped ");
        }
    }
    let (mut read, written) = std::io::pipe().unwrap();
    dup2_stdout(&written).unwrap();
    {
        let _told = Told(&written);
        // Stays in the buffer. The clone has a copy of it.
        print!("once ");
        let options = Options { keep: vec![written.as_raw_fd()], ..Options::default() };
        assert_well(spawn(&options, || 0).unwrap());
        std::io::stdout().flush().unwrap();
    }
    dup2_stdout(std::io::stderr()).unwrap();
    drop(written);
    let mut text = String::new();
    read.read_to_string(&mut text).unwrap();
    assert_eq!(text, "once dropped ");
}

/// Starts a process that makes a clone, kills that process, and returns the clone's pid. The clone is then
/// a child of this process, which is a subreaper.
fn orphan(lock: &ForkLock, options: Options) -> Pid {
    let (mut told, tell) = std::io::pipe().unwrap();
    let parent = lock.start(|| {
        let options = Options { keep: vec![tell.as_raw_fd()], ..options };
        let child = spawn(&options, || {
            loop {
                // Written by the clone, so it is set up by then.
                let _ = (&tell).write_all(&process::id().to_ne_bytes());
                pause();
            }
        });
        let _child = child.unwrap();
        loop {
            pause();
        }
    });
    let mut pid = [0; 4];
    told.read_exact(&mut pid).unwrap();
    parent.signal(libc::SIGKILL);
    assert!(parent.finish().signaled);
    Pid::from_raw(i32::from_ne_bytes(pid))
}

fn dies_with_parent(lock: &ForkLock) {
    let pid = orphan(lock, Options::default());
    assert_eq!(waitpid(pid, None).unwrap(), Ended::Signaled(pid, nix::sys::signal::SIGKILL, false));
    assert!(!fs::exists(format!("/proc/{pid}")).unwrap());
}

fn outlives_parent(lock: &ForkLock) {
    let pid = orphan(lock, Options { die_with_parent: false, ..Options::default() });
    let status = || fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    until("the clone is this process's child", || status().contains(&format!("PPid:\t{}", process::id())));
    thread::sleep(std::time::Duration::from_millis(20));
    assert!(status().contains("State:\tS"), "{}", status());
    nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL).unwrap();
    waitpid(pid, None).unwrap();
}

fn clones_of_clones(_: &ForkLock) {
    let child = spawn(&Options::default(), || {
        let child = spawn(&Options::default(), || {
            reap(spawn(&Options::default(), || 3).unwrap()).status.unwrap().into()
        });
        reap(child.unwrap()).status.unwrap().into()
    });
    assert_eq!(reap(child.unwrap()).status, Some(3));

    // With the forker that created this clone.
    let mut forker = Forker::new();
    // SAFETY: the policy accepts no other thread, and the clone leaves by `exit`.
    match unsafe { forker.fork(&mut Alone).unwrap() } {
        Fork::Parent { child, .. } => assert_eq!(reap(child).status, Some(5)),
        Fork::Clone(side) => {
            drop(side);
            let status = fork(&mut forker, &mut Alone, drop).map(reap);
            exit(if status.is_ok_and(|status| status.success()) { 5 } else { 6 })
        }
    }
}

fn many_clones(_: &ForkLock) {
    let mut children: Vec<_> =
        (0..50).map(|number| (number, spawn(&Options::default(), move || number).unwrap())).collect();
    while let Some((number, child)) = children.pop() {
        assert_eq!(reap(child).status, u8::try_from(number).ok());
    }
}
