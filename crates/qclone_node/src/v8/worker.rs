//! A worker for V8 in a clone.
//!
//! V8 optimizes hot functions on the workers of Node's platform, and in no other way once it has started
//! to do so. Without a worker, a clone would interpret its functions forever, except loops. So a clone
//! starts one, with the start routine of Node's own workers, on the queue they waited for. Node exposes
//! neither. The census found both.
//!
//! The routine's argument is Node's `PlatformWorkerData` (src/node_platform.cc), the same in Node 20 to
//! 26 except for one more field at its end. One fact can be checked: the queue's mutex, which must be
//! free, is right before the condition variable that the workers waited for.

use std::{
    cell::UnsafeCell,
    ffi::{c_int, c_void},
    mem::MaybeUninit,
    ptr,
};

/// Data needed to start another V8 worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct V8Workers {
    /// Start routine.
    pub(crate) start: usize,
    /// Condition variable of the queue that the workers wait for.
    pub(crate) condition: usize,
}

/// Argument that Node's platform passes to each of its workers. The worker frees it.
#[repr(C)]
struct PlatformWorkerData {
    task_queue: *mut c_void,
    mutex: *mut libc::pthread_mutex_t,
    ready: *mut libc::pthread_cond_t,
    pending: *mut c_int,
    id: c_int,
    /// Node 24 and later. 0 is silent.
    debug_log_level: c_int,
    _spare: [usize; 8],
}

/// State with which a worker reports that it is ready. Nothing waits for it here.
struct Ready {
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    condition: UnsafeCell<libc::pthread_cond_t>,
    pending: UnsafeCell<c_int>,
}

const MUTEX_WORDS: usize = size_of::<libc::pthread_mutex_t>() / size_of::<u32>();

/// Starts a worker, in a clone that has none. Signals must be blocked: the worker keeps them blocked.
///
/// Returns whether there is a worker now.
pub(crate) fn start(workers: V8Workers) -> bool {
    let Some(queue) = workers.condition.checked_sub(size_of::<libc::pthread_mutex_t>()) else { return false };
    let queue: *mut c_void = ptr::with_exposed_provenance_mut(queue);
    // SAFETY: the census read the word of the condition variable right above, and a heap block does not
    // begin in the middle of an object.
    let mutex = unsafe { queue.cast::<[u32; MUTEX_WORDS]>().read() };
    // glibc: lock, count and owner; then the number of users, which includes threads that wait for the
    // condition; then the kind, which is normal or, in libuv, error-checking.
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
    // Allocated with malloc, since the worker frees it with C++'s delete.
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
    // SAFETY: the memory has the right size, and malloc's alignment.
    unsafe { data.write(contents) };
    let mut thread = MaybeUninit::uninit();
    // SAFETY: threads of this process were started with the function at this address and an argument of
    // this form, and Node casts it to a start routine in the same way.
    let routine: extern "C" fn(*mut c_void) -> *mut c_void = unsafe { std::mem::transmute(workers.start) };
    // SAFETY: `routine` is a start routine, and `data` belongs to the worker from here on.
    let error = unsafe { libc::pthread_create(thread.as_mut_ptr(), ptr::null(), routine, data.cast()) };
    if error != 0 {
        // SAFETY: no thread was started, so nothing else uses it.
        unsafe { libc::free(data.cast()) };
        return false;
    }
    // SAFETY: pthread_create(3) succeeded, so it has stored the thread.
    let thread = unsafe { thread.assume_init() };
    // SAFETY: the thread is joinable, and nothing joins it.
    unsafe { libc::pthread_detach(thread) };
    true
}
