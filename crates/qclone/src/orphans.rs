//! What a clone repairs of libc: condition variables whose waiters no longer exist.
//!
//! The threads that were parked on a condition variable at the fork are not in the clone, but the
//! variable still counts them. In glibc before 2.41 pthread_cond_signal(3) may wait for such
//! waiters to leave their group, and in the clone they never do. So the clone sets each such
//! variable back to its state without waiters.
//!
//! Later ones do not wait, and are left alone: what the first signals in the clone wake there are
//! waiters that are gone. A clone that starts threads of its own makes its variables anew.

use nix::errno::Errno;

use crate::{
    calibrate::CondLayout,
    fork::ConditionState,
    peek::{peek, peek_u32},
    threads::{FutexOp, Thread},
};

/// A condition variable, and how many threads were parked on it at the census.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Orphaned {
    address: usize,
    /// By the word they sleep on.
    parked: [u32; 2],
}

impl Orphaned {
    fn waiters(&self) -> u32 {
        self.parked[0] + self.parked[1]
    }

    /// Whether the memory counts just the threads that are parked: in all, and by group.
    fn is_plausible(&self, layout: &CondLayout, references: usize) -> bool {
        let counted = |offset: usize, shift: u32| peek_u32(self.address + offset).map(|word| word >> shift);
        counted(layout.waiters, 3) == Some(self.waiters())
            && counted(references, 1) == Some(self.parked[0])
            && counted(references + size_of::<u32>(), 1) == Some(self.parked[1])
    }
}

/// The condition variables that `threads` are parked on, when the clone must repair them.
///
/// What a futex belongs to is not written anywhere, so a variable counts as found only when its
/// counts, where `layout` has them, are those of the threads parked there. Semaphores and locks do
/// not pass that test, and need no repair.
pub(crate) fn find(threads: &[Thread], layout: Option<CondLayout>) -> Vec<Orphaned> {
    let Some((layout, references)) = layout.and_then(|layout| Some((layout, layout.references?))) else {
        return Vec::new();
    };
    let mut found: Vec<Orphaned> = Vec::new();
    for thread in threads {
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

/// Sets the variables back, in the clone.
///
/// Async-signal-safe: reads and writes memory, and nothing else.
///
/// # Errors
/// EBUSY when the count of waiters is no longer what it was: a thread woke between the census and
/// the fork, and may have left anything half-done.
///
/// # Safety
/// No other thread exists, and `orphans` was found by [`find`] in this memory.
pub(crate) unsafe fn repair(orphans: &[Orphaned], layout: Option<CondLayout>) -> Result<(), Errno> {
    let Some(layout) = layout else { return Ok(()) };
    for orphaned in orphans {
        let words: *mut u32 = std::ptr::with_exposed_provenance_mut(orphaned.address);
        // SAFETY: the census read this word, and it is within the variable.
        let waiters = unsafe { words.byte_add(layout.waiters) };
        // SAFETY: aligned, since the variable is and the layout's offsets are multiples of 4.
        let count = unsafe { waiters.read_volatile() };
        if count >> 3 != orphaned.waiters() {
            return Err(Errno::EBUSY);
        }
        // SAFETY: a condition variable of that size is at the address, as its count of waiters
        // proved; all of its bytes 0 is the state of one never waited for.
        unsafe { words.write_bytes(0, size_of::<libc::pthread_cond_t>() / size_of::<u32>()) };
        // The two lowest bits say which clock it uses and whether processes share it.
        // SAFETY: as for the read.
        unsafe { waiters.write_volatile(count & 3) };
    }
    Ok(())
}

impl CondLayout {
    /// The variable that a futex word would belong to.
    pub(crate) fn cond_of(&self, futex: usize) -> Option<usize> {
        // Variables are aligned to 8 bytes, and so is the first of the two words.
        (futex & !7).checked_sub(self.futexes)
    }

    /// The variable at `cond`, as it is now.
    pub(crate) fn state_of(&self, cond: usize) -> Option<ConditionState> {
        let mut bytes = [0; size_of::<libc::pthread_cond_t>()];
        if peek(cond, &mut bytes) < bytes.len() {
            return None;
        }
        let word = bytes.get(self.waiters..)?.first_chunk().copied().map(u32::from_ne_bytes)?;
        Some(ConditionState { waiters: word >> 3, bytes })
    }
}
