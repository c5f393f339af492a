//! The part of libuv that a clone and its parent need: node exports it to addons.
//!
//! Declared by hand, since the types are opaque here but for the front of `uv_loop_t`, whose layout
//! libuv keeps within its major version 1. [`Loop::of`] checks it all the same.

use std::ffi::{c_char, c_int, c_uint, c_void};

use napi::{Env, Error, Result, Status, sys};

pub(crate) enum UvHandle {}

/// The front of `uv_loop_t`; see `uv.h` and `uv/unix.h`.
#[repr(C)]
struct UvLoop {
    data: *mut c_void,
    active_handles: c_uint,
    handle_queue: [*mut c_void; 2],
    /// A union of a pointer and this.
    active_reqs: c_uint,
    _rest_of_union: c_uint,
    internal_fields: *mut c_void,
    stop_flag: c_uint,
    flags: std::ffi::c_ulong,
    backend_fd: c_int,
    pending_queue: [*mut c_void; 2],
    watcher_queue: [*mut c_void; 2],
    watchers: *mut *mut c_void,
    nwatchers: c_uint,
    nfds: c_uint,
    /// Work that the thread pool has done and whose callback has not run.
    wq: [*mut c_void; 2],
}

/// `uv_handle_type`, as far as handles are told apart here.
pub(crate) mod handle_type {
    use std::ffi::c_int;

    pub(crate) const FS_EVENT: c_int = 3;
    pub(crate) const FS_POLL: c_int = 4;
    pub(crate) const IDLE: c_int = 6;
    pub(crate) const NAMED_PIPE: c_int = 7;
    pub(crate) const POLL: c_int = 8;
    pub(crate) const PREPARE: c_int = 9;
    pub(crate) const TCP: c_int = 12;
    pub(crate) const TTY: c_int = 14;
    pub(crate) const UDP: c_int = 15;
}

/// `UV_READABLE`.
pub(crate) const READABLE: c_int = 1;

pub(crate) type HandleCallback = unsafe extern "C" fn(*mut UvHandle);
pub(crate) type PollCallback = unsafe extern "C" fn(*mut UvHandle, c_int, c_int);
type WalkCallback = unsafe extern "C" fn(*mut UvHandle, *mut c_void);

unsafe extern "C" {
    fn uv_loop_fork(event_loop: *mut UvLoop) -> c_int;
    fn uv_loop_alive(event_loop: *const UvLoop) -> c_int;
    fn uv_backend_fd(event_loop: *const UvLoop) -> c_int;
    fn uv_walk(event_loop: *mut UvLoop, callback: WalkCallback, argument: *mut c_void);
    fn uv_strerror(error: c_int) -> *const c_char;
    fn uv_poll_init(event_loop: *mut UvLoop, handle: *mut UvHandle, fd: c_int) -> c_int;
    fn uv_prepare_init(event_loop: *mut UvLoop, handle: *mut UvHandle) -> c_int;
    fn uv_idle_init(event_loop: *mut UvLoop, handle: *mut UvHandle) -> c_int;
    pub(crate) fn uv_idle_start(handle: *mut UvHandle, callback: HandleCallback) -> c_int;
    pub(crate) fn uv_idle_stop(handle: *mut UvHandle) -> c_int;
    pub(crate) fn uv_poll_start(handle: *mut UvHandle, events: c_int, callback: PollCallback) -> c_int;
    pub(crate) fn uv_poll_stop(handle: *mut UvHandle) -> c_int;
    pub(crate) fn uv_prepare_start(handle: *mut UvHandle, callback: HandleCallback) -> c_int;
    pub(crate) fn uv_handle_size(kind: c_int) -> usize;
    pub(crate) fn uv_handle_get_type(handle: *const UvHandle) -> c_int;
    pub(crate) fn uv_handle_set_data(handle: *mut UvHandle, data: *mut c_void);
    pub(crate) fn uv_handle_get_data(handle: *const UvHandle) -> *mut c_void;
    pub(crate) fn uv_is_closing(handle: *const UvHandle) -> c_int;
    pub(crate) fn uv_close(handle: *mut UvHandle, callback: HandleCallback);
    pub(crate) fn uv_ref(handle: *mut UvHandle);
    pub(crate) fn uv_unref(handle: *mut UvHandle);
    pub(crate) fn uv_read_stop(handle: *mut UvHandle) -> c_int;
    pub(crate) fn uv_udp_recv_stop(handle: *mut UvHandle) -> c_int;
    pub(crate) fn uv_fs_event_stop(handle: *mut UvHandle) -> c_int;
    pub(crate) fn uv_fs_poll_stop(handle: *mut UvHandle) -> c_int;
}

/// The event loop of an environment.
#[derive(Clone, Copy)]
pub(crate) struct Loop(*mut UvLoop);

impl Loop {
    /// The loop of `env`.
    ///
    /// # Errors
    /// When node gives none, or one whose layout is not the one declared above.
    pub(crate) fn of(env: &Env) -> Result<Self> {
        let mut raw = std::ptr::null_mut();
        // SAFETY: `env` is live during the call, and `raw` is a place for a pointer.
        let status = unsafe { sys::napi_get_uv_event_loop(env.raw(), &raw mut raw) };
        let raw: *mut UvLoop = raw.cast();
        if status != sys::Status::napi_ok || raw.is_null() {
            return Err(Error::new(Status::GenericFailure, "node has no event loop to give"));
        }
        // SAFETY: node gave a live loop.
        let told = unsafe { uv_backend_fd(raw) };
        // SAFETY: a loop is larger than `UvLoop`.
        let read = unsafe { (*raw).backend_fd };
        if told != read {
            return Err(Error::new(
                Status::GenericFailure,
                "this libuv lays out its loop in a way that qclone does not know",
            ));
        }
        Ok(Self(raw))
    }

    /// Resets the loop in a forked child. To be called before anything else touches the loop.
    pub(crate) fn fork(self) -> Result<()> {
        // SAFETY: the loop is live for as long as its environment, which called into here.
        check(unsafe { uv_loop_fork(self.0) })
    }

    /// Calls `callback` with `argument` for each handle but libuv's own.
    pub(crate) fn walk<T>(
        self,
        callback: unsafe extern "C" fn(*mut UvHandle, *mut c_void),
        argument: &mut T,
    ) {
        // SAFETY: the loop is live, and each caller's callback takes a `T` as its argument.
        unsafe { uv_walk(self.0, callback, std::ptr::from_mut(argument).cast()) };
    }

    pub(crate) fn backend_fd(self) -> c_int {
        // SAFETY: the loop is live.
        unsafe { (*self.0).backend_fd }
    }

    /// Whether a handle of the loop watches descriptor `fd`.
    pub(crate) fn watches(self, fd: c_int) -> bool {
        // SAFETY: the loop is live.
        let watchers = unsafe { (*self.0).watchers };
        // SAFETY: as above.
        let length = unsafe { (*self.0).nwatchers };
        let Ok(index) = usize::try_from(fd) else { return false };
        if watchers.is_null() || index >= length as usize {
            return false;
        }
        // SAFETY: `watchers` has `nwatchers` entries, and the index is below.
        let watcher = unsafe { watchers.add(index) };
        // SAFETY: as above.
        !unsafe { *watcher }.is_null()
    }

    /// Whether the thread pool has finished work whose callback is still to run.
    pub(crate) fn has_undelivered_work(self) -> bool {
        // SAFETY: the loop is live; only the address of the queue's head is taken.
        let head: *const *mut c_void = unsafe { &raw const (*self.0).wq }.cast();
        // SAFETY: the loop is live. A pool thread that writes here is at work, so that whoever asks
        // is told to wait for it, by the census or at the next look.
        let first = unsafe { head.read_volatile() };
        // Empty queues point to themselves.
        first.cast_const() != head.cast()
    }

    /// Requests under way: writes, connections, work of the thread pool.
    pub(crate) fn requests(self) -> c_uint {
        // SAFETY: the loop is live.
        unsafe { (*self.0).active_reqs }
    }

    /// Whether anything keeps the loop going, other than `ignored` of its requests.
    pub(crate) fn is_alive(self, ignored: c_uint) -> bool {
        let requests = self.requests();
        self.set_requests(requests.saturating_sub(ignored));
        // SAFETY: the loop is live.
        let alive = unsafe { uv_loop_alive(self.0) };
        self.set_requests(requests);
        alive != 0
    }

    fn set_requests(self, count: c_uint) {
        // SAFETY: the loop is live, and only this thread uses it.
        unsafe { (*self.0).active_reqs = count };
    }

    /// A new poll handle on `fd`, to be freed with [`free`] in its close callback.
    pub(crate) fn new_poll(self, fd: c_int) -> Result<*mut UvHandle> {
        let handle = allocate(handle_type::POLL);
        // SAFETY: the loop is live, and the handle has the size of a poll handle.
        check(unsafe { uv_poll_init(self.0, handle, fd) }).inspect_err(|_| free(handle))?;
        Ok(handle)
    }

    /// A new prepare handle.
    pub(crate) fn new_prepare(self) -> *mut UvHandle {
        let handle = allocate(handle_type::PREPARE);
        // SAFETY: the loop is live, and the handle has the size of a prepare handle. It cannot fail.
        unsafe { uv_prepare_init(self.0, handle) };
        handle
    }

    /// A new idle handle.
    pub(crate) fn new_idle(self) -> *mut UvHandle {
        let handle = allocate(handle_type::IDLE);
        // SAFETY: the loop is live, and the handle has the size of an idle handle. It cannot fail.
        unsafe { uv_idle_init(self.0, handle) };
        handle
    }
}

/// An error of libuv in its own words.
pub(crate) fn check(result: c_int) -> Result<()> {
    if result >= 0 {
        return Ok(());
    }
    // SAFETY: uv_strerror takes any number.
    let text = unsafe { uv_strerror(result) };
    // SAFETY: it gives a C string, static for the errors that libuv itself makes.
    let text = unsafe { std::ffi::CStr::from_ptr(text) };
    Err(Error::from_reason(text.to_string_lossy()))
}

fn layout(kind: c_int) -> std::alloc::Layout {
    // SAFETY: uv_handle_size takes any number.
    let size = unsafe { uv_handle_size(kind) };
    std::alloc::Layout::from_size_align(size, 16).expect("the size of a libuv handle is small")
}

fn allocate(kind: c_int) -> *mut UvHandle {
    // SAFETY: the size is not 0, as libuv's handles are not empty.
    let handle: *mut UvHandle = unsafe { std::alloc::alloc_zeroed(layout(kind)) }.cast();
    assert!(!handle.is_null(), "out of memory");
    handle
}

/// Frees a poll handle made by [`Loop::new_poll`], which libuv has closed or never knew.
pub(crate) fn free(handle: *mut UvHandle) {
    // SAFETY: allocated by `allocate` with the same layout, and no longer in use.
    unsafe { std::alloc::dealloc(handle.cast(), layout(handle_type::POLL)) };
}
