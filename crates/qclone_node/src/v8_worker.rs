//! A worker for V8 in a clone.
//!
//! V8 optimizes hot functions on the workers of node's platform, and has no other way once it has
//! begun so: without a worker, a clone's functions are interpreted for ever, but for loops. So a
//! clone starts one, with the very function that node's workers began with, on the queue that they
//! waited for. Node tells neither; the census found both.
//!
//! The function's argument is node's `PlatformWorkerData` (src/node_platform.cc), the same in Node
//! 20 to 26 but for one more field at its end. What can be checked of that is: in front of the
//! condition variable that the workers waited for must be the queue's mutex, free.

use std::{
    cell::UnsafeCell,
    ffi::{c_int, c_void},
    mem::MaybeUninit,
    ptr,
};

use crate::node_threads::V8Workers;

/// What node's platform hands to each of its workers, which frees it.
#[repr(C)]
struct PlatformWorkerData {
    task_queue: *mut c_void,
    mutex: *mut libc::pthread_mutex_t,
    ready: *mut libc::pthread_cond_t,
    pending: *mut c_int,
    id: c_int,
    /// From Node 24 on; 0 is silence.
    debug_log_level: c_int,
    _spare: [usize; 8],
}

/// By these a worker tells whoever started it that it is ready. Nobody waits for it here.
struct Ready {
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    condition: UnsafeCell<libc::pthread_cond_t>,
    pending: UnsafeCell<c_int>,
}

const MUTEX_WORDS: usize = size_of::<libc::pthread_mutex_t>() / size_of::<u32>();

/// Starts a worker, in a clone that has none. Signals must be blocked: they stay so for the worker.
///
/// Returns whether there is one now.
pub(crate) fn start(workers: V8Workers) -> bool {
    let Some(queue) = workers.condition.checked_sub(size_of::<libc::pthread_mutex_t>()) else { return false };
    let queue: *mut c_void = ptr::with_exposed_provenance_mut(queue);
    // SAFETY: the census read the word of the condition variable that lies right above, and heap
    // blocks do not begin in the midst of an object.
    let mutex = unsafe { queue.cast::<[u32; MUTEX_WORDS]>().read() };
    // glibc: lock, count and owner, users (who waits for the condition still counts), then the
    // kind: normal or, in libuv, error-checking.
    let free = mutex.iter().enumerate().all(|(index, &word)| match index {
        3 => word < 1024,
        4 => word == 0 || word == 2,
        _ => word == 0,
    });
    if !free {
        return false;
    }
    let ready = Box::leak(Box::new(Ready {
        mutex: UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER),
        condition: UnsafeCell::new(libc::PTHREAD_COND_INITIALIZER),
        pending: UnsafeCell::new(1),
    }));
    // By malloc, since the worker frees it by C++'s delete.
    // SAFETY: malloc(3) has no preconditions.
    let data: *mut PlatformWorkerData = unsafe { libc::malloc(size_of::<PlatformWorkerData>()) }.cast();
    if data.is_null() {
        return false;
    }
    let contents = PlatformWorkerData {
        task_queue: queue,
        mutex: ready.mutex.get(),
        ready: ready.condition.get(),
        pending: ready.pending.get(),
        id: 0,
        debug_log_level: 0,
        _spare: [0; 8],
    };
    // SAFETY: of the right size, and aligned as malloc aligns.
    unsafe { data.write(contents) };
    let mut thread = MaybeUninit::uninit();
    // SAFETY: threads of this process began with the function at this address and an argument of
    // this form, which node casts to a start routine in the same way.
    let routine: extern "C" fn(*mut c_void) -> *mut c_void = unsafe { std::mem::transmute(workers.start) };
    // SAFETY: `data` is the worker's from here on.
    let error = unsafe { libc::pthread_create(thread.as_mut_ptr(), ptr::null(), routine, data.cast()) };
    if error != 0 {
        // SAFETY: no thread has it.
        unsafe { libc::free(data.cast()) };
        return false;
    }
    // SAFETY: stored by pthread_create(3), which succeeded.
    let thread = unsafe { thread.assume_init() };
    // SAFETY: joinable, and nobody joins it.
    unsafe { libc::pthread_detach(thread) };
    true
}
