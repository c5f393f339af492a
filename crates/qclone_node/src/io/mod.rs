//! Pipes, files, connections and random bytes: system calls for which Node has no API.

mod connection;
mod handover;
mod memory_file;
mod pipe;

pub(crate) mod addresses;
pub(crate) mod random;
