//! The arena. Any thread may use it.

use std::{
    ops::Range,
    ptr::{self, NonNull},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use nix::errno::Errno;

use super::{
    CAPACITY, REGION, UNIT,
    buffer::{Buffer, Plain},
    huge_pages::HugePages,
    memory::{self, Advice},
    registry,
    space::{AdviceGiven, Counts, Space},
};
use crate::{Error, Result};

/// Effect of a plain `fork(2)` on the memory of an arena. With a [`Forker`](crate::Forker), a clone
/// inherits the memory in both cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inheritance {
    /// The child has the memory, like any other.
    Inherited,
    /// The child does not have the memory (`MADV_DONTFORK`), so that starting another program is fast.
    Marked,
}

/// Memory that forks quickly.
///
/// An arena is at a random address, chosen at first use. It maps regions of 2 MiB as they are needed: it
/// reserves no address space, and works under `RLIMIT_AS`.
///
/// # Fork safety
///
/// A lock is held briefly while the arena is changed, including during system calls.
/// [`Forker`](crate::Forker) holds it during a fork, so a clone finds the arena consistent and unlocked,
/// regardless of other threads.
#[derive(Debug)]
pub struct Arena {
    space: Mutex<Space>,
    /// 0 until it is known. Read without the lock by code that may be asked to free foreign memory.
    base: AtomicUsize,
    inheritance: Inheritance,
    huge_pages: AtomicBool,
}

/// Contents of an arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Regions of 2 MiB that are mapped in full, so that each can be one huge page.
    pub whole_regions: usize,
    /// Regions that have a hole.
    pub split_regions: usize,
    /// Unmapped units of 256 KiB in regions that are partly mapped.
    pub holes: usize,
    /// Units in use.
    pub busy_units: usize,
    /// Mapped units that have never been in use.
    pub fresh_units: usize,
    /// Units at which something else was mapped, or that could not be unmapped.
    pub lost_units: usize,
    /// Units handed out so far.
    pub allocated: u64,
    /// Units given back so far.
    pub freed: u64,
}

impl Arena {
    /// Creates an arena that has no memory yet.
    #[must_use]
    pub const fn new(inheritance: Inheritance) -> Self {
        Self {
            space: Mutex::new(Space::new()),
            base: AtomicUsize::new(0),
            inheritance,
            huge_pages: AtomicBool::new(true),
        }
    }

    /// Keeps the arena on small pages. Has no effect once the arena has been used.
    pub fn forgo_huge_pages(&self) {
        self.huge_pages.store(false, Ordering::Relaxed);
    }

    /// Allocates [`UNIT`] bytes at a multiple of [`UNIT`], zeroed, readable and writable.
    ///
    /// Returns `None` when the arena is full or the system has no memory.
    #[must_use = "only the caller can free it"]
    pub fn allocate_unit(&'static self) -> Option<NonNull<u8>> {
        let address = self.placed_space()?.take_unit()?;
        NonNull::new(ptr::with_exposed_provenance_mut(address))
    }

    /// Frees a unit of which `length` bytes are left; see [`shrink_unit`](Self::shrink_unit).
    ///
    /// The memory is unmapped.
    ///
    /// # Safety
    /// `address` is from [`allocate_unit`](Self::allocate_unit) of this arena, and was not freed since.
    /// Nothing uses the memory any more.
    pub unsafe fn free_unit(&self, address: NonNull<u8>, length: usize) {
        // SAFETY: the caller guarantees it.
        unsafe { self.space().free_unit(address.addr().get(), length.min(UNIT)) };
    }

    /// Unmaps the end of a unit of which `from` bytes are left. Keeps the first `length` bytes, which must be
    /// a multiple of the page size above 0.
    ///
    /// # Safety
    /// As [`free_unit`](Self::free_unit), except that only the end must no longer be in use.
    pub unsafe fn shrink_unit(&self, address: NonNull<u8>, from: usize, length: usize) {
        // SAFETY: the caller guarantees it.
        unsafe { self.space().shrink(address.addr().get(), from.min(UNIT), length) };
    }

    /// Allocates a buffer of `length` values, all zero.
    ///
    /// For large buffers, since it takes memory in steps of 2 MiB.
    ///
    /// ```
    /// use qclone::heap::{Arena, Inheritance};
    ///
    /// static ARENA: Arena = Arena::new(Inheritance::Inherited);
    /// let mut balances = ARENA.alloc::<i64>(1_000_000)?;
    /// balances[999_999] = 7;
    /// assert_eq!(balances.iter().sum::<i64>(), 7);
    /// # Ok::<(), qclone::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Syscall`] with ENOMEM when the arena is full or the system has no memory.
    pub fn alloc<T: Plain>(&'static self, length: usize) -> Result<Buffer<T>> {
        let refused = Error::Syscall { call: "mmap(2)", errno: Errno::ENOMEM };
        let bytes = length.checked_mul(size_of::<T>()).filter(|&bytes| bytes <= CAPACITY);
        let Some(bytes) = bytes else { return Err(refused) };
        let regions = bytes.div_ceil(REGION).max(1);
        let address = self.placed_space().and_then(|mut space| space.take_regions(regions));
        let address = address.and_then(|at| NonNull::new(ptr::with_exposed_provenance_mut(at)));
        // SAFETY: the regions are mapped, zeroed, and this buffer's alone.
        address.map(|address| unsafe { Buffer::new(self, address, length, regions) }).ok_or(refused)
    }

    /// Frees the memory of a buffer.
    ///
    /// # Safety
    /// The regions are from [`alloc`](Self::alloc), and nothing uses them any more.
    pub(super) unsafe fn free_regions(&self, address: usize, regions: usize) {
        // SAFETY: the caller guarantees it.
        unsafe { self.space().free_regions(address, regions) };
    }

    /// Returns whether `address` is that of a unit in use. Takes no lock for addresses outside the arena.
    #[must_use]
    pub fn has_unit(&self, address: NonNull<u8>) -> bool {
        let address = address.addr().get();
        self.addresses().is_some_and(|addresses| addresses.contains(&address))
            && self.space().is_busy(address)
    }

    /// Returns the range of addresses that the arena may use.
    #[must_use]
    pub fn addresses(&self) -> Option<Range<usize>> {
        match self.base.load(Ordering::Acquire) {
            0 => None,
            base => Some(base..base + CAPACITY),
        }
    }

    /// Returns the current contents of the arena.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let space = self.space();
        let Counts { whole, split, holes, busy, fresh, lost } = space.counts();
        Statistics {
            whole_regions: whole,
            split_regions: split,
            holes,
            busy_units: busy,
            fresh_units: fresh,
            lost_units: lost,
            allocated: space.allocated,
            freed: space.freed,
        }
    }

    pub(super) fn space(&self) -> MutexGuard<'_, Space> {
        self.space.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the space, placed if it was not before. `None` when there is no place for it.
    fn placed_space(&'static self) -> Option<MutexGuard<'static, Space>> {
        if self.base.load(Ordering::Acquire) == 0 {
            // The registry's lock is taken before an arena's, as in a fork.
            let first = registry::register_once(self);
            let mut space = self.space();
            if !space.is_placed() {
                let base = find_place()?;
                let pages = if !self.huge_pages.load(Ordering::Relaxed) {
                    Some(Advice::NoHugePage)
                } else if HugePages::of_this_process() == HugePages::OnAdvice {
                    Some(Advice::HugePage)
                } else {
                    None
                };
                space.place(base, AdviceGiven { dont_fork: self.inheritance == Inheritance::Marked, pages });
                self.base.store(base, Ordering::Release);
            }
            drop(first);
            return Some(space);
        }
        Some(self.space())
    }
}

/// Finds a random place at which at least the first region is free.
fn find_place() -> Option<usize> {
    for range in [WIDE, NARROW] {
        for _ in 0..PLACES_TRIED {
            let regions = (range.end - range.start - CAPACITY) / REGION;
            let base = range.start + random()? % regions * REGION;
            if memory::map(base, REGION).is_ok() {
                // SAFETY: just mapped, and not in use.
                unsafe { memory::unmap(base, REGION) }.ok()?;
                return Some(base);
            }
        }
    }
    None
}

fn random() -> Option<usize> {
    let mut word = [0; size_of::<usize>()];
    // SAFETY: writes at most as many bytes as the buffer has.
    let got = unsafe { libc::getrandom(word.as_mut_ptr().cast(), word.len(), 0) };
    (usize::try_from(got) == Ok(word.len())).then(|| usize::from_ne_bytes(word))
}

/// Below the end of a process's address space on x86-64 and arm64. No program, library or stack is placed
/// here, unless the stack has no limit. Other mappings in this range are left alone.
const WIDE: Range<usize> = 1 << 40..5 << 44;
/// For arm64 with 39-bit addresses.
const NARROW: Range<usize> = 1 << 34..1 << 38;
const PLACES_TRIED: usize = 8;
