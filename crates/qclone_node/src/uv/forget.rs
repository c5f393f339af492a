//! Removal of the parent's state from a clone's loop.

use std::{
    ffi::{c_int, c_uint},
    mem::{self, offset_of},
    ptr,
};

use napi::Result;

use super::{
    event_loop::Loop,
    ffi::{
        UvHandle, UvIo, UvSignal, UvStream, UvUdp, handle_type, uv_handle_get_type, uv_loop_fork, uv_unref,
    },
    handle::{check, descriptor},
    queue::Queue,
};

impl Loop {
    /// Drops finished work whose callbacks have not run: closed handles, requests completed without a poll, and
    /// work of the thread pool. These callbacks belong to the parent. No thread of the pool may have been busy at
    /// the fork.
    pub(crate) fn drop_untold(self) {
        // SAFETY: the loop is live, and `check_layout` has verified the place.
        unsafe { *self.closing_handles() = ptr::null_mut() };
        // SAFETY: the loop is live.
        let pending = unsafe { &raw mut (*self.0).pending_queue };
        // SAFETY: the loop is live.
        let work = unsafe { &raw mut (*self.0).wq };
        // SAFETY: the loop's queues are intact between callbacks, and no thread writes there.
        unsafe { Queue::clear_all([pending, work]) };
    }

    /// Drops signals that a handle has caught and not reported. The report is in a pipe of the parent, and libuv
    /// does not finish closing a handle before everything is reported.
    pub(crate) fn forget_caught(handle: *mut UvHandle) {
        // SAFETY: uv_walk passes live handles.
        if unsafe { uv_handle_get_type(handle) } == handle_type::SIGNAL {
            // SAFETY: the handle is live and of this type, whose size `check_layout` has verified.
            let signal = unsafe { &mut *handle.cast::<UvSignal>() };
            signal.dispatched = signal.caught;
        }
    }

    /// Drops the requests of a stream or UDP handle, and stops watching for them. They belong to the parent. The
    /// handle does not continue them, and does not call their callbacks, even when it is closed. Leaves any
    /// other handle as it is.
    pub(crate) fn forget_requests(self, handle: *mut UvHandle) {
        // SAFETY: uv_walk passes live handles.
        let kind = unsafe { uv_handle_get_type(handle) };
        let requests = match kind {
            handle_type::TCP | handle_type::NAMED_PIPE | handle_type::TTY => {
                // SAFETY: the handle is live and of this type, whose layout `check_layout` has verified.
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
                // SAFETY: the handle is live and of this type, whose layout `check_layout` has verified.
                let udp = unsafe { &mut *handle.cast::<UvUdp>() };
                udp.send_queue_size = 0;
                udp.send_queue_count = 0;
                // SAFETY: the queues of a live handle are intact between callbacks.
                unsafe { Queue::clear_all([&mut udp.write_queue, &mut udp.write_completed_queue]) }
            }
            _ => return,
        };
        self.set_requests(self.requests().saturating_sub(requests));
        if let Some(fd) = descriptor(handle) {
            self.forget(fd);
        }
    }

    /// Stops a poll handle of this library from reporting and from keeping the loop alive. Unlike
    /// `uv_poll_stop`, relies on `uv_loop_fork` to keep the handle out of the new epoll instance.
    pub(crate) fn forget_poll(self, handle: *mut UvHandle) {
        if let Some(fd) = descriptor(handle) {
            self.forget(fd);
        }
        // SAFETY: uv_walk passes live handles.
        unsafe { uv_unref(handle) };
    }

    /// Stops watching `fd`, even if data is still to be written to it.
    fn forget(self, fd: c_int) {
        let (Some(watcher), Some(entry)) = (self.watcher(fd), self.entry(fd)) else { return };
        // SAFETY: libuv's entries are live watchers.
        let queue = unsafe { &raw mut (*watcher).watcher_queue };
        // SAFETY: the element is in the loop's intact queue, or in none.
        unsafe { Queue::unlink(queue) };
        // SAFETY: libuv's entries are live watchers.
        unsafe { (*watcher).pevents = 0 };
        // SAFETY: libuv's entries are live watchers.
        unsafe { (*watcher).events = 0 };
        // SAFETY: the place is an entry of the loop's table.
        unsafe { *entry = ptr::null_mut() };
        // SAFETY: the loop is live.
        unsafe { (*self.0).nfds -= 1 };
    }

    /// Resets the loop in a forked child. The next poll adds each started watcher to the new epoll instance, so
    /// handles that must not deliver anything must be stopped before this.
    ///
    /// `uv_loop_fork` skips watchers with a queued change. The next poll would modify descriptors that the new
    /// instance does not know, and libuv aborts on the ENOENT. With their events cleared, these watchers are
    /// added like the others.
    pub(crate) fn fork(self) -> Result<()> {
        // SAFETY: the loop lives as long as its environment, which called this.
        check(unsafe { uv_loop_fork(self.0) })?;
        // SAFETY: the loop is live.
        let head = unsafe { &raw mut (*self.0).watcher_queue };
        // SAFETY: `head` is the head of the loop's queue, which is intact between callbacks.
        let mut element = unsafe { (*head).next };
        while !ptr::eq(element, head) {
            let watcher: *mut UvIo = element.wrapping_byte_sub(offset_of!(UvIo, watcher_queue)).cast();
            // SAFETY: the elements of this queue are the fields of that name of live watchers.
            unsafe { (*watcher).events = 0 };
            // SAFETY: `element` is one of the same intact queue.
            element = unsafe { (*element).next };
        }
        Ok(())
    }
}
