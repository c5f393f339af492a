//! Memory, descriptor and callback of a handle, and errors of libuv.

use std::ffi::{CStr, c_int, c_void};

use napi::{Error, Result};

use super::ffi::{UvHandle, UvTimer, uv_fileno, uv_handle_size, uv_strerror};

/// Returns the callback of a timer, which must be a live handle of that type.
pub(crate) fn timer_callback(timer: *mut UvHandle) -> *mut c_void {
    // SAFETY: the handle is live and of this type. Its first fields are those of every handle, whose
    // layout `check_layout` has verified.
    unsafe { (*timer.cast::<UvTimer>()).callback }
}

/// Returns the descriptor of a live handle, if it has one.
pub(crate) fn descriptor(handle: *mut UvHandle) -> Option<c_int> {
    let mut fd = -1;
    // SAFETY: the handle is live. A handle without a descriptor results in an error.
    (unsafe { uv_fileno(handle, &raw mut fd) } == 0).then_some(fd)
}

/// Converts a libuv error code to an error with libuv's message.
pub(crate) fn check(result: c_int) -> Result<()> {
    if result >= 0 {
        return Ok(());
    }
    // SAFETY: uv_strerror takes any number.
    let text = unsafe { uv_strerror(result) };
    // SAFETY: uv_strerror returns a C string, which is static for the errors that libuv itself makes.
    let text = unsafe { CStr::from_ptr(text) };
    Err(Error::from_reason(text.to_string_lossy()))
}

fn layout(kind: c_int) -> std::alloc::Layout {
    // SAFETY: uv_handle_size takes any number.
    let size = unsafe { uv_handle_size(kind) };
    std::alloc::Layout::from_size_align(size, 16).expect("the size of a libuv handle is small")
}

pub(super) fn allocate(kind: c_int) -> *mut UvHandle {
    // SAFETY: the size is not 0, as libuv's handles are not empty.
    let handle: *mut UvHandle = unsafe { std::alloc::alloc_zeroed(layout(kind)) }.cast();
    assert!(!handle.is_null(), "out of memory");
    handle
}

/// Frees a handle of type `kind` made by [`allocate`], which libuv has closed or never knew.
pub(super) fn free(handle: *mut UvHandle, kind: c_int) {
    // SAFETY: [`allocate`] made it with the same layout, and nothing uses it any more.
    unsafe { std::alloc::dealloc(handle.cast(), layout(kind)) };
}
