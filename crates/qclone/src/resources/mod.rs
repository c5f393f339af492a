//! Memory and CPU time: how much a clone may use, and how much is left for it.

pub mod demote;
pub mod headroom;
pub mod limits;
pub mod memory;
pub mod oom;
