//! V8's heap in an arena, so that it forks quickly.
//!
//! V8 asks its page allocator for chunks of 256 KiB, each at a random address. That results in 4,000
//! mappings per gigabyte, and page tables with few entries. The allocator is an object of the class
//! `v8::base::PageAllocator`, used only through its virtual table, and Node exports both the table and the
//! methods. So the object gets a copy of its table in which our methods replace three of V8's: they serve
//! requests for chunks from an [`Arena`], and pass all others to V8's methods.
//!
//! [`install`] verifies these facts before it changes anything:
//!
//! | fact | where V8 has it | checked by |
//! |---|---|---|
//! | the methods and their arguments | `src/base/page-allocator.h` | the symbols, whose names spell the arguments |
//! | they are virtual | `include/v8-platform.h`, `v8::PageAllocator` | each is in the table exactly once |
//! | the objects | V8's `src/utils/allocation.cc`, node's `src/node_v8_platform-inl.h` | one or two words among node's variables point to the table, with two page sizes behind |
//! | a chunk is 256 KiB at a multiple of it | `src/common/globals.h`, `kPageSizeBits` | chunks come through within the next megabytes, see [`heap_status`] |
//! | a chunk may be accessible when V8 asks for one that is not | `MemoryAllocator::AllocateAlignedMemory` in `src/heap/memory-allocator.cc` makes it so next | the arguments |
//! | memory is freed by the method that counts it, at its beginning, and at its end alone in part | `VirtualMemory::Free`, `Release` in `src/utils/allocation.cc` | what is not a chunk's is left to V8 |
//!
//! Memory for code is not affected. V8 asks for one range for all code, with the permission
//! `kNoAccessWillJitLater` (`src/heap/code-range.cc`), and divides the range itself.
//!
//! A chunk that V8 frees is unmapped. V8 frees chunks that it has made inaccessible
//! (`MemoryAllocator::FreePooledChunk` of Node 20 and 22), so the memory could not be reused.
//!
//! The replacement is never undone: chunks stay in the arena until the process ends. This library is
//! never unloaded after that, even if the Worker that loaded it ends.

use std::{
    ffi::{CStr, c_int, c_void},
    ptr,
    ptr::NonNull,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use napi_derive::napi;
use qclone::{
    Modules,
    heap::{self, Arena, HugePages, Inheritance, REGION, Shared, UNIT},
};

use super::{
    buffers,
    vtable::{self, WORD, read_table, read_words, symbol},
};

/// `vtable for v8::base::PageAllocator`: two words, and the methods.
const TABLE: &CStr = c"_ZTVN2v84base13PageAllocatorE";
/// `v8::base::PageAllocator::AllocatePages(void*, unsigned long, unsigned long, v8::PageAllocator::Permission)`
const ALLOCATE: &CStr = c"_ZN2v84base13PageAllocator13AllocatePagesEPvmmNS_13PageAllocator10PermissionE";
/// `v8::base::PageAllocator::FreePages(void*, unsigned long)`
const FREE: &CStr = c"_ZN2v84base13PageAllocator9FreePagesEPvm";
/// `v8::base::PageAllocator::ReleasePages(void*, unsigned long, unsigned long)`
const RELEASE: &CStr = c"_ZN2v84base13PageAllocator12ReleasePagesEPvmm";

/// Values of `v8::PageAllocator::Permission` for data memory.
const NO_ACCESS: c_int = 0;
const READ_WRITE: c_int = 2;

/// Maximum number of such objects, in V8 and Node together.
const MOST_OBJECTS: usize = 2;

type AllocatePages = unsafe extern "C" fn(
    this: *mut c_void,
    hint: *mut c_void,
    size: usize,
    alignment: usize,
    access: c_int,
) -> *mut c_void;
type FreePages = unsafe extern "C" fn(this: *mut c_void, address: *mut c_void, size: usize) -> bool;
type ReleasePages =
    unsafe extern "C" fn(this: *mut c_void, address: *mut c_void, size: usize, new_size: usize) -> bool;

/// V8's own methods.
#[derive(Debug, Clone, Copy)]
struct Methods {
    allocate: AllocatePages,
    free: FreePages,
    release: ReleasePages,
}

/// Arena for chunks. A plain fork leaves it out, like the memory that V8 maps itself.
static ARENA: Arena = Arena::new(Inheritance::Marked);

/// Set before any of our methods can be called.
static METHODS: OnceLock<Methods> = OnceLock::new();

static STATE: Mutex<State> = Mutex::new(State::Off(NOT_ASKED));

/// Number of calls to our `allocate` that asked for a chunk.
static ASKED: AtomicU64 = AtomicU64::new(0);
/// Number of those calls for which the arena had no chunk.
static REFUSED: AtomicU64 = AtomicU64::new(0);

/// Whether large objects go on huge pages.
static HUGE: AtomicBool = AtomicBool::new(false);

#[derive(Debug, Clone, Copy)]
enum State {
    Off(&'static str),
    Dense(&'static str),
    Huge,
}

const NOT_ASKED: &str = "not set up: import node-qclone/heap first";

/// Layout of V8's heap in memory.
#[napi(string_enum = "lowercase")]
#[derive(PartialEq, Eq)]
pub enum HeapMode {
    /// V8's own layout.
    Off,
    /// Together, on small pages.
    Dense,
    /// Together, on huge pages.
    Huge,
}

/// Status of V8's heap in the arena.
#[napi(object, object_from_js = false)]
pub struct NativeHeapStatus {
    /// Layout of new chunks.
    pub mode: HeapMode,
    /// Reason why it is not the requested layout.
    pub reason: Option<String>,
    /// Whether the arena was never requested.
    pub unasked: bool,
    /// Requests for chunks since the arena is in use.
    pub asked: f64,
    /// Requests that V8's own allocator served because the arena had no chunk.
    pub refused: f64,
    /// Chunks in the arena.
    pub chunks: u32,
    /// Regions of 2 MiB that are mapped in full.
    pub whole_regions: u32,
    /// Regions of 2 MiB that have one or more holes.
    pub split_regions: u32,
    /// Chunks that would fit in the holes.
    pub holes: u32,
}

/// Makes V8 take its chunks from an arena from now on, once per process. `wanted` must not be `off`.
#[napi]
pub fn install_heap(wanted: HeapMode) -> NativeHeapStatus {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    if METHODS.get().is_none() && wanted != HeapMode::Off {
        *state = match install(&wanted) {
            Ok(state) => state,
            Err(reason) => State::Off(reason),
        };
    }
    let is_huge = matches!(*state, State::Huge);
    drop(state);
    if is_huge && qclone::is_main_thread() {
        // If this fails, upkeep finds large buffers later.
        let _ = buffers::install();
    }
    heap_status()
}

/// Returns the status of V8's heap in the arena.
#[napi]
pub fn heap_status() -> NativeHeapStatus {
    let (mode, reason) = match *STATE.lock().unwrap_or_else(PoisonError::into_inner) {
        State::Off(reason) => (HeapMode::Off, Some(reason.to_owned())),
        State::Dense(reason) => (HeapMode::Dense, Some(reason.to_owned())),
        State::Huge => (HeapMode::Huge, None),
    };
    let unasked = reason.as_deref() == Some(NOT_ASKED);
    let reason = match (mode == HeapMode::Dense).then(HugePages::of_this_process) {
        Some(HugePages::Unavailable(why)) => Some(why.to_string()),
        _ => reason,
    };
    let statistics = ARENA.statistics();
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    NativeHeapStatus {
        mode,
        reason,
        unasked,
        asked: ASKED.load(Ordering::Relaxed) as f64,
        refused: REFUSED.load(Ordering::Relaxed) as f64,
        chunks: count(statistics.busy_units),
        whole_regions: count(statistics.whole_regions),
        split_regions: count(statistics.split_regions),
        holes: count(statistics.holes),
    }
}

/// Starts a thread that turns small pages into huge ones while clones are made. With `shared`, includes
/// memory that a clone shares. Does nothing if the system does not allow another thread.
#[napi]
pub fn start_heap_upkeep(shared: bool) {
    let _ = heap::start_upkeep(if shared { Shared::Copy } else { Shared::Leave });
}

fn install(wanted: &HeapMode) -> Result<State, &'static str> {
    let [table, allocate, free, release] =
        [TABLE, ALLOCATE, FREE, RELEASE].map(symbol).map(|found| found.ok_or(NO_SYMBOLS));
    let (table, allocate, free, release) = (table?, allocate?, free?, release?);
    let mut modules = Modules::default();
    modules.refresh();

    let own = read_table(&modules, table, allocate).ok_or(OTHER_TABLE)?;
    let objects = find_objects(&modules, table)?;
    let ours: [(usize, *const ()); 3] = [
        (allocate, allocate_pages as *const ()),
        (free, free_pages as *const ()),
        (release, release_pages as *const ()),
    ];
    let copy = vtable::with_methods(&own, &ours).ok_or(OTHER_TABLE)?;

    if *wanted == HeapMode::Dense {
        ARENA.forgo_huge_pages();
    }
    // Checks whether the system allows memory to be mapped like this.
    let unit = ARENA.allocate_unit().ok_or(NO_MEMORY)?;
    // SAFETY: just allocated, and not used.
    unsafe { ARENA.free_unit(unit, UNIT) };
    pin()?;

    let pointer = |address: usize| ptr::with_exposed_provenance::<()>(address);
    // SAFETY: the symbol's name states the arguments, and page-allocator.h of Node 20 to 26 the result.
    let allocate = unsafe { std::mem::transmute::<*const (), AllocatePages>(pointer(allocate)) };
    // SAFETY: the same header says that this one returns a bool.
    let free = unsafe { std::mem::transmute::<*const (), FreePages>(pointer(free)) };
    // SAFETY: the same header says that this one returns a bool, too.
    let release = unsafe { std::mem::transmute::<*const (), ReleasePages>(pointer(release)) };
    METHODS.set(Methods { allocate, free, release }).map_err(|_| TWICE)?;

    for object in objects {
        // A thread may still read the old table, and call V8's own methods. That is safe, since it has no
        // memory from our methods yet.
        // SAFETY: the object was found to have V8's table, of which this is a copy.
        unsafe { vtable::give(object, copy) };
    }
    Ok(match HugePages::of_this_process() {
        _ if *wanted == HeapMode::Dense => State::Dense("QCLONE_HEAP is `dense`"),
        HugePages::OnAdvice => {
            HUGE.store(true, Ordering::Relaxed);
            State::Huge
        }
        HugePages::Unavailable(_) => State::Dense("the system has no huge pages for this process"),
    })
}

/// Records that no chunk was requested: as far as is known, the arena serves none.
#[napi]
pub fn give_up_heap() -> NativeHeapStatus {
    *STATE.lock().unwrap_or_else(PoisonError::into_inner) = State::Off(NO_CHUNKS);
    heap_status()
}

/// Finds the objects with that virtual table among the variables of its file.
fn find_objects(modules: &Modules, table: usize) -> Result<Vec<usize>, &'static str> {
    // SAFETY: sysconf(3) has no preconditions.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).map_err(|_| OTHER_PAGES)?;
    if !UNIT.is_multiple_of(page) {
        return Err(OTHER_PAGES);
    }
    let pointer = table + vtable::HEADER * WORD;
    let mut found = Vec::new();
    for segment in modules.variables_beside(table) {
        let start = segment.start.next_multiple_of(WORD);
        let words = read_words(start, (segment.end - start) / WORD);
        let addresses = words.iter().enumerate().filter(|(_, word)| **word == pointer);
        for (index, _) in addresses {
            // After it: `allocate_page_size_` and `commit_page_size_`.
            if words.get(index + 1..index + 3) != Some(&[page, page]) {
                return Err(OTHER_OBJECTS);
            }
            found.push(start + index * WORD);
        }
    }
    if (1..=MOST_OBJECTS).contains(&found.len()) { Ok(found) } else { Err(OTHER_OBJECTS) }
}

/// Keeps this library loaded until the process ends. A Worker unloads the addons that it loaded.
fn pin() -> Result<(), &'static str> {
    // SAFETY: zeroes are null pointers, which Dl_info may hold.
    let mut found: libc::Dl_info = unsafe { std::mem::zeroed() };
    // SAFETY: `found` outlives the call, which takes any address.
    if unsafe { libc::dladdr(pin as *const () as *const c_void, &raw mut found) } == 0 {
        return Err(NOT_PINNED);
    }
    // SAFETY: the name is a C string of the dynamic linker. The library is loaded, so loading it
    // again runs nothing. The handle is not closed.
    let handle =
        unsafe { libc::dlopen(found.dli_fname, libc::RTLD_NOW | libc::RTLD_NOLOAD | libc::RTLD_NODELETE) };
    if handle.is_null() { Err(NOT_PINNED) } else { Ok(()) }
}

/// Replaces `v8::base::PageAllocator::AllocatePages`.
unsafe extern "C" fn allocate_pages(
    this: *mut c_void,
    hint: *mut c_void,
    size: usize,
    alignment: usize,
    access: c_int,
) -> *mut c_void {
    // Set before this can be called.
    let Some(methods) = METHODS.get() else { return ptr::null_mut() };
    let for_data = alignment == UNIT && matches!(access, NO_ACCESS | READ_WRITE);
    if for_data && size == UNIT {
        ASKED.fetch_add(1, Ordering::Relaxed);
        if let Some(unit) = ARENA.allocate_unit() {
            return unit.as_ptr().cast();
        }
        REFUSED.fetch_add(1, Ordering::Relaxed);
    }
    if for_data && size >= REGION && HUGE.load(Ordering::Relaxed) {
        // A large object stays where the kernel puts it, but is aligned for huge pages.
        // SAFETY: V8's own arguments, and an alignment that is a multiple of its own.
        let object = unsafe { (methods.allocate)(this, hint, size, REGION, access) };
        if !object.is_null() {
            heap::advise_huge(object.addr(), size);
            return object;
        }
    }
    // SAFETY: V8's own arguments.
    unsafe { (methods.allocate)(this, hint, size, alignment, access) }
}

/// Replaces `v8::base::PageAllocator::FreePages`.
unsafe extern "C" fn free_pages(this: *mut c_void, address: *mut c_void, size: usize) -> bool {
    let Some(methods) = METHODS.get() else { return false };
    match NonNull::new(address.cast()) {
        Some(unit) if ARENA.has_unit(unit) => {
            // SAFETY: V8 frees the memory it got at this address, once, and no longer uses it.
            unsafe { ARENA.free_unit(unit, size) };
            true
        }
        // SAFETY: V8's own arguments, for memory that its own method allocated.
        _ => unsafe { (methods.free)(this, address, size) },
    }
}

/// Replaces `v8::base::PageAllocator::ReleasePages`, which keeps the first `new_size` bytes.
unsafe extern "C" fn release_pages(
    this: *mut c_void,
    address: *mut c_void,
    size: usize,
    new_size: usize,
) -> bool {
    let Some(methods) = METHODS.get() else { return false };
    match NonNull::new(address.cast()) {
        Some(unit) if ARENA.has_unit(unit) => {
            // SAFETY: V8 frees the end of the memory it got at this address, and no longer uses it.
            unsafe { ARENA.shrink_unit(unit, size, new_size) };
            true
        }
        // SAFETY: V8's own arguments, for memory that its own method allocated.
        _ => unsafe { (methods.release)(this, address, size, new_size) },
    }
}

const NO_SYMBOLS: &str = "this Node does not export V8's page allocator";
const OTHER_TABLE: &str = "V8's page allocator has unexpected methods";
const OTHER_OBJECTS: &str =
    "V8's page allocator was not found, or other code has changed it, such as a second copy of node-qclone";
const OTHER_PAGES: &str = "the page size of this system is not supported";
const NO_MEMORY: &str = "memory cannot be mapped at the addresses that qclone needs";
const NOT_PINNED: &str = "dlopen(3) cannot keep the native part loaded";
const NO_CHUNKS: &str =
    "V8 does not allocate its chunks as expected: it may be built with pointer compression";
const TWICE: &str = "already installed";
