//! Mapping and unmapping of memory at addresses chosen by the arena.

use std::{ffi::c_void, ptr};

use nix::errno::Errno;

use crate::census::peek::page_size;

/// Maps anonymous memory at `address`, where nothing may be mapped yet.
///
/// # Errors
/// `EEXIST` when something is; otherwise as mmap(2).
pub(super) fn map(address: usize, length: usize) -> Result<(), Errno> {
    // Without a reservation of swap, as V8 maps its heap.
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED_NOREPLACE;
    let wanted: *mut c_void = ptr::with_exposed_provenance_mut(address);
    // SAFETY: MAP_FIXED_NOREPLACE replaces no mapping, so memory in use does not change.
    let mapped = unsafe { libc::mmap(wanted, length, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    if mapped == libc::MAP_FAILED {
        return Err(Errno::last());
    }
    if mapped != wanted {
        // Linux before 4.17 does not know the flag, and takes the address as a hint.
        // SAFETY: just mapped, and nothing else knows about it.
        unsafe { libc::munmap(mapped, length) };
        return Err(Errno::EEXIST);
    }
    mapped.expose_provenance();
    Ok(())
}

/// Unmaps memory.
///
/// # Errors
/// `ENOMEM` when the process is at its limit of mappings, since a mapping may be split in two.
///
/// # Safety
/// The range was mapped by [`map`], and nothing uses it any more.
pub(super) unsafe fn unmap(address: usize, length: usize) -> Result<(), Errno> {
    // SAFETY: the caller guarantees it.
    Errno::result(unsafe { libc::munmap(ptr::with_exposed_provenance_mut(address), length) }).map(drop)
}

/// Discards the contents of memory that cannot be unmapped.
///
/// # Safety
/// As [`unmap`].
pub(super) unsafe fn discard(address: usize, length: usize) {
    let address = ptr::with_exposed_provenance_mut(address);
    // SAFETY: the caller guarantees that nothing uses it.
    unsafe { libc::madvise(address, length, libc::MADV_DONTNEED) };
}

/// Advice that does not change the contents of the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advice {
    /// A plain fork leaves the memory out.
    DontFork,
    /// Page faults take huge pages.
    HugePage,
    /// Page faults take small pages, regardless of the system's setting.
    NoHugePage,
    /// Replaces the small pages with one huge page immediately. Linux 6.1 and later.
    Collapse,
}

/// Advises the kernel about a range of this process.
///
/// # Errors
/// As madvise(2). `EINVAL` where the kernel does not know the advice.
pub(super) fn advise(address: usize, length: usize, advice: Advice) -> Result<(), Errno> {
    let advice = match advice {
        Advice::DontFork => libc::MADV_DONTFORK,
        Advice::HugePage => libc::MADV_HUGEPAGE,
        Advice::NoHugePage => libc::MADV_NOHUGEPAGE,
        Advice::Collapse => MADV_COLLAPSE,
    };
    let address = ptr::with_exposed_provenance_mut(address);
    // SAFETY: none of these changes the contents of the memory or its protection, and the kernel
    // checks the range.
    Errno::result(unsafe { libc::madvise(address, length, advice) }).map(drop)
}

/// Asks for huge pages in memory of any origin. Does not change its contents.
///
/// Parts of the range that can be a huge page become one when they are touched.
pub fn advise_huge(address: usize, length: usize) {
    let page = page_size();
    let (start, end) = (address.next_multiple_of(page), (address + length) / page * page);
    if start < end {
        // Without huge pages, the memory is as it was.
        let _ = advise(start, end - start, Advice::HugePage);
    }
}

/// From Linux's `include/uapi/asm-generic/mman-common.h`. libc defines it only for some targets.
const MADV_COLLAPSE: i32 = 25;
