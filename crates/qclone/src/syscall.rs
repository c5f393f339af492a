//! Repetition of interrupted system calls.

use nix::errno::{Errno, ErrnoSentinel};

/// Repeats a call until no signal handler interrupts it.
pub(crate) fn retry<T: ErrnoSentinel + PartialEq>(mut call: impl FnMut() -> T) -> nix::Result<T> {
    loop {
        match Errno::result(call()) {
            Err(Errno::EINTR) => {}
            answer => return answer,
        }
    }
}
