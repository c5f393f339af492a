//! Pipes, files, connections and random bytes: system calls that Node offers no API for.

mod connection;
mod handover;
mod memory_file;
mod pipe;

pub(crate) mod addresses;
pub(crate) mod random;
