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
    uv::{self, Loop, PlatformTasks, UvHandle},
};

/// The loop's end is one a process, as a clone is.
#[derive(Clone, Copy)]
struct End {
    event_loop: Loop,
    env: sys::napi_env,
    callback: sys::napi_ref,
    /// Keeps the loop going; asks before each poll.
    keeper: *mut UvHandle,
    tasks: PlatformTasks,
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
    let before = END.load(Ordering::Relaxed);
    let keeper = if before.is_null() {
        let keeper = event_loop.new_prepare();
        // SAFETY: the handle is initialized, and lives as long as the process.
        uv::check(unsafe { uv::uv_prepare_start(keeper, ask) })?;
        keeper
    } else {
        // A clone of a clone has inherited it, and has stopped keeping it alive.
        // SAFETY: stored below in an earlier call, of this process or the one it is a clone of.
        let End { keeper, .. } = unsafe { *before };
        // SAFETY: the handle of an `End` lives as long as the process.
        unsafe { uv::uv_ref(keeper) };
        keeper
    };
    let end =
        Box::new(End { event_loop, env: env.raw(), callback, keeper, tasks: event_loop.platform_tasks() });
    END.store(Box::into_raw(end), Ordering::Relaxed);
    Ok(())
}

/// Whether anything but the handle of [`on_loop_end`] keeps a clone's event loop going.
#[napi]
pub fn loop_is_alive() -> bool {
    let end = END.load(Ordering::Relaxed);
    // SAFETY: one that is not null was stored by `on_loop_end`, and is never freed.
    end.is_null() || is_alive(unsafe { *end })
}

unsafe extern "C" fn ask(_: *mut UvHandle) {
    // SAFETY: stored right after this was started, and never freed.
    let end = unsafe { *END.load(Ordering::Relaxed) };
    // Node, too, runs V8's tasks when its loop has run dry, and looks again.
    while !is_alive(end) {
        if !end.tasks.run() {
            return callback::call(end.env, end.callback);
        }
    }
}

fn is_alive(end: End) -> bool {
    // SAFETY: the handle of an `End` lives as long as the process.
    unsafe { uv::uv_unref(end.keeper) };
    let alive = clone_side::loop_is_alive(end.event_loop);
    // SAFETY: as above.
    unsafe { uv::uv_ref(end.keeper) };
    alive
}
