//! Pipes through which a clone sends its answer to its parent.

use std::os::{
    fd::{BorrowedFd, FromRawFd, IntoRawFd, OwnedFd},
    unix::net::UnixStream,
};

use napi::{Error, bindgen_prelude::Uint8Array};
use napi_derive::napi;
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    unistd::write,
};

use crate::convert::ForkFailure;

/// A pipe, or the reason why there is none.
#[napi(object)]
pub struct PipeOutcome {
    /// The two ends, close-on-exec and blocking. For a pipe, the read end is first.
    pub ends: Option<Vec<i32>>,
    /// Reason why there is none.
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

/// Opens a pair of connected sockets.
#[napi]
pub fn open_socket_pair() -> PipeOutcome {
    match UnixStream::pair() {
        Ok((one, other)) => {
            PipeOutcome { ends: Some(vec![one.into_raw_fd(), other.into_raw_fd()]), failure: None }
        }
        Err(error) => {
            PipeOutcome { ends: None, failure: Some(ForkFailure::of_call("socketpair(2)", &error)) }
        }
    }
}

/// Closes an end of a pipe from [`open_pipe`]. In a Worker, Node's own function warns about descriptors
/// that Node did not open.
#[napi]
pub fn close_pipe_end(fd: i32) {
    if fd >= 0 {
        // SAFETY: the caller owns the end, and gives it up.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }
}

/// Writes all of `bytes` to `fd`. Blocks until everything is written, even if the descriptor is
/// non-blocking.
///
/// Node's own synchronous write may return early on a pipe, and uses an `fs` that a program may have
/// replaced.
#[napi]
pub fn write_all(fd: i32, bytes: Uint8Array) -> Result<(), Error<String>> {
    if fd < 0 {
        return Err(failed("write", Errno::EBADF));
    }
    // SAFETY: the number is not negative, and nothing closes it during the call. A number that is not open
    // results in an error.
    let to = unsafe { BorrowedFd::borrow_raw(fd) };
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        match write(to, rest) {
            Ok(written) => rest = &rest[written..],
            Err(Errno::EINTR) => {}
            // The pipe is full: waits for room, or until the other side closes.
            Err(Errno::EAGAIN) => wait_for_room(to)?,
            Err(errno) => return Err(failed("write", errno)),
        }
    }
    Ok(())
}

fn wait_for_room(to: BorrowedFd) -> Result<(), Error<String>> {
    match poll(&mut [PollFd::new(to, PollFlags::POLLOUT)], PollTimeout::NONE) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(failed("poll", errno)),
    }
}

/// Creates an error with the code and message of Node's error for a system call, without the number.
fn failed(call: &str, errno: Errno) -> Error<String> {
    let name = format!("{errno:?}");
    Error::new(name.clone(), format!("{call} {name}"))
}
