//! Functions that Node exports without declaring them to addons.

use std::ffi::{CStr, c_void};

/// Returns the address of the function with this mangled name. `None` in a Node that does not export it.
pub(crate) fn find_symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: `name` ends in NUL, and dlsym(3) only reads it.
    let found: *mut c_void = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}
