//! Compilation of functions that have not run.
//!
//! V8 compiles a function at its first call, and drops the code of a function that has not been called
//! for some garbage collections. Each clone would compile functions again that only clones call. For that,
//! it would have to page in the parser.

use std::{
    ffi::{CStr, c_void},
    sync::OnceLock,
};

use napi::{JsValue, bindgen_prelude::Unknown};
use napi_derive::napi;

use crate::symbol::find_symbol;

/// `v8::Function::Experimental_IsNopFunction`, which looks at a function's code, and compiles the function
/// if there is none (v8-function.h, api.cc). V8 has no public function that only compiles.
const SYMBOL: &CStr = c"_ZNK2v88Function26Experimental_IsNopFunctionEv";

type IsNop = unsafe extern "C" fn(function: *mut c_void) -> bool;

/// Compiles those of `functions` that are not compiled yet, without calling them. Skips values that are not
/// JavaScript functions. Does nothing if V8 does not export what this needs.
#[napi]
pub fn compile(functions: Vec<Unknown<'_>>) {
    let Some(is_nop) = is_nop() else { return };
    for function in functions {
        // V8 checks whether it is a function, but not whether it is an object.
        if function.get_type().is_ok_and(|kind| kind == napi::ValueType::Function) {
            // SAFETY: a napi_value is a V8 handle, which V8's methods take as their object. This is the
            // isolate's thread, within the handle scope of a call from JavaScript, and a handle survives a
            // garbage collection. V8 itself refuses callable values that are not JavaScript functions, such
            // as a proxy.
            unsafe { is_nop(function.raw().cast()) };
        }
    }
}

fn is_nop() -> Option<IsNop> {
    static FOUND: OnceLock<Option<IsNop>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        // SAFETY: the mangled name states the parameters, and v8-function.h of Node 20 to 26 states that the
        // result is a `bool`.
        find_symbol(SYMBOL).map(|found| unsafe { std::mem::transmute::<*mut c_void, IsNop>(found) })
    })
}
