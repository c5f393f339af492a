//! The census: the threads of this process except the calling one, and what each of them does.

pub(crate) mod condvars;
pub(crate) mod layout;
pub(crate) mod modules;
pub(crate) mod peek;
pub(crate) mod policy;
pub(crate) mod thread;
pub(crate) mod threads;
