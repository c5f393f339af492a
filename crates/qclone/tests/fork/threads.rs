//! Other threads: which ones prevent a fork, which ones do not, and how errors describe them.

use std::{
    env, hint,
    sync::atomic::{AtomicBool, AtomicI32, Ordering},
    thread,
};

use nix::{
    errno::Errno,
    unistd::{getpid, gettid},
};
use qclone::{Alone, Error, Forker, Offender, Options, Policy, Thread, Verdict, spawn};

use crate::{
    Case, ForkLock,
    maps::Arena,
    support::{Sleeper, State, assert_well, at_rest, fork, until, until_gone},
};

pub(crate) const CASES: &[(&str, Case)] = &[
    ("threads::another_thread_refuses_by_name_and_module", refuses),
    ("threads::a_thread_on_a_processor_refuses", spinning),
    ("threads::a_policy_lets_a_resting_thread_pass", passes),
    ("threads::busy_and_foreign_are_told_apart", busy_and_foreign),
    ("threads::a_policy_is_told_when_all_are_at_rest_and_may_refuse", told_at_rest),
    ("threads::one_that_wakes_meanwhile_refuses_and_marks_are_put_back", wakes_meanwhile),
    ("threads::one_that_came_after_a_fork_refuses_and_marks_are_put_back", after_a_fork),
    ("threads::the_first_that_a_forker_meets_is_described", first_met),
    ("threads::a_census_describes_threads_in_order", census),
    ("threads::off_the_main_thread_it_refuses", off_the_main_thread),
];

fn refused(forker: &mut Forker, policy: &mut dyn Policy) -> Vec<Offender> {
    match fork(forker, policy, drop) {
        Err(Error::Threads(offenders)) => offenders,
        other => panic!("not refused: {other:?}"),
    }
}

fn refuses(_: &ForkLock) {
    let mut forker = Forker::new();
    let _arena = Arena::new("MMUMM.MMM");
    let sleeper = Sleeper::start("sleeper");
    let before = State::now();
    let offenders = refused(&mut forker, &mut Alone);
    let [offender] = offenders.as_slice() else { panic!("{offenders:?}") };
    assert_eq!((offender.thread.tid, offender.name.as_str()), (sleeper.tid, sleeper.name));
    assert!(!offender.busy);
    assert_eq!(offender.thread.owner, env::current_exe().ok());
    assert!(matches!(spawn(&Options::default(), || 0), Err(Error::Threads(_))));
    let error = forker.preflight(&mut Alone).unwrap_err().to_string();
    for part in [sleeper.name, &sleeper.tid.to_string(), &env::current_exe().unwrap().to_string_lossy()] {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
    assert_eq!(State::now(), before);

    sleeper.end();
    forker.preflight(&mut Alone).unwrap();
    assert_well(fork(&mut forker, &mut Alone, drop).unwrap());
    assert_well(spawn(&Options::default(), || 0).unwrap());
}

fn told_at_rest(_: &ForkLock) {
    /// Counts the calls of `all_at_rest`, and refuses then.
    struct Reluctant(Verdict, u32);
    impl Policy for Reluctant {
        fn judge(&mut self, _: &Thread) -> Verdict {
            self.0.clone()
        }

        fn all_at_rest(&mut self) -> Result<(), Error> {
            self.1 += 1;
            Err(Error::Fork { errno: Errno::ECANCELED })
        }
    }
    let mut forker = Forker::new();
    let _arena = Arena::new("MMUMM.MMM");
    let sleeper = Sleeper::start("sleeper");
    let before = State::now();
    let mut reluctant = Reluctant(Verdict::Busy("at work".to_owned()), 0);
    assert_eq!(refused(&mut forker, &mut reluctant).len(), 1);
    assert_eq!(reluctant.1, 0);
    reluctant.0 = Verdict::AtRest;
    let error = fork(&mut forker, &mut reluctant, drop).unwrap_err();
    assert!(matches!(error, Error::Fork { errno: Errno::ECANCELED }), "{error}");
    assert_eq!(reluctant.1, 1);
    assert_eq!(State::now(), before);
    sleeper.end();
}

fn spinning(_: &ForkLock) {
    static STOP: AtomicBool = AtomicBool::new(false);
    static TID: AtomicI32 = AtomicI32::new(0);
    let mut forker = Forker::new();
    let spin = || {
        TID.store(gettid().as_raw(), Ordering::Relaxed);
        while !STOP.load(Ordering::Relaxed) {
            hint::spin_loop();
        }
    };
    let thread = thread::Builder::new().name("spinner".to_owned()).spawn(spin).unwrap();
    until("it spins", || TID.load(Ordering::Relaxed) != 0);
    let offenders = refused(&mut forker, &mut Alone);
    let [offender] = offenders.as_slice() else { panic!("{offenders:?}") };
    assert_eq!((offender.thread.tid, offender.name.as_str()), (TID.load(Ordering::Relaxed), "spinner"));
    // It was never seen in a system call, so it is found by its stack.
    assert_eq!(offender.thread.owner, Some(env::current_exe().unwrap()));
    STOP.store(true, Ordering::Relaxed);
    thread.join().unwrap();
    until_gone(offender.thread.tid);
    assert_well(fork(&mut forker, &mut Alone, drop).unwrap());
}

fn passes(_: &ForkLock) {
    let mut forker = Forker::new();
    let sleepers = ["one", "two"].map(Sleeper::start);
    let before = State::now();
    for _ in 0..20 {
        let child = fork(&mut forker, &mut at_rest, |side| {
            drop(side);
            // The clone is alone, so it can start threads and fork itself.
            let tid = thread::spawn(|| gettid().as_raw()).join().unwrap();
            until_gone(tid);
            assert_well(spawn(&Options::default(), || 0).unwrap());
        });
        assert_well(child.unwrap());
    }
    assert_eq!(State::now(), before);
    sleepers.into_iter().for_each(Sleeper::end);
}

fn busy_and_foreign(_: &ForkLock) {
    let mut forker = Forker::new();
    let [resting, busy, foreign] = ["resting", "busy", "foreign"].map(Sleeper::start);
    let mut policy = |thread: &Thread| match thread.name().as_str() {
        "busy" => Verdict::Busy("sorting".to_owned()),
        "foreign" => Verdict::Foreign("somebody's".to_owned()),
        _ => Verdict::AtRest,
    };
    let offenders = refused(&mut forker, &mut policy);
    let told: Vec<_> = offenders
        .iter()
        .map(|offender| (offender.name.as_str(), offender.busy, offender.what.as_str()))
        .collect();
    assert_eq!(told, [("busy", true, "sorting"), ("foreign", false, "somebody's")]);
    assert!(offenders[0].to_string().ends_with("(sorting)"), "{}", offenders[0]);

    foreign.end();
    let offenders = refused(&mut forker, &mut policy);
    assert!(offenders.len() == 1 && offenders[0].busy, "{offenders:?}");
    busy.end();
    assert_well(fork(&mut forker, &mut policy, drop).unwrap());
    resting.end();
}

fn wakes_meanwhile(_: &ForkLock) {
    let mut forker = Forker::new();
    let arena = Arena::new("MMMUUMMMM");
    let sleeper = Sleeper::start("sleeper");
    let before = State::now();
    for _ in 0..3 {
        let mut judged = 0;
        let mut policy = |_: &Thread| {
            judged += 1;
            if judged == 1 { Verdict::AtRest } else { Verdict::Busy("woken".to_owned()) }
        };
        assert_eq!(refused(&mut forker, &mut policy)[0].what, "woken");
        assert_eq!(State::now(), before);
    }
    assert_well(fork(&mut forker, &mut at_rest, |_| arena.check()).unwrap());
    assert_eq!(State::now(), before);
    sleeper.end();
}

fn after_a_fork(_: &ForkLock) {
    let mut forker = Forker::new();
    let arena = Arena::new("MMMUUMMMM");
    let before = State::now();
    assert_well(fork(&mut forker, &mut Alone, |_| arena.check()).unwrap());
    let sleeper = Sleeper::start("sleeper");
    let with_sleeper = State::now();
    // All were idle the last time, so this is found only after the mappings have been handed down.
    let offenders = refused(&mut forker, &mut Alone);
    assert_eq!(offenders.iter().map(|offender| &*offender.name).collect::<Vec<_>>(), ["sleeper"]);
    assert_eq!(State::now(), with_sleeper);
    sleeper.end();
    assert_well(fork(&mut forker, &mut Alone, |_| arena.check()).unwrap());
    assert_eq!(State::now().marked, before.marked);
}

fn first_met(_: &ForkLock) {
    let mut forker = Forker::new();
    assert_well(fork(&mut forker, &mut Alone, drop).unwrap());
    let sleeper = Sleeper::start("sleeper");
    let mut by_start = |thread: &Thread| match thread.start {
        Some(_) => Verdict::AtRest,
        None => Verdict::Foreign("begun nobody knows where".to_owned()),
    };
    assert_well(fork(&mut forker, &mut by_start, drop).unwrap());
    sleeper.end();
}

fn census(_: &ForkLock) {
    let mut forker = Forker::new();
    assert_eq!(forker.census().unwrap(), []);
    let sleepers = ["a", "b", "c"].map(Sleeper::start);
    let census = forker.census().unwrap();
    let mut tids = sleepers.each_ref().map(|sleeper| sleeper.tid);
    tids.sort_unstable();
    assert_eq!(census.iter().map(|thread| thread.tid).collect::<Vec<_>>(), tids);
    for thread in &census {
        assert!(thread.wait.futex().is_some(), "{thread:?}");
        assert_eq!(thread.start.as_ref().unwrap().module, env::current_exe().ok());
        assert_eq!(thread.start, census[0].start, "std::thread begins all alike");
        assert_eq!(thread.blocked_signals().map(|mask| mask & (1 << (libc::SIGUSR1 - 1)) != 0), Some(true));
        assert!(thread.stack().unwrap().len() >= 2 << 20, "{thread:?}");
    }
    sleepers.into_iter().for_each(Sleeper::end);
    assert_eq!(forker.census().unwrap(), []);
}

fn off_the_main_thread(_: &ForkLock) {
    let mut forker = Forker::new();
    let refused = thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let me = gettid().as_raw();
            let calls = [
                forker.preflight(&mut at_rest).map(drop),
                fork(&mut forker, &mut at_rest, drop).map(drop),
                spawn(&Options::default(), || 0).map(drop),
            ];
            for call in calls {
                assert!(
                    matches!(call, Err(Error::NotMainThread { pid, tid }) if pid == getpid().as_raw() && tid == me),
                    "{call:?}"
                );
            }
            me
        });
        thread.join().unwrap()
    });
    until_gone(refused);
    assert_well(fork(&mut forker, &mut Alone, drop).unwrap());
}
