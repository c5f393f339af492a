//! The isolate of a thread.

use std::{
    ffi::{CStr, c_void},
    mem,
    sync::OnceLock,
};

use crate::symbol::find_symbol;

/// `v8::Isolate::GetCurrent()`, of V8's public API: the same in Node 20 to 26.
const GET_CURRENT: &CStr = c"_ZN2v87Isolate10GetCurrentEv";

type GetCurrent = unsafe extern "C" fn() -> *mut c_void;

/// Returns the isolate of this thread. `None` in a thread that does not run JavaScript, and in a Node that
/// does not export V8's function.
pub(crate) fn current() -> Option<*mut c_void> {
    static FOUND: OnceLock<Option<GetCurrent>> = OnceLock::new();
    let get = (*FOUND.get_or_init(|| {
        let found = find_symbol(GET_CURRENT)?;
        // SAFETY: the mangled name states that there are no parameters, and V8's header states the result.
        Some(unsafe { mem::transmute::<*mut c_void, GetCurrent>(found) })
    }))?;
    // SAFETY: V8 only reads a variable of the thread.
    let isolate = unsafe { get() };
    (!isolate.is_null()).then_some(isolate)
}
