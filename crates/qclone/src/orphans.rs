//! What a clone repairs of libc: condition variables whose waiters no longer exist.
//!
//! The threads that were parked on a condition variable at the fork are not in the clone, but the
//! variable still counts them. In glibc before 2.41 pthread_cond_signal(3) may wait for such
//! waiters to leave their group, and in the clone they never do. So the clone sets each such
//! variable back to its state without waiters.

use nix::errno::Errno;

use crate::{
    calibrate::CondLayout,
    peek::peek_u32,
    threads::{FutexOp, Thread},
};

/// A condition variable, and how many threads were parked on it at the census.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Orphaned {
    address: usize,
    waiters: u32,
}

/// The condition variables that `threads` are parked on, when the clone must repair them.
///
/// What a futex belongs to is not written anywhere, so a variable counts as found only when the
/// count of waiters where `layout` has it equals the number of threads parked there. Semaphores
/// and locks do not pass that test, and need no repair.
pub(crate) fn find(threads: &[Thread], layout: Option<CondLayout>) -> Vec<Orphaned> {
    let Some(layout) = layout.filter(|layout| layout.quiesces) else { return Vec::new() };
    let mut found: Vec<Orphaned> = Vec::new();
    for thread in threads {
        let Some((futex, FutexOp::WaitBitset)) = thread.wait.futex() else { continue };
        let Some(address) = layout.cond_of(futex) else { continue };
        match found.iter_mut().find(|orphaned| orphaned.address == address) {
            Some(orphaned) => orphaned.waiters += 1,
            None => found.push(Orphaned { address, waiters: 1 }),
        }
    }
    found.retain(|orphaned| layout.waiters_of(orphaned.address) == Some(orphaned.waiters));
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
        if count >> 3 != orphaned.waiters {
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

    fn waiters_of(&self, cond: usize) -> Option<u32> {
        peek_u32(cond + self.waiters).map(|word| word >> 3)
    }
}
