//! Sockets through which processes hand connections over to each other; see `qclone::socket`.

use std::os::fd::{BorrowedFd, IntoRawFd};

use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use nix::fcntl::{FcntlArg, fcntl};
use qclone::{
    Error,
    socket::{self, Arrival, Wait},
};

use super::pipe::PipeOutcome;

/// A message, and the descriptors that came with it.
#[napi(object)]
pub struct NativeHandover {
    /// The message.
    pub message: Uint8Array,
    /// The descriptors, close-on-exec. The caller closes them.
    pub fds: Vec<i32>,
}

/// Messages that have arrived.
#[napi(object)]
pub struct NativeArrivals {
    /// Messages, in order.
    pub messages: Vec<NativeHandover>,
    /// Whether the other side has closed, so that nothing follows.
    pub ended: bool,
}

/// Opens a pair of sockets to hand descriptors over. They preserve message boundaries.
#[napi]
pub fn open_handover() -> PipeOutcome {
    match socket::handover_pair() {
        Ok((one, other)) => {
            PipeOutcome { ends: Some(vec![one.into_raw_fd(), other.into_raw_fd()]), failure: None }
        }
        Err(error) => PipeOutcome { ends: None, failure: Some(error.into()) },
    }
}

/// Sends a message through a socket of [`open_handover`], with at most two descriptors in `fds`. With
/// `waits`, blocks until there is room. Returns the name of the error if the message was not sent.
#[napi]
pub fn send_handover(via: i32, message: Uint8Array, fds: Vec<i32>, waits: bool) -> Option<String> {
    let Some(via) = borrow(via) else { return Some("EBADF".into()) };
    let wait = if waits { Wait::ForRoom } else { Wait::Never };
    match socket::send(via, &message, &fds, wait) {
        Ok(()) => None,
        Err(Error::Syscall { errno, .. }) => Some(format!("{errno:?}")),
        Err(error) => Some(error.to_string()),
    }
}

/// Takes at most `most` messages that have arrived on a socket of [`open_handover`]. Never blocks.
#[napi]
pub fn receive_handovers(via: i32, most: u32) -> NativeArrivals {
    let mut messages = Vec::new();
    let Some(via) = borrow(via) else { return NativeArrivals { messages, ended: true } };
    for _ in 0..most {
        match socket::receive(via) {
            Ok(Arrival::Message(received)) => messages.push(NativeHandover {
                message: received.message.into(),
                fds: received.descriptors.into_iter().map(IntoRawFd::into_raw_fd).collect(),
            }),
            Ok(Arrival::Nothing) => break,
            // A socket that fails delivers nothing more.
            Ok(Arrival::End) | Err(_) => return NativeArrivals { messages, ended: true },
        }
    }
    NativeArrivals { messages, ended: false }
}

/// Duplicates `fd`, with the new descriptor close-on-exec. Returns null if no descriptor is left.
#[napi]
pub fn duplicate(fd: i32) -> Option<i32> {
    fcntl(borrow(fd)?, FcntlArg::F_DUPFD_CLOEXEC(0)).ok()
}

fn borrow<'a>(fd: i32) -> Option<BorrowedFd<'a>> {
    // SAFETY: the number is not negative, and nothing closes it during the call. A number that is not open
    // results in an error.
    (fd >= 0).then(|| unsafe { BorrowedFd::borrow_raw(fd) })
}
