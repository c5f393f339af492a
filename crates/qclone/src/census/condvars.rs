//! Repair of condition variables whose waiters do not exist in the clone.
//!
//! A fork does not copy threads that wait for a condition variable, but the variable still counts them.
//! In glibc before 2.41, pthread_cond_signal(3) may wait for these threads to leave their group, which
//! never happens in the clone. So the clone resets each such variable to its state without waiters.
//!
//! Later versions of glibc do not wait, and their variables are left alone: the first signals in the
//! clone go to waiters that no longer exist. A clone that starts its own threads initializes its own
//! variables.

use nix::errno::Errno;

use crate::{
    census::{
        peek::{peek, peek_u32},
        thread::{FutexOp, Thread, Wait},
    },
    heap,
};

/// Offsets in bytes of the parts of a `pthread_cond_t` that a clone must repair.
///
/// Known only in glibc. In musl, the futex a thread sleeps on is not inside the variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CondLayout {
    /// Word whose value shifted right by 3 is the number of waiters.
    pub(crate) waiters: usize,
    /// First of two adjacent words that waiters sleep on, one for each group.
    pub(crate) futexes: usize,
    /// First of two adjacent words that count, from bit 1 up, the references of waiters to their group.
    /// `None` in glibc 2.41 and later, which keeps no such counts. Where there are references, a signal may
    /// wait until waiters drop them, which never happens in a clone.
    pub(crate) references: Option<usize>,
}

impl CondLayout {
    pub(crate) fn of(cond: usize, wait: &Wait, one: &[u32], two: &[u32]) -> Option<Self> {
        let (futex, FutexOp::WaitBitset) = wait.futex()? else { return None };
        let futexes =
            futex.checked_sub(cond).filter(|&offset| offset < size_of::<libc::pthread_cond_t>())? & !7;
        let grew = |from: u32, to: u32| {
            one.iter()
                .zip(two)
                .enumerate()
                .filter(move |(_, (a, b))| (**a, **b) == (from, to))
                .map(|(index, _)| index * 4)
        };
        let waiters = grew(1 << 3, 2 << 3).next()?;
        // The sequence number at the front counts in the same way, but is not this word.
        let references = grew(1 << 1, 2 << 1).find(|&offset| offset >= 8).map(|offset| offset & !7);
        Some(Self { waiters, futexes, references })
    }

    /// Returns the variable that a futex word would belong to.
    fn cond_of(&self, futex: usize) -> Option<usize> {
        // Variables are aligned to 8 bytes, and so is the first of the two words.
        (futex & !7).checked_sub(self.futexes)
    }

    /// Returns the current state of the variable at `cond`.
    fn state_of(&self, cond: usize) -> Option<ConditionState> {
        let mut bytes = [0; size_of::<libc::pthread_cond_t>()];
        if peek(cond, &mut bytes) < bytes.len() {
            return None;
        }
        let word = bytes.get(self.waiters..)?.first_chunk().copied().map(u32::from_ne_bytes)?;
        Some(ConditionState { waiters: word >> 3, bytes })
    }
}

/// Finds the condition variable that a thread waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConditionVariables(pub(crate) Option<CondLayout>);

impl ConditionVariables {
    /// Returns the address of the condition variable that a futex word belongs to. `None` where the thread
    /// library keeps that word elsewhere, as musl does.
    #[must_use]
    pub fn containing(self, futex: usize) -> Option<usize> {
        self.0?.cond_of(futex)
    }

    /// Returns the state of the variable at an address from [`containing`](Self::containing).
    #[must_use]
    pub fn state(self, address: usize) -> Option<ConditionState> {
        self.0?.state_of(address)
    }
}

/// State of a condition variable at one moment.
///
/// If two states are equal, the variable was neither signaled nor waited for in between, since it counts
/// its waits (`__wseq` in glibc's `nptl/pthread_cond_common.c`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConditionState {
    /// Number of waiting threads it counts.
    pub waiters: u32,
    bytes: [u8; size_of::<libc::pthread_cond_t>()],
}

/// A condition variable, with the threads that waited for it at the census.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Orphaned {
    address: usize,
    /// Number of threads for each of the two futex words.
    parked: [u32; 2],
}

impl Orphaned {
    fn waiters(&self) -> u32 {
        self.parked[0] + self.parked[1]
    }

    /// Returns whether the variable counts exactly the parked threads, in total and by group.
    fn is_plausible(&self, layout: &CondLayout, references: usize) -> bool {
        let counted = |offset: usize, shift: u32| peek_u32(self.address + offset).map(|word| word >> shift);
        counted(layout.waiters, 3) == Some(self.waiters())
            && counted(references, 1) == Some(self.parked[0])
            && counted(references + size_of::<u32>(), 1) == Some(self.parked[1])
    }
}

/// Finds the condition variables that `threads` are parked on and that the clone must repair.
///
/// Nothing shows what a futex belongs to. A variable counts as found only if its counters, at the offsets
/// in `layout`, match the threads parked there. Semaphores and locks do not pass that test, and need no
/// repair.
pub(crate) fn find(threads: &[Thread], layout: Option<CondLayout>) -> Vec<Orphaned> {
    let Some((layout, references)) = layout.and_then(|layout| Some((layout, layout.references?))) else {
        return Vec::new();
    };
    let mut found: Vec<Orphaned> = Vec::new();
    // The helper may wait for the lock that the fork holds, which is not a condition variable.
    for thread in threads.iter().filter(|thread| !heap::is_helper(thread.tid)) {
        let Some((futex, FutexOp::WaitBitset)) = thread.wait.futex() else { continue };
        let Some(address) = layout.cond_of(futex) else { continue };
        let index = found.iter().position(|orphaned| orphaned.address == address).unwrap_or_else(|| {
            found.push(Orphaned { address, parked: [0; 2] });
            found.len() - 1
        });
        let group = usize::from(futex != address + layout.futexes);
        found[index].parked[group] += 1;
    }
    found.retain(|orphaned| orphaned.is_plausible(&layout, references));
    found
}

/// Resets the variables, in the clone.
///
/// Async-signal-safe: only reads and writes memory.
///
/// # Errors
/// EBUSY when the number of waiters has changed: a thread woke between the census and the fork, and may
/// have left anything half-changed.
///
/// # Safety
/// No other thread exists, and [`find`] found `orphans` in this memory.
pub(crate) unsafe fn repair(orphans: &[Orphaned], layout: Option<CondLayout>) -> Result<(), Errno> {
    let Some(layout) = layout else { return Ok(()) };
    for orphaned in orphans {
        let words: *mut u32 = std::ptr::with_exposed_provenance_mut(orphaned.address);
        // SAFETY: the census read this word, and it lies within the variable.
        let waiters = unsafe { words.byte_add(layout.waiters) };
        // SAFETY: aligned, since the variable is and the layout's offsets are multiples of 4.
        let count = unsafe { waiters.read_volatile() };
        if count >> 3 != orphaned.waiters() {
            return Err(Errno::EBUSY);
        }
        // SAFETY: a condition variable of that size is at the address, as its number of waiters proved. A
        // variable that was never waited for consists of zeroes.
        unsafe { words.write_bytes(0, size_of::<libc::pthread_cond_t>() / size_of::<u32>()) };
        // The two lowest bits say which clock it uses and whether processes share it.
        // SAFETY: the word lies within the variable, and is aligned: the variable is, and the layout's offsets
        // are multiples of 4.
        unsafe { waiters.write_volatile(count & 3) };
    }
    Ok(())
}
