//! Silent replacements for inherited descriptors.

use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl, open},
    sys::{
        epoll::{Epoll, EpollCreateFlags},
        eventfd::{EfdFlags, EventFd},
        resource::{Resource, getrlimit, setrlimit},
        socket::{AddressFamily, Shutdown, SockFlag, SockType, shutdown, socketpair},
        stat::Mode,
    },
    unistd::pipe2,
};

use crate::{
    error::{Error, Result},
    fds::kind::{Access, Kind, SocketKind, identity, kind_of_other, socket_kind},
    syscall::retry,
};

/// Maximum number of descriptors that [`make_inert`] has open at any time, besides those it replaces.
pub(crate) const HEADROOM: usize = 16;

/// Action of [`make_inert`] for a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Leaves it as it is.
    Keep,
    /// Replaces it with something silent.
    Silent,
    /// Like `Silent`, but writes to a socket fail with EPIPE, so a sender learns at once that no answer will
    /// come. Reads stay silent, since an end of file could be taken for the end of an answer.
    Mute,
    /// Like `Mute`, for a descriptor that the caller knows to be an open stream socket. Skips asking the
    /// kernel, which saves a third of the time.
    MuteStream,
    /// Replaces a descriptor of any kind that nothing in the clone reads or writes with an eventfd that is
    /// never ready. All descriptors of this fate share one eventfd. The kernel is not asked.
    Unused,
}

/// Numbers of descriptors by what [`make_inert`] did with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Descriptors that were replaced.
    pub replaced: usize,
    /// Descriptors left as they were: those of fate [`Fate::Keep`], character devices, io_urings and
    /// `O_PATH` descriptors.
    pub left: usize,
    /// Numbers at which nothing was open.
    pub absent: usize,
    /// [`identity`] of the one open file that replaces all stream sockets of fate [`Fate::Mute`] and
    /// [`Fate::MuteStream`]. `None` if there were none.
    pub mute_stream: Option<(u64, u64)>,
}

/// Replaces each of `fds` that is not kept with something silent. Each number stays in use, and nothing of
/// the parent's can be read, written, moved or shut down through it. [`Fate::Silent`] replaces as follows:
///
/// | what was there | what takes its number |
/// |---|---|
/// | socket | an end of a socket pair of the same type: reads EAGAIN; writes go nowhere, and EAGAIN once it is full, or EPIPE by [`Fate::Mute`] |
/// | read end of a pipe | that of an empty pipe: reads EAGAIN |
/// | write end of a pipe | that of a pipe nobody reads: likewise |
/// | FIFO open both ways | an end of a stream socket pair |
/// | eventfd | a fresh one |
/// | epoll | a fresh one |
/// | regular file, directory, block device | an `O_PATH` descriptor: reads, writes and seeks EBADF |
/// | inotify, pidfd, timerfd, signalfd, unknown | an eventfd: never ready |
/// | character device, io_uring, `O_PATH` | left alone |
///
/// Descriptors that can be watched get replacements that can be watched, so `epoll_ctl(2)` refuses none.
/// All replacements are non-blocking and close-on-exec.
///
/// All sockets of one type and fate are replaced by one open file, and so are all pipe ends of one kind. A
/// shutdown or a full buffer through one number affects all of them. The other ends of the pairs stay open
/// until the clone ends, on numbers above all of `fds`.
///
/// An io_uring shares its rings with the parent and is left to its owner.
///
/// Not async-signal-safe: allocates, under the condition stated at [`list()`](crate::fds::list()).
/// Calls `fcntl(2)`, `fstat(2)`, `getsockopt(2)`, `readlink(2)`, `prlimit(2)`, `dup3(2)` and the calls that
/// open the replacements.
///
/// # Errors
/// [`Error::Syscall`] when a replacement cannot be opened (EMFILE at the hard limit, ENFILE, ENOMEM).
/// Some numbers are then replaced and others not: the clone must call `_exit(2)` at once.
///
/// # Safety
/// For the clone only, after the fork and before anything else in it uses a descriptor: the open file under
/// each number changes without its owner's knowledge. Nothing in the clone may rely on the old file, as
/// code does that keeps a lock or a mapping in sync with it. A descriptor of fate [`Fate::MuteStream`] or
/// [`Fate::Unused`] must be open. Otherwise a replacement may occupy its number.
pub unsafe fn make_inert(fds: impl Iterator<Item = RawFd>, fate: &dyn Fn(RawFd) -> Fate) -> Result<Summary> {
    // All are examined before the first replacement is opened: it may get a number on the list at which
    // nothing was open.
    let look = |fd| match fate(fd) {
        Fate::Keep => (fd, Fate::Keep, Replacement::Unchanged),
        Fate::MuteStream => (fd, Fate::Mute, Replacement::Shared(Shape::Socket(SocketKind::Stream))),
        Fate::Unused => (fd, Fate::Silent, Replacement::Shared(Shape::NeverReady)),
        fate => (fd, fate, Replacement::of(fd)),
    };
    let found: Vec<_> = fds.map(look).collect();
    let above = found.iter().map(|(fd, ..)| fd.saturating_add(1)).max().unwrap_or(0);

    with_highest_limit(|| {
        let mut silence = Silence::new(above);
        let mut summary = Summary::default();
        for (fd, fate, replacement) in found {
            match replacement {
                Replacement::Unchanged => summary.left += 1,
                Replacement::Absent => summary.absent += 1,
                replacement => {
                    // SAFETY: the caller has given up what is open at `fd`. Something is open there, so no
                    // descriptor of `silence` can have that number.
                    unsafe { silence.replace(fd, replacement, fate) }?;
                    summary.replaced += 1;
                }
            }
        }
        summary.mute_stream = silence.identity(Shape::Socket(SocketKind::Stream), Fate::Mute);
        Ok(summary)
    })
}

/// Replacement of a descriptor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Replacement {
    /// No replacement: the open file stays.
    Unchanged,
    /// No replacement: nothing is open at the number.
    Absent,
    /// One open file for all descriptors of a shape.
    Shared(Shape),
    /// An eventfd of its own: a write to one must not make another ready.
    EventFd,
    /// An epoll instance of its own.
    Epoll,
}

impl Replacement {
    /// Returns the replacement for what is open at `fd`.
    fn of(fd: RawFd) -> Self {
        // Sockets first: a server has thousands, and this takes one call.
        if let Some(kind) = socket_kind(fd) {
            return Self::Shared(Shape::Socket(kind));
        }
        match kind_of_other(fd) {
            Kind::Closed => Self::Absent,
            Kind::CharDevice | Kind::IoUring | Kind::Path => Self::Unchanged,
            Kind::Pipe { access: Access::Read } => Self::Shared(Shape::Reader),
            Kind::Pipe { access: Access::Write } => Self::Shared(Shape::Writer),
            Kind::Pipe { access: Access::Both } => Self::Shared(Shape::Socket(SocketKind::Stream)),
            Kind::Socket { kind, .. } => Self::Shared(Shape::Socket(kind)),
            Kind::Regular | Kind::Directory | Kind::BlockDevice => Self::Shared(Shape::Nowhere),
            Kind::Epoll => Self::Epoll,
            Kind::EventFd | Kind::Inotify | Kind::PidFd | Kind::OtherAnon | Kind::Unknown => Self::EventFd,
        }
    }
}

/// Shape of a replacement that can be shared by many descriptors.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Reader,
    Writer,
    Socket(SocketKind),
    Nowhere,
    NeverReady,
}

/// Replacements, each opened at its first use.
struct Silence {
    /// Lowest number for the other ends of pairs.
    above: RawFd,
    opened: Vec<(Shape, Fate, OwnedFd)>,
}

impl Silence {
    fn new(above: RawFd) -> Self {
        Self { above, opened: Vec::new() }
    }

    /// Puts the replacement on the number `fd`.
    ///
    /// # Safety
    /// The caller must own what is open at `fd`, and it must not be one of the replacements.
    unsafe fn replace(&mut self, fd: RawFd, replacement: Replacement, fate: Fate) -> Result<()> {
        let fresh;
        let silent = match replacement {
            Replacement::Unchanged | Replacement::Absent => return Ok(()),
            Replacement::Shared(shape) => self.shared(shape, fate)?,
            Replacement::EventFd => {
                fresh = silent_eventfd()?;
                &fresh
            }
            Replacement::Epoll => {
                fresh = silent_epoll()?;
                &fresh
            }
        };
        // SAFETY: the caller has given up what is open at `fd`, and `silent` is another open descriptor.
        match retry(|| unsafe { libc::dup3(silent.as_raw_fd(), fd, libc::O_CLOEXEC) }) {
            // The number is above the hard limit, which was lowered. No call can return that number again, so
            // closing it is enough.
            Err(Errno::EBADF) => {
                // SAFETY: the caller has given up what is open at `fd`. Linux closes the number regardless
                // of what close(2) returns.
                unsafe { libc::close(fd) };
                Ok(())
            }
            copied => copied.map(drop).map_err(Error::syscall("dup3(2)")),
        }
    }

    /// Returns the identity of the replacement for `shape`, if one was needed.
    fn identity(&self, shape: Shape, fate: Fate) -> Option<(u64, u64)> {
        let opened = self.opened.iter().find(|(of, as_told, _)| (*of, *as_told) == (shape, fate));
        opened.and_then(|(.., end)| identity(end.as_raw_fd()))
    }

    fn shared(&mut self, shape: Shape, fate: Fate) -> Result<&OwnedFd> {
        let fate = if matches!(shape, Shape::Socket(_)) { fate } else { Fate::Silent };
        let known = self.opened.iter().position(|(of, as_told, _)| (*of, *as_told) == (shape, fate));
        let index = match known {
            Some(index) => index,
            None => {
                self.opened.push((shape, fate, open_silent(shape, fate, self.above)?));
                self.opened.len() - 1
            }
        };
        Ok(&self.opened[index].2)
    }
}

/// Runs `body` with the soft limit of descriptors raised to the hard limit. The soft limit may leave no room.
/// `dup3(2)` also refuses numbers above it, which may be open if the limit was lowered.
fn with_highest_limit<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    let limit = Resource::RLIMIT_NOFILE;
    let (soft, hard) = getrlimit(limit).map_err(Error::syscall("getrlimit(2)"))?;
    if soft == hard {
        return body();
    }
    setrlimit(limit, hard, hard).map_err(Error::syscall("setrlimit(2)"))?;
    let answer = body();
    setrlimit(limit, soft, hard).map_err(Error::syscall("setrlimit(2)"))?;
    answer
}

fn open_silent(shape: Shape, fate: Fate, above: RawFd) -> Result<OwnedFd> {
    let (end, other) = match shape {
        // Readers and writers get separate pipes: bytes written to stale pipes must not arrive in others.
        Shape::Reader => silent_pipe()?,
        Shape::Writer => {
            let (read, write) = silent_pipe()?;
            (write, read)
        }
        Shape::Socket(SocketKind::Stream) => silent_sockets(SockType::Stream)?,
        Shape::Socket(SocketKind::SeqPacket) => silent_sockets(SockType::SeqPacket)?,
        Shape::Socket(SocketKind::Datagram | SocketKind::Other) => silent_sockets(SockType::Datagram)?,
        Shape::Nowhere => return nowhere(),
        Shape::NeverReady => return silent_eventfd(),
    };
    if fate == Fate::Mute {
        shutdown(end.as_raw_fd(), Shutdown::Write).map_err(Error::syscall("shutdown(2)"))?;
    }
    hold(other, above);
    Ok(end)
}

fn silent_pipe() -> Result<(OwnedFd, OwnedFd)> {
    pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(Error::syscall("pipe2(2)"))
}

fn silent_sockets(kind: SockType) -> Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    socketpair(AddressFamily::Unix, kind, None, flags).map_err(Error::syscall("socketpair(2)"))
}

pub(super) fn silent_eventfd() -> Result<OwnedFd> {
    let fresh = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK);
    fresh.map(OwnedFd::from).map_err(Error::syscall("eventfd(2)"))
}

fn silent_epoll() -> Result<OwnedFd> {
    let fresh = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(Error::syscall("epoll_create1(2)"))?;
    Ok(fresh.0)
}

/// Opens a descriptor that allows no read, write or seek. It is not a directory, since `openat(2)` through
/// a stale number would find files there. Without `/dev`, uses an epoll instance.
fn nowhere() -> Result<OwnedFd> {
    open("/dev/null", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).or_else(|_| silent_epoll())
}

/// Keeps the other end of a pair open until the process ends, out of the way if possible.
fn hold(end: OwnedFd, above: RawFd) {
    // At the limit of descriptors no higher number is left, so the end stays where it is.
    if fcntl(&end, FcntlArg::F_DUPFD_CLOEXEC(above)).is_err() {
        let _ = end.into_raw_fd();
    }
}
