//! Detection of the end of a clone's event loop, when nothing is left to do.
//!
//! When a loop of Node has nothing left to do, Node takes the exit path of the process, which joins
//! threads that a clone does not have. So a clone's loop never becomes empty: one handle keeps it alive,
//! and checks before each poll whether it is the only one.

use std::{
    ptr,
    sync::atomic::{AtomicBool, AtomicPtr, Ordering},
};

use napi::{Env, Error, JsValue, Result, bindgen_prelude::Function, sys};
use napi_derive::napi;

use crate::{
    fork::{destroy_hooks, requests},
    uv::{self, Loop, PlatformTasks, UvHandle, callback},
};

/// Callbacks for the end of the loop. One per process, since a clone is a process.
#[derive(Clone, Copy)]
struct End {
    event_loop: Loop,
    env: sys::napi_env,
    /// Called when nothing is left to do. May start new work.
    emptied: sys::napi_ref,
    /// Called when neither `emptied`, nor the ticks and promise jobs it queued, started anything.
    ended: sys::napi_ref,
    /// `None` in a Node that cannot be cloned.
    tasks: Option<PlatformTasks>,
}

static END: AtomicPtr<End> = AtomicPtr::new(ptr::null_mut());

/// Handle that keeps a clone's loop alive, and checks before each poll. Null in a process that is not a clone.
static KEEPER: AtomicPtr<UvHandle> = AtomicPtr::new(ptr::null_mut());

/// Whether a clone's loop continues although nothing else keeps it alive: see [`hold_loop`].
static HELD: AtomicBool = AtomicBool::new(false);

/// Keeps a clone's loop alive like a listening server socket, or stops doing so. While the loop is held,
/// unreferenced timers still fire.
#[napi]
pub fn hold_loop(held: bool) {
    HELD.store(held, Ordering::Relaxed);
}

/// Sets, in the parent, the functions that clones call before a poll when nothing else keeps their event
/// loop alive. A clone calls `emptied`, and then `ended` unless `emptied`, or a tick or promise job it
/// queued, started something. `ended` ends the process.
#[napi]
pub fn on_loop_end(env: Env, emptied: Function<'_, (), ()>, ended: Function<'_, (), ()>) -> Result<()> {
    if !qclone::is_main_thread() {
        return Ok(());
    }
    let event_loop = Loop::of(&env)?;
    destroy_hooks::find();
    let end = End {
        event_loop,
        env: env.raw(),
        emptied: reference(&env, &emptied)?,
        ended: reference(&env, &ended)?,
        tasks: PlatformTasks::find(event_loop).ok(),
    };
    let before = END.swap(Box::into_raw(Box::new(end)), Ordering::Relaxed);
    if !before.is_null() {
        // SAFETY: an earlier call on this thread stored it, and this thread holds no reference to it now.
        let before = unsafe { Box::from_raw(before) };
        for reference in [before.emptied, before.ended] {
            // SAFETY: there is one environment on a main thread, and this is its thread.
            unsafe { sys::napi_delete_reference(before.env, reference) };
        }
    }
    Ok(())
}

fn reference(env: &Env, function: &Function<'_, (), ()>) -> Result<sys::napi_ref> {
    let mut reference = ptr::null_mut();
    // SAFETY: `env` and the function are live during the call.
    let status = unsafe { sys::napi_create_reference(env.raw(), function.raw(), 1, &raw mut reference) };
    if status != sys::Status::napi_ok {
        return Err(Error::from_reason("napi_create_reference failed"));
    }
    Ok(reference)
}

/// Keeps a clone's loop alive until the function of [`on_loop_end`] ends the process.
pub(crate) fn keep_going() -> Result<()> {
    HELD.store(false, Ordering::Relaxed);
    let Some(end) = end() else { return Ok(()) };
    let keeper = KEEPER.load(Ordering::Relaxed);
    if keeper.is_null() {
        let keeper = end.event_loop.new_prepare();
        // SAFETY: the handle is initialized, and lives as long as the process.
        uv::check(unsafe { uv::uv_prepare_start(keeper, ask) })?;
        KEEPER.store(keeper, Ordering::Relaxed);
    } else {
        // A clone of a clone has inherited the keeper, and unreferenced it like every handle of its parent.
        // SAFETY: the handle is initialized, and lives as long as the process.
        unsafe { uv::uv_ref(keeper) };
    }
    Ok(())
}

/// Returns a copy, since a callback may replace the original.
fn end() -> Option<End> {
    // SAFETY: `on_loop_end` stored any pointer that is not null, and frees it only on this thread.
    unsafe { END.load(Ordering::Relaxed).as_ref() }.copied()
}

/// Returns V8's tasks for the thread of `event_loop`. They are found once, since `uv_walk` writes to each
/// handle, which would make the parent copy memory that it shares with its clones.
pub(crate) fn platform_tasks(event_loop: Loop) -> Option<PlatformTasks> {
    match end() {
        Some(end) if end.event_loop == event_loop => end.tasks,
        _ => PlatformTasks::find(event_loop).ok(),
    }
}

/// Handle that runs V8's tasks right before the immediates of the next turn. Null until first needed.
static RUNNER: AtomicPtr<UvHandle> = AtomicPtr::new(ptr::null_mut());

/// Makes the parent run V8's tasks right before the immediates of the next turn. Tasks posted by callbacks
/// of the poll then run there instead of in the poll after that. Must be called after [`on_loop_end`].
#[napi]
pub fn run_tasks_before_immediates() -> Result<()> {
    let Some(end) = end() else { return Ok(()) };
    if RUNNER.load(Ordering::Relaxed).is_null() {
        let runner = end.event_loop.new_check();
        // SAFETY: the handle is initialized, and lives as long as the process.
        unsafe { uv::uv_unref(runner) };
        RUNNER.store(runner, Ordering::Relaxed);
    }
    // libuv first calls the check handle that was started last. Node's check handle, which runs the
    // immediates, was started with the process.
    // SAFETY: the handle is initialized, and lives as long as the process.
    uv::check(unsafe { uv::uv_check_start(RUNNER.load(Ordering::Relaxed), run_tasks) })
}

unsafe extern "C" fn run_tasks(handle: *mut UvHandle) {
    // SAFETY: libuv passes the live handle.
    unsafe { uv::uv_check_stop(handle) };
    if let Some(tasks) = end().and_then(|end| end.tasks) {
        tasks.run();
    }
}

/// Returns whether anything else keeps a clone's event loop alive.
#[napi]
pub fn loop_is_alive() -> bool {
    end().is_none_or(is_alive)
}

unsafe extern "C" fn ask(_: *mut UvHandle) {
    let Some(End { env, emptied, tasks, .. }) = end() else { return };
    while !loop_is_alive() {
        // Node also runs V8's tasks when its loop is empty, and checks again.
        if tasks.is_some_and(PlatformTasks::run) {
            continue;
        }
        callback::call(env, emptied);
        if !loop_is_alive()
            && let Some(End { ended, .. }) = end()
        {
            callback::call(env, ended);
        }
        break;
    }
}

fn is_alive(end: End) -> bool {
    let keeper = KEEPER.load(Ordering::Relaxed);
    if keeper.is_null() || HELD.load(Ordering::Relaxed) {
        return true;
    }
    // SAFETY: the handle lives as long as the process.
    unsafe { uv::uv_unref(keeper) };
    let alive = requests::loop_is_alive(end.event_loop);
    // SAFETY: the handle lives as long as the process.
    unsafe { uv::uv_ref(keeper) };
    alive
}
