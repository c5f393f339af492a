//! Layout of the structures that the census reads, learned from threads of our own.
//!
//! Neither glibc nor musl documents where a thread's start routine is kept or how a condition variable
//! counts its waiters, and both have moved these between versions. So nothing is assumed. A few
//! short-lived threads with a known routine, argument, id and waiting place are examined once per
//! process. Facts that cannot be determined clearly are not used.

use std::{
    cell::UnsafeCell,
    ffi::c_void,
    mem::MaybeUninit,
    path::PathBuf,
    ptr,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    census::{
        condvars::CondLayout,
        peek::{peek, peek_u32},
        thread::Wait,
    },
    error::{Error, Result},
    signals::mask::SignalsBlocked,
};

/// Offsets in bytes from a thread's `pthread_t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ThreadLayout {
    /// Thread id, 32 bits.
    pub(crate) tid: usize,
    /// Another copy of the `pthread_t`, if the library keeps one.
    pub(crate) self_pointer: Option<usize>,
    /// Start routine.
    pub(crate) start: isize,
    /// Argument of the start routine.
    pub(crate) argument: isize,
}

/// Description that the thread library keeps of a thread.
pub(crate) struct Description {
    /// Address of the description.
    pub(crate) at: usize,
    pub(crate) start: usize,
    pub(crate) argument: usize,
}

/// Result of [`calibrate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Calibration {
    pub(crate) thread: ThreadLayout,
    pub(crate) cond: Option<CondLayout>,
}

/// Returns the layout of this process's thread library, learned at the first call.
///
/// # Errors
/// [`Error::Proc`] when probe threads cannot be examined. [`Error::Calibration`] when one cannot be
/// started or understood.
pub(crate) fn calibration() -> Result<Calibration> {
    static FOUND: OnceLock<Calibration> = OnceLock::new();
    if let Some(found) = FOUND.get() {
        return Ok(*found);
    }
    let found = calibrate()?;
    Ok(*FOUND.get_or_init(|| found))
}

/// Examines probe threads. When this returns, they have ended and the kernel no longer lists them.
fn calibrate() -> Result<Calibration> {
    let mut probe = CondProbe::new();
    let first = probe.park_one_more()?;
    let one = probe.words();
    let second = probe.park_one_more()?;
    let two = probe.words();
    let mut identities = vec![first.identity, second.identity];
    let mut sights = sights_of(&identities);
    while ids(&sights).nth(1).is_some() && identities.len() < MOST_PROBES {
        identities.push(probe.park_one_more()?.identity);
        sights = sights_of(&identities);
    }
    let thread = ThreadLayout::of(&sights)?;
    let cond = CondLayout::of(probe.address(), &first.wait, &one, &two);
    probe.release()?;
    bind_reuse_of_stacks();
    Ok(Calibration { thread, cond })
}

/// Starts one more thread, now that there are stacks to reuse. glibc binds the functions that reuse a stack
/// at their first use. That happens here instead of in each clone that starts a thread.
fn bind_reuse_of_stacks() {
    let mut probe = CondProbe::new();
    // A failure only costs clones a little time.
    let _ = probe.park_one_more();
    let _ = probe.release();
}

impl ThreadLayout {
    /// Returns the layout that all probes have.
    fn of(probes: &[Sight]) -> Result<Self> {
        let word = size_of::<usize>();
        // Whether each probe has its value at an offset from its `pthread_t`.
        let at = |offset: isize, value: fn(&Identity) -> usize| {
            probes.iter().all(|probe| probe.has(offset, &value(&probe.identity).to_ne_bytes()))
        };
        let tid = ids(probes).next().ok_or(Error::Calibration("the thread structure has no thread id"))?;
        let self_pointer =
            (0..STRUCT_SEARCH).step_by(word).find(|offset| at(offset.cast_signed(), |probe| probe.pthread));
        // glibc keeps the routine and its argument in the description, musl keeps them just below it.
        let start = (0..STRUCT_SEARCH / word)
            .map(usize::cast_signed)
            .flat_map(|index| [index, -1 - index])
            .map(|index| index * word.cast_signed())
            .find(|&offset| {
                at(offset, |probe| probe.start) && at(offset + word.cast_signed(), |probe| probe.argument)
            })
            .ok_or(Error::Calibration("the thread structure has no start routine"))?;
        Ok(Self { tid, self_pointer, start, argument: start + word.cast_signed() })
    }

    /// Returns the description of thread `tid` at `at`, if there is one.
    ///
    /// Reads it in one call. A call for each part would take a third of a census.
    pub(crate) fn describe(&self, at: usize, tid: i32) -> Option<Description> {
        const WORD: usize = size_of::<usize>();
        let own = self.self_pointer.map(usize::cast_signed);
        let offsets = || [self.tid.cast_signed(), self.start, self.argument].into_iter().chain(own);
        let (first, last) = (offsets().min()?, offsets().max()?);
        let mut bytes = vec![0; last.abs_diff(first) + WORD];
        if peek(at.checked_add_signed(first)?, &mut bytes) < bytes.len() {
            return None;
        }
        let behind = |offset: isize| &bytes[offset.abs_diff(first)..];
        let word = |offset: isize| behind(offset).first_chunk().copied().map(usize::from_ne_bytes);
        let is_of = behind(self.tid.cast_signed()).starts_with(&tid.to_ne_bytes());
        (is_of && own.is_none_or(|own| word(own) == Some(at))).then_some(Description {
            at,
            start: word(self.start)?,
            argument: word(self.argument)?,
        })
    }
}

/// Known facts about a probe thread, which its description must hold.
#[derive(Debug, Clone, Copy)]
struct Identity {
    tid: i32,
    pthread: usize,
    start: usize,
    argument: usize,
}

/// A probe thread, with the memory around its `pthread_t`: [`STRUCT_SEARCH`] bytes below and above it.
struct Sight {
    identity: Identity,
    around: Vec<u8>,
}

impl Sight {
    /// Returns whether `bytes` are at `offset` from the `pthread_t`.
    fn has(&self, offset: isize, bytes: &[u8]) -> bool {
        let at = STRUCT_SEARCH.checked_add_signed(offset);
        at.and_then(|at| self.around.get(at..at + bytes.len())) == Some(bytes)
    }
}

/// Reads the memory of the probes, with one call for each.
fn sights_of(probes: &[Identity]) -> Vec<Sight> {
    let sight = |&identity: &Identity| {
        let mut around = vec![0; 2 * STRUCT_SEARCH];
        let read = peek(identity.pthread.saturating_sub(STRUCT_SEARCH), &mut around);
        around.truncate(read);
        Sight { identity, around }
    };
    probes.iter().map(sight).collect()
}

/// Offsets at which every probe has its id.
///
/// Two probes may have two such offsets: an id may equal the upper half of a pointer, such as 0x7f84 of
/// 0x7f84_0123_4560. glibc links the descriptions of all threads. The newest points into the dynamic
/// linker and the others at a stack, and these pointers may be as far apart as the ids. Each further probe
/// makes that less likely, until it is all but impossible.
fn ids(probes: &[Sight]) -> impl Iterator<Item = usize> {
    let has_its_id =
        |offset: usize, probe: &Sight| probe.has(offset.cast_signed(), &probe.identity.tid.to_ne_bytes());
    (0..STRUCT_SEARCH)
        .step_by(size_of::<i32>())
        .filter(move |&offset| probes.iter().all(|probe| has_its_id(offset, probe)))
}

/// A sleeping probe thread.
struct Parked {
    identity: Identity,
    wait: Wait,
}

/// A condition variable that probe threads wait for.
struct CondProbe {
    shared: Box<Shared>,
    threads: Vec<libc::pthread_t>,
    tids: Vec<i32>,
}

struct Shared {
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    cond: UnsafeCell<libc::pthread_cond_t>,
    released: AtomicBool,
    /// Identity of the thread that started last. It writes its id last.
    pthread: AtomicUsize,
    tid: AtomicI32,
}

/// Body of a probe thread. Announces itself, and waits until released.
extern "C" fn probe(shared: *mut c_void) -> *mut c_void {
    // SAFETY: the starter keeps `Shared` until it has joined this thread. Mutex and condition
    // variable are behind cells, and the rest is atomic.
    let Shared { mutex, cond, released, pthread, tid } = unsafe { &*shared.cast::<Shared>() };
    let (mutex, cond) = (mutex.get(), cond.get());
    // SAFETY: pthread_self(3) has no preconditions.
    let own = unsafe { libc::pthread_self() };
    // SAFETY: the mutex is initialized, and this thread has not locked it.
    unsafe { libc::pthread_mutex_lock(mutex) };
    pthread.store(own_address(own), Ordering::Relaxed);
    tid.store(nix::unistd::gettid().as_raw(), Ordering::Release);
    while !released.load(Ordering::Relaxed) {
        // SAFETY: the mutex is held by this thread.
        unsafe { libc::pthread_cond_wait(cond, mutex) };
    }
    // SAFETY: the mutex is held by this thread.
    unsafe { libc::pthread_mutex_unlock(mutex) };
    ptr::null_mut()
}

impl CondProbe {
    fn new() -> Self {
        let shared = Shared {
            mutex: UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER),
            cond: UnsafeCell::new(libc::PTHREAD_COND_INITIALIZER),
            released: AtomicBool::new(false),
            pthread: AtomicUsize::new(0),
            tid: AtomicI32::new(0),
        };
        Self { shared: Box::new(shared), threads: Vec::new(), tids: Vec::new() }
    }

    fn address(&self) -> usize {
        self.shared.cond.get().addr()
    }

    /// Starts a probe thread and waits until it sleeps.
    fn park_one_more(&mut self) -> Result<Parked> {
        self.shared.tid.store(0, Ordering::Relaxed);
        let shared: *mut Shared = &raw mut *self.shared;
        // The probe inherits the mask, so that no signal handler of the process runs on its small stack.
        let mask = SignalsBlocked::all()?;
        self.threads.push(start(shared.cast())?);
        drop(mask);
        let told = || self.shared.tid.load(Ordering::Acquire);
        let tid = patiently(|| Ok(Some(told()).filter(|&tid| tid != 0)))?;
        self.tids.push(tid);
        // The probe announces itself while it holds the mutex. Once the mutex is free, the probe waits for
        // the condition and does not sleep on the mutex.
        let mutex = self.shared.mutex.get();
        // SAFETY: the mutex is initialized, and not held by this thread.
        unsafe { libc::pthread_mutex_lock(mutex) };
        // SAFETY: this thread locked the mutex in the previous statement.
        unsafe { libc::pthread_mutex_unlock(mutex) };
        let wait = patiently(|| {
            let wait = Wait::of(tid).map_err(Error::proc(format!("/proc/self/task/{tid}/syscall")))?;
            Ok(wait.filter(|wait| wait.futex().is_some()))
        })?;
        let identity = Identity {
            tid,
            pthread: self.shared.pthread.load(Ordering::Relaxed),
            start: probe as *const () as usize,
            argument: shared.addr(),
        };
        Ok(Parked { identity, wait })
    }

    /// Returns the condition variable as 32-bit words. It does not change while the waiters sleep.
    fn words(&self) -> Vec<u32> {
        let words = size_of::<libc::pthread_cond_t>() / 4;
        (0..words).filter_map(|index| peek_u32(self.address() + index * 4)).collect()
    }

    /// Ends the probe threads, and waits until the kernel no longer lists them.
    fn release(mut self) -> Result<()> {
        let tids = std::mem::take(&mut self.tids);
        drop(self);
        for tid in tids {
            let path = PathBuf::from(format!("/proc/self/task/{tid}"));
            patiently(|| Ok((!path.exists()).then_some(())))?;
        }
        Ok(())
    }
}

impl Drop for CondProbe {
    fn drop(&mut self) {
        let (mutex, cond) = (self.shared.mutex.get(), self.shared.cond.get());
        // SAFETY: the mutex is initialized, and no probe thread holds it for long.
        unsafe { libc::pthread_mutex_lock(mutex) };
        self.shared.released.store(true, Ordering::Relaxed);
        // SAFETY: the condition variable is initialized.
        unsafe { libc::pthread_cond_broadcast(cond) };
        // SAFETY: this thread locked the mutex at the start of this function.
        unsafe { libc::pthread_mutex_unlock(mutex) };
        for &thread in &self.threads {
            // SAFETY: this probe started each thread joinable, and only this joins it.
            unsafe { libc::pthread_join(thread, ptr::null_mut()) };
        }
    }
}

/// Starts `probe` with `argument`, on a small stack.
fn start(argument: *mut c_void) -> Result<libc::pthread_t> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    // SAFETY: pthread_attr_init(3) initializes what it is given.
    unsafe { libc::pthread_attr_init(attributes.as_mut_ptr()) };
    // SAFETY: pthread_attr_init(3) initialized the attributes. The library ignores a size it does not
    // accept.
    unsafe { libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), PROBE_STACK) };
    let mut thread = MaybeUninit::uninit();
    // SAFETY: `probe` has the signature of a start routine, and the caller keeps `argument` until
    // the thread is joined.
    let error = unsafe { libc::pthread_create(thread.as_mut_ptr(), attributes.as_ptr(), probe, argument) };
    // SAFETY: pthread_attr_init(3) initialized the attributes, and nothing uses them after this.
    unsafe { libc::pthread_attr_destroy(attributes.as_mut_ptr()) };
    if error != 0 {
        return Err(Error::Calibration("a test thread could not be started"));
    }
    // SAFETY: pthread_create(3) stored the thread when it returned 0.
    Ok(unsafe { thread.assume_init() })
}

/// A `pthread_t` is the address of the thread's description, in glibc and in musl.
#[allow(
    clippy::cast_possible_truncation,
    reason = "an integer of the machine's width in glibc, a pointer in musl"
)]
fn own_address(thread: libc::pthread_t) -> usize {
    thread as usize
}

/// Calls `ask` until it has an answer.
fn patiently<T>(mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + PROBE_TIMEOUT;
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if Instant::now() > deadline {
            return Err(Error::Calibration("a test thread did not reach the expected state in time"));
        }
        std::thread::yield_now();
    }
}

/// Search distance from a `pthread_t`, in bytes. glibc's structure has 2,304.
const STRUCT_SEARCH: usize = 4096;

/// Maximum number of probe threads to start to locate the id.
const MOST_PROBES: usize = 8;

/// Stack size of a probe thread, in bytes. Above the minimum of every architecture.
const PROBE_STACK: usize = 256 * 1024;

/// Maximum time for a probe thread to reach its wait.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::{Identity, STRUCT_SEARCH, Sight, ThreadLayout, calibrate, ids, sights_of};

    #[test]
    fn calibrates_this_machine() {
        let first = calibrate().unwrap();
        assert_eq!(calibrate().unwrap(), first);
        #[cfg(target_env = "gnu")]
        assert!(first.cond.is_some());
    }

    /// Consecutive descriptions of threads, with pointers whose upper halves are the ids of all threads except
    /// the last.
    fn described(count: usize) -> Vec<Sight> {
        const WORDS: usize = STRUCT_SEARCH / size_of::<u64>();
        let mut memory = vec![[0_u64; 2 * WORDS]; count];
        let mut identities = Vec::new();
        for (around, tid) in memory.iter_mut().zip(0x7f84_u32..) {
            let description = &mut around[WORDS..];
            let at = description.as_ptr().addr();
            description[1] = u64::from(tid.min(0x7f82 + u32::try_from(count).unwrap())) << 32 | 0x123_4560;
            description[2] = at as u64;
            description[90] = tid.into();
            description[200..202].copy_from_slice(&[7, 9]);
            identities.push(Identity { tid: tid.cast_signed(), pthread: at, start: 7, argument: 9 });
        }
        sights_of(&identities)
    }

    /// CI saw both: an id that equals the upper half of a pointer in one description, and ids that do in two.
    #[test]
    fn ids_that_are_halves_of_pointers_too_are_told_by_one_more_thread() {
        let in_id_and_pointer = [size_of::<u64>() + 4, 90 * 8];
        for count in [2, 3] {
            let sights = described(count);
            let (_, earlier) = sights.split_last().unwrap();
            assert_eq!(ids(earlier).collect::<Vec<_>>(), in_id_and_pointer, "{count}");
            let layout = ThreadLayout::of(&sights).unwrap();
            let expected =
                ThreadLayout { tid: 90 * 8, self_pointer: Some(2 * 8), start: 200 * 8, argument: 201 * 8 };
            assert_eq!(layout, expected, "{count}");
        }
    }
}
