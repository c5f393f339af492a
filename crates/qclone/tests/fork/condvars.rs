//! Condition variables whose waiters do not exist in a clone.

use std::{
    cell::UnsafeCell,
    fs,
    mem::MaybeUninit,
    ptr,
    sync::atomic::{AtomicI32, AtomicU32, Ordering},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::unistd::gettid;
#[cfg(target_env = "gnu")]
use qclone::Fork;
use qclone::{Forker, FutexOp};

use crate::{
    Case, ForkLock,
    support::{assert_well, at_rest, fork, is_asleep, until, until_gone},
};

pub(crate) const CASES: &[(&str, Case)] = &[
    ("condvars::a_clone_can_use_what_threads_were_parked_on", works_in_a_clone),
    #[cfg(target_env = "gnu")]
    ("condvars::a_clone_of_a_clone_can_too", works_in_a_clones_clone),
    ("condvars::a_repaired_variable_keeps_its_clock", keeps_its_clock),
    ("condvars::several_variables_are_repaired_each", several),
    #[cfg(target_env = "gnu")]
    ("condvars::a_variable_tells_that_a_thread_has_woken_and_waits_again", tells_of_waking),
    ("condvars::memory_around_a_futex_that_is_none_is_left_alone", lookalike),
];

/// A gate at which each thread waits until there is a ticket for it.
struct Gate {
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    cond: UnsafeCell<libc::pthread_cond_t>,
    tickets: AtomicU32,
}

// SAFETY: the mutex and the condition variable may be used by many threads.
unsafe impl Sync for Gate {}

impl Gate {
    /// Creates a gate that lives forever, as required by threads of a process that ends with _exit(2).
    fn new() -> &'static Self {
        Box::leak(Box::new(Self {
            mutex: UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER),
            cond: UnsafeCell::new(libc::PTHREAD_COND_INITIALIZER),
            tickets: AtomicU32::new(0),
        }))
    }

    fn locked<T>(&self, body: impl FnOnce() -> T) -> T {
        // SAFETY: initialized, and locked by no function that `body` calls.
        assert_eq!(unsafe { libc::pthread_mutex_lock(self.mutex.get()) }, 0);
        let result = body();
        // SAFETY: locked above.
        assert_eq!(unsafe { libc::pthread_mutex_unlock(self.mutex.get()) }, 0);
        result
    }

    /// Waits for a ticket, and takes it.
    fn pass(&self, about_to_wait: impl FnOnce()) {
        self.locked(|| {
            about_to_wait();
            while self.tickets.load(Ordering::Relaxed) == 0 {
                // SAFETY: the mutex is locked by this thread.
                assert_eq!(unsafe { libc::pthread_cond_wait(self.cond.get(), self.mutex.get()) }, 0);
            }
            self.tickets.fetch_sub(1, Ordering::Relaxed);
        });
    }

    fn signal(&self) {
        // SAFETY: initialized.
        assert_eq!(unsafe { libc::pthread_cond_signal(self.cond.get()) }, 0);
    }

    fn broadcast(&self) {
        // SAFETY: initialized.
        assert_eq!(unsafe { libc::pthread_cond_broadcast(self.cond.get()) }, 0);
    }

    /// Adds a ticket, and wakes one thread.
    fn admit(&self) {
        self.locked(|| self.tickets.fetch_add(1, Ordering::Relaxed));
        self.signal();
    }

    /// Adds `count` tickets, and wakes all threads.
    fn admit_all(&self, count: usize) {
        self.locked(|| self.tickets.fetch_add(count.try_into().unwrap(), Ordering::Relaxed));
        self.broadcast();
    }
}

/// A thread parked at a gate.
struct Waiter {
    tid: i32,
    thread: JoinHandle<()>,
}

impl Waiter {
    /// Starts the thread, and waits until it is parked.
    fn start(gate: &'static Gate) -> Self {
        let told = Box::leak(Box::new(AtomicI32::new(0)));
        let tid: &'static AtomicI32 = told;
        let thread = thread::spawn(move || gate.pass(|| tid.store(gettid().as_raw(), Ordering::Release)));
        until("it is about to wait", || tid.load(Ordering::Acquire) != 0);
        let tid = tid.load(Ordering::Relaxed);
        // The thread reported while it held the mutex. Once the mutex can be taken, the thread waits.
        gate.locked(|| {});
        until("it is parked", || is_asleep(tid));
        Self { tid, thread }
    }

    fn end(self) {
        self.thread.join().unwrap();
        until_gone(self.tid);
    }
}

/// Ends those of `waiters` that had a ticket.
fn end_finished(waiters: &mut Vec<Waiter>, count: usize) {
    for _ in 0..count {
        until("one passes", || waiters.iter().any(|waiter| waiter.thread.is_finished()));
        let at = waiters.iter().position(|waiter| waiter.thread.is_finished()).unwrap();
        waiters.swap_remove(at).end();
    }
}

/// In a clone: all operations of a condition variable, on one whose waiters do not exist.
fn use_in_clone(gate: &'static Gate) {
    for round in 0..4 {
        // Without repair, signals go to waiters that do not exist, until none is left. That is
        // documented for musl.
        if round > 0 || cfg!(target_env = "musl") {
            (0..8).for_each(|_| gate.signal());
            gate.broadcast();
        }
        let mut waiters: Vec<_> = (0..=round).map(|_| Waiter::start(gate)).collect();
        gate.admit();
        end_finished(&mut waiters, 1);
        gate.admit_all(waiters.len());
        end_finished(&mut waiters, round);
    }
}

/// Parks threads so that they wait in both of a variable's groups, in an order that depends on `round`.
/// A signal starts a new group for later waiters.
fn park(gate: &'static Gate, round: usize) -> Vec<Waiter> {
    for _ in 0..round % 4 {
        let waiter = Waiter::start(gate);
        gate.admit();
        waiter.end();
    }
    let mut waiters: Vec<_> = (0..=round % 3).map(|_| Waiter::start(gate)).collect();
    if !round.is_multiple_of(5) {
        waiters.push(Waiter::start(gate));
        gate.admit();
        end_finished(&mut waiters, 1);
        waiters.extend((0..round % 5 - 1).map(|_| Waiter::start(gate)));
    }
    waiters
}

#[cfg(target_env = "gnu")]
fn tells_of_waking(_: &ForkLock) {
    let gate = Gate::new();
    let waiters = [Waiter::start(gate), Waiter::start(gate)];
    let conditions = Forker::new().condition_variables().unwrap();
    let now = || conditions.state(gate.cond.get().addr()).unwrap();
    for _ in 0..50 {
        let before = now();
        assert_eq!(before.waiters, 2);
        assert_eq!(now(), before);
        // Without a ticket, so the woken thread waits again.
        gate.signal();
        until("both are parked again", || {
            let parked = waiters.iter().all(|waiter| is_asleep(waiter.tid));
            parked && now() != before && now().waiters == 2
        });
    }
    gate.admit_all(2);
    waiters.into_iter().for_each(Waiter::end);
}

fn works_in_a_clone(_: &ForkLock) {
    let mut forker = Forker::new();
    let mut words_waited_on = Vec::new();
    for round in 0..60 {
        let gate = Gate::new();
        let waiters = park(gate, round);
        let mut words: Vec<_> =
            forker.census().unwrap().iter().filter_map(|thread| Some(thread.wait.futex()?.0 & 7)).collect();
        assert_eq!(words.len(), waiters.len());
        words.sort_unstable();
        words.dedup();
        words_waited_on.push(words);
        if cfg!(target_env = "gnu") {
            for thread in forker.census().unwrap() {
                let (futex, op) = thread.wait.futex().unwrap();
                assert_eq!(op, FutexOp::WaitBitset);
                let found = forker.condition_variables().unwrap().containing(futex);
                assert_eq!(found, Some(gate.cond.get().addr()));
            }
        }

        let child = fork(&mut forker, &mut at_rest, |side| {
            drop(side);
            use_in_clone(gate);
        });
        assert_well(child.unwrap());

        // The parent's variable is as it was.
        gate.admit_all(waiters.len());
        waiters.into_iter().for_each(Waiter::end);
        use_in_clone(gate);
    }
    if cfg!(target_env = "gnu") {
        assert!(words_waited_on.iter().any(|words| *words == [0]), "{words_waited_on:?}");
        assert!(words_waited_on.iter().any(|words| *words == [4]), "{words_waited_on:?}");
        assert!(words_waited_on.iter().any(|words| *words == [0, 4]), "{words_waited_on:?}");
    }
}

#[cfg(target_env = "gnu")]
fn works_in_a_clones_clone(_: &ForkLock) {
    let mut forker = Forker::new();
    let gate = Gate::new();
    let _waiters = park(gate, 6);
    // SAFETY: the threads are parked at the gate, and the clone leaves by `exit`.
    match unsafe { forker.fork(&mut at_rest).unwrap() } {
        Fork::Parent { child, .. } => assert_well(child),
        // The clone's harness ends it if anything panics here, as in any case.
        Fork::Clone(side) => {
            drop(side);
            let _waiters = park(gate, 7);
            let child = fork(&mut forker, &mut at_rest, |side| {
                drop(side);
                use_in_clone(gate);
            });
            assert_well(child.unwrap());
            qclone::exit(0)
        }
    }
}

fn keeps_its_clock(_: &ForkLock) {
    const PATIENCE: Duration = Duration::from_millis(50);
    let gate = Gate::new();
    let mut attributes = MaybeUninit::uninit();
    // SAFETY: pthread_condattr_init(3) initializes what it is given.
    assert_eq!(unsafe { libc::pthread_condattr_init(attributes.as_mut_ptr()) }, 0);
    // SAFETY: initialized above.
    assert_eq!(unsafe { libc::pthread_condattr_setclock(attributes.as_mut_ptr(), libc::CLOCK_MONOTONIC) }, 0);
    // SAFETY: nothing waits for it yet.
    assert_eq!(unsafe { libc::pthread_cond_init(gate.cond.get(), attributes.as_ptr()) }, 0);
    let _waiters = [Waiter::start(gate), Waiter::start(gate)];

    let time_out = || {
        let begun = Instant::now();
        let mut until = MaybeUninit::uninit();
        // SAFETY: clock_gettime(2) writes one timespec.
        assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, until.as_mut_ptr()) }, 0);
        // SAFETY: written above.
        let mut until: libc::timespec = unsafe { until.assume_init() };
        until.tv_nsec += libc::c_long::try_from(PATIENCE.as_nanos()).unwrap();
        if until.tv_nsec >= 1_000_000_000 {
            until.tv_sec += 1;
            until.tv_nsec -= 1_000_000_000;
        }
        let ended = gate.locked(|| {
            // SAFETY: the mutex is locked by this thread.
            unsafe { libc::pthread_cond_timedwait(gate.cond.get(), gate.mutex.get(), &raw const until) }
        });
        assert_eq!(ended, libc::ETIMEDOUT);
        assert!(begun.elapsed() >= PATIENCE, "by another clock it is over at once: {:?}", begun.elapsed());
    };
    time_out();
    let child = fork(&mut Forker::new(), &mut at_rest, |side| {
        drop(side);
        gate.signal();
        time_out();
        use_in_clone(gate);
    });
    assert_well(child.unwrap());
}

fn several(_: &ForkLock) {
    let gates = [Gate::new(), Gate::new(), Gate::new(), Gate::new()];
    let _waiters: Vec<_> = gates.iter().enumerate().map(|(index, gate)| park(gate, 11 + index)).collect();
    let child = fork(&mut Forker::new(), &mut at_rest, |side| {
        drop(side);
        gates.into_iter().for_each(use_in_clone);
    });
    assert_well(child.unwrap());
}

/// Words around a word that a thread sleeps on like on that of a condition variable.
#[repr(C, align(8))]
struct Lookalike {
    before: [u32; 12],
    futex: AtomicU32,
    after: [u32; 12],
}

fn lookalike(_: &ForkLock) {
    // The word that counts one waiter is a common number elsewhere.
    let words: &'static Lookalike =
        Box::leak(Box::new(Lookalike { before: [8; 12], futex: AtomicU32::new(0), after: [8; 12] }));
    let tid: &'static AtomicI32 = Box::leak(Box::new(AtomicI32::new(0)));
    thread::spawn(move || {
        tid.store(gettid().as_raw(), Ordering::Release);
        let operation = libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG;
        let forever = ptr::null::<libc::timespec>();
        let none = ptr::null::<u32>();
        loop {
            // SAFETY: the word lives forever, and the call changes nothing.
            unsafe {
                libc::syscall(libc::SYS_futex, words.futex.as_ptr(), operation, 0, forever, none, u32::MAX)
            };
        }
    });
    until("it has begun", || tid.load(Ordering::Acquire) != 0);
    until("it sleeps", || is_asleep(tid.load(Ordering::Relaxed)));
    let child = fork(&mut Forker::new(), &mut at_rest, |_| {
        // SAFETY: nothing writes to these words.
        let around = unsafe { (&raw const *words).read_volatile() };
        assert_eq!((around.before, around.after), ([8; 12], [8; 12]));
    });
    assert_well(child.unwrap());
}

/// For information: the result of a plain fork, which may hang in glibc 2.31 to 2.40.
pub(crate) fn without_repair(lock: &ForkLock) {
    const ROUNDS: usize = 20;
    const PATIENCE: Duration = Duration::from_millis(500);
    let mut hung = 0;
    for round in 0..ROUNDS {
        let gate = Gate::new();
        let waiters = park(gate, round);
        let clone = lock.start(|| {
            use_in_clone(gate);
            0
        });
        let stat = || fs::read_to_string(format!("/proc/{}/stat", clone.pid)).unwrap();
        let begun = Instant::now();
        while !stat().contains(") Z ") {
            if begun.elapsed() > PATIENCE {
                hung += 1;
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        drop(clone);
        gate.admit_all(waiters.len());
        waiters.into_iter().for_each(Waiter::end);
    }
    eprintln!("{hung} of {ROUNDS} plain forks hung");
}
