//! Handle of a clone, for the parent's JavaScript.

use std::{ffi::c_int, os::fd::AsRawFd, path::PathBuf, ptr};

use napi::{Env, Error, JsValue, Result, bindgen_prelude::Function, sys};
use napi_derive::napi;
use qclone::{Child, Timings};

use crate::{
    convert::{ForkTimings, NativeWaitStatus},
    uv::{self, Loop, UvHandle},
};

/// A clone of this process.
#[napi]
pub struct ChildHandle {
    pid: i32,
    /// Process that created the clone.
    parent: u32,
    /// `None` once closed.
    child: Option<Child>,
    timings: Timings,
    vouched_for: Vec<String>,
    watch: Option<*mut UvHandle>,
}

impl ChildHandle {
    pub(crate) fn new(child: Child, timings: Timings, vouched: &[PathBuf]) -> Self {
        let vouched_for = vouched.iter().map(|path| path.display().to_string()).collect();
        let (pid, parent) = (child.pid(), std::process::id());
        Self { pid, parent, child: Some(child), timings, vouched_for, watch: None }
    }

    fn is_mine(&self) -> bool {
        self.parent == std::process::id()
    }
}

#[napi]
impl ChildHandle {
    /// Process id of the clone.
    #[napi(getter)]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Cost of the fork for the parent.
    #[napi(getter)]
    pub fn timings(&self) -> ForkTimings {
        self.timings.into()
    }

    /// Files of addons and libraries whose threads the clone lacks. The parent vouched for them.
    #[napi(getter)]
    pub fn vouched_for(&self) -> Vec<String> {
        self.vouched_for.clone()
    }

    /// Kills and reaps a clone that its parent cannot keep, and closes its descriptor.
    #[napi]
    pub fn abandon(&mut self) {
        if let Some(child) = self.child.take() {
            child.abandon();
        }
        self.close();
    }

    /// Reaps the clone if it has ended. Returns its wait status, or null while it runs.
    #[napi]
    pub fn try_wait(&mut self) -> Result<Option<NativeWaitStatus>> {
        let child = self.child.as_mut().ok_or_else(closed)?;
        let status = child.try_wait().map_err(|error| Error::from_reason(error.to_string()))?;
        Ok(status.map(Into::into))
    }

    /// Sends a signal, by number. Never reaches another process that got the same pid later.
    #[napi]
    pub fn kill(&self, signal: i32) -> Result<()> {
        let child = self.child.as_ref().ok_or_else(closed)?;
        child.kill(signal).map_err(|error| Error::from_reason(error.to_string()))
    }

    /// Calls `ended` once when the clone has ended and can be reaped.
    #[napi]
    pub fn watch(&mut self, env: Env, ended: Function<'_, (), ()>) -> Result<()> {
        if self.watch.is_some() {
            return Err(Error::from_reason("this clone is already watched"));
        }
        let pidfd = self.child.as_ref().ok_or_else(closed)?.pidfd().as_raw_fd();
        let event_loop = Loop::of(&env)?;
        let mut callback = ptr::null_mut();
        // SAFETY: `env` and the function are live during the call.
        let status = unsafe { sys::napi_create_reference(env.raw(), ended.raw(), 1, &raw mut callback) };
        if status != sys::Status::napi_ok {
            return Err(Error::from_reason("napi_create_reference failed"));
        }
        let handle = event_loop.new_poll(pidfd)?;
        let watcher = Box::into_raw(Box::new(Watcher { env: env.raw(), callback }));
        // SAFETY: `handle` is live until its close callback.
        unsafe { uv::uv_handle_set_data(handle, watcher.cast()) };
        // SAFETY: `handle` is live until its close callback, and its callback's data is set.
        uv::check(unsafe { uv::uv_poll_start(handle, uv::READABLE, on_ended) })?;
        self.watch = Some(handle);
        Ok(())
    }

    /// Stops watching and closes the descriptor, without waiting for garbage collection. For a reaped clone.
    #[napi]
    pub fn close(&mut self) {
        // The watch ends first: libuv expects the descriptor to be open when it stops watching it.
        if let Some(handle) = self.watch.take() {
            // SAFETY: a handle in `watch` is live and not closing.
            unsafe { uv::uv_poll_stop(handle) };
            // SAFETY: a handle in `watch` is live and not closing, and `on_closed` frees it.
            unsafe { uv::uv_close(handle, on_closed) };
        }
        self.child = None;
    }

    /// Makes a watched clone keep the event loop going, as it does by default.
    #[napi(js_name = "ref")]
    pub fn reference(&self) {
        // In another clone of the same parent, nothing would report the end.
        if let Some(handle) = self.watch.filter(|_| self.is_mine()) {
            // SAFETY: a handle in `watch` is live.
            unsafe { uv::uv_ref(handle) };
        }
    }

    /// Lets the event loop end while a watched clone still runs.
    #[napi]
    pub fn unref(&self) {
        if let Some(handle) = self.watch {
            // SAFETY: a handle in `watch` is live.
            unsafe { uv::uv_unref(handle) };
        }
    }
}

fn closed() -> Error {
    Error::from_reason("this clone was reaped, and its pidfd is closed")
}

/// Data that the poll handle's callback needs to call JavaScript.
#[derive(Clone, Copy)]
struct Watcher {
    env: sys::napi_env,
    callback: sys::napi_ref,
}

unsafe extern "C" fn on_ended(handle: *mut UvHandle, _status: c_int, _events: c_int) {
    // The poll is level-triggered: without this it would report again until the clone is reaped.
    // SAFETY: libuv passes the live handle.
    unsafe { uv::uv_poll_stop(handle) };
    // SAFETY: libuv passes the live handle.
    let watcher: *const Watcher = unsafe { uv::uv_handle_get_data(handle) }.cast();
    // SAFETY: `watch` set it, and only `on_closed` frees it. It is copied because the call may close the
    // handle.
    let Watcher { env, callback } = unsafe { *watcher };
    crate::uv::callback::call(env, callback);
}

unsafe extern "C" fn on_closed(handle: *mut UvHandle) {
    // SAFETY: libuv passes the closed handle, which is still allocated.
    let watcher: *mut Watcher = unsafe { uv::uv_handle_get_data(handle) }.cast();
    // SAFETY: `watch` made it by `Box::into_raw`, and only this takes it back.
    let watcher = unsafe { Box::from_raw(watcher) };
    // SAFETY: the environment outlives its loop's handles, and the reference was made in `watch`.
    unsafe { sys::napi_delete_reference(watcher.env, watcher.callback) };
    uv::poll::free(handle);
}
