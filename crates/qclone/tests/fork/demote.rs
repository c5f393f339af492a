//! A clone gives way to a parent that waits for a CPU.

use std::{
    hint,
    os::raw::c_int,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

use nix::{
    sys::{
        resource::{UsageWho, getrusage},
        time::TimeValLike,
    },
    unistd::getpid,
};
use qclone::{
    Alone, Child, CloneSide, Forker,
    resources::{demote::give_way_to, limits},
};

use crate::{
    Case,
    common::ForkLock,
    support::{assert_well, fork},
};

pub(crate) const CASES: &[(&str, Case)] = &[
    ("demote::a_clone_that_keeps_a_parent_at_work_waiting_becomes_idle", at_work),
    ("demote::a_clone_that_has_become_idle_looks_no_more", looks_no_more),
    ("demote::a_clone_whose_parent_rests_stays_as_it_is", resting),
    ("demote::a_clone_beside_others_at_work_stays_as_it_is", beside_others),
];

/// Time limit. A clone does not give way while other processes on the machine are busy.
const PATIENCE: Duration = Duration::from_secs(40);

fn at_work(_: &ForkLock) {
    work_beside(start_clone(PATIENCE, |policy| assert_eq!(policy, libc::SCHED_IDLE)));
}

fn looks_no_more(_: &ForkLock) {
    static LOOKS: AtomicU32 = AtomicU32::new(0);
    extern "C" fn count(_: c_int) {
        LOOKS.fetch_add(1, Ordering::Relaxed);
    }
    work_beside(start_clone(PATIENCE, |policy| {
        assert_eq!(policy, libc::SCHED_IDLE);
        // SAFETY: a handler that is async-signal-safe.
        unsafe { libc::signal(libc::SIGRTMAX(), count as extern "C" fn(c_int) as usize) };
        let before = ran_ms();
        while ran_ms() < before + 40 {
            spin(Duration::from_millis(1));
        }
        assert_eq!(LOOKS.load(Ordering::Relaxed), 0);
    }));
}

fn beside_others(_: &ForkLock) {
    let mut other = Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
    work_beside(start_clone(Duration::from_secs(2), |policy| assert_eq!(policy, libc::SCHED_OTHER)));
    other.kill().unwrap();
    other.wait().unwrap();
}

fn work_beside(mut child: Child) {
    while child.try_wait().unwrap().is_none() {
        spin(Duration::from_millis(2));
        sleep(Duration::from_millis(1));
    }
    assert_well(child);
}

fn resting(_: &ForkLock) {
    let child = start_clone(Duration::from_secs(1), |policy| assert_eq!(policy, libc::SCHED_OTHER));
    assert_well(child);
}

/// Starts a clone that computes on its parent's CPU until it is `SCHED_IDLE`, but at most for `at_most`.
fn start_clone(at_most: Duration, check: impl FnOnce(i32)) -> Child {
    limits::set_affinity(&[first_allowed()]).unwrap();
    let parent = getpid().as_raw();
    let compute = |side: CloneSide| {
        drop(side);
        limits::set_nice(10).unwrap();
        give_way_to(parent).unwrap();
        let begun = Instant::now();
        while policy() != libc::SCHED_IDLE && begun.elapsed() < at_most {
            spin(Duration::from_millis(5));
        }
        check(policy());
    };
    fork(&mut Forker::new(), &mut Alone, compute).unwrap()
}

fn policy() -> i32 {
    // SAFETY: the call touches no memory.
    let policy = unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) };
    i32::try_from(policy).unwrap()
}

fn first_allowed() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap().trim();
    list.split([',', '-']).next().unwrap().parse().unwrap()
}

/// CPU time of this thread in milliseconds.
fn ran_ms() -> i64 {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
    (usage.user_time() + usage.system_time()).num_milliseconds()
}

fn spin(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        hint::spin_loop();
    }
}
