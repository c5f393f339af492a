//! Requests of the event loop: the clone's own, and its parent's.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::uv::Loop;

/// Number of requests of the parent that were under way at the fork and never complete here: those of
/// the thread pool, and of handles being closed.
static REQUESTS_OF_PARENT: AtomicU32 = AtomicU32::new(0);

/// Notes the requests that are left when a clone has forgotten all it can: they are the parent's.
pub(crate) fn note(event_loop: Loop) {
    REQUESTS_OF_PARENT.store(event_loop.requests(), Ordering::Relaxed);
}

/// Whether anything of the clone's own keeps its loop going.
pub(crate) fn loop_is_alive(event_loop: Loop) -> bool {
    event_loop.is_alive(REQUESTS_OF_PARENT.load(Ordering::Relaxed))
}

/// Whether libuv's thread pool has work whose callback has not been called: not begun, under way, or
/// done. Looks at each handle when any request is under way, to tell requests of the pool from theirs.
pub(crate) fn has_work_in_pool(event_loop: Loop) -> bool {
    let own = event_loop.requests().saturating_sub(REQUESTS_OF_PARENT.load(Ordering::Relaxed));
    own > 0 && own > event_loop.requests_of_handles()
}
