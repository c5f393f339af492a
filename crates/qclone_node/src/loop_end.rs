//! Noticing that a clone's event loop has nothing left to do.
//!
//! In node's hands a loop that runs dry ends in the exit path of the process, which joins threads
//! that a clone does not have. So a clone's loop is never dry: one handle keeps it going, and asks
//! before each poll whether it is the only one.

use std::{
    ptr,
    sync::atomic::{AtomicBool, AtomicPtr, Ordering},
};

use napi::{Env, Error, JsValue, Result, bindgen_prelude::Function, sys};
use napi_derive::napi;

use crate::{
    callback, clone_side, is_main_thread,
    uv::{self, Loop, PlatformTasks, UvHandle},
};

/// The loop's end is one a process, as a clone is.
#[derive(Clone, Copy)]
struct End {
    event_loop: Loop,
    env: sys::napi_env,
    /// Called when nothing is left to do. May begin something.
    emptied: sys::napi_ref,
    /// Called when nothing has begun by that, and by the ticks and promise jobs that it queued.
    ended: sys::napi_ref,
    tasks: PlatformTasks,
}

static END: AtomicPtr<End> = AtomicPtr::new(ptr::null_mut());

/// Keeps a clone's loop going; asks before each poll. Null in a process that is no clone.
static KEEPER: AtomicPtr<UvHandle> = AtomicPtr::new(ptr::null_mut());

/// Started in the last turn of a clone's loop, so that its poll does not wait. Null in a process that is no clone.
static LAST_TURN: AtomicPtr<UvHandle> = AtomicPtr::new(ptr::null_mut());

/// Whether it is started.
static IN_LAST_TURN: AtomicBool = AtomicBool::new(false);

/// Whether a clone's loop goes on although nothing keeps it going: see [`hold_loop`].
static HELD: AtomicBool = AtomicBool::new(false);

/// In a clone: keeps its loop going, or no longer does, as a listening socket does in a server. What
/// keeps no loop going by itself, such as a timer without a reference, then still comes to pass.
#[napi]
pub fn hold_loop(held: bool) {
    HELD.store(held, Ordering::Relaxed);
}

/// Says, in the parent, what clones call before a poll of their event loop at which nothing but this would keep it
/// going: `emptied`, and then `ended` unless that, or a tick or promise job that it queued, has begun something.
/// `ended` ends the process.
///
/// What runs in a turn may leave something for the rest of it that keeps no loop going, such as the `destroy` of
/// `async_hooks`. So there is one turn more, as in node, whose loop ends behind the turn that it runs dry in.
#[napi]
pub fn on_loop_end(env: Env, emptied: Function<'_, (), ()>, ended: Function<'_, (), ()>) -> Result<()> {
    if !is_main_thread() {
        return Ok(());
    }
    let event_loop = Loop::of(&env)?;
    let end = End {
        event_loop,
        env: env.raw(),
        emptied: reference(&env, &emptied)?,
        ended: reference(&env, &ended)?,
        tasks: event_loop.platform_tasks(),
    };
    let before = END.swap(Box::into_raw(Box::new(end)), Ordering::Relaxed);
    if !before.is_null() {
        // SAFETY: stored by an earlier call, on this thread, which holds no reference to it now.
        let before = unsafe { Box::from_raw(before) };
        for reference in [before.emptied, before.ended] {
            // SAFETY: the environment is this thread's, as there is one on a main thread.
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
        return Err(Error::from_reason("no reference to the function could be made"));
    }
    Ok(reference)
}

/// In a clone: keeps its loop going until [`on_loop_end`]'s function has ended it.
pub(crate) fn keep_going() -> Result<()> {
    HELD.store(false, Ordering::Relaxed);
    let Some(end) = end() else { return Ok(()) };
    let keeper = KEEPER.load(Ordering::Relaxed);
    if keeper.is_null() {
        let keeper = end.event_loop.new_prepare();
        // SAFETY: the handle is initialized, and lives as long as the process.
        uv::check(unsafe { uv::uv_prepare_start(keeper, ask) })?;
        KEEPER.store(keeper, Ordering::Relaxed);
        LAST_TURN.store(end.event_loop.new_idle(), Ordering::Relaxed);
    } else {
        go_on();
        // A clone of a clone has inherited it, and has stopped keeping it alive.
        // SAFETY: as above.
        unsafe { uv::uv_ref(keeper) };
    }
    Ok(())
}

/// A copy: what is called may put another in its place.
fn end() -> Option<End> {
    // SAFETY: one that is not null was stored by `on_loop_end`, which frees it on this thread.
    unsafe { END.load(Ordering::Relaxed).as_ref() }.copied()
}

/// V8's tasks for the thread of `event_loop`. Found once: `uv_walk` writes to each handle, and so would make
/// the parent copy memory that it shares with its clones.
pub(crate) fn platform_tasks(event_loop: Loop) -> PlatformTasks {
    match end() {
        Some(end) if end.event_loop == event_loop => end.tasks,
        _ => event_loop.platform_tasks(),
    }
}

/// Runs V8's tasks right before the immediates of the next turn. Null until it is first needed.
static RUNNER: AtomicPtr<UvHandle> = AtomicPtr::new(ptr::null_mut());

/// Sees to it, in the parent, that V8 has no tasks left when the immediates of the next turn begin: those
/// that callbacks of the poll have given it are run then, rather than in the poll after. To be called
/// after [`on_loop_end`].
#[napi]
pub fn run_tasks_before_immediates() -> Result<()> {
    let Some(end) = end() else { return Ok(()) };
    if RUNNER.load(Ordering::Relaxed).is_null() {
        let runner = end.event_loop.new_check();
        // SAFETY: the handle is initialized, and lives as long as the process.
        unsafe { uv::uv_unref(runner) };
        RUNNER.store(runner, Ordering::Relaxed);
    }
    // Of check handles, libuv calls the one first that was started last: node's, which runs the
    // immediates, was started with the process.
    // SAFETY: as above.
    uv::check(unsafe { uv::uv_check_start(RUNNER.load(Ordering::Relaxed), run_tasks) })
}

unsafe extern "C" fn run_tasks(handle: *mut UvHandle) {
    // SAFETY: libuv passes the live handle.
    unsafe { uv::uv_check_stop(handle) };
    if let Some(end) = end() {
        end.tasks.run();
    }
}

/// Whether anything but that keeps a clone's event loop going.
#[napi]
pub fn loop_is_alive() -> bool {
    end().is_none_or(is_alive)
}

unsafe extern "C" fn ask(_: *mut UvHandle) {
    let Some(End { env, emptied, tasks, .. }) = end() else { return };
    while !loop_is_alive() {
        // Node, too, runs V8's tasks when its loop has run dry, and looks again.
        if tasks.run() {
            continue;
        }
        if begin_last_turn() {
            return;
        }
        callback::call(env, emptied);
        if !loop_is_alive()
            && let Some(End { ended, .. }) = end()
        {
            callback::call(env, ended);
        }
        break;
    }
    go_on();
}

/// False when the last turn is over.
fn begin_last_turn() -> bool {
    unsafe extern "C" fn nothing(_: *mut UvHandle) {}
    if IN_LAST_TURN.swap(true, Ordering::Relaxed) {
        return false;
    }
    // SAFETY: a handle that lives as long as the process: there is a keeper, whose callback this is.
    unsafe { uv::uv_idle_start(LAST_TURN.load(Ordering::Relaxed), nothing) };
    true
}

/// Lets the loop's polls wait again.
fn go_on() {
    if IN_LAST_TURN.swap(false, Ordering::Relaxed) {
        // SAFETY: as above.
        unsafe { uv::uv_idle_stop(LAST_TURN.load(Ordering::Relaxed)) };
    }
}

fn is_alive(end: End) -> bool {
    let keeper = KEEPER.load(Ordering::Relaxed);
    if keeper.is_null() || HELD.load(Ordering::Relaxed) {
        return true;
    }
    // SAFETY: the handle lives as long as the process.
    unsafe { uv::uv_unref(keeper) };
    let alive = clone_side::loop_is_alive(end.event_loop);
    // SAFETY: as above.
    unsafe { uv::uv_ref(keeper) };
    alive
}
