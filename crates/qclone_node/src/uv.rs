//! The part of libuv that a clone and its parent need: node exports it to addons.
//!
//! Declared by hand, since the types are opaque here but for the front of `uv_loop_t`, whose layout
//! libuv keeps within its major version 1. [`Loop::of`] checks it all the same.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    ffi::{c_char, c_int, c_uint, c_void},
    mem::{self, offset_of},
    ptr,
    sync::atomic::{AtomicI32, Ordering},
};

use napi::{Env, Error, Result, Status, sys};

pub(crate) enum UvHandle {}

/// The front of `uv_loop_t`; see `uv.h` and `uv/unix.h`.
#[repr(C)]
struct UvLoop {
    data: *mut c_void,
    active_handles: c_uint,
    handle_queue: Queue,
    /// A union of a pointer and this.
    active_reqs: c_uint,
    _rest_of_union: c_uint,
    internal_fields: *mut c_void,
    stop_flag: c_uint,
    flags: std::ffi::c_ulong,
    backend_fd: c_int,
    /// Watchers whose callback is to run without a poll, as after a datagram was sent at once.
    pending_queue: Queue,
    watcher_queue: Queue,
    watchers: *mut *mut UvIo,
    nwatchers: c_uint,
    nfds: c_uint,
    /// Work that the thread pool has done and whose callback has not run.
    wq: Queue,
}

/// Links to the next and the one before. An empty queue, and an element of none, point to themselves.
#[repr(C)]
struct Queue {
    next: *mut Queue,
    previous: *mut Queue,
}

impl Queue {
    /// Takes this, an element or a whole queue's head, out of its ring.
    ///
    /// # Safety
    /// The ring must be intact, and `this` in it.
    unsafe fn unlink(this: *mut Self) {
        // SAFETY: `this` is valid.
        let Self { next, previous } = *unsafe { &*this };
        // SAFETY: neighbours in an intact ring are valid.
        unsafe { (*next).previous = previous };
        // SAFETY: as above.
        unsafe { (*previous).next = next };
        // SAFETY: `this` is valid.
        unsafe { *this = Self { next: this, previous: this } };
    }

    /// The number of elements of the queues with these heads.
    ///
    /// # Safety
    /// The rings must be intact.
    unsafe fn count_all(heads: [&Self; 2]) -> c_uint {
        let mut count = 0;
        for head in heads {
            let mut element = head.next;
            while !ptr::eq(element, head) {
                count += 1;
                // SAFETY: an element of an intact ring.
                element = unsafe { (*element).next };
            }
        }
        count
    }

    /// Takes all elements out of the queues with these heads, each of which is then in no queue, and
    /// gives their number.
    ///
    /// # Safety
    /// As for `unlink`.
    unsafe fn clear_all(heads: [*mut Self; 2]) -> c_uint {
        let mut count = 0;
        for head in heads {
            // SAFETY: `head` is valid.
            while !ptr::eq(unsafe { (*head).next }, head) {
                // SAFETY: as above.
                let first = unsafe { (*head).next };
                // SAFETY: an element of an intact ring.
                unsafe { Self::unlink(first) };
                count += 1;
            }
        }
        count
    }
}

/// `uv__io_t` but for what differs by platform, at its end; see `uv/unix.h`.
#[repr(C)]
struct UvIo {
    callback: *mut c_void,
    pending_queue: Queue,
    watcher_queue: Queue,
    /// What is to be watched from the next poll on.
    pevents: c_uint,
    /// What epoll was last told to watch.
    events: c_uint,
    fd: c_int,
}

/// `UV_HANDLE_FIELDS`; see `uv.h` and `uv/unix.h`.
#[repr(C)]
struct HandleFields {
    data: *mut c_void,
    event_loop: *mut UvLoop,
    kind: c_int,
    close_callback: *mut c_void,
    handle_queue: Queue,
    union: [*mut c_void; 4],
    next_closing: *mut UvHandle,
    flags: c_uint,
}

/// `uv_stream_t` as far as what it has under way; see `uv.h` and `uv/unix.h`.
#[repr(C)]
struct UvStream {
    handle: HandleFields,
    write_queue_size: usize,
    alloc_callback: *mut c_void,
    read_callback: *mut c_void,
    connect_req: *mut c_void,
    shutdown_req: *mut c_void,
    io_watcher: UvIo,
    write_queue: Queue,
    write_completed_queue: Queue,
}

/// `uv_udp_t`; see `uv.h` and `uv/unix.h`.
#[repr(C)]
struct UvUdp {
    handle: HandleFields,
    send_queue_size: usize,
    send_queue_count: usize,
    alloc_callback: *mut c_void,
    receive_callback: *mut c_void,
    io_watcher: UvIo,
    write_queue: Queue,
    write_completed_queue: Queue,
}

/// `uv_async_t`; see `uv.h` and `uv/unix.h`.
#[repr(C)]
struct UvAsync {
    handle: HandleFields,
    callback: HandleCallback,
    queue: Queue,
    /// Whether it was sent and its callback has not run. Other threads write it.
    pending: AtomicI32,
}

/// `uv_signal_t`; see `uv.h` and `uv/unix.h`.
#[repr(C)]
struct UvSignal {
    handle: HandleFields,
    callback: *mut c_void,
    number: c_int,
    tree_entry: TreeEntry,
    /// How often it was caught, and how often that was told to the callback.
    caught: c_uint,
    dispatched: c_uint,
}

/// `uv_timer_t` as far as its callback; see `uv.h` and `uv/unix.h`.
#[repr(C)]
struct UvTimer {
    handle: HandleFields,
    callback: *mut c_void,
}

/// `RB_ENTRY`; see `uv/tree.h`.
#[repr(C)]
struct TreeEntry {
    links: [*mut c_void; 3],
    color: c_int,
}

/// `uv_handle_type`, as far as handles are told apart here.
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
type WalkCallback = unsafe extern "C" fn(*mut UvHandle, *mut c_void);

unsafe extern "C" {
    fn uv_async_init(event_loop: *mut UvLoop, handle: *mut UvHandle, callback: HandleCallback) -> c_int;
    fn uv_async_send(handle: *mut UvHandle) -> c_int;
    fn uv_loop_fork(event_loop: *mut UvLoop) -> c_int;
    fn uv_loop_alive(event_loop: *const UvLoop) -> c_int;
    fn uv_backend_fd(event_loop: *const UvLoop) -> c_int;
    fn uv_walk(event_loop: *mut UvLoop, callback: WalkCallback, argument: *mut c_void);
    pub(crate) fn uv_set_process_title(title: *const c_char) -> c_int;
    fn uv_strerror(error: c_int) -> *const c_char;
    fn uv_poll_init(event_loop: *mut UvLoop, handle: *mut UvHandle, fd: c_int) -> c_int;
    fn uv_tcp_init(event_loop: *mut UvLoop, handle: *mut UvHandle) -> c_int;
    fn uv_udp_init(event_loop: *mut UvLoop, handle: *mut UvHandle) -> c_int;
    fn uv_check_init(event_loop: *mut UvLoop, handle: *mut UvHandle) -> c_int;
    fn uv_prepare_init(event_loop: *mut UvLoop, handle: *mut UvHandle) -> c_int;
    pub(crate) fn uv_poll_start(handle: *mut UvHandle, events: c_int, callback: PollCallback) -> c_int;
    pub(crate) fn uv_poll_stop(handle: *mut UvHandle) -> c_int;
    pub(crate) fn uv_check_start(handle: *mut UvHandle, callback: HandleCallback) -> c_int;
    pub(crate) fn uv_check_stop(handle: *mut UvHandle) -> c_int;
    pub(crate) fn uv_prepare_start(handle: *mut UvHandle, callback: HandleCallback) -> c_int;
    fn uv_idle_init(event_loop: *mut UvLoop, handle: *mut UvHandle) -> c_int;
    pub(crate) fn uv_idle_start(handle: *mut UvHandle, callback: HandleCallback) -> c_int;
    pub(crate) fn uv_idle_stop(handle: *mut UvHandle) -> c_int;
    pub(crate) fn uv_handle_size(kind: c_int) -> usize;
    pub(crate) fn uv_handle_get_type(handle: *const UvHandle) -> c_int;
    pub(crate) fn uv_handle_set_data(handle: *mut UvHandle, data: *mut c_void);
    pub(crate) fn uv_handle_get_data(handle: *const UvHandle) -> *mut c_void;
    fn uv_fileno(handle: *const UvHandle, fd: *mut c_int) -> c_int;
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

/// The event loop of an environment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Loop(*mut UvLoop);

impl Loop {
    /// The loop of `env`.
    ///
    /// # Errors
    /// When node gives none, or one whose layout is not the one declared above.
    pub(crate) fn of(env: &Env) -> Result<Self> {
        let mut raw = ptr::null_mut();
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
        let event_loop = Self(raw);
        // A loop watches at least the descriptor by which other threads wake it.
        let watched = event_loop.first_watched();
        // SAFETY: libuv's entries are live watchers.
        if told != read || watched.is_none_or(|(fd, watcher)| unsafe { (*watcher).fd } != fd) {
            return Err(Error::new(Status::GenericFailure, UNKNOWN_LAYOUT));
        }
        Ok(event_loop)
    }

    /// Checks the declarations above on fresh handles, and where the loop has its list of those that
    /// are being closed. To be called once a process.
    pub(crate) fn check_layout(self) -> Result<()> {
        unsafe extern "C" fn free_closed(handle: *mut UvHandle) {
            // SAFETY: libuv passes the handle that it has closed.
            free(handle, unsafe { uv_handle_get_type(handle) });
        }
        unsafe extern "C" fn woken(_: *mut UvHandle) {}
        let (tcp, udp) = (allocate(handle_type::TCP), allocate(handle_type::UDP));
        let wake = allocate(handle_type::ASYNC);
        // SAFETY: the loop is live, and the handle has the size of one of this type.
        check(unsafe { uv_tcp_init(self.0, tcp) })?;
        // SAFETY: as above.
        check(unsafe { uv_udp_init(self.0, udp) })?;
        // SAFETY: as above.
        check(unsafe { uv_async_init(self.0, wake, woken) })?;
        // SAFETY: as large as this at least, initialized, and not in use elsewhere.
        let stream = unsafe { &*tcp.cast::<UvStream>() };
        // SAFETY: as above.
        let datagrams = unsafe { &*udp.cast::<UvUdp>() };
        let fresh = [
            (&stream.io_watcher, [&stream.write_queue, &stream.write_completed_queue]),
            (&datagrams.io_watcher, [&datagrams.write_queue, &datagrams.write_completed_queue]),
        ];
        let is_fresh = |(watcher, queues): (&UvIo, [&Queue; 2])| {
            watcher.fd == -1 && queues.into_iter().all(|queue| ptr::eq(queue.next, queue))
        };
        let mut as_declared = fresh.into_iter().all(is_fresh);
        // SAFETY: as above; the newest handle is the last of the loop's list.
        let newest = unsafe { (*self.0).handle_queue.previous };
        as_declared &= newest.addr() == wake.addr() + offset_of!(HandleFields, handle_queue);
        let is_pending = || PlatformTasks(Some(wake.cast())).pending();
        as_declared &= !is_pending();
        // SAFETY: initialized, and not closed before.
        check(unsafe { uv_async_send(wake) })?;
        as_declared &= is_pending();
        // SAFETY: uv_handle_size takes any number.
        as_declared &= unsafe { uv_handle_size(handle_type::SIGNAL) } == size_of::<UvSignal>();
        for handle in [tcp, udp, wake] {
            // SAFETY: initialized, and not closed before.
            unsafe { uv_close(handle, free_closed) };
            // SAFETY: within the loop, as below.
            as_declared &= unsafe { *self.closing_handles() } == handle;
        }
        as_declared.then_some(()).ok_or_else(|| Error::new(Status::GenericFailure, UNKNOWN_LAYOUT))
    }

    /// Where the newest of the handles is told that are being closed, and whose callbacks are to run.
    fn closing_handles(self) -> *mut *mut UvHandle {
        // SAFETY: uv_handle_size takes any number.
        let async_size = unsafe { uv_handle_size(handle_type::ASYNC) };
        // In `UV_LOOP_PRIVATE_FIELDS`, behind `wq`: a mutex, an async handle and a read-write lock.
        let offset = offset_of!(UvLoop, wq)
            + size_of::<Queue>()
            + size_of::<libc::pthread_mutex_t>()
            + async_size
            + size_of::<libc::pthread_rwlock_t>();
        self.0.wrapping_byte_add(offset).cast()
    }

    /// Forgets what is done and not told: closed handles, what completed without a poll, and work of
    /// the thread pool. For a clone, where the callbacks would be the parent's. No thread of the pool
    /// may have been at work at the fork.
    pub(crate) fn drop_untold(self) {
        // SAFETY: the loop is live, and `check_layout` has found the place.
        unsafe { *self.closing_handles() = ptr::null_mut() };
        // SAFETY: the loop is live.
        let pending = unsafe { &raw mut (*self.0).pending_queue };
        // SAFETY: as above.
        let work = unsafe { &raw mut (*self.0).wq };
        // SAFETY: the loop's queues are intact between callbacks, and no thread writes there.
        unsafe { Queue::clear_all([pending, work]) };
    }

    /// Forgets what a signal handle has caught and not told. For a clone: what tells of it lies in a pipe
    /// that is the parent's, and libuv does not finish closing a handle before all has been told.
    pub(crate) fn forget_caught(handle: *mut UvHandle) {
        // SAFETY: a live handle, as uv_walk passes them.
        if unsafe { uv_handle_get_type(handle) } == handle_type::SIGNAL {
            // SAFETY: a handle of this type, of the size that `check_layout` has found.
            let signal = unsafe { &mut *handle.cast::<UvSignal>() };
            signal.dispatched = signal.caught;
        }
    }

    /// Forgets the requests of a stream or UDP handle that were under way, and what it watches for
    /// them: it neither goes on with them nor tells of them, not even when it is closed. For a clone,
    /// where they are the parent's. Any other handle is left as it is.
    pub(crate) fn forget_requests(self, handle: *mut UvHandle) {
        // SAFETY: a live handle, as uv_walk passes them.
        let kind = unsafe { uv_handle_get_type(handle) };
        let requests = match kind {
            handle_type::TCP | handle_type::NAMED_PIPE | handle_type::TTY => {
                // SAFETY: a handle of this type, as `check_layout` has found it laid out.
                let stream = unsafe { &mut *handle.cast::<UvStream>() };
                stream.write_queue_size = 0;
                // SAFETY: queues of a live handle are intact between callbacks.
                let writes =
                    unsafe { Queue::clear_all([&mut stream.write_queue, &mut stream.write_completed_queue]) };
                let others = [&mut stream.connect_req, &mut stream.shutdown_req];
                let taken = others.map(|request| mem::replace(request, ptr::null_mut()));
                writes + taken.map(|request| c_uint::from(!request.is_null())).iter().sum::<c_uint>()
            }
            handle_type::UDP => {
                // SAFETY: as above.
                let udp = unsafe { &mut *handle.cast::<UvUdp>() };
                udp.send_queue_size = 0;
                udp.send_queue_count = 0;
                // SAFETY: as above.
                unsafe { Queue::clear_all([&mut udp.write_queue, &mut udp.write_completed_queue]) }
            }
            _ => return,
        };
        self.set_requests(self.requests().saturating_sub(requests));
        if let Some(fd) = descriptor(handle) {
            self.forget(fd);
        }
    }

    /// Has a poll handle of this library's own tell nothing, nor keep the loop going. For a clone: unlike
    /// `uv_poll_stop`, this leaves it to `uv_loop_fork` to see that the new epoll instance knows nothing of it.
    pub(crate) fn forget_poll(self, handle: *mut UvHandle) {
        if let Some(fd) = descriptor(handle) {
            self.forget(fd);
        }
        // SAFETY: a live handle, as uv_walk passes them.
        unsafe { uv_unref(handle) };
    }

    /// Watches `fd` no longer, whatever is still to be written to it.
    fn forget(self, fd: c_int) {
        let (Some(watcher), Some(entry)) = (self.watcher(fd), self.entry(fd)) else { return };
        // SAFETY: libuv's entries are live watchers.
        let queue = unsafe { &raw mut (*watcher).watcher_queue };
        // SAFETY: in the loop's intact queue, or in none.
        unsafe { Queue::unlink(queue) };
        // SAFETY: as above.
        unsafe { (*watcher).pevents = 0 };
        // SAFETY: as above.
        unsafe { (*watcher).events = 0 };
        // SAFETY: an entry of the loop's table.
        unsafe { *entry = ptr::null_mut() };
        // SAFETY: the loop is live.
        unsafe { (*self.0).nfds -= 1 };
    }

    /// Resets the loop in a forked child. The next poll adds each started watcher to the new epoll instance,
    /// so handles that must deliver nothing are stopped before.
    ///
    /// `uv_loop_fork` leaves out watchers with a change queued. Their next poll would modify what the new
    /// instance does not know, and libuv aborts on the ENOENT. Without events, they are added like the others.
    pub(crate) fn fork(self) -> Result<()> {
        // SAFETY: the loop is live for as long as its environment, which called into here.
        check(unsafe { uv_loop_fork(self.0) })?;
        // SAFETY: the loop is live.
        let head = unsafe { &raw mut (*self.0).watcher_queue };
        // SAFETY: the head of the loop's queue, which is intact between callbacks.
        let mut element = unsafe { (*head).next };
        while !ptr::eq(element, head) {
            let watcher: *mut UvIo = element.wrapping_byte_sub(offset_of!(UvIo, watcher_queue)).cast();
            // SAFETY: the elements of this queue are the fields of that name of live watchers.
            unsafe { (*watcher).events = 0 };
            // SAFETY: an element of the same intact queue.
            element = unsafe { (*element).next };
        }
        Ok(())
    }

    /// Calls `callback` with `argument` for each handle but libuv's own.
    pub(crate) fn walk<T>(
        self,
        callback: unsafe extern "C" fn(*mut UvHandle, *mut c_void),
        argument: &mut T,
    ) {
        // SAFETY: the loop is live, and each caller's callback takes a `T` as its argument.
        unsafe { uv_walk(self.0, callback, ptr::from_mut(argument).cast()) };
    }

    fn watcher(self, fd: c_int) -> Option<*mut UvIo> {
        let entry = self.entry(fd)?;
        // SAFETY: `entry` gives none but entries of the loop's table.
        Some(unsafe { *entry }).filter(|watcher| !watcher.is_null())
    }

    /// Where the watcher of `fd` is told, or would be.
    fn entry(self, fd: c_int) -> Option<*mut *mut UvIo> {
        let index = usize::try_from(fd).ok()?;
        // SAFETY: the loop is live.
        let watchers = unsafe { (*self.0).watchers };
        // SAFETY: as above.
        let length = unsafe { (*self.0).nwatchers };
        // SAFETY: `watchers` has `nwatchers` entries, and the index is below.
        (!watchers.is_null() && index < length as usize).then(|| unsafe { watchers.add(index) })
    }

    /// The lowest descriptor that is watched.
    fn first_watched(self) -> Option<(c_int, *mut UvIo)> {
        // SAFETY: the loop is live.
        let length = c_int::try_from(unsafe { (*self.0).nwatchers }).ok()?;
        (0..length).find_map(|fd| self.watcher(fd).map(|watcher| (fd, watcher)))
    }

    /// The handle by which V8 has tasks run on this thread: the first of its kind, as node makes it
    /// before it makes anything else on the loop (`PerIsolatePlatformData`, in `node_platform.cc`).
    pub(crate) fn platform_tasks(self) -> PlatformTasks {
        unsafe extern "C" fn take_first(handle: *mut UvHandle, found: *mut c_void) {
            // SAFETY: `walk` is given this below.
            let found = unsafe { &mut *found.cast::<PlatformTasks>() };
            // SAFETY: uv_walk passes live handles.
            if found.0.is_none() && unsafe { uv_handle_get_type(handle) } == handle_type::ASYNC {
                found.0 = Some(handle.cast());
            }
        }
        let mut found = PlatformTasks(None);
        self.walk(take_first, &mut found);
        found
    }

    /// Requests under way: writes, connections, work of the thread pool.
    pub(crate) fn requests(self) -> c_uint {
        // SAFETY: the loop is live.
        unsafe { (*self.0).active_reqs }
    }

    /// Whether the thread pool has done work whose callback has not been called.
    pub(crate) fn has_work_done(self) -> bool {
        // SAFETY: the loop is live.
        let head = unsafe { &raw const (*self.0).wq };
        // SAFETY: as above.
        let next = unsafe { &raw const (*head).next };
        // A thread of the pool may be adding to it: then the answer is of a moment before or after.
        // SAFETY: as above, and aligned.
        !ptr::eq(unsafe { next.read_volatile() }, head)
    }

    /// How many requests streams and UDP handles have under way.
    ///
    /// Reads alone. `uv_walk` writes to each handle, and so would make the parent copy memory that it
    /// shares with its clones.
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
                    // SAFETY: a handle of this type, as `check_layout` has found it laid out.
                    let stream = unsafe { &*handle.cast::<UvStream>() };
                    let others = [stream.connect_req, stream.shutdown_req];
                    // SAFETY: queues of a live handle are intact between callbacks.
                    let writes =
                        unsafe { Queue::count_all([&stream.write_queue, &stream.write_completed_queue]) };
                    writes + others.map(|request| c_uint::from(!request.is_null())).iter().sum::<c_uint>()
                }
                handle_type::UDP => {
                    // SAFETY: as above.
                    let udp = unsafe { &*handle.cast::<UvUdp>() };
                    // SAFETY: as above.
                    unsafe { Queue::count_all([&udp.write_queue, &udp.write_completed_queue]) }
                }
                _ => 0,
            };
            // SAFETY: an element of the same intact list.
            element = unsafe { (*element).next };
        }
        count
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
        check(unsafe { uv_poll_init(self.0, handle, fd) })
            .inspect_err(|_| free(handle, handle_type::POLL))?;
        OWN_POLLS.with_borrow_mut(|polls| polls.insert(handle.addr()));
        Ok(handle)
    }

    /// A new idle handle, which does not keep the loop going. While it is started, no poll waits.
    pub(crate) fn new_idle(self) -> *mut UvHandle {
        let handle = allocate(handle_type::IDLE);
        // SAFETY: the loop is live, and the handle has the size of an idle handle. It cannot fail.
        unsafe { uv_idle_init(self.0, handle) };
        // SAFETY: initialized above.
        unsafe { uv_unref(handle) };
        handle
    }

    /// A new check handle.
    pub(crate) fn new_check(self) -> *mut UvHandle {
        let handle = allocate(handle_type::CHECK);
        // SAFETY: the loop is live, and the handle has the size of a check handle. It cannot fail.
        unsafe { uv_check_init(self.0, handle) };
        handle
    }

    /// A new prepare handle.
    pub(crate) fn new_prepare(self) -> *mut UvHandle {
        let handle = allocate(handle_type::PREPARE);
        // SAFETY: the loop is live, and the handle has the size of a prepare handle. It cannot fail.
        unsafe { uv_prepare_init(self.0, handle) };
        handle
    }
}

/// What V8 wants to have run on the thread of the loop, as when a promise of WebAssembly's is to
/// settle. It keeps no loop going: node runs it when the loop has run dry, before it ends.
#[derive(Clone, Copy)]
pub(crate) struct PlatformTasks(Option<*mut UvAsync>);

impl PlatformTasks {
    /// Whether there are any.
    pub(crate) fn pending(self) -> bool {
        // SAFETY: node's handle lives as long as the loop, and is laid out as `check_layout` has found.
        self.0.is_some_and(|handle| unsafe { &(*handle).pending }.load(Ordering::Relaxed) != 0)
    }

    /// Runs them, if there are any, without a poll, which would deliver other things too. False: there
    /// were none.
    pub(crate) fn run(self) -> bool {
        let Some(handle) = self.0.filter(|_| self.pending()) else { return false };
        // What is sent from here on is another call. libuv, when it comes to this one, finds it done.
        // SAFETY: as above.
        unsafe { &(*handle).pending }.store(0, Ordering::SeqCst);
        // SAFETY: as above.
        let callback = unsafe { (*handle).callback };
        // SAFETY: it is what libuv would call, on this thread, with this handle.
        unsafe { callback(handle.cast()) };
        true
    }
}

thread_local! {
    /// Addresses of the poll handles that [`Loop::new_poll`] has made and [`free`] has not freed.
    static OWN_POLLS: RefCell<BTreeSet<usize>> = const { RefCell::new(BTreeSet::new()) };
}

/// Whether a live handle is one by [`Loop::new_poll`], on whose descriptor nobody else relies.
pub(crate) fn is_own_poll(handle: *mut UvHandle) -> bool {
    OWN_POLLS.with_borrow(|polls| polls.contains(&handle.addr()))
}

/// What a timer calls, which must be a live handle of that type.
pub(crate) fn timer_callback(timer: *mut UvHandle) -> *mut c_void {
    // SAFETY: a handle of this type, whose first fields are those of each handle, as `check_layout` has found them.
    unsafe { (*timer.cast::<UvTimer>()).callback }
}

/// The descriptor of a live handle, if it has one.
pub(crate) fn descriptor(handle: *mut UvHandle) -> Option<c_int> {
    let mut fd = -1;
    // SAFETY: a live handle, as uv_walk passes them. Those without a descriptor give an error.
    (unsafe { uv_fileno(handle, &raw mut fd) } == 0).then_some(fd)
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

/// Frees a handle of type `kind` made by a function of [`Loop`], which libuv has closed or never knew.
pub(crate) fn free(handle: *mut UvHandle, kind: c_int) {
    OWN_POLLS.with_borrow_mut(|polls| polls.remove(&handle.addr()));
    // SAFETY: allocated by `allocate` with the same layout, and no longer in use.
    unsafe { std::alloc::dealloc(handle.cast(), layout(kind)) };
}

const UNKNOWN_LAYOUT: &str = "this libuv lays out its loop in a way that qclone does not know";
