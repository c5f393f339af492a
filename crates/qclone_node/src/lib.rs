//! The binding of qclone to Node.js: converts, and does what needs libuv.

// What JavaScript sees is public by its macro, which asks for `pub` in private modules too.
#![allow(unreachable_pub, reason = "napi-derive exports by registration, not by path")]

mod addresses;
mod callback;
mod child;
mod clone_side;
mod compile;
mod connection;
mod convert;
mod forking;
mod loop_end;
mod math_random;
mod memory_file;
mod node_threads;
mod pipe;
mod quiet_flags;
mod random;
mod stack;
mod uv;
mod v8_worker;
mod wire;

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use napi::{Error, Result};
use napi_derive::napi;
use qclone::{headroom::Headroom, oom::SharedFate};

use crate::convert::{ForkFailure, NativeHeadroom, NativeMemory};

/// Whether this is the thread that the process began with: the only one that clones are made on. An
/// addon is loaded once a process, and what a Worker says for its clones must not stand.
pub(crate) fn is_main_thread() -> bool {
    nix::unistd::gettid() == nix::unistd::getpid()
}

/// Ends this process at once, without the exit path of node or of libc.
#[napi]
pub fn exit_now(status: u8) {
    qclone::exit(status)
}

/// The memory of process `pid`, which must be one that this user may look at.
#[napi]
pub fn memory_of(pid: i32) -> Result<NativeMemory> {
    qclone::memory::of(pid).map(Into::into).map_err(|error| Error::from_reason(error.to_string()))
}

/// Head-room, or why it is not known.
#[napi(object)]
pub struct HeadroomOutcome {
    /// What there is.
    pub headroom: Option<NativeHeadroom>,
    /// Why it is not known.
    pub failure: Option<ForkFailure>,
}

/// How much memory there is for a clone of this process, or was a moment ago.
#[napi]
pub fn headroom() -> HeadroomOutcome {
    match recent_headroom() {
        Ok(headroom) => HeadroomOutcome { headroom: Some(headroom.into()), failure: None },
        Err(error) => HeadroomOutcome { headroom: None, failure: Some(error.into()) },
    }
}

/// For how long what the system told holds. To ask takes as long as to look at all threads, and what
/// clones take in so short a time is reckoned with.
const FRESH: Duration = Duration::from_millis(20);

fn recent_headroom() -> qclone::Result<Headroom> {
    static KNOWN: Mutex<Option<(Instant, Headroom)>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((at, headroom)) = &*known
        && at.elapsed() < FRESH
    {
        return Ok(headroom.clone());
    }
    let headroom = qclone::headroom::of_this_process()?;
    // Where the system does not overcommit, each fork takes of what is left.
    *known = headroom.commit_left.is_none().then(|| (Instant::now(), headroom.clone()));
    Ok(headroom)
}

/// What ends this process when the kernel ends a clone of it for want of memory, if anything.
#[napi(object)]
pub struct NativeSharedFate {
    /// A control group that the kernel ends as a whole.
    pub group: Option<String>,
    /// A service that systemd stops.
    pub service: Option<String>,
}

/// See `qclone::oom::shared_fate`.
#[napi]
pub fn shared_fate() -> Option<NativeSharedFate> {
    match qclone::oom::shared_fate()? {
        SharedFate::Group(path) => {
            Some(NativeSharedFate { group: Some(path.display().to_string()), service: None })
        }
        SharedFate::Service(name) => Some(NativeSharedFate { group: None, service: Some(name) }),
        _ => None,
    }
}
