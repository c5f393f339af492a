//! The event loop of an environment.

use std::{
    ffi::{c_int, c_uint, c_void},
    mem::offset_of,
    ptr,
};

use napi::{Env, Error, Result, Status, sys};

use super::{
    ffi::{
        HandleFields, UvHandle, UvIo, UvLoop, UvStream, UvUdp, handle_type, uv_backend_fd, uv_check_init,
        uv_handle_get_type, uv_loop_alive, uv_prepare_init, uv_walk,
    },
    handle::allocate,
    queue::Queue,
};

/// The event loop of an environment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Loop(pub(super) *mut UvLoop);

impl Loop {
    /// Returns the loop of `env`.
    ///
    /// # Errors
    /// When Node has none, or its layout is not the declared one.
    pub(crate) fn of(env: &Env) -> Result<Self> {
        let mut raw = ptr::null_mut();
        // SAFETY: `env` is live during the call, and `raw` is a place for a pointer.
        let status = unsafe { sys::napi_get_uv_event_loop(env.raw(), &raw mut raw) };
        let raw: *mut UvLoop = raw.cast();
        if status != sys::Status::napi_ok || raw.is_null() {
            return Err(Error::new(Status::GenericFailure, "Node returned no event loop"));
        }
        // SAFETY: Node returned a live loop.
        let told = unsafe { uv_backend_fd(raw) };
        // SAFETY: a loop is larger than `UvLoop`.
        let read = unsafe { (*raw).backend_fd };
        let event_loop = Self(raw);
        // A loop watches at least the descriptor that other threads use to wake it.
        let watched = event_loop.first_watched();
        // SAFETY: libuv's entries are live watchers.
        if told != read || watched.is_none_or(|(fd, watcher)| unsafe { (*watcher).fd } != fd) {
            return Err(Error::new(Status::GenericFailure, UNKNOWN_LAYOUT));
        }
        Ok(event_loop)
    }

    /// Calls `callback` with `argument` for each handle except libuv's own.
    pub(crate) fn walk<T>(
        self,
        callback: unsafe extern "C" fn(*mut UvHandle, *mut c_void),
        argument: &mut T,
    ) {
        // SAFETY: the loop is live, and each caller's callback takes a pointer to a `T`.
        unsafe { uv_walk(self.0, callback, ptr::from_mut(argument).cast()) };
    }

    pub(super) fn watcher(self, fd: c_int) -> Option<*mut UvIo> {
        let entry = self.entry(fd)?;
        // SAFETY: `entry` only returns entries of the loop's table.
        Some(unsafe { *entry }).filter(|watcher| !watcher.is_null())
    }

    /// Returns the place of the watcher of `fd` in the loop's table.
    pub(super) fn entry(self, fd: c_int) -> Option<*mut *mut UvIo> {
        let index = usize::try_from(fd).ok()?;
        // SAFETY: the loop is live.
        let watchers = unsafe { (*self.0).watchers };
        // SAFETY: the loop is live.
        let length = unsafe { (*self.0).nwatchers };
        // SAFETY: `watchers` has `nwatchers` entries, and the index is below that.
        (!watchers.is_null() && index < length as usize).then(|| unsafe { watchers.add(index) })
    }

    /// Returns the lowest watched descriptor, with its watcher.
    fn first_watched(self) -> Option<(c_int, *mut UvIo)> {
        // SAFETY: the loop is live.
        let length = c_int::try_from(unsafe { (*self.0).nwatchers }).ok()?;
        (0..length).find_map(|fd| self.watcher(fd).map(|watcher| (fd, watcher)))
    }

    /// Returns the number of requests in progress: writes, connections, work of the thread pool.
    pub(crate) fn requests(self) -> c_uint {
        // SAFETY: the loop is live.
        unsafe { (*self.0).active_reqs }
    }

    /// Returns whether the thread pool has finished work whose callback has not been called.
    pub(crate) fn has_work_done(self) -> bool {
        // SAFETY: the loop is live.
        let head = unsafe { &raw const (*self.0).wq };
        // SAFETY: the loop is live, and `head` is a field of it.
        let next = unsafe { &raw const (*head).next };
        // A thread of the pool may be adding an element. The result then holds either before or after that.
        // SAFETY: the pointer is to a field of the live loop, and aligned.
        !ptr::eq(unsafe { next.read_volatile() }, head)
    }

    /// Returns the number of requests in progress on streams and UDP handles.
    ///
    /// Only reads. `uv_walk` writes to each handle, which would make the parent copy memory that it shares with
    /// its clones.
    pub(crate) fn requests_of_handles(self) -> c_uint {
        // SAFETY: the loop is live.
        let head = unsafe { &raw const (*self.0).handle_queue };
        // SAFETY: the head of the loop's list of handles, which is intact between callbacks.
        let mut element: *const Queue = unsafe { (*head).next };
        let mut count = 0;
        while !ptr::eq(element, head) {
            let handle = element.wrapping_byte_sub(offset_of!(HandleFields, handle_queue));
            // SAFETY: the elements of this list are the fields of that name of live handles.
            let kind = unsafe { uv_handle_get_type(handle.cast()) };
            count += match kind {
                handle_type::TCP | handle_type::NAMED_PIPE | handle_type::TTY => {
                    // SAFETY: a handle of this type, whose layout `check_layout` has verified.
                    let stream = unsafe { &*handle.cast::<UvStream>() };
                    let others = [stream.connect_req, stream.shutdown_req];
                    // SAFETY: queues of a live handle are intact between callbacks.
                    let writes =
                        unsafe { Queue::count_all([&stream.write_queue, &stream.write_completed_queue]) };
                    writes + others.map(|request| c_uint::from(!request.is_null())).iter().sum::<c_uint>()
                }
                handle_type::UDP => {
                    // SAFETY: the handle is live and of this type, whose layout `check_layout` has verified.
                    let udp = unsafe { &*handle.cast::<UvUdp>() };
                    // SAFETY: the queues of a live handle are intact between callbacks.
                    unsafe { Queue::count_all([&udp.write_queue, &udp.write_completed_queue]) }
                }
                _ => 0,
            };
            // SAFETY: an element of the same intact list.
            element = unsafe { (*element).next };
        }
        count
    }

    /// Returns whether anything keeps the loop alive, except `ignored` of its requests.
    pub(crate) fn is_alive(self, ignored: c_uint) -> bool {
        let requests = self.requests();
        self.set_requests(requests.saturating_sub(ignored));
        // SAFETY: the loop is live.
        let alive = unsafe { uv_loop_alive(self.0) };
        self.set_requests(requests);
        alive != 0
    }

    pub(super) fn set_requests(self, count: c_uint) {
        // SAFETY: the loop is live, and only this thread uses it.
        unsafe { (*self.0).active_reqs = count };
    }

    /// Creates a check handle.
    pub(crate) fn new_check(self) -> *mut UvHandle {
        let handle = allocate(handle_type::CHECK);
        // SAFETY: the loop is live, and the handle has the size of a check handle. The call cannot fail.
        unsafe { uv_check_init(self.0, handle) };
        handle
    }

    /// Creates a prepare handle.
    pub(crate) fn new_prepare(self) -> *mut UvHandle {
        let handle = allocate(handle_type::PREPARE);
        // SAFETY: the loop is live, and the handle has the size of a prepare handle. The call cannot fail.
        unsafe { uv_prepare_init(self.0, handle) };
        handle
    }
}

pub(super) const UNKNOWN_LAYOUT: &str = "qclone does not know the event loop layout of this libuv; \
    use a release of Node 20, 22, 24 or 26, or update qclone";
