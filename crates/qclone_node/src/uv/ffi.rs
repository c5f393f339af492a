//! Declarations of libuv.
//!
//! They are written by hand, since all types are opaque here except the fields in use. libuv keeps their
//! layout within its major version 1. [`Loop::of`](super::Loop::of) and `check_layout` still verify them.

use std::{
    ffi::{c_char, c_int, c_uint, c_void},
    sync::atomic::AtomicI32,
};

use super::queue::Queue;

pub(crate) enum UvHandle {}

/// The start of `uv_loop_t`; see `uv.h` and `uv/unix.h`.
#[repr(C)]
pub(super) struct UvLoop {
    pub(super) data: *mut c_void,
    pub(super) active_handles: c_uint,
    pub(super) handle_queue: Queue,
    /// A union of a pointer and this.
    pub(super) active_reqs: c_uint,
    _rest_of_union: c_uint,
    pub(super) internal_fields: *mut c_void,
    pub(super) stop_flag: c_uint,
    pub(super) flags: std::ffi::c_ulong,
    pub(super) backend_fd: c_int,
    /// Watchers whose callback runs without a poll, for example after a datagram was sent immediately.
    pub(super) pending_queue: Queue,
    pub(super) watcher_queue: Queue,
    pub(super) watchers: *mut *mut UvIo,
    pub(super) nwatchers: c_uint,
    pub(super) nfds: c_uint,
    /// Finished work of the thread pool whose callback has not run.
    pub(super) wq: Queue,
}

/// `uv__io_t` without the platform-specific end; see `uv/unix.h`.
#[repr(C)]
pub(super) struct UvIo {
    pub(super) callback: *mut c_void,
    pub(super) pending_queue: Queue,
    pub(super) watcher_queue: Queue,
    /// Events to watch from the next poll on.
    pub(super) pevents: c_uint,
    /// Events that epoll watches.
    pub(super) events: c_uint,
    pub(super) fd: c_int,
}

/// `UV_HANDLE_FIELDS`; see `uv.h` and `uv/unix.h`.
#[repr(C)]
pub(super) struct HandleFields {
    pub(super) data: *mut c_void,
    pub(super) event_loop: *mut UvLoop,
    pub(super) kind: c_int,
    pub(super) close_callback: *mut c_void,
    pub(super) handle_queue: Queue,
    pub(super) union: [*mut c_void; 4],
    pub(super) next_closing: *mut UvHandle,
    pub(super) flags: c_uint,
}

/// `uv_stream_t` up to its requests; see `uv.h` and `uv/unix.h`.
#[repr(C)]
pub(super) struct UvStream {
    pub(super) handle: HandleFields,
    pub(super) write_queue_size: usize,
    pub(super) alloc_callback: *mut c_void,
    pub(super) read_callback: *mut c_void,
    pub(super) connect_req: *mut c_void,
    pub(super) shutdown_req: *mut c_void,
    pub(super) io_watcher: UvIo,
    pub(super) write_queue: Queue,
    pub(super) write_completed_queue: Queue,
}

/// `uv_udp_t`; see `uv.h` and `uv/unix.h`.
#[repr(C)]
pub(super) struct UvUdp {
    pub(super) handle: HandleFields,
    pub(super) send_queue_size: usize,
    pub(super) send_queue_count: usize,
    pub(super) alloc_callback: *mut c_void,
    pub(super) receive_callback: *mut c_void,
    pub(super) io_watcher: UvIo,
    pub(super) write_queue: Queue,
    pub(super) write_completed_queue: Queue,
}

/// `uv_async_t`; see `uv.h` and `uv/unix.h`.
#[repr(C)]
pub(super) struct UvAsync {
    pub(super) handle: HandleFields,
    pub(super) callback: HandleCallback,
    pub(super) queue: Queue,
    /// Whether it was sent and its callback has not run. Other threads write it.
    pub(super) pending: AtomicI32,
}

/// `uv_signal_t`; see `uv.h` and `uv/unix.h`.
#[repr(C)]
pub(super) struct UvSignal {
    pub(super) handle: HandleFields,
    pub(super) callback: *mut c_void,
    pub(super) number: c_int,
    pub(super) tree_entry: TreeEntry,
    /// Number of signals caught, and number of those reported to the callback.
    pub(super) caught: c_uint,
    pub(super) dispatched: c_uint,
}

/// `uv_timer_t` up to its callback; see `uv.h` and `uv/unix.h`.
#[repr(C)]
pub(super) struct UvTimer {
    pub(super) handle: HandleFields,
    pub(super) callback: *mut c_void,
}

/// `RB_ENTRY`; see `uv/tree.h`.
#[repr(C)]
pub(super) struct TreeEntry {
    pub(super) links: [*mut c_void; 3],
    pub(super) color: c_int,
}

/// Values of `uv_handle_type` that are used here.
pub(crate) mod handle_type {
    use std::ffi::c_int;

    pub(crate) const ASYNC: c_int = 1;
    pub(crate) const CHECK: c_int = 2;
    pub(crate) const FS_EVENT: c_int = 3;
    pub(crate) const FS_POLL: c_int = 4;
    pub(crate) const IDLE: c_int = 6;
    pub(crate) const NAMED_PIPE: c_int = 7;
    pub(crate) const POLL: c_int = 8;
    pub(crate) const PREPARE: c_int = 9;
    pub(crate) const TCP: c_int = 12;
    pub(crate) const TIMER: c_int = 13;
    pub(crate) const TTY: c_int = 14;
    pub(crate) const UDP: c_int = 15;
    pub(crate) const SIGNAL: c_int = 16;
}

/// `UV_READABLE`.
pub(crate) const READABLE: c_int = 1;
/// `UV_DISCONNECT`.
pub(crate) const DISCONNECT: c_int = 4;

pub(crate) type HandleCallback = unsafe extern "C" fn(*mut UvHandle);
pub(crate) type PollCallback = unsafe extern "C" fn(*mut UvHandle, c_int, c_int);
pub(super) type WalkCallback = unsafe extern "C" fn(*mut UvHandle, *mut c_void);

unsafe extern "C" {
    pub(super) fn uv_async_init(
        event_loop: *mut UvLoop,
        handle: *mut UvHandle,
        callback: HandleCallback,
    ) -> c_int;
    pub(super) fn uv_async_send(handle: *mut UvHandle) -> c_int;
    pub(super) fn uv_loop_fork(event_loop: *mut UvLoop) -> c_int;
    pub(super) fn uv_loop_alive(event_loop: *const UvLoop) -> c_int;
    pub(super) fn uv_backend_fd(event_loop: *const UvLoop) -> c_int;
    pub(super) fn uv_walk(event_loop: *mut UvLoop, callback: WalkCallback, argument: *mut c_void);
    pub(crate) fn uv_set_process_title(title: *const c_char) -> c_int;
    pub(super) fn uv_strerror(error: c_int) -> *const c_char;
    pub(super) fn uv_poll_init(event_loop: *mut UvLoop, handle: *mut UvHandle, fd: c_int) -> c_int;
    pub(super) fn uv_tcp_init(event_loop: *mut UvLoop, handle: *mut UvHandle) -> c_int;
    pub(super) fn uv_udp_init(event_loop: *mut UvLoop, handle: *mut UvHandle) -> c_int;
    pub(super) fn uv_check_init(event_loop: *mut UvLoop, handle: *mut UvHandle) -> c_int;
    pub(super) fn uv_prepare_init(event_loop: *mut UvLoop, handle: *mut UvHandle) -> c_int;
    pub(crate) fn uv_poll_start(handle: *mut UvHandle, events: c_int, callback: PollCallback) -> c_int;
    pub(crate) fn uv_poll_stop(handle: *mut UvHandle) -> c_int;
    pub(crate) fn uv_check_start(handle: *mut UvHandle, callback: HandleCallback) -> c_int;
    pub(crate) fn uv_check_stop(handle: *mut UvHandle) -> c_int;
    pub(crate) fn uv_prepare_start(handle: *mut UvHandle, callback: HandleCallback) -> c_int;
    pub(crate) fn uv_handle_size(kind: c_int) -> usize;
    pub(crate) fn uv_handle_get_type(handle: *const UvHandle) -> c_int;
    pub(crate) fn uv_handle_set_data(handle: *mut UvHandle, data: *mut c_void);
    pub(crate) fn uv_handle_get_data(handle: *const UvHandle) -> *mut c_void;
    pub(super) fn uv_fileno(handle: *const UvHandle, fd: *mut c_int) -> c_int;
    pub(crate) fn uv_is_closing(handle: *const UvHandle) -> c_int;
    pub(crate) fn uv_close(handle: *mut UvHandle, callback: HandleCallback);
    pub(crate) fn uv_ref(handle: *mut UvHandle);
    pub(crate) fn uv_unref(handle: *mut UvHandle);
    pub(crate) fn uv_timer_stop(handle: *mut UvHandle) -> c_int;
    pub(crate) fn uv_read_stop(handle: *mut UvHandle) -> c_int;
    pub(crate) fn uv_udp_recv_stop(handle: *mut UvHandle) -> c_int;
    pub(crate) fn uv_fs_event_stop(handle: *mut UvHandle) -> c_int;
    pub(crate) fn uv_fs_poll_stop(handle: *mut UvHandle) -> c_int;
}
