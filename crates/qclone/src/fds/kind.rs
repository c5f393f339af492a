//! Kinds of open files.

use std::{mem::MaybeUninit, os::fd::RawFd};

use libc::c_int;
use nix::fcntl::readlink;

use crate::procfs::OWN_DESCRIPTORS;

/// Kind of file that is open at a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Nothing is open.
    Closed,
    /// A regular file, `memfd_create(2)` included.
    Regular,
    /// A directory.
    Directory,
    /// A terminal, `/dev/null`, `/dev/urandom` and the like.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// An `O_PATH` descriptor of any file: a place in the file system that cannot be read.
    Path,
    /// One end of a pipe, or a FIFO.
    Pipe {
        /// Access mode it was opened with.
        access: Access,
    },
    /// A socket.
    Socket {
        /// Address family, an `AF_` constant; `None` if the kernel does not say.
        domain: Option<i32>,
        /// Socket type.
        kind: SocketKind,
    },
    /// An `eventfd(2)`.
    EventFd,
    /// An `epoll(7)` instance.
    Epoll,
    /// An `inotify(7)` instance.
    Inotify,
    /// An `io_uring(7)`.
    IoUring,
    /// A `pidfd_open(2)`.
    PidFd,
    /// Another file without a name: a timerfd, a signalfd, a userfaultfd, perf, BPF.
    OtherAnon,
    /// A file without a type, which `/proc/self/fd` does not describe.
    Unknown,
}

/// Access mode of a pipe's descriptor, see `open(2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read only.
    Read,
    /// Write only.
    Write,
    /// Both, which Linux allows for a FIFO.
    Both,
}

/// Socket type, see `socket(2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketKind {
    /// `SOCK_STREAM`: TCP, unix, Node's IPC.
    Stream,
    /// `SOCK_DGRAM`: UDP, unix, some netlink.
    Datagram,
    /// `SOCK_SEQPACKET`.
    SeqPacket,
    /// Raw, packet, netlink, or a kernel that does not say.
    Other,
}

/// Returns device and inode of the open file, from `fstat(2)`. They differ for another file at the same
/// number. `None` when nothing is open there. Async-signal-safe.
pub fn identity(fd: RawFd) -> Option<(u64, u64)> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `stat` has room for what fstat(2) writes.
    if unsafe { libc::fstat(fd, stat.as_mut_ptr()) } == -1 {
        return None;
    }
    // SAFETY: the call succeeded, so it has written `stat`.
    let stat = unsafe { stat.assume_init() };
    Some((stat.st_dev, stat.st_ino))
}

/// Returns what is open at `fd`.
///
/// Uses `getsockopt(2)` for sockets, `fstat(2)` for other files, `F_GETFL` for pipes, and the name under
/// `/proc/self/fd` for files without a type.
///
/// Not async-signal-safe: may allocate, under the condition stated at [`list()`](crate::fds::list()).
pub fn kind(fd: RawFd) -> Kind {
    match socket_kind(fd) {
        Some(kind) => Kind::Socket { domain: socket_option(fd, libc::SO_DOMAIN), kind },
        None => kind_of_other(fd),
    }
}

/// Returns the type of the socket at `fd`, if there is one and the kernel reports it.
pub(super) fn socket_kind(fd: RawFd) -> Option<SocketKind> {
    Some(match socket_option(fd, libc::SO_TYPE)? {
        libc::SOCK_STREAM => SocketKind::Stream,
        libc::SOCK_DGRAM => SocketKind::Datagram,
        libc::SOCK_SEQPACKET => SocketKind::SeqPacket,
        _ => SocketKind::Other,
    })
}

/// Returns what is open at `fd` if [`socket_kind`] found no socket.
pub(super) fn kind_of_other(fd: RawFd) -> Kind {
    // SAFETY: F_GETFL takes an integer and touches no memory; EBADF is among its answers.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    if flags == -1 {
        return Kind::Closed;
    }
    if flags & libc::O_PATH != 0 {
        return Kind::Path;
    }
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: fstat writes one struct stat to the given place, which outlives the call.
    if unsafe { libc::fstat(fd, stat.as_mut_ptr()) } != 0 {
        return Kind::Unknown;
    }
    // SAFETY: fstat succeeded, so it has filled in the struct.
    let mode = unsafe { stat.assume_init() }.st_mode;
    match mode & libc::S_IFMT {
        libc::S_IFDIR => Kind::Directory,
        libc::S_IFCHR => Kind::CharDevice,
        libc::S_IFBLK => Kind::BlockDevice,
        libc::S_IFIFO => Kind::Pipe {
            access: match flags & libc::O_ACCMODE {
                libc::O_RDONLY => Access::Read,
                libc::O_WRONLY => Access::Write,
                _ => Access::Both,
            },
        },
        libc::S_IFSOCK => Kind::Socket { domain: None, kind: SocketKind::Other },
        // From Linux 6.9 on, fstat reports pidfds as regular files.
        libc::S_IFREG => anonymous(fd).unwrap_or(Kind::Regular),
        _ => anonymous(fd).unwrap_or(Kind::Unknown),
    }
}

fn socket_option(fd: RawFd, name: c_int) -> Option<c_int> {
    let mut value: c_int = 0;
    let mut size = libc::socklen_t::try_from(size_of::<c_int>()).ok()?;
    // SAFETY: getsockopt writes at most `size` bytes to `value`, which has that size, and the
    // length to `size`. Both outlive the call.
    let got = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, name, (&raw mut value).cast(), &raw mut size) };
    (got == 0).then_some(value)
}

/// Returns the kind of a nameless file, from the target of its link under `/proc/self/fd`.
fn anonymous(fd: RawFd) -> Option<Kind> {
    let link = readlink(format!("{OWN_DESCRIPTORS}/{fd}").as_str()).ok()?;
    let class = link.to_str()?.strip_prefix("anon_inode:")?;
    Some(match class {
        "[eventfd]" => Kind::EventFd,
        "[eventpoll]" => Kind::Epoll,
        "inotify" => Kind::Inotify,
        "[io_uring]" => Kind::IoUring,
        "[pidfd]" => Kind::PidFd,
        _ => Kind::OtherAnon,
    })
}
