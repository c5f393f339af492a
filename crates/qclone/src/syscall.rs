//! Repetition of interrupted system calls.

use nix::errno::{Errno, ErrnoSentinel};

/// Calls again for as long as a signal handler got in the way.
pub(crate) fn retry<T: ErrnoSentinel + PartialEq>(mut call: impl FnMut() -> T) -> nix::Result<T> {
    loop {
        match Errno::result(call()) {
            Err(Errno::EINTR) => {}
            answer => return answer,
        }
    }
}
