//! Inherited descriptors: which ones exist, what they are, and how a clone gets rid of them without
//! affecting its parent.
//!
//! A fork copies the table of descriptors, not the open files. Parent and clone share each file's
//! offset, each socket's peer, each timer's expiry. If a clone only closed them, their numbers would be
//! reused while objects still hold them. [`make_inert`] puts something silent on each number instead.

mod close;
mod inert;
mod kind;
mod list;
mod redirect;

pub(crate) use inert::HEADROOM;

pub use close::close_all_except;
pub use inert::{Fate, Summary, make_inert};
pub use kind::{Access, Kind, SocketKind, identity, kind};
pub use list::{list, list_in, runs};
pub use redirect::{redirect, redirect_to_end};
