//! Memory: how much is left, and what else ends when it runs out.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use napi::{Error, Result};
use napi_derive::napi;
use qclone::resources::{headroom::Headroom, oom::SharedFate};

use crate::convert::{ForkFailure, NativeHeadroom, NativeMemory};

/// Returns the memory of process `pid`, which this user must be allowed to read.
#[napi]
pub fn memory_of(pid: i32) -> Result<NativeMemory> {
    qclone::resources::memory::of(pid).map(Into::into).map_err(|error| Error::from_reason(error.to_string()))
}

/// Memory left for a clone, or the reason why it is not known.
#[napi(object)]
pub struct HeadroomOutcome {
    /// Memory that is left.
    pub headroom: Option<NativeHeadroom>,
    /// Reason why it is not known.
    pub failure: Option<ForkFailure>,
}

/// Returns the memory left for a clone of this process, as of a moment ago.
#[napi]
pub fn headroom() -> HeadroomOutcome {
    match recent_headroom() {
        Ok(headroom) => HeadroomOutcome { headroom: Some(headroom.into()), failure: None },
        Err(error) => HeadroomOutcome { headroom: None, failure: Some(error.into()) },
    }
}

/// Time for which an answer of the system is reused. Asking takes as long as a census. Memory that clones
/// take in such a short time is reserved for them.
const FRESH: Duration = Duration::from_millis(20);

fn recent_headroom() -> qclone::Result<Headroom> {
    static KNOWN: Mutex<Option<(Instant, Headroom)>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((at, headroom)) = &*known
        && at.elapsed() < FRESH
    {
        return Ok(headroom.clone());
    }
    let headroom = qclone::resources::headroom::of_this_process()?;
    // If the system does not overcommit, each fork uses up some of the remaining memory.
    *known = headroom.commit_left.is_none().then(|| (Instant::now(), headroom.clone()));
    Ok(headroom)
}

/// Mechanism that ends this process when the OOM killer kills a clone of it.
#[napi(object)]
pub struct NativeSharedFate {
    /// Control group that the kernel kills as a whole.
    pub group: Option<String>,
    /// Service that systemd stops.
    pub service: Option<String>,
}

/// Returns what would end this process along with a clone; see `qclone::resources::oom::shared_fate`.
#[napi]
pub fn shared_fate() -> Option<NativeSharedFate> {
    match qclone::resources::oom::shared_fate()? {
        SharedFate::Group(path) => {
            Some(NativeSharedFate { group: Some(path.display().to_string()), service: None })
        }
        SharedFate::Service(name) => Some(NativeSharedFate { group: None, service: Some(name) }),
        _ => None,
    }
}
