//! Requests of the event loop: the clone's and its parent's.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::uv::Loop;

/// Number of requests of the parent that were in progress at the fork and never complete here: those of the
/// thread pool, and of handles being closed.
static REQUESTS_OF_PARENT: AtomicU32 = AtomicU32::new(0);

/// Records the requests that are left after a clone has dropped all it can. These are the parent's.
pub(crate) fn note(event_loop: Loop) {
    REQUESTS_OF_PARENT.store(event_loop.requests(), Ordering::Relaxed);
}

/// Returns whether anything of the clone's own keeps its loop alive.
pub(crate) fn loop_is_alive(event_loop: Loop) -> bool {
    event_loop.is_alive(REQUESTS_OF_PARENT.load(Ordering::Relaxed))
}

/// Returns whether libuv's thread pool has work whose callback has not been called: pending, in progress, or
/// done. If any request is in progress, looks at each handle to separate requests of handles from those of
/// the pool.
pub(crate) fn has_work_in_pool(event_loop: Loop) -> bool {
    let own = event_loop.requests().saturating_sub(REQUESTS_OF_PARENT.load(Ordering::Relaxed));
    own > 0 && own > event_loop.requests_of_handles()
}
