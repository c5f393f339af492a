//! Socket operations that Node lacks, for a connection that two processes share.

use std::{
    ffi::c_int,
    os::fd::{AsRawFd, BorrowedFd, OwnedFd},
    ptr,
};

use napi::{Env, Error, JsValue, Result, bindgen_prelude::Function, sys};
use napi_derive::napi;
use nix::{
    errno::Errno,
    sys::socket::{MsgFlags, Shutdown, recv, shutdown},
};
use qclone::socket;

use crate::{
    convert::{ForkFailure, number},
    uv::{self, Loop, UvHandle},
};

/// A watch over a connection.
#[napi]
pub struct ConnectionWatch {
    /// Null once closed.
    handle: *mut UvHandle,
}

/// A watch, or the reason why there is none.
#[napi(object, object_from_js = false)]
pub struct WatchOutcome {
    /// The watch.
    pub watch: Option<ConnectionWatch>,
    /// Reason why there is none.
    pub failure: Option<ForkFailure>,
}

/// Event that a watch waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WatchFor {
    /// The end of the peer's data. Reads nothing.
    Hangup,
    /// The end of the peer's data. Reads and drops the data before it.
    LastByte,
    /// Data, or the end of it, repeatedly. Reads nothing.
    Input,
}

/// Data that the poll handle's callback needs. The descriptor is a second one for the same connection,
/// since libuv allows only one watcher per descriptor.
struct Watched {
    env: sys::napi_env,
    callback: sys::napi_ref,
    wanted: WatchFor,
    connection: OwnedFd,
}

/// Reads and drops data on the connection `fd` that nothing will read. Closing a connection with unread
/// bytes resets it, and the peer may lose the end of its data; see tcp(7).
#[napi]
pub fn discard_input(fd: i32) {
    discard(fd);
}

/// Reads and drops data. Returns whether no more data will come.
fn discard(fd: i32) -> bool {
    let mut bytes = vec![0; DISCARDED_AT_ONCE];
    for _ in 0..MOST_DISCARDED / DISCARDED_AT_ONCE {
        match recv(fd, &mut bytes, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => return true,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return false,
            Err(_) => return true,
        }
    }
    false
}

/// Progress of a connection; see `qclone::socket::Progress`.
#[napi(object, object_from_js = false)]
pub struct NativeProgress {
    /// Bytes sent that the peer has not taken.
    pub unacknowledged: f64,
    /// Bytes received that have not been read.
    pub unread: f64,
    /// Bytes that the peer has taken in total.
    pub acknowledged: Option<f64>,
    /// Bytes received in total.
    pub received: Option<f64>,
}

/// Returns the progress of the connection `fd`; null if it is not a connection.
#[napi]
pub fn progress_of(fd: i32) -> Option<NativeProgress> {
    let progress = socket::progress(borrow(fd)?).ok()?;
    Some(NativeProgress {
        unacknowledged: number(progress.unacknowledged),
        unread: number(progress.unread),
        acknowledged: progress.acknowledged.map(number),
        received: progress.received.map(number),
    })
}

/// Returns the path of the peer of the unix socket `fd`; see `qclone::socket::unix_peer`.
#[napi]
pub fn unix_peer_of(fd: i32) -> Option<String> {
    socket::unix_peer(borrow(fd)?)
}

/// Makes the last close of the connection `fd`, in any process, reset it. Has no effect on a unix socket.
#[napi]
pub fn reset_at_close(fd: i32) {
    if let Some(connection) = borrow(fd) {
        // A descriptor that is not a socket cannot be reset, and closes in order.
        let _ = socket::reset_at_close(connection);
    }
}

/// Returns whether the last close of socket `fd` resets the connection, as after `resetAndDestroy` in a clone.
#[napi]
#[must_use]
pub fn resets_at_close(fd: i32) -> bool {
    borrow(fd).is_some_and(|connection| socket::resets_at_close(connection).unwrap_or(false))
}

/// Undoes [`reset_at_close`].
#[napi]
pub fn end_at_close(fd: i32) {
    if let Some(connection) = borrow(fd) {
        // A descriptor that is not a socket always closes in order.
        let _ = socket::end_at_close(connection);
    }
}

fn borrow<'a>(fd: i32) -> Option<BorrowedFd<'a>> {
    // SAFETY: the number is not negative, and nothing closes it during the call. A number that is not open
    // results in an error.
    (fd >= 0).then(|| unsafe { BorrowedFd::borrow_raw(fd) })
}

const DISCARDED_AT_ONCE: usize = 1 << 16;
/// Maximum number of bytes to read from a peer that never stops.
const MOST_DISCARDED: usize = 1 << 20;

/// Calls `left` once when the peer of the connection `fd` has closed it or shut down its sending side, or
/// the connection is broken. Reads nothing from the connection: its data belongs to a clone, or is for
/// later. Does not keep the event loop alive.
#[napi]
pub fn watch_hangup(env: Env, fd: i32, left: Function<'_, (), ()>) -> Result<WatchOutcome> {
    watch(&env, fd, WatchFor::Hangup, &left)
}

/// Shuts down the sending side of the connection `fd`, and reads and drops data that still arrives. Calls
/// `ended` once when no more will come. The connection stays open until the watch is closed. Does not keep
/// the event loop alive.
#[napi]
pub fn drop_input(env: Env, fd: i32, ended: Function<'_, (), ()>) -> Result<WatchOutcome> {
    // A clone has usually shut it down already. A descriptor that is no longer a connection has nothing to
    // shut down.
    let _ = shutdown(fd, Shutdown::Write);
    watch(&env, fd, WatchFor::LastByte, &ended)
}

/// Calls `arrived` whenever data or the end of file can be read from the socket `fd`, until the watch is
/// closed. Reads nothing. Does not keep the event loop alive.
#[napi]
pub fn watch_input(env: Env, fd: i32, arrived: Function<'_, (), ()>) -> Result<WatchOutcome> {
    watch(&env, fd, WatchFor::Input, &arrived)
}

fn watch(env: &Env, fd: i32, wanted: WatchFor, seen: &Function<'_, (), ()>) -> Result<WatchOutcome> {
    let connection = borrow(fd).ok_or_else(|| Error::from_reason("the connection has no file descriptor"))?;
    let event_loop = Loop::of(env)?;
    let connection = match connection.try_clone_to_owned() {
        Ok(connection) => connection,
        Err(error) => {
            let failure = ForkFailure::of_call("fcntl(2) with F_DUPFD_CLOEXEC", &error);
            return Ok(WatchOutcome { watch: None, failure: Some(failure) });
        }
    };
    let handle = event_loop.new_poll(connection.as_raw_fd())?;
    let mut callback = ptr::null_mut();
    // SAFETY: `env` and the function are live during the call.
    let status = unsafe { sys::napi_create_reference(env.raw(), seen.raw(), 1, &raw mut callback) };
    assert!(status == sys::Status::napi_ok, "napi_create_reference failed");
    let watched = Box::into_raw(Box::new(Watched { env: env.raw(), callback, wanted, connection }));
    // SAFETY: `handle` is live until its close callback.
    unsafe { uv::uv_handle_set_data(handle, watched.cast()) };
    // SAFETY: `handle` is live until its close callback.
    unsafe { uv::uv_unref(handle) };
    let events = match wanted {
        WatchFor::Hangup => uv::DISCONNECT,
        WatchFor::LastByte | WatchFor::Input => uv::READABLE,
    };
    // SAFETY: `handle` is live until its close callback, and its callback's data is set. The call does not
    // fail for a live handle.
    unsafe { uv::uv_poll_start(handle, events, on_event) };
    Ok(WatchOutcome { watch: Some(ConnectionWatch { handle }), failure: None })
}

#[napi]
impl ConnectionWatch {
    /// Ends the watch. Must be called at least once, otherwise the connection stays open in this process.
    #[napi]
    pub fn close(&mut self) {
        let handle = std::mem::replace(&mut self.handle, ptr::null_mut());
        if !handle.is_null() {
            // SAFETY: a handle kept here is live and not closing, and `on_closed` frees it.
            unsafe { uv::uv_close(handle, on_closed) };
        }
    }
}

unsafe extern "C" fn on_event(handle: *mut UvHandle, status: c_int, _events: c_int) {
    // SAFETY: libuv passes the live handle.
    let watched: *const Watched = unsafe { uv::uv_handle_get_data(handle) }.cast();
    // SAFETY: `watch` set it, and only `on_closed` frees it.
    let &Watched { env, callback, wanted, ref connection } = unsafe { &*watched };
    // An error is an end, too.
    if wanted == WatchFor::LastByte && status == 0 && !discard(connection.as_raw_fd()) {
        return;
    }
    if wanted != WatchFor::Input {
        // SAFETY: libuv passes the live handle.
        unsafe { uv::uv_poll_stop(handle) };
    }
    crate::uv::callback::call(env, callback);
}

unsafe extern "C" fn on_closed(handle: *mut UvHandle) {
    // SAFETY: libuv passes the closed handle, which is still allocated.
    let watched: *mut Watched = unsafe { uv::uv_handle_get_data(handle) }.cast();
    // SAFETY: `watch` made it by `Box::into_raw`, and only this takes it back.
    let watched = unsafe { Box::from_raw(watched) };
    // SAFETY: the environment outlives its loop's handles, and the reference was made in `watch`.
    unsafe { sys::napi_delete_reference(watched.env, watched.callback) };
    uv::poll::free(handle);
}
