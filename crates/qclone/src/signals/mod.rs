//! Signals that a clone leaves to its parent.
//!
//! A terminal, `docker stop` and systemd send SIGTERM or SIGINT to every process of a group. A clone
//! that serves a client would end in the middle of its answer, although the parent is about to drain its
//! work in progress. So such a clone reacts to those signals only when its parent sent them, with
//! [`Child::kill`](crate::Child::kill).

pub(crate) mod mask;

use std::{
    ffi::c_int,
    mem, ptr,
    sync::atomic::{AtomicBool, Ordering},
};

use libc::{c_void, siginfo_t};
use nix::{errno::Errno, unistd::getpid};

use crate::error::{Error, Result};

/// Signals that ask a process to terminate.
const ENDING: [c_int; 3] = [libc::SIGHUP, libc::SIGINT, libc::SIGTERM];

/// Mark of a signal sent by [`Child::kill`](crate::Child::kill): "qclone".
const MARK: usize = 0x7163_6c6f_6e65;

/// `siginfo_t` for `rt_sigqueueinfo(2)`, in the kernel's layout on 64-bit systems. libc does not name the
/// fields that can be set.
#[repr(C)]
pub(crate) struct Marked {
    signal: c_int,
    errno: c_int,
    code: c_int,
    _alignment: c_int,
    pid: i32,
    uid: u32,
    value: usize,
    _rest: [u8; size_of::<siginfo_t>() - 32],
}

const _: () = assert!(size_of::<Marked>() == size_of::<siginfo_t>() && size_of::<usize>() == 8);

impl Marked {
    /// Creates the mark for `signal`, sent to a clone that [heeds only its parent](heed_parent_only). `None`
    /// for a signal that needs none.
    pub(crate) fn for_signal(signal: c_int) -> Option<Self> {
        ENDING.contains(&signal).then(|| Self {
            signal,
            errno: 0,
            code: libc::SI_QUEUE,
            _alignment: 0,
            pid: getpid().as_raw(),
            uid: nix::unistd::getuid().as_raw(),
            value: MARK,
            _rest: [0; _],
        })
    }
}

/// Whether [`heed_parent_only`] was called in this process or in its parent before the fork.
static HEEDS: AtomicBool = AtomicBool::new(false);

/// Makes this process ignore SIGHUP, SIGINT and SIGTERM unless [`Child::kill`](crate::Child::kill) sent
/// them, regardless of any handler. An ignored signal stays ignored.
///
/// A program that this process executes has the default actions again, since handlers do not survive
/// `execve(2)`.
///
/// Async-signal-safe: calls only `sigaction(2)`.
///
/// # Errors
/// [`Error::Syscall`] when `sigaction(2)` fails, which does not happen for valid signals.
pub fn heed_parent_only() -> Result<()> {
    HEEDS.store(true, Ordering::Relaxed);
    for signal in ENDING {
        // SAFETY: all zeroes is a valid value of this structure of integers and nullable pointers.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        // SAFETY: the call sets no handler, and `action` has room for the old one.
        let read = unsafe { libc::sigaction(signal, ptr::null(), &raw mut action) };
        Errno::result(read).map_err(Error::syscall("sigaction(2)"))?;
        if action.sa_sigaction == libc::SIG_IGN {
            continue;
        }
        action.sa_sigaction = END_IF_MARKED as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        // SAFETY: the handler has the signature that SA_SIGINFO asks for, and is async-signal-safe.
        let set = unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) };
        Errno::result(set).map_err(Error::syscall("sigaction(2)"))?;
    }
    Ok(())
}

/// Undoes [`heed_parent_only`] in a clone of a clone that called it. Otherwise does nothing.
///
/// Async-signal-safe: calls only `sigaction(2)` and `signal(2)`.
pub fn heed_everybody() {
    if !HEEDS.swap(false, Ordering::Relaxed) {
        return;
    }
    for signal in ENDING {
        // SAFETY: all zeroes is a valid value of this structure of integers and nullable pointers.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        // SAFETY: the call sets no handler, and `action` has room for the old one.
        unsafe { libc::sigaction(signal, ptr::null(), &raw mut action) };
        if action.sa_sigaction == END_IF_MARKED as usize {
            // SAFETY: SIG_DFL is not a function that could be called.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
    }
}

const END_IF_MARKED: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = end_if_marked;

/// Async-signal-safe: `signal(2)` and `raise(3)`.
extern "C" fn end_if_marked(signal: c_int, info: *mut siginfo_t, _: *mut c_void) {
    // SAFETY: the kernel passes a whole siginfo_t to a handler set with SA_SIGINFO, and `Marked` has
    // its size and, for SI_QUEUE, its layout.
    let info = unsafe { &*info.cast::<Marked>() };
    if info.code == libc::SI_QUEUE && info.value == MARK {
        // SAFETY: SIG_DFL is not a function that could be called, and the signal is valid.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        // SAFETY: the signal is valid. It is blocked until this handler returns, and then terminates the
        // process with its status.
        unsafe { libc::raise(signal) };
    }
}
