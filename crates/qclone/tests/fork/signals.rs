//! Signals around a fork: none is lost, and none is handled on the wrong side.

use std::sync::atomic::{AtomicI32, Ordering};

use nix::{
    sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, kill, raise, sigaction},
    unistd::getpid,
};
use qclone::{Alone, Forker, Options, Thread, Verdict, spawn};

use crate::{
    Case, ForkLock,
    support::{Sleeper, State, assert_well, fork, reap},
};

pub(crate) const CASES: &[(&str, Case)] = &[
    ("signals::the_mask_is_the_parents_in_both", mask),
    ("signals::a_clone_holds_all_back_until_it_lets_them_through", held_back),
    ("signals::pending_ones_stay_the_parents", pending),
    ("signals::one_that_comes_during_the_fork_runs_in_the_parent_alone", during),
    ("signals::a_spawned_task_can_be_terminated", terminated),
];

static HANDLED: AtomicI32 = AtomicI32::new(0);

extern "C" fn count(_: libc::c_int) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

fn count_usr1() {
    let action = SigAction::new(SigHandler::Handler(count), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler changes an atomic and nothing else.
    unsafe { sigaction(Signal::SIGUSR1, &action) }.unwrap();
}

fn handled() -> i32 {
    HANDLED.load(Ordering::Relaxed)
}

/// Every signal that can be blocked.
fn all() -> SigSet {
    let mut all = SigSet::all();
    all.remove(Signal::SIGKILL);
    all.remove(Signal::SIGSTOP);
    all
}

fn mask(_: &ForkLock) {
    let mut mask = SigSet::empty();
    for masked in [None, Some(Signal::SIGUSR2), Some(Signal::SIGCHLD), Some(Signal::SIGALRM)] {
        mask.extend(masked);
        mask.thread_set_mask().unwrap();
        let before = State::now();
        let child = fork(&mut Forker::new(), &mut Alone, |side| {
            assert_eq!(SigSet::thread_get_mask().unwrap(), all());
            drop(side);
            assert_eq!(SigSet::thread_get_mask().unwrap(), mask);
        });
        assert_well(child.unwrap());
        let child = spawn(&Options::default(), || i32::from(SigSet::thread_get_mask().unwrap() != mask));
        assert_well(child.unwrap());
        assert_eq!(State::now(), before);
    }
}

fn held_back(_: &ForkLock) {
    count_usr1();
    let child = fork(&mut Forker::new(), &mut Alone, |side| {
        raise(Signal::SIGUSR1).unwrap();
        kill(getpid(), Signal::SIGUSR1).unwrap();
        assert_eq!(handled(), 0);
        drop(side);
        assert!(handled() >= 1);
    });
    assert_well(child.unwrap());
    assert_eq!(handled(), 0);
}

fn pending(_: &ForkLock) {
    count_usr1();
    let before = SigSet::from(Signal::SIGUSR1).thread_swap_mask(SigmaskHow::SIG_BLOCK).unwrap();
    // One for the thread, one for the process.
    raise(Signal::SIGUSR1).unwrap();
    kill(getpid(), Signal::SIGUSR1).unwrap();
    let child = fork(&mut Forker::new(), &mut Alone, |side| {
        drop(side);
        before.thread_set_mask().unwrap();
        assert_eq!(handled(), 0);
    });
    assert_well(child.unwrap());
    assert_eq!(handled(), 0);
    before.thread_set_mask().unwrap();
    assert_eq!(handled(), 2);
}

fn during(_: &ForkLock) {
    count_usr1();
    // Asleep, with all signals blocked: signals to the process go to the main thread.
    let sleeper = Sleeper::start("sleeper");
    for round in 0..20 {
        // A forker that has not forked yet looks twice.
        let mut forker = Forker::new();
        let mut judged = 0;
        let mut policy = |_: &Thread| {
            judged += 1;
            if judged == 2 {
                // Asking this policy is the forker's last step before the fork.
                kill(getpid(), Signal::SIGUSR1).unwrap();
                assert_eq!(handled(), round, "signals are blocked by now");
            }
            Verdict::AtRest
        };
        let child = fork(&mut forker, &mut policy, |side| {
            drop(side);
            assert_eq!(handled(), round);
        });
        assert_eq!(handled(), round + 1);
        assert_well(child.unwrap());
    }
    sleeper.end();
}

fn terminated(_: &ForkLock) {
    let child = spawn(&Options::default(), || {
        loop {
            nix::unistd::pause();
        }
    });
    let child = child.unwrap();
    child.kill(libc::SIGTERM).unwrap();
    assert_eq!(reap(child).termsig, Some(libc::SIGTERM));
}
