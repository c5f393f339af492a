//! Inherited descriptors: which there are, what they are, and how a clone gets rid of them without harm
//! to its parent.
//!
//! A fork copies the table of descriptors, not the open files. Parent and clone share each file's
//! offset, each socket's peer, each timer's expiry. A clone that only closed them would free their
//! numbers for reuse under objects that still hold them. [`make_inert`] puts something silent on each
//! number instead.

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
