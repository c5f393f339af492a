//! The binding of qclone to Node.js: converts, and does what needs libuv.

// What JavaScript sees is public by its macro, which asks for `pub` in private modules too.
#![allow(unreachable_pub, reason = "napi-derive exports by registration, not by path")]

mod callback;
mod child;
mod clone_side;
mod convert;
mod forking;
mod loop_end;
mod math_random;
mod node_threads;
mod pipe;
mod uv;
mod v8_worker;

use napi::{Error, Result};
use napi_derive::napi;

use crate::convert::NativeMemory;

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
