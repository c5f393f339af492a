//! The `destroy` hooks of `async_hooks`, at the end of a clone's event loop.
//!
//! Node queues these hooks, and calls them in the next turn of the loop. A loop that is empty has no next turn,
//! so Node calls them before it emits `beforeExit` (`EmitProcessBeforeExit` in its `src/api/hooks.cc`). One more
//! turn would not be the same: it delivers events that an ending loop leaves behind, such as the `close` of a
//! port.

use std::{
    ffi::{CStr, c_void},
    mem,
    sync::OnceLock,
};

use napi_derive::napi;

use crate::{symbol::find_symbol, v8::isolate};

/// `v8::Isolate::GetCurrentContext()`, of V8's public API.
const GET_CURRENT_CONTEXT: &CStr = c"_ZN2v87Isolate17GetCurrentContextEv";
/// `node::GetCurrentEnvironment(v8::Local<v8::Context>)`, of Node's public `src/node.h`.
const GET_CURRENT_ENVIRONMENT: &CStr = c"_ZN4node21GetCurrentEnvironmentEN2v85LocalINS0_7ContextEEE";
/// `node::AsyncWrap::DestroyAsyncIdsCallback(node::Environment*)` in Node's `src/async_wrap.h`.
const DESTROY_ASYNC_IDS: &CStr = c"_ZN4node9AsyncWrap23DestroyAsyncIdsCallbackEPNS_11EnvironmentE";

/// A V8 handle: `v8::Local` is a pointer, without a destructor or a copy constructor of its own.
type Local = *mut c_void;

#[derive(Clone, Copy)]
struct Node {
    context: unsafe extern "C" fn(isolate: *mut c_void) -> Local,
    environment: unsafe extern "C" fn(context: Local) -> *mut c_void,
    destroy: unsafe extern "C" fn(environment: *mut c_void),
}

/// Calls the queued `destroy` hooks, and any hooks that they queue. Has no effect in a Node that does not export
/// its own function for this.
#[napi]
pub fn run_destroy_hooks() {
    let (Some(node), Some(isolate)) = (node(), isolate::current()) else { return };
    // SAFETY: the isolate is this thread's, and a call from JavaScript has a scope for the handle.
    let context = unsafe { (node.context)(isolate) };
    if context.is_null() {
        return;
    }
    // SAFETY: the context is a live handle. The result is null for a context that is not Node's.
    let environment = unsafe { (node.environment)(context) };
    if !environment.is_null() {
        // SAFETY: the environment of this thread, which may call into JavaScript, since it just called this.
        unsafe { (node.destroy)(environment) };
    }
}

/// Finds the functions in the parent. A clone would have to page in the linker's tables.
pub(super) fn find() {
    node();
    isolate::current();
}

fn node() -> Option<Node> {
    static FOUND: OnceLock<Option<Node>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        Some(Node {
            // SAFETY: the mangled name states the parameters, and V8's header states the result. A method takes
            // its object first.
            context: unsafe {
                mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void) -> Local>(find_symbol(
                    GET_CURRENT_CONTEXT,
                )?)
            },
            // SAFETY: the mangled name states the parameter, and Node's header states the result.
            environment: unsafe {
                mem::transmute::<*mut c_void, unsafe extern "C" fn(Local) -> *mut c_void>(find_symbol(
                    GET_CURRENT_ENVIRONMENT,
                )?)
            },
            // SAFETY: the mangled name states the parameter. The result is void in Node 20 to 26.
            destroy: unsafe {
                mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void)>(find_symbol(
                    DESTROY_ASYNC_IDS,
                )?)
            },
        })
    })
}
