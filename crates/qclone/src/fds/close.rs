//! Closing of all descriptors except a few.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use libc::c_uint;

use crate::{error::Result, fds::list::list};

/// Closes every descriptor of this process except those in `keep`. See `close_range(2)`.
///
/// For clones in which no object holds a descriptor number any more. Otherwise use
/// [`make_inert`](crate::fds::make_inert). Where the kernel (before 5.9) or a sandbox does not provide
/// `close_range`, lists the descriptors and closes them one by one.
///
/// Not async-signal-safe: allocates, under the condition stated at [`list()`].
///
/// # Errors
/// [`Error::Syscall`](crate::Error::Syscall) when the descriptors can be neither closed at once nor
/// listed.
///
/// # Safety
/// For the clone only. No owner of a descriptor outside `keep` may use or close it after this, since the
/// number may refer to another file by then.
pub unsafe fn close_all_except(keep: &[RawFd]) -> Result<()> {
    let mut keep: Vec<c_uint> = keep.iter().filter_map(|fd| c_uint::try_from(*fd).ok()).collect();
    keep.sort_unstable();

    let mut first = 0;
    for fd in &keep {
        // SAFETY: the caller has given up all descriptors between the numbers kept.
        if *fd > first && !unsafe { close_range(first, *fd - 1) } {
            // SAFETY: the caller has given up all descriptors that are not in `keep`.
            return unsafe { close_listed(&keep) };
        }
        first = fd + 1;
    }
    // SAFETY: the caller has given up all descriptors above the highest number kept.
    if unsafe { close_range(first, c_uint::MAX) } {
        return Ok(());
    }
    // SAFETY: the caller has given up all descriptors that are not in `keep`.
    unsafe { close_listed(&keep) }
}

/// Closes a range. Returns false where `close_range(2)` is missing.
///
/// # Safety
/// The caller must own all descriptors in the range.
unsafe fn close_range(first: c_uint, last: c_uint) -> bool {
    // SAFETY: the call takes three integers and touches no memory; the caller has given up the
    // descriptors in the range. glibc before 2.34 and musl have no wrapper for it.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) == 0 }
}

/// # Safety
/// The caller must own all descriptors that are not in `keep`.
unsafe fn close_listed(keep: &[c_uint]) -> Result<()> {
    for fd in list()? {
        if c_uint::try_from(fd).is_ok_and(|number| keep.binary_search(&number).is_err()) {
            // SAFETY: the caller has given up this descriptor.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
        }
    }
    Ok(())
}
