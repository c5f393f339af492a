//! The fork path: what is refused, what passes, what a clone has, and that its parent is not affected.
//!
//! A fork needs the main thread of a process with one thread, so no test runs on a thread of the
//! harness. Each runs in its own process, with a deadline, and leaves no process behind.

#[path = "../common/mod.rs"]
mod common;
mod condvars;
mod demote;
mod errors;
mod heap;
mod maps;
mod sandbox;
mod signals;
mod spawn;
mod support;
mod threads;

use std::process::ExitCode;

use common::ForkLock;
use libtest_mimic::{Arguments, Failed, Trial};
use nix::{
    errno::Errno,
    sys::{
        prctl::set_child_subreaper,
        signal::{Signal, killpg},
        wait::{WaitPidFlag, waitpid},
    },
    unistd::{Pid, getpid, gettid, setpgid},
};

/// A test. It runs on the only thread of a process, so that it can fork.
type Case = fn(&ForkLock);

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // With more than one, tests would run on threads of the harness.
    arguments.test_threads = Some(1);
    // A clone whose parent has ended becomes a child of this process, and can be seen here.
    set_child_subreaper(true).expect("the kernel has subreapers");
    let cases = [
        errors::CASES,
        demote::CASES,
        heap::CASES,
        maps::CASES,
        condvars::CASES,
        sandbox::CASES,
        signals::CASES,
        spawn::CASES,
        threads::CASES,
    ];
    let mut trials: Vec<_> =
        cases.concat().into_iter().map(|(name, case)| Trial::test(name, move || run(case))).collect();
    trials.push(Trial::test("spawn::the_harness_itself_clones", || {
        spawn::the_harness_itself_clones();
        no_child_left()
    }));
    trials.push(
        Trial::test("condvars::without_repair_signals_may_hang", || run(condvars::without_repair))
            .with_ignored_flag(true),
    );
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Runs `case` in its own process, and kills any process it leaves.
fn run(case: Case) -> Result<(), Failed> {
    assert_eq!(getpid(), gettid(), "the harness runs cases on its main thread");
    let lock = common::lock();
    let status = lock.in_child(|| {
        setpgid(Pid::from_raw(0), Pid::from_raw(0)).expect("a fresh process leads no session");
        set_child_subreaper(true).expect("the kernel has subreapers");
        case(&lock);
        no_child_left().map_or_else(|failed| panic!("{}", failed.message().unwrap_or_default()), |()| 0)
    });
    match killpg(Pid::from_raw(status.pid), Signal::SIGKILL) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(errno) => return Err(format!("killpg: {errno}").into()),
    }
    while waitpid(None, None).is_ok() {}
    if status.success() { Ok(()) } else { Err(status.to_string().into()) }
}

fn no_child_left() -> Result<(), Failed> {
    match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        Err(Errno::ECHILD) => Ok(()),
        left => Err(format!("a child was left behind: {left:?}").into()),
    }
}
