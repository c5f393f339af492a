//! Reads of this process's own memory at addresses that may not be mapped.

use std::io::IoSliceMut;
use std::{fs::File, os::unix::fs::FileExt};

use nix::{
    sys::uio::{RemoteIoVec, process_vm_readv},
    unistd::Pid,
};

/// Copies memory from `address` into `buffer` and returns the number of bytes copied. Stops at the end of
/// the mapping.
///
/// Never faults, since the kernel does the reading. Falls back to `/proc/self/mem` where a seccomp
/// filter forbids process_vm_readv(2).
#[must_use]
pub fn peek(address: usize, buffer: &mut [u8]) -> usize {
    // The kernel reads remote ranges in order, each as a whole. One range per page allows partial reads.
    let page = page_size();
    let mut remote = Vec::new();
    let mut at = address;
    let mut left = buffer.len();
    while left > 0 {
        let len = left.min(page - at % page);
        remote.push(RemoteIoVec { base: at, len });
        let Some(next) = at.checked_add(len) else { break };
        at = next;
        left -= len;
    }
    remote.truncate(IOV_MAX);
    match process_vm_readv(Pid::this(), &mut [IoSliceMut::new(buffer)], &remote) {
        Ok(read) => read,
        Err(nix::errno::Errno::EFAULT) => 0,
        Err(_) => {
            let Ok(offset) = u64::try_from(address) else { return 0 };
            File::open("/proc/self/mem").and_then(|memory| memory.read_at(buffer, offset)).unwrap_or(0)
        }
    }
}

/// Reads the machine word at `address`. `None` where nothing is mapped.
pub(crate) fn peek_word(address: usize) -> Option<usize> {
    let mut word = [0; size_of::<usize>()];
    (peek(address, &mut word) == word.len()).then(|| usize::from_ne_bytes(word))
}

/// Reads the 32-bit word at `address`. `None` where nothing is mapped.
pub(crate) fn peek_u32(address: usize) -> Option<u32> {
    let mut word = [0; 4];
    (peek(address, &mut word) == word.len()).then(|| u32::from_ne_bytes(word))
}

/// Returns the size of a page of memory, in bytes.
pub(crate) fn page_size() -> usize {
    // SAFETY: sysconf(3) has no preconditions.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

/// The kernel's limit on ranges in one call (`UIO_MAXIOV`).
const IOV_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::{page_size, peek, peek_word};

    #[test]
    fn reads_what_is_there_and_stops_where_it_ends() {
        let value = 0x1234_5678_usize;
        assert_eq!(peek_word((&raw const value).addr()), Some(value));
        assert_eq!(peek_word(8), None);
        assert_eq!(peek_word(usize::MAX - 7), None);
        let mut pages = vec![7_u8; page_size() * 3];
        let source = vec![9_u8; page_size() * 3];
        assert_eq!(peek(source.as_ptr().addr(), &mut pages), pages.len());
        assert!(pages.iter().all(|&byte| byte == 9));
    }
}
