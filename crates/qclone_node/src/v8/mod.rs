//! Parts of V8 for which Node has no API.

mod buffers;
pub(crate) mod compile;
pub(crate) mod flags;
pub(crate) mod isolate;
pub(crate) mod math_random;
pub(crate) mod pages;
pub(crate) mod serialized;
pub(crate) mod stack;
mod vtable;
pub(crate) mod worker;
