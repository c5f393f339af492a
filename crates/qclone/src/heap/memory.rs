//! Mapping and unmapping memory at addresses of the arena's choice.

use std::{ffi::c_void, ptr};

use nix::errno::Errno;

use crate::census::peek::page_size;

/// Maps anonymous memory at `address`, where nothing may be mapped yet.
///
/// # Errors
/// `EEXIST` when something is; else as mmap(2).
pub(super) fn map(address: usize, length: usize) -> Result<(), Errno> {
    // Without a reservation of swap, as V8 maps its heap.
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED_NOREPLACE;
    let wanted: *mut c_void = ptr::with_exposed_provenance_mut(address);
    // SAFETY: MAP_FIXED_NOREPLACE replaces no mapping, so memory that somebody uses stays as it is.
    let mapped = unsafe { libc::mmap(wanted, length, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    if mapped == libc::MAP_FAILED {
        return Err(Errno::last());
    }
    if mapped != wanted {
        // Linux before 4.17 does not know the flag, and takes the address for a hint.
        // SAFETY: mapped just now, and known to nobody else.
        unsafe { libc::munmap(mapped, length) };
        return Err(Errno::EEXIST);
    }
    mapped.expose_provenance();
    Ok(())
}

/// Unmaps memory.
///
/// # Errors
/// `ENOMEM` when the process is at its limit of mappings, since a mapping may fall in two.
///
/// # Safety
/// The range was mapped by [`map`], and nobody uses it any more.
pub(super) unsafe fn unmap(address: usize, length: usize) -> Result<(), Errno> {
    // SAFETY: the caller says so.
    Errno::result(unsafe { libc::munmap(ptr::with_exposed_provenance_mut(address), length) }).map(drop)
}

/// Gives back the contents of memory that cannot be unmapped.
///
/// # Safety
/// As [`unmap`].
pub(super) unsafe fn discard(address: usize, length: usize) {
    let address = ptr::with_exposed_provenance_mut(address);
    // SAFETY: the caller says that nobody uses it.
    unsafe { libc::madvise(address, length, libc::MADV_DONTNEED) };
}

/// Advice that changes no byte of the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advice {
    /// A plain fork leaves the memory out.
    DontFork,
    /// Page faults take huge pages.
    HugePage,
    /// Page faults take small pages, whatever the system does otherwise.
    NoHugePage,
    /// Makes one huge page of the small ones that are there, now. Linux 6.1 and later.
    Collapse,
}

/// Advises the kernel on a range of this process.
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
    // SAFETY: none of these changes what the memory holds or who may access it, and the kernel
    // checks the range.
    Errno::result(unsafe { libc::madvise(address, length, advice) }).map(drop)
}

/// Asks for huge pages in memory of any origin. Changes no byte of it.
///
/// Those parts of the range become huge pages, as they are touched, that are a huge page each.
pub fn advise_huge(address: usize, length: usize) {
    let page = page_size();
    let (start, end) = (address.next_multiple_of(page), (address + length) / page * page);
    if start < end {
        // Without huge pages the memory is as it was.
        let _ = advise(start, end - start, Advice::HugePage);
    }
}

/// As Linux's `include/uapi/asm-generic/mman-common.h` has it; libc has it for some targets only.
const MADV_COLLAPSE: i32 = 25;
