//! What node has no word for of a connection that two processes hold.

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

/// A watch, or why there is none.
#[napi(object, object_from_js = false)]
pub struct WatchOutcome {
    /// The watch.
    pub watch: Option<ConnectionWatch>,
    /// Why there is none.
    pub failure: Option<ForkFailure>,
}

/// What a watch looks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WatchFor {
    /// The end of what the other side sends, of which nothing is read.
    Hangup,
    /// The same, reading and dropping what comes before it.
    LastByte,
}

/// What the poll handle needs. The descriptor is a second one of the same connection, as libuv
/// has one watcher at most for each.
struct Watched {
    env: sys::napi_env,
    callback: sys::napi_ref,
    wanted: WatchFor,
    connection: OwnedFd,
}

/// Takes what has arrived on the connection `fd` and nobody will read. To close a connection with
/// such bytes resets it, and the other side may lose the end of what it was sent; see tcp(7).
#[napi]
pub fn discard_input(fd: i32) {
    discard(fd);
}

/// Whether there will be nothing more to discard.
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

/// How far a connection has come; see `qclone::socket::Progress`.
#[napi(object, object_from_js = false)]
pub struct NativeProgress {
    /// Bytes sent that the other side has not taken.
    pub unacknowledged: f64,
    /// Bytes received that nobody has read.
    pub unread: f64,
    /// Bytes that the other side has taken in all.
    pub acknowledged: Option<f64>,
    /// Bytes received in all.
    pub received: Option<f64>,
}

/// How far the connection `fd` has come; null when it is none.
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

/// The path of the other side of the unix socket `fd`; see `qclone::socket::unix_peer`.
#[napi]
pub fn unix_peer_of(fd: i32) -> Option<String> {
    socket::unix_peer(borrow(fd)?)
}

/// Makes the last close of the connection `fd`, in whichever process, reset it. Not of a unix socket.
#[napi]
pub fn reset_at_close(fd: i32) {
    if let Some(connection) = borrow(fd) {
        // What is no socket cannot be reset, and is closed in order.
        let _ = socket::reset_at_close(connection);
    }
}

fn borrow<'a>(fd: i32) -> Option<BorrowedFd<'a>> {
    // SAFETY: not negative, and not closed during the call. A number that is not open gives an error.
    (fd >= 0).then(|| unsafe { BorrowedFd::borrow_raw(fd) })
}

const DISCARDED_AT_ONCE: usize = 1 << 16;
/// Of who sends on and on, no more is taken.
const MOST_DISCARDED: usize = 1 << 20;

/// Notices that the other side has left without reading from the connection: what is to be read is
/// a clone's, or comes later. Calls `left` once, when the other side of the connection `fd` has closed
/// it or shut its sending down, or the connection is broken. Keeps no event loop going.
#[napi]
pub fn watch_hangup(env: Env, fd: i32, left: Function<'_, (), ()>) -> Result<WatchOutcome> {
    watch(&env, fd, WatchFor::Hangup, &left)
}

/// Ends the sending on the connection `fd`, and reads and drops what still comes. Calls `ended` once,
/// when there will be no more. The connection stays open until the watch is closed. Keeps no event loop
/// going.
#[napi]
pub fn drop_input(env: Env, fd: i32, ended: Function<'_, (), ()>) -> Result<WatchOutcome> {
    // A clone most often has. On what is no connection any more there is nothing to end.
    let _ = shutdown(fd, Shutdown::Write);
    watch(&env, fd, WatchFor::LastByte, &ended)
}

fn watch(env: &Env, fd: i32, wanted: WatchFor, seen: &Function<'_, (), ()>) -> Result<WatchOutcome> {
    let connection = borrow(fd).ok_or_else(|| Error::from_reason("a connection has a descriptor"))?;
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
    assert!(status == sys::Status::napi_ok, "a reference to a live function can be made");
    let watched = Box::into_raw(Box::new(Watched { env: env.raw(), callback, wanted, connection }));
    // SAFETY: `handle` is live until its close callback.
    unsafe { uv::uv_handle_set_data(handle, watched.cast()) };
    // SAFETY: as above.
    unsafe { uv::uv_unref(handle) };
    let events = match wanted {
        WatchFor::Hangup => uv::DISCONNECT,
        WatchFor::LastByte => uv::READABLE,
    };
    // SAFETY: as above. It fails for no live handle.
    unsafe { uv::uv_poll_start(handle, events, on_event) };
    Ok(WatchOutcome { watch: Some(ConnectionWatch { handle }), failure: None })
}

#[napi]
impl ConnectionWatch {
    /// Ends the watch. To be called once at least, or the connection stays open in this process.
    #[napi]
    pub fn close(&mut self) {
        let handle = std::mem::replace(&mut self.handle, ptr::null_mut());
        if !handle.is_null() {
            // SAFETY: a handle that is kept here is live and not closing; `on_closed` frees it.
            unsafe { uv::uv_close(handle, on_closed) };
        }
    }
}

unsafe extern "C" fn on_event(handle: *mut UvHandle, status: c_int, _events: c_int) {
    // SAFETY: libuv passes the live handle.
    let watched: *const Watched = unsafe { uv::uv_handle_get_data(handle) }.cast();
    // SAFETY: set in `watch`, and freed in `on_closed` only.
    let &Watched { env, callback, wanted, ref connection } = unsafe { &*watched };
    // An error, too, is an end.
    if wanted == WatchFor::LastByte && status == 0 && !discard(connection.as_raw_fd()) {
        return;
    }
    // SAFETY: as above.
    unsafe { uv::uv_poll_stop(handle) };
    crate::callback::call(env, callback);
}

unsafe extern "C" fn on_closed(handle: *mut UvHandle) {
    // SAFETY: libuv passes the handle, whose data `watch` set.
    let watched: *mut Watched = unsafe { uv::uv_handle_get_data(handle) }.cast();
    // SAFETY: made by `Box::into_raw` in `watch`, and taken back here alone.
    let watched = unsafe { Box::from_raw(watched) };
    // SAFETY: the environment outlives its loop's handles, and the reference was made in `watch`.
    unsafe { sys::napi_delete_reference(watched.env, watched.callback) };
    uv::free(handle, uv::handle_type::POLL);
}
