//! Calls to JavaScript from a libuv callback.

use std::ptr;

use napi::sys;

/// Calls the function that `callback` refers to without arguments, then runs the ticks and promise jobs that
/// it queued. An exception it throws becomes an uncaught exception.
pub(crate) fn call(env: sys::napi_env, callback: sys::napi_ref) {
    let mut scope = ptr::null_mut();
    // SAFETY: libuv calls back on the thread of `env`, while it is live.
    unsafe { sys::napi_open_handle_scope(env, &raw mut scope) };
    let mut function = ptr::null_mut();
    // SAFETY: `callback` is a reference of `env` that its owner still holds.
    unsafe { sys::napi_get_reference_value(env, callback, &raw mut function) };
    // The receiver is not the global object: `node:domain` enters the receiver's `domain`. In a REPL, the
    // global `domain` is the module.
    // SAFETY: `env` is live, and a scope is open.
    let mut receiver = ptr::null_mut();
    // SAFETY: `env` is live, and a scope is open.
    unsafe { sys::napi_create_object(env, &raw mut receiver) };
    let mut result = ptr::null_mut();
    // SAFETY: receiver and function are live in the scope, and there are no arguments.
    let status = unsafe {
        sys::napi_make_callback(env, ptr::null_mut(), receiver, function, 0, ptr::null(), &raw mut result)
    };
    if status == sys::Status::napi_pending_exception {
        let mut error = ptr::null_mut();
        // SAFETY: `env` is live, and an exception is pending.
        unsafe { sys::napi_get_and_clear_last_exception(env, &raw mut error) };
        // SAFETY: `error` is live in the scope.
        unsafe { sys::napi_fatal_exception(env, error) };
    }
    // SAFETY: the scope was opened above and is closed once.
    unsafe { sys::napi_close_handle_scope(env, scope) };
}
