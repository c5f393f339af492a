//! The part of libuv that a clone and its parent need. Node exports libuv to addons.

pub(crate) mod callback;
mod event_loop;
mod ffi;
mod forget;
mod handle;
mod layout;
mod platform_tasks;
pub(crate) mod poll;
mod queue;

pub(crate) use event_loop::Loop;
pub(crate) use ffi::*;
pub(crate) use handle::{check, descriptor, timer_callback};
pub(crate) use platform_tasks::PlatformTasks;
pub(crate) use poll::is_own_poll;
