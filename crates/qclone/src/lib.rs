//! Clones of a live process by `fork(2)`, in good order.
//!
//! A clone has the whole of its parent's memory as it was at the fork, copied only where either
//! side writes. So a server can go on changing its state while clones of it answer long queries,
//! or write the state to disk.
//!
//! ```no_run
//! let table = vec![1_u64, 2, 3];
//! let mut clone = qclone::spawn(&qclone::Options::default(), || {
//!     i32::from(table.iter().sum::<u64>() != 6)
//! })?;
//! assert!(clone.wait()?.success());
//! # Ok::<(), qclone::Error>(())
//! ```
//!
//! # What makes a fork safe
//!
//! `fork(2)` copies the calling thread and no other. What another thread held or was changing at
//! that moment stays held and half-changed in the clone. So this crate refuses unless every other
//! thread is known to be at rest; by default any other thread at all refuses ([`Alone`]). A caller
//! who knows its threads gives a [`Policy`] to [`Forker::fork`].
//!
//! A clone ends by [`exit`] alone. Destructors, `atexit` functions and the frames above the fork
//! belong to the parent.

#![cfg(target_os = "linux")]

mod calibrate;
pub mod child;
pub mod error;
pub mod fds;
mod fork;
pub mod give_way;
pub mod headroom;
pub mod limits;
mod maps;
mod mask;
pub mod memfd;
pub mod memory;
mod modules;
pub mod oom;
mod orphans;
mod peek;
mod procfs;
pub mod signals;
pub mod socket;
pub mod threads;
pub mod wait;

pub use child::Child;
pub use error::{Error, Result};
pub use fork::{CloneSide, ConditionState, ConditionVariables, Fork, Forker, Options, Timings, exit, spawn};
pub use modules::Modules;
pub use peek::peek;
pub use threads::{Alone, FutexOp, Offender, Policy, Start, Thread, Verdict, Wait};
pub use wait::WaitStatus;
