//! Noticing that a clone's event loop has nothing left to do.
//!
//! In node's hands a loop that runs dry ends in the exit path of the process, which joins threads
//! that a clone does not have. So a clone's loop is never dry: one handle keeps it going, and asks
//! before each poll whether it is the only one.

use std::{
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

use napi::{Env, Error, JsValue, Result, bindgen_prelude::Function, sys};
use napi_derive::napi;

use crate::{
    callback, clone_side,
    uv::{self, Loop, UvHandle},
};

/// The loop's end is one a process, as a clone is.
#[derive(Clone, Copy)]
struct End {
    event_loop: Loop,
    env: sys::napi_env,
    callback: sys::napi_ref,
}

static END: AtomicPtr<End> = AtomicPtr::new(ptr::null_mut());

/// Calls `idle` before each poll of the event loop at which nothing but this would keep it going.
/// For clones; `idle` begins something new, or ends the process.
#[napi]
pub fn on_loop_end(env: Env, idle: Function<'_, (), ()>) -> Result<()> {
    let event_loop = Loop::of(&env)?;
    let mut callback = ptr::null_mut();
    // SAFETY: `env` and the function are live during the call.
    let status = unsafe { sys::napi_create_reference(env.raw(), idle.raw(), 1, &raw mut callback) };
    if status != sys::Status::napi_ok {
        return Err(Error::from_reason("no reference to the function could be made"));
    }
    let end = Box::into_raw(Box::new(End { event_loop, env: env.raw(), callback }));
    // A clone of a clone replaces the one it inherited, whose handle it has stopped keeping alive.
    let before = END.swap(end, Ordering::Relaxed);
    if before.is_null() {
        let handle = event_loop.new_prepare();
        // SAFETY: the handle is initialized, and lives as long as the process.
        uv::check(unsafe { uv::uv_prepare_start(handle, ask) })?;
        KEEPER.store(handle, Ordering::Relaxed);
    } else {
        // SAFETY: stored above in an earlier call, of this process or the one it is a clone of.
        unsafe { uv::uv_ref(KEEPER.load(Ordering::Relaxed)) };
    }
    Ok(())
}

static KEEPER: AtomicPtr<UvHandle> = AtomicPtr::new(ptr::null_mut());

unsafe extern "C" fn ask(handle: *mut UvHandle) {
    let end = END.load(Ordering::Relaxed);
    // SAFETY: libuv passes the live handle.
    unsafe { uv::uv_unref(handle) };
    // SAFETY: stored before this was started, and never freed.
    let End { event_loop, env, callback: function } = unsafe { *end };
    let alive = clone_side::loop_is_alive(event_loop);
    // SAFETY: as above.
    unsafe { uv::uv_ref(handle) };
    if !alive {
        callback::call(env, function);
    }
}
