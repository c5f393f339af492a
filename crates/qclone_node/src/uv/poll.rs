//! Poll handles of this library.

use std::{cell::RefCell, collections::BTreeSet, ffi::c_int};

use napi::Result;

use super::{
    event_loop::Loop,
    ffi::{UvHandle, handle_type, uv_poll_init},
    handle::{self, allocate, check},
};

thread_local! {
    /// Addresses of the poll handles that [`Loop::new_poll`] has made and [`free`] has not freed.
    static OWN_POLLS: RefCell<BTreeSet<usize>> = const { RefCell::new(BTreeSet::new()) };
}

/// Returns whether a live handle is from [`Loop::new_poll`]. Nothing else relies on its descriptor then.
pub(crate) fn is_own_poll(handle: *mut UvHandle) -> bool {
    OWN_POLLS.with_borrow(|polls| polls.contains(&handle.addr()))
}

impl Loop {
    /// Creates a poll handle on `fd`. Its close callback must free it with [`free`].
    pub(crate) fn new_poll(self, fd: c_int) -> Result<*mut UvHandle> {
        let handle = allocate(handle_type::POLL);
        // SAFETY: the loop is live, and the handle has the size of a poll handle.
        check(unsafe { uv_poll_init(self.0, handle, fd) })
            .inspect_err(|_| handle::free(handle, handle_type::POLL))?;
        OWN_POLLS.with_borrow_mut(|polls| polls.insert(handle.addr()));
        Ok(handle)
    }
}

/// Frees a handle from [`Loop::new_poll`], in its close callback.
pub(crate) fn free(handle: *mut UvHandle) {
    OWN_POLLS.with_borrow_mut(|polls| polls.remove(&handle.addr()));
    handle::free(handle, handle_type::POLL);
}
