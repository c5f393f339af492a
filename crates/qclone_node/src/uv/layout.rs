//! Verification that the layout of libuv's structures matches the declarations in `ffi`.

use std::{mem::offset_of, ptr};

use napi::{Error, Result, Status};

use super::{
    event_loop::{Loop, UNKNOWN_LAYOUT},
    ffi::{
        HandleFields, UvHandle, UvIo, UvLoop, UvSignal, UvStream, UvUdp, handle_type, uv_async_init,
        uv_async_send, uv_close, uv_handle_get_type, uv_handle_size, uv_tcp_init, uv_udp_init,
    },
    handle::{allocate, check, free},
    platform_tasks::PlatformTasks,
    queue::Queue,
};

impl Loop {
    /// Checks the declarations on fresh handles, and the place of the loop's list of closing handles. Once per
    /// process is enough.
    ///
    /// # Errors
    /// When anything is not as declared.
    pub(crate) fn check_layout(self) -> Result<()> {
        unsafe extern "C" fn free_closed(handle: *mut UvHandle) {
            // SAFETY: libuv passes the closed handle, which is still allocated.
            free(handle, unsafe { uv_handle_get_type(handle) });
        }
        unsafe extern "C" fn woken(_: *mut UvHandle) {}
        let (tcp, udp) = (allocate(handle_type::TCP), allocate(handle_type::UDP));
        let wake = allocate(handle_type::ASYNC);
        // SAFETY: the loop is live, and the handle has the size of one of this type.
        check(unsafe { uv_tcp_init(self.0, tcp) })?;
        // SAFETY: the loop is live, and the handle has the size of one of this type.
        check(unsafe { uv_udp_init(self.0, udp) })?;
        // SAFETY: the loop is live, and the handle has the size of one of this type.
        check(unsafe { uv_async_init(self.0, wake, woken) })?;
        // SAFETY: libuv has initialized the handle, which is at least as large as this type, and is not used
        // elsewhere.
        let stream = unsafe { &*tcp.cast::<UvStream>() };
        // SAFETY: libuv has initialized the handle, which is at least as large as this type, and is not used
        // elsewhere.
        let datagrams = unsafe { &*udp.cast::<UvUdp>() };
        let fresh = [
            (&stream.io_watcher, [&stream.write_queue, &stream.write_completed_queue]),
            (&datagrams.io_watcher, [&datagrams.write_queue, &datagrams.write_completed_queue]),
        ];
        let is_fresh = |(watcher, queues): (&UvIo, [&Queue; 2])| {
            watcher.fd == -1 && queues.into_iter().all(|queue| ptr::eq(queue.next, queue))
        };
        let mut as_declared = fresh.into_iter().all(is_fresh);
        // The newest handle is the last in the loop's list.
        // SAFETY: the loop is live.
        let newest = unsafe { (*self.0).handle_queue.previous };
        as_declared &= newest.addr() == wake.addr() + offset_of!(HandleFields, handle_queue);
        let is_pending = || PlatformTasks::of_fresh(wake).pending();
        as_declared &= !is_pending();
        // SAFETY: initialized, and not closed before.
        check(unsafe { uv_async_send(wake) })?;
        as_declared &= is_pending();
        // SAFETY: uv_handle_size takes any number.
        as_declared &= unsafe { uv_handle_size(handle_type::SIGNAL) } == size_of::<UvSignal>();
        for handle in [tcp, udp, wake] {
            // SAFETY: initialized, and not closed before.
            unsafe { uv_close(handle, free_closed) };
            // SAFETY: the place lies within the live loop, and the comparison shows whether it is the right
            // one.
            as_declared &= unsafe { *self.closing_handles() } == handle;
        }
        as_declared.then_some(()).ok_or_else(|| Error::new(Status::GenericFailure, UNKNOWN_LAYOUT))
    }

    /// Returns the place that holds the newest of the closing handles whose callbacks will run.
    pub(super) fn closing_handles(self) -> *mut *mut UvHandle {
        // SAFETY: uv_handle_size takes any number.
        let async_size = unsafe { uv_handle_size(handle_type::ASYNC) };
        // In `UV_LOOP_PRIVATE_FIELDS`, after `wq`: a mutex, an async handle and a read-write lock.
        let offset = offset_of!(UvLoop, wq)
            + size_of::<Queue>()
            + size_of::<libc::pthread_mutex_t>()
            + async_size
            + size_of::<libc::pthread_rwlock_t>();
        self.0.wrapping_byte_add(offset).cast()
    }
}
