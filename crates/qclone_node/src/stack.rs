//! Who called: the functions of JavaScript that have not returned.

use std::{
    ffi::{CStr, c_char, c_int, c_uint, c_void},
    mem,
    sync::OnceLock,
};

use napi::{Env, sys};
use napi_derive::napi;

/// Functions of V8's public API (`v8-isolate.h`, `v8-debug.h`), the same in Node 20 to 26.
const GET_CURRENT: &CStr = c"_ZN2v87Isolate10GetCurrentEv";
const CURRENT_STACK_TRACE: &CStr =
    c"_ZN2v810StackTrace17CurrentStackTraceEPNS_7IsolateEiNS0_17StackTraceOptionsE";
const GET_FRAME_COUNT: &CStr = c"_ZNK2v810StackTrace13GetFrameCountEv";
const GET_FRAME: &CStr = c"_ZNK2v810StackTrace8GetFrameEPNS_7IsolateEj";
const GET_SCRIPT_NAME: &CStr = c"_ZNK2v810StackFrame13GetScriptNameEv";

/// `kDetailed` and `kExposeFramesAcrossSecurityOrigins`: all frames, whichever context their functions are of.
const ALL_FRAMES: c_int = 0x7f | 1 << 8;

/// Frames to look at. Node puts a handful of its own beneath a callback.
const FRAMES: c_int = 32;

/// How the names of Node's own scripts begin.
const OF_NODE: &[u8] = b"node:";

/// A handle of V8's: `v8::Local` is a pointer, without a destructor or a copy constructor of its own.
type Local = *mut c_void;

type GetCurrent = unsafe extern "C" fn() -> *mut c_void;
type CurrentStackTrace = unsafe extern "C" fn(isolate: *mut c_void, limit: c_int, options: c_int) -> Local;
type GetFrameCount = unsafe extern "C" fn(trace: Local) -> c_int;
type GetFrame = unsafe extern "C" fn(trace: Local, isolate: *mut c_void, index: c_uint) -> Local;
type GetScriptName = unsafe extern "C" fn(frame: Local) -> Local;

#[derive(Clone, Copy)]
struct V8 {
    isolate: GetCurrent,
    stack: CurrentStackTrace,
    count: GetFrameCount,
    frame: GetFrame,
    script: GetScriptName,
}

/// Whether the function that calls this was called by Node alone, and so returns to the event loop, and not to a
/// function that runs the loop from within, such as one of `deasync`. Null when V8 cannot be asked.
#[napi]
pub fn is_called_by_node(env: Env) -> Option<bool> {
    let v8 = v8()?;
    // SAFETY: this is a thread that runs JavaScript.
    let isolate = unsafe { (v8.isolate)() };
    // SAFETY: the isolate is this thread's, and a call from JavaScript has a scope for the handles that V8 returns.
    let trace = unsafe { (v8.stack)(isolate, FRAMES, ALL_FRAMES) };
    if trace.is_null() {
        return None;
    }
    // SAFETY: a handle is what a method of V8's takes as its object.
    let count = c_uint::try_from(unsafe { (v8.count)(trace) }).ok()?;
    let of_node = |index| {
        // SAFETY: as above, and there is a frame of that index.
        let frame = unsafe { (v8.frame)(trace, isolate, index) };
        // SAFETY: as above. Null for code that has no name.
        let name = unsafe { (v8.script)(frame) };
        !name.is_null() && begins_as_node(env, name)
    };
    // The first is the one that calls this.
    Some((1..count).all(of_node))
}

fn begins_as_node(env: Env, name: Local) -> bool {
    let mut text = [0_u8; OF_NODE.len() + 1];
    let mut length = 0;
    // SAFETY: a napi_value is a handle of V8's, this one is live, and there is room for what is written.
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
            // SAFETY: the mangled name says what the function takes, and V8's header what it returns.
            isolate: unsafe { mem::transmute::<*mut c_void, GetCurrent>(find(GET_CURRENT)?) },
            // SAFETY: the same of this name.
            stack: unsafe { mem::transmute::<*mut c_void, CurrentStackTrace>(find(CURRENT_STACK_TRACE)?) },
            // SAFETY: the same of this name.
            count: unsafe { mem::transmute::<*mut c_void, GetFrameCount>(find(GET_FRAME_COUNT)?) },
            // SAFETY: the same of this name.
            frame: unsafe { mem::transmute::<*mut c_void, GetFrame>(find(GET_FRAME)?) },
            // SAFETY: the same of this name.
            script: unsafe { mem::transmute::<*mut c_void, GetScriptName>(find(GET_SCRIPT_NAME)?) },
        })
    })
}

fn find(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: the name ends in NUL.
    let found: *mut c_void = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}
