//! Huge pages for large `ArrayBuffer`s, from their first byte.
//!
//! V8 lets Node allocate their memory, through an object of the class `node::NodeArrayBufferAllocator` for each
//! isolate. The main thread's object gets a copy of its virtual table, in which our methods replace the two
//! that allocate. They call Node's own methods, and ask for huge pages. [`install`] verifies these facts:
//!
//! | fact | where it is | checked by |
//! |---|---|---|
//! | the methods and their arguments | `include/v8-array-buffer.h`, node's `src/node_internals.h` | the symbols, whose names spell the arguments |
//! | they are virtual | there | each is in the table exactly once |
//! | the object | `v8::Isolate::GetArrayBufferAllocator` | it points to the table |
//!
//! A debugging allocator (`--debug-arraybuffer-allocations`) has another table, and is not changed.

use std::{
    ffi::{CStr, c_void},
    mem, ptr,
    sync::OnceLock,
};

use qclone::{
    Modules,
    heap::{self, REGION},
};

use super::{
    isolate,
    vtable::{self, read_table, read_words, symbol},
};

/// `vtable for node::NodeArrayBufferAllocator`
const TABLE: &CStr = c"_ZTVN4node24NodeArrayBufferAllocatorE";
/// `node::NodeArrayBufferAllocator::Allocate(unsigned long)`
const ALLOCATE: &CStr = c"_ZN4node24NodeArrayBufferAllocator8AllocateEm";
/// `node::NodeArrayBufferAllocator::AllocateUninitialized(unsigned long)`
const ALLOCATE_UNINITIALIZED: &CStr = c"_ZN4node24NodeArrayBufferAllocator21AllocateUninitializedEm";
/// `v8::Isolate::GetArrayBufferAllocator()`
const ALLOCATOR_OF: &CStr = c"_ZN2v87Isolate23GetArrayBufferAllocatorEv";

type Allocate = unsafe extern "C" fn(this: *mut c_void, size: usize) -> *mut c_void;

/// Node's own methods, and the table with our methods.
struct Methods {
    allocate: Allocate,
    allocate_uninitialized: Allocate,
    table: &'static [usize],
}

/// Set before any of our methods can be called.
static METHODS: OnceLock<Methods> = OnceLock::new();

/// Makes the isolate of this thread ask for huge pages. Returns `None`, with nothing changed, if something is not
/// as expected or the isolate does so already.
pub(super) fn install() -> Option<()> {
    let [table, allocator_of] = [TABLE, ALLOCATOR_OF].map(symbol);
    let table = table?;
    let pointer = |address: usize| ptr::with_exposed_provenance::<()>(address);
    // SAFETY: according to the symbol's name, it is a method without arguments. v8-isolate.h says that it
    // returns a pointer.
    let allocator_of = unsafe {
        mem::transmute::<*const (), unsafe extern "C" fn(*mut c_void) -> *mut c_void>(pointer(allocator_of?))
    };
    let isolate = isolate::current()?;
    // SAFETY: the isolate of this thread.
    let object = unsafe { allocator_of(isolate) }.expose_provenance();
    if read_words(object, 1) != [table + vtable::HEADER * vtable::WORD] {
        return None;
    }
    if METHODS.get().is_none() {
        let _ = METHODS.set(find_methods(table)?);
    }
    // SAFETY: the object was found to have Node's table, of which this is a copy.
    unsafe { vtable::give(object, METHODS.get()?.table) };
    Some(())
}

fn find_methods(table: usize) -> Option<Methods> {
    let (allocate, uninitialized) = (symbol(ALLOCATE)?, symbol(ALLOCATE_UNINITIALIZED)?);
    let mut modules = Modules::default();
    modules.refresh();
    let own = read_table(&modules, table, allocate)?;
    let pairs = [(allocate, ours as *const ()), (uninitialized, ours_uninitialized as *const ())];
    let pointer = |address: usize| ptr::with_exposed_provenance::<()>(address);
    Some(Methods {
        table: vtable::with_methods(&own, &pairs)?,
        // SAFETY: the symbol's name states the argument, and v8-array-buffer.h the result.
        allocate: unsafe { mem::transmute::<*const (), Allocate>(pointer(allocate)) },
        // SAFETY: the same applies to this name.
        allocate_uninitialized: unsafe { mem::transmute::<*const (), Allocate>(pointer(uninitialized)) },
    })
}

/// Replaces `node::NodeArrayBufferAllocator::Allocate`.
unsafe extern "C" fn ours(this: *mut c_void, size: usize) -> *mut c_void {
    let Some(methods) = METHODS.get() else { return ptr::null_mut() };
    // SAFETY: V8's own arguments.
    advised(unsafe { (methods.allocate)(this, size) }, size)
}

/// Replaces `node::NodeArrayBufferAllocator::AllocateUninitialized`.
unsafe extern "C" fn ours_uninitialized(this: *mut c_void, size: usize) -> *mut c_void {
    let Some(methods) = METHODS.get() else { return ptr::null_mut() };
    // SAFETY: V8's own arguments.
    advised(unsafe { (methods.allocate_uninitialized)(this, size) }, size)
}

fn advised(memory: *mut c_void, size: usize) -> *mut c_void {
    if !memory.is_null() && size >= REGION {
        heap::advise_huge(memory.addr(), size);
    }
    memory
}
