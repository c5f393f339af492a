//! The fork: the parent's side, and the clone's setup before JavaScript continues.

mod child;
mod destroy_hooks;
mod entry;
mod facts;
mod loop_end;
mod options;
mod policy;
mod requests;
mod setup;
mod threads;

pub(crate) use threads::is_worker;
