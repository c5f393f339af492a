//! Standard streams that lead elsewhere in the clone.

use std::os::fd::{AsRawFd, IntoRawFd, RawFd};

use nix::{
    fcntl::{OFlag, open},
    sys::stat::Mode,
    unistd::pipe2,
};

use crate::{
    error::{Error, Result},
    syscall::retry,
};

/// Puts an input at its end of file on the number `fd`, whether or not `fd` was open. The descriptor stays
/// open across `execve(2)`, like standard input.
///
/// Uses `/dev/null`, open for reading and writing. With `watchable`, uses the read end of a pipe without a
/// writer, for a descriptor that an event loop may watch: `epoll(7)` refuses `/dev/null`.
///
/// Async-signal-safe: `open(2)` or `pipe2(2)`, `dup2(2)` and `close(2)`.
///
/// # Errors
/// [`Error::Syscall`] when `/dev/null` or a pipe cannot be opened, or `fd` is not a valid number.
///
/// # Safety
/// The open file under `fd` changes without its owner's knowledge. The owner may not rely on the old one.
pub unsafe fn redirect_to_end(fd: RawFd, watchable: bool) -> Result<()> {
    let ended = if watchable {
        pipe2(OFlag::empty()).map(|(read, _)| read).map_err(Error::syscall("pipe2(2)"))
    } else {
        open("/dev/null", OFlag::O_RDWR, Mode::empty()).map_err(Error::syscall("open(2)"))
    }?;
    if ended.as_raw_fd() == fd {
        // `fd` was closed, and is the lowest free number.
        let _ = ended.into_raw_fd();
        return Ok(());
    }
    // SAFETY: the caller has given up what is open at `fd`.
    let copied = retry(|| unsafe { libc::dup2(ended.as_raw_fd(), fd) });
    copied.map(drop).map_err(Error::syscall("dup2(2)"))
}

/// Duplicates the descriptor `source` to `fd`. Without a `source`, uses `/dev/null`.
///
/// Async-signal-safe: `open(2)`, `dup2(2)` and `close(2)`.
///
/// # Errors
/// [`Error::Syscall`] when `/dev/null` cannot be opened, or `source` is not open.
///
/// # Safety
/// As for [`redirect_to_end`].
pub unsafe fn redirect(fd: RawFd, source: Option<RawFd>) -> Result<()> {
    let Some(source) = source else {
        // SAFETY: the caller's obligations are those of the callee.
        return unsafe { redirect_to_end(fd, false) };
    };
    // SAFETY: the caller has given up what is open at `fd`.
    let copied = retry(|| unsafe { libc::dup2(source, fd) });
    copied.map(drop).map_err(Error::syscall("dup2(2)"))
}
