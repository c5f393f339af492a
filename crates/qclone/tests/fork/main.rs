//! The fork path: what refuses, what passes, what a clone has, and that its parent feels nothing.
//!
//! A fork is for the main thread of a process with one thread, so no test runs on a thread of the
//! harness. Each runs in a process of its own, with a deadline, and leaves no process behind.

#[path = "../common/mod.rs"]
mod common;
mod errors;
mod give_way;
mod maps;
mod orphans;
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

/// A test. It runs on the only thread of a process, and may fork by the lock.
type Case = fn(&ForkLock);

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // More would be run on threads of the harness.
    arguments.test_threads = Some(1);
    // A clone whose parent has ended becomes a child of this process, which then sees it.
    set_child_subreaper(true).expect("the kernel has subreapers");
    let cases = [
        errors::CASES,
        give_way::CASES,
        maps::CASES,
        orphans::CASES,
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
        Trial::test("orphans::without_repair_signals_may_hang", || run(orphans::without_repair))
            .with_ignored_flag(true),
    );
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Runs `case` in a process of its own, and ends whatever it left.
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
