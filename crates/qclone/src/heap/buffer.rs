//! Large arrays of plain values.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    ptr::NonNull,
    slice,
};

use super::arena::Arena;

/// Types that are valid when all bytes are zero, and that need no destructor.
///
/// # Safety
/// Both must hold, and the alignment must be at most that of a page.
pub unsafe trait Plain: Copy + 'static {}

macro_rules! plain {
    ($($type:ty),*) => {
        $(
            // SAFETY: a number, which can be 0.
            unsafe impl Plain for $type {}
        )*
    };
}

plain!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64);

// SAFETY: an array has the alignment of its elements, and is valid when each of them is.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}

/// An array in an [`Arena`]; see [`Arena::alloc`]. Unmapped when dropped.
pub struct Buffer<T: Plain> {
    arena: &'static Arena,
    start: NonNull<T>,
    length: usize,
    regions: usize,
}

// SAFETY: it owns its values, which are not tied to a thread.
unsafe impl<T: Plain + Send> Send for Buffer<T> {}
// SAFETY: a shared buffer only gives access to shared values.
unsafe impl<T: Plain + Sync> Sync for Buffer<T> {}

impl<T: Plain> Buffer<T> {
    /// # Safety
    /// The `regions` regions from `start` on belong to `arena`, are zeroed, were handed out to the caller
    /// alone, and have room for `length` values.
    pub(super) unsafe fn new(
        arena: &'static Arena,
        start: NonNull<u8>,
        length: usize,
        regions: usize,
    ) -> Self {
        Self { arena, start: start.cast(), length, regions }
    }
}

impl<T: Plain> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `length` values that are valid when zero, at a multiple of 2 MiB, owned by `self`.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl<T: Plain> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: `length` values that are valid when zero, at a multiple of 2 MiB. `self` is their only
        // owner and is borrowed mutably.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl<T: Plain> Drop for Buffer<T> {
    fn drop(&mut self) {
        // SAFETY: handed out to this buffer, which nothing can use any more.
        unsafe { self.arena.free_regions(self.start.addr().get(), self.regions) };
    }
}

impl<T: Plain + fmt::Debug> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
