//! The pipe by which a clone tells its parent its answer.

use std::{
    fs::File,
    io::Write,
    mem::ManuallyDrop,
    os::fd::{FromRawFd, IntoRawFd, OwnedFd},
};

use napi::{Error, Result, bindgen_prelude::Uint8Array};
use napi_derive::napi;

use crate::convert::ForkFailure;

/// A pipe, or why there is none.
#[napi(object)]
pub struct PipeOutcome {
    /// The two ends, close-on-exec and blocking: read, write.
    pub ends: Option<Vec<i32>>,
    /// Why there is none.
    pub failure: Option<ForkFailure>,
}

/// Opens a pipe.
#[napi]
pub fn open_pipe() -> PipeOutcome {
    match std::io::pipe() {
        Ok((read, write)) => {
            PipeOutcome { ends: Some(vec![read.into_raw_fd(), write.into_raw_fd()]), failure: None }
        }
        Err(error) => PipeOutcome { ends: None, failure: Some(ForkFailure::of_call("pipe2(2)", &error)) },
    }
}

/// Closes an end of a pipe by [`open_pipe`]. Node's own closing warns, in a Worker, of what node did
/// not open.
#[napi]
pub fn close_pipe_end(fd: i32) {
    if fd >= 0 {
        // SAFETY: the caller owns the end, and gives it up.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }
}

/// Writes the whole of `bytes` to `fd`, standing still until the other side has taken them.
///
/// Node's own synchronous writing may return early on a pipe, and goes by way of an `fs` that a
/// program may have replaced.
#[napi]
pub fn write_all(fd: i32, bytes: Uint8Array) -> Result<()> {
    if fd < 0 {
        return Err(Error::from_reason(format!("{fd} is not a descriptor")));
    }
    // SAFETY: not negative; only written to, and not closed, as `ManuallyDrop` sees to. A number
    // that is not open gives an error.
    let mut file = ManuallyDrop::new(unsafe { File::from_raw_fd(fd) });
    file.write_all(&bytes).map_err(|error| Error::from_reason(format!("write(2): {error}")))
}
