//! The JavaScript functions on the stack.

use std::{
    ffi::{CStr, c_char, c_int, c_uint, c_void},
    mem,
    sync::OnceLock,
};

use napi::{Env, sys};
use napi_derive::napi;

use crate::{symbol::find_symbol, v8::isolate};

/// Functions of V8's public API (`v8-isolate.h`, `v8-debug.h`), the same in Node 20 to 26.
const CURRENT_STACK_TRACE: &CStr =
    c"_ZN2v810StackTrace17CurrentStackTraceEPNS_7IsolateEiNS0_17StackTraceOptionsE";
const GET_FRAME_COUNT: &CStr = c"_ZNK2v810StackTrace13GetFrameCountEv";
const GET_FRAME: &CStr = c"_ZNK2v810StackTrace8GetFrameEPNS_7IsolateEj";
const GET_SCRIPT_NAME: &CStr = c"_ZNK2v810StackFrame13GetScriptNameEv";

/// `kDetailed` and `kExposeFramesAcrossSecurityOrigins`: all frames, from functions of any context.
const ALL_FRAMES: c_int = 0x7f | 1 << 8;

/// Number of frames to look at. Node has a handful of its own beneath a callback.
const FRAMES: c_int = 32;

/// Start of the names of Node's own scripts.
const OF_NODE: &[u8] = b"node:";

/// A V8 handle: `v8::Local` is a pointer, without a destructor or a copy constructor of its own.
type Local = *mut c_void;

type CurrentStackTrace = unsafe extern "C" fn(isolate: *mut c_void, limit: c_int, options: c_int) -> Local;
type GetFrameCount = unsafe extern "C" fn(trace: Local) -> c_int;
type GetFrame = unsafe extern "C" fn(trace: Local, isolate: *mut c_void, index: c_uint) -> Local;
type GetScriptName = unsafe extern "C" fn(frame: Local) -> Local;

#[derive(Clone, Copy)]
struct V8 {
    stack: CurrentStackTrace,
    count: GetFrameCount,
    frame: GetFrame,
    script: GetScriptName,
}

/// Returns whether the calling function was called only by Node. The function then returns to the event
/// loop, and not to a function that runs the loop itself, such as one of `deasync`. Null if V8 cannot be
/// asked.
#[napi]
pub fn is_called_by_node(env: Env) -> Option<bool> {
    let v8 = v8()?;
    let isolate = isolate::current()?;
    // SAFETY: the isolate is this thread's, and a call from JavaScript has a scope for the handles that V8
    // returns.
    let trace = unsafe { (v8.stack)(isolate, FRAMES, ALL_FRAMES) };
    if trace.is_null() {
        return None;
    }
    // SAFETY: V8's methods take a handle as their object, and this one is not null.
    let count = c_uint::try_from(unsafe { (v8.count)(trace) }).ok()?;
    let of_node = |index| {
        // SAFETY: the trace is a live handle, and has a frame at this index.
        let frame = unsafe { (v8.frame)(trace, isolate, index) };
        // SAFETY: the frame is a live handle. The name is null for code without one.
        let name = unsafe { (v8.script)(frame) };
        !name.is_null() && begins_as_node(env, name)
    };
    // The first frame is the function that calls this.
    Some((1..count).all(of_node))
}

fn begins_as_node(env: Env, name: Local) -> bool {
    let mut text = [0_u8; OF_NODE.len() + 1];
    let mut length = 0;
    // SAFETY: a napi_value is a V8 handle, this one is live, and `text` has room for `text.len()` bytes.
    let status = unsafe {
        let start = text.as_mut_ptr().cast::<c_char>();
        sys::napi_get_value_string_utf8(env.raw(), name.cast(), start, text.len(), &raw mut length)
    };
    status == sys::Status::napi_ok && text.starts_with(OF_NODE)
}

fn v8() -> Option<V8> {
    static FOUND: OnceLock<Option<V8>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        Some(V8 {
            // SAFETY: the mangled name states the parameters, and V8's header states the result.
            stack: unsafe {
                mem::transmute::<*mut c_void, CurrentStackTrace>(find_symbol(CURRENT_STACK_TRACE)?)
            },
            // SAFETY: the same applies to this name.
            count: unsafe { mem::transmute::<*mut c_void, GetFrameCount>(find_symbol(GET_FRAME_COUNT)?) },
            // SAFETY: the same applies to this name.
            frame: unsafe { mem::transmute::<*mut c_void, GetFrame>(find_symbol(GET_FRAME)?) },
            // SAFETY: the same applies to this name.
            script: unsafe { mem::transmute::<*mut c_void, GetScriptName>(find_symbol(GET_SCRIPT_NAME)?) },
        })
    })
}
