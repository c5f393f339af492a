//! V8 tasks for the thread of the loop.

use std::{
    ffi::{CStr, c_void},
    path::Path,
    sync::atomic::Ordering,
};

use napi::{Error, Result};
use qclone::{Modules, peek};

use super::{
    event_loop::Loop,
    ffi::{UvAsync, UvHandle, handle_type, uv_handle_get_data, uv_handle_get_type},
};
use crate::symbol::find_symbol;

/// Tasks that V8 runs on the thread of the loop, such as settling a WebAssembly promise. They do not keep the
/// loop alive: Node runs them when the loop is empty, before it ends.
#[derive(Clone, Copy)]
pub(crate) struct PlatformTasks(*mut UvAsync);

impl PlatformTasks {
    /// Finds the handle through which V8 runs tasks on the thread of `event_loop`.
    ///
    /// Node creates one such handle for each loop (`PerIsolatePlatformData` in `src/node_platform.cc`). Its
    /// callback will be called, so matching the type is not enough. The handle must meet these conditions:
    ///
    /// 1. Its callback is `PerIsolatePlatformData::FlushTasks`, according to the symbol that Node exports. In
    ///    a Node that does not export it, the callback lies in the object that contains Node's own code.
    /// 2. Its data points to an object that refers to this loop and to this handle.
    /// 3. No other handle of the loop meets the first two.
    ///
    /// # Errors
    /// When no handle meets these conditions, or more than one does.
    pub(crate) fn find(event_loop: Loop) -> Result<Self> {
        let mut search = Search { event_loop, callback: OfFlushTasks::find(), found: Vec::new() };
        event_loop.walk(note_if_it_is, &mut search);
        match *search.found {
            [handle] => Ok(Self(handle)),
            _ => Err(Error::from_reason(UNKNOWN_PLATFORM)),
        }
    }

    /// Wraps a handle that is not Node's, to verify `UvAsync` with it.
    pub(super) fn of_fresh(handle: *mut UvHandle) -> Self {
        Self(handle.cast())
    }

    /// Returns whether tasks are pending.
    pub(crate) fn pending(self) -> bool {
        // SAFETY: Node's handle lives as long as the loop, and `check_layout` has verified its layout.
        unsafe { &(*self.0).pending }.load(Ordering::Relaxed) != 0
    }

    /// Runs the pending tasks without a poll, which would also deliver other events. Returns whether there were
    /// any.
    pub(crate) fn run(self) -> bool {
        if !self.pending() {
            return false;
        }
        // A send from here on causes another call. libuv will find this one already handled.
        // SAFETY: Node's handle lives as long as the loop, and its layout is as declared.
        unsafe { &(*self.0).pending }.store(0, Ordering::SeqCst);
        // SAFETY: Node's handle lives as long as the loop, and its layout is as declared.
        let callback = unsafe { (*self.0).callback };
        // SAFETY: libuv would call the same function on this thread with this handle, and `find` has
        // proven that it is Node's function for V8's tasks.
        unsafe { callback(self.0.cast()) };
        true
    }
}

struct Search {
    event_loop: Loop,
    callback: OfFlushTasks,
    found: Vec<*mut UvAsync>,
}

unsafe extern "C" fn note_if_it_is(handle: *mut UvHandle, search: *mut c_void) {
    // SAFETY: `PlatformTasks::find` passes a `Search` that nothing else refers to during the walk.
    let search = unsafe { &mut *search.cast::<Search>() };
    // SAFETY: uv_walk passes live handles.
    if unsafe { uv_handle_get_type(handle) } != handle_type::ASYNC {
        return;
    }
    // SAFETY: a live handle of this type, whose layout `check_layout` verifies. A wrong address would only
    // be compared.
    let callback = unsafe { (*handle.cast::<UvAsync>()).callback } as usize;
    if search.callback.is(callback) && is_owned_by_platform(handle, search.event_loop) {
        search.found.push(handle.cast());
    }
}

/// Method to recognize the callback.
enum OfFlushTasks {
    /// By its address.
    Symbol(usize),
    /// By the object that contains it, which must be the one with Node's own code.
    Module(Box<Modules>),
}

impl OfFlushTasks {
    fn find() -> Self {
        if let Some(symbol) = find_symbol(FLUSH_TASKS) {
            return Self::Symbol(symbol.addr());
        }
        let mut modules = Modules::default();
        modules.refresh();
        Self::Module(Box::new(modules))
    }

    fn is(&self, callback: usize) -> bool {
        match self {
            Self::Symbol(address) => callback == *address,
            Self::Module(modules) => {
                let node: Option<&Path> = modules.of((napi::sys::napi_get_uv_event_loop as *const ()).addr());
                node.is_some() && modules.of(callback) == node
            }
        }
    }
}

/// Returns whether the handle's data points to an object that refers to the loop and to the handle.
fn is_owned_by_platform(handle: *mut UvHandle, event_loop: Loop) -> bool {
    const WORD: usize = size_of::<usize>();
    // SAFETY: uv_walk passes live handles.
    let owner = unsafe { uv_handle_get_data(handle) }.addr();
    let mut bytes = [0; OWNER_WORDS * WORD];
    let got = peek(owner, &mut bytes);
    let refers_to =
        |address: usize| bytes[..got].chunks_exact(WORD).any(|word| word == address.to_ne_bytes().as_slice());
    owner != 0 && refers_to(event_loop.0.addr()) && refers_to(handle.addr())
}

/// `node::PerIsolatePlatformData::FlushTasks(uv_async_s*)`.
const FLUSH_TASKS: &CStr = c"_ZN4node22PerIsolatePlatformData10FlushTasksEP10uv_async_s";

/// Number of words to search in a `PerIsolatePlatformData`. It refers to its loop and its handle within fewer.
const OWNER_WORDS: usize = 32;

const UNKNOWN_PLATFORM: &str = "qclone does not know how this Node runs V8's tasks \
    (the event loop has no known handle of PerIsolatePlatformData); use a release of Node 20, 22, 24 or 26, \
    or update qclone";
