//! Binding of qclone to Node.js. Converts types, and implements what needs libuv or V8.

// napi-derive's macro requires `pub` in private modules, too.
#![allow(unreachable_pub, reason = "napi-derive exports by registration, not by path")]

mod convert;
mod fork;
mod io;
mod resources;
mod symbol;
mod uv;
mod v8;

use napi_derive::napi;

/// Ends this process at once, without the exit path of Node or of libc.
#[napi]
pub fn exit_now(status: u8) {
    qclone::exit(status)
}
