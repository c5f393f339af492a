//! Compiling functions that have not run.
//!
//! V8 compiles a function when it is first called, and forgets the code of one that has not been
//! called for some collections of garbage. Each clone would compile anew what only clones call, at
//! the cost of touching the parser, which is in none of its pages yet.

use std::{
    ffi::{CStr, c_void},
    sync::OnceLock,
};

use napi::{JsValue, bindgen_prelude::Unknown};
use napi_derive::napi;

/// `v8::Function::Experimental_IsNopFunction`, which looks at a function's code, and compiles it
/// when there is none (v8-function.h, api.cc). V8 has no public function that only compiles.
const SYMBOL: &CStr = c"_ZNK2v88Function26Experimental_IsNopFunctionEv";

type IsNop = unsafe extern "C" fn(function: *mut c_void) -> bool;

/// Compiles those of `functions` that are not compiled yet, without calling them. What is no function
/// of JavaScript is passed over. Where V8 cannot be asked to, nothing happens.
#[napi]
pub fn compile(functions: Vec<Unknown<'_>>) {
    let Some(is_nop) = is_nop() else { return };
    for function in functions {
        // V8 checks whether it is a function, but not whether it is an object.
        if function.get_type().is_ok_and(|kind| kind == napi::ValueType::Function) {
            // SAFETY: a napi_value is a V8 handle, which is what V8's methods take as their object.
            // This is the isolate's thread, within the handle scope of a call from JavaScript, and a
            // handle survives a collection meanwhile. Of what can be called and is no function of
            // JavaScript (a proxy, say) V8 itself says no.
            unsafe { is_nop(function.raw().cast()) };
        }
    }
}

fn is_nop() -> Option<IsNop> {
    static FOUND: OnceLock<Option<IsNop>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        // SAFETY: the name ends in NUL.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, SYMBOL.as_ptr()) };
        // SAFETY: the mangled name says what it takes, and v8-function.h of Node 20 to 26 that it
        // returns a `bool`.
        (!found.is_null()).then(|| unsafe { std::mem::transmute::<*mut c_void, IsNop>(found) })
    })
}
