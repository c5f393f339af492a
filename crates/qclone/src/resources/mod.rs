//! Memory and CPU time: what a clone may take, and what is left for it.

pub mod demote;
pub mod headroom;
pub mod limits;
pub mod memory;
pub mod oom;
