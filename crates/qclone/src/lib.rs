//! Clones a live process with `fork(2)`.
//!
//! A clone has all of its parent's memory as it was at the fork. The kernel copies a page only when
//! either side writes to it. So a server can keep changing its state while its clones answer long
//! queries or write the state to disk.
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
//! # When a fork is safe
//!
//! `fork(2)` copies only the calling thread. A lock held by another thread stays held in the clone, and
//! a structure it was changing stays half-changed. So this crate refuses to fork unless every other
//! thread is known to be idle. By default, any other thread prevents the fork ([`Alone`]). A program
//! that knows its threads passes a [`Policy`] to [`Forker::fork`].
//!
//! A clone must end by calling [`exit`]. Destructors, `atexit` functions and the frames above the fork
//! belong to the parent.

#![cfg(target_os = "linux")]

mod census;
pub mod child;
pub mod error;
pub mod fds;
mod fork;
pub mod heap;
mod maps;
pub mod memfd;
mod procfs;
pub mod resources;
pub mod signals;
pub mod socket;
mod spawn;
mod syscall;

pub use census::{
    condvars::{ConditionState, ConditionVariables},
    modules::Modules,
    peek::peek,
    policy::{Alone, Policy, Verdict},
    thread::{FutexOp, Offender, Start, Thread, Wait},
    threads::is_main_thread,
};
pub use child::{Child, wait::WaitStatus};
pub use error::{Error, Result};
pub use fork::{CloneSide, Fork, Forker, Timings, exit};
pub use spawn::{Options, spawn};

/// Examples of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
