//! Files in memory, through which a clone hands its parent data that is too large for a pipe.

use std::{
    num::NonZeroUsize,
    os::fd::{AsFd, OwnedFd},
    ptr::NonNull,
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, SealFlag, fcntl},
    sys::{
        memfd::{MFdFlags, memfd_create},
        mman::{MapFlags, ProtFlags, mmap, munmap},
        resource::{Resource, getrlimit},
        stat::fstat,
        uio::pwrite,
    },
};

use crate::error::{Error, Result};

/// Creates an empty file in memory, closed at `execve(2)`. See `memfd_create(2)`.
///
/// # Errors
/// [`Error::Syscall`]: EMFILE, ENFILE or ENOMEM; ENOSYS or EPERM where a sandbox forbids such files.
pub fn create() -> Result<OwnedFd> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let not_to_execute = MFdFlags::from_bits_retain(libc::MFD_NOEXEC_SEAL);
    let created = match memfd_create(c"qclone", flags | not_to_execute) {
        // Linux before 6.3 does not know the flag that forbids executing the file.
        Err(Errno::EINVAL) => memfd_create(c"qclone", flags),
        created => created,
    };
    created.map_err(Error::syscall("memfd_create(2)"))
}

/// Writes all of `bytes` to `file` at `offset`.
///
/// # Errors
/// [`Error::Syscall`]: ENOMEM or ENOSPC when there is not enough memory. EFBIG when RLIMIT_FSIZE forbids
/// a file of this size, instead of the SIGXFSZ that the system would send.
pub fn write_all_at(file: impl AsFd, mut offset: u64, mut bytes: &[u8]) -> Result<()> {
    let too_large = || Error::Syscall { call: "pwrite(2)", errno: Errno::EFBIG };
    let (most, _) = getrlimit(Resource::RLIMIT_FSIZE).map_err(Error::syscall("getrlimit(2)"))?;
    let length = u64::try_from(bytes.len()).map_err(|_| too_large())?;
    if offset.checked_add(length).is_none_or(|end| end > most) {
        return Err(too_large());
    }
    while !bytes.is_empty() {
        match pwrite(&file, bytes, offset.try_into().map_err(|_| too_large())?) {
            Ok(written) => {
                bytes = &bytes[written..];
                offset += u64::try_from(written).map_err(|_| too_large())?;
            }
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::Syscall { call: "pwrite(2)", errno }),
        }
    }
    Ok(())
}

/// Part of a file, mapped into this process for reading and writing. Unmapped when dropped.
///
/// The mapping is private. A later clone shares it, like all memory, until either side writes. Writes do
/// not reach the file. See MAP_PRIVATE in `mmap(2)`.
#[derive(Debug)]
pub struct Mapping {
    address: NonNull<libc::c_void>,
    length: NonZeroUsize,
}

impl Mapping {
    /// Maps `length` bytes of `file`, which [`create`] made, from `offset`, a multiple of the page size.
    /// Seals the file against changes, since reading beyond the end of a truncated file raises SIGBUS.
    ///
    /// # Errors
    /// [`Error::Syscall`]: EINVAL for an invalid offset, or a file that is too short or of another kind;
    /// EBUSY when the file is mapped for writing; ENOMEM.
    pub fn new(file: impl AsFd, offset: u64, length: NonZeroUsize) -> Result<Self> {
        let invalid = || Error::Syscall { call: "mmap(2)", errno: Errno::EINVAL };
        let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals)).map_err(Error::syscall("fcntl(2)"))?;
        let size = fstat(&file).map_err(Error::syscall("fstat(2)"))?.st_size;
        let end = u64::try_from(length.get()).ok().and_then(|length| offset.checked_add(length));
        if end.is_none_or(|end| end > u64::try_from(size).unwrap_or(0)) {
            return Err(invalid());
        }
        let offset = offset.try_into().map_err(|_| invalid())?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: the kernel chooses an address where nothing is mapped.
        let address = unsafe { mmap(None, length, access, MapFlags::MAP_PRIVATE, file, offset) };
        Ok(Self { address: address.map_err(Error::syscall("mmap(2)"))?, length })
    }

    /// Address of the first byte.
    #[must_use]
    pub fn address(&self) -> NonNull<libc::c_void> {
        self.address
    }

    /// Length in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length.get()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `new` mapped it, and only this unmaps it. Code that uses the address keeps this value.
        let _ = unsafe { munmap(self.address, self.length.get()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(mapping: &mut Mapping) -> &mut [u8] {
        // SAFETY: the mapping has this length, is private, and is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(mapping.address().as_ptr().cast(), mapping.length()) }
    }

    #[test]
    fn what_was_written_is_mapped_and_stays_as_it_was() {
        let file = create().unwrap();
        let text = vec![7; 200_000];
        write_all_at(&file, 1 << 16, &text).unwrap();
        let length = NonZeroUsize::new(text.len()).unwrap();
        let [mut first, mut second] = [(); 2].map(|()| Mapping::new(&file, 1 << 16, length).unwrap());
        assert_eq!(bytes_of(&mut first), text);
        bytes_of(&mut first).fill(1);
        assert_eq!(bytes_of(&mut second), text);
    }

    #[test]
    fn a_file_that_is_mapped_can_no_longer_be_changed() {
        let file = create().unwrap();
        write_all_at(&file, 0, &[7; 1 << 16]).unwrap();
        let _mapping = Mapping::new(&file, 0, NonZeroUsize::MIN).unwrap();
        assert!(nix::unistd::ftruncate(&file, 0).is_err());
        assert!(write_all_at(&file, 0, b"text").is_err());
    }

    #[test]
    fn what_is_not_in_the_file_is_refused() {
        let file = create().unwrap();
        write_all_at(&file, 0, &[7; 100]).unwrap();
        for (offset, length) in [(0, 101), (1 << 16, 1), (u64::MAX, 1), (0, usize::MAX)] {
            let mapped = Mapping::new(&file, offset, NonZeroUsize::new(length).unwrap());
            let refused = matches!(mapped, Err(Error::Syscall { errno: Errno::EINVAL, .. }));
            assert!(refused, "{offset} {length}");
        }
    }

    #[test]
    fn an_offset_within_a_page_is_refused() {
        let file = create().unwrap();
        write_all_at(&file, 0, b"text").unwrap();
        let mapped = Mapping::new(&file, 1, NonZeroUsize::MIN);
        assert!(matches!(mapped, Err(Error::Syscall { call: "mmap(2)", errno: Errno::EINVAL })));
    }

    #[test]
    fn a_file_beyond_all_sizes_is_refused() {
        let file = create().unwrap();
        for offset in [u64::MAX, u64::MAX - 1, 1 << 63] {
            let written = write_all_at(&file, offset, b"text");
            assert!(matches!(written, Err(Error::Syscall { call: "pwrite(2)", .. })), "{offset}");
        }
    }
}
