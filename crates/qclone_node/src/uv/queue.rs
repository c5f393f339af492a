//! Rings in which libuv links waiting elements.

use std::{ffi::c_uint, ptr};

/// Links to the next and the previous element. An empty queue, and an element that is in no queue, point to
/// themselves.
#[repr(C)]
pub(super) struct Queue {
    pub(super) next: *mut Queue,
    pub(super) previous: *mut Queue,
}

impl Queue {
    /// Removes `this`, an element or the head of a queue, from its ring.
    ///
    /// # Safety
    /// The ring must be intact, and `this` in it.
    pub(super) unsafe fn unlink(this: *mut Self) {
        // SAFETY: the caller guarantees that `this` is in a ring, so it is valid.
        let Self { next, previous } = *unsafe { &*this };
        // SAFETY: the neighbors in an intact ring are valid.
        unsafe { (*next).previous = previous };
        // SAFETY: the neighbors in an intact ring are valid.
        unsafe { (*previous).next = next };
        // SAFETY: the caller guarantees that `this` is in a ring, so it is valid.
        unsafe { *this = Self { next: this, previous: this } };
    }

    /// Returns the number of elements of the queues with these heads.
    ///
    /// # Safety
    /// The rings must be intact.
    pub(super) unsafe fn count_all(heads: [&Self; 2]) -> c_uint {
        let mut count = 0;
        for head in heads {
            let mut element = head.next;
            while !ptr::eq(element, head) {
                count += 1;
                // SAFETY: the elements of an intact ring are valid.
                element = unsafe { (*element).next };
            }
        }
        count
    }

    /// Removes all elements from the queues with these heads, and returns their number. Afterwards each element
    /// is in no queue.
    ///
    /// # Safety
    /// The rings must be intact.
    pub(super) unsafe fn clear_all(heads: [*mut Self; 2]) -> c_uint {
        let mut count = 0;
        for head in heads {
            // SAFETY: the caller guarantees that the ring of `head` is intact, so `head` is valid.
            while !ptr::eq(unsafe { (*head).next }, head) {
                // SAFETY: the caller guarantees that the ring of `head` is intact, so `head` is valid.
                let first = unsafe { (*head).next };
                // SAFETY: `first` is an element of an intact ring.
                unsafe { Self::unlink(first) };
                count += 1;
            }
        }
        count
    }
}
