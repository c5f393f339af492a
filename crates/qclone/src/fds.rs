//! Descriptors that a clone inherits: which there are, what they are, and how to be rid of them
//! without harm to the parent.
//!
//! A fork copies the table of descriptors, not the open files: parent and clone share each file's
//! offset, each socket's peer, each timer's expiry. A clone that merely closed them would leave
//! numbers free for reuse under objects that still hold them; [`make_inert`] instead puts something
//! silent on each number.

use std::{
    fs,
    mem::MaybeUninit,
    ops::Range,
    os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd},
    path::Path,
};

use libc::{c_int, c_uint};
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl, open, readlink},
    sys::{
        epoll::{Epoll, EpollCreateFlags},
        eventfd::{EfdFlags, EventFd},
        resource::{Resource, getrlimit, setrlimit},
        socket::{AddressFamily, Shutdown, SockFlag, SockType, shutdown, socketpair},
        stat::Mode,
    },
    unistd::pipe2,
};

use crate::{Error, Result, procfs::read_text, wait::retry};

/// Descriptors that [`make_inert`] opens beside those it replaces, at most, at any one time.
pub(crate) const HEADROOM: usize = 16;

/// Up to this size of the table it is quicker to try each number.
const TRIED_AT_MOST: RawFd = 65_536;

/// Neighbours that are tried one by one before the end of their run is asked for: that takes four calls.
const TRIED_OF_A_RUN: RawFd = 64;

const OWN_DESCRIPTORS: &str = "/proc/self/fd";

/// What is open at a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Nothing.
    Closed,
    /// A regular file, a `memfd_create(2)` among them.
    Regular,
    /// A directory.
    Directory,
    /// A terminal, `/dev/null`, `/dev/urandom` and their like.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// An `O_PATH` descriptor, of whatever file: a place in the file system, not to be read from.
    Path,
    /// One end of a pipe, or a FIFO.
    Pipe {
        /// What it was opened for.
        access: Access,
    },
    /// A socket.
    Socket {
        /// Its address family, an `AF_` constant; `None` if the kernel does not say.
        domain: Option<i32>,
        /// Its type.
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
    /// A file without a type that `/proc/self/fd` says nothing of.
    Unknown,
}

/// What a pipe's descriptor was opened for, see `open(2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To read.
    Read,
    /// To write.
    Write,
    /// Both, which on Linux a FIFO can be.
    Both,
}

/// A socket's type, see `socket(2)`.
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

/// What [`make_inert`] is to do with a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Leave it as it is.
    Keep,
    /// Replace it by something silent.
    Silent,
    /// The same, but a socket fails writes with EPIPE: whoever sends a request or a datagram through it
    /// is told at once, where an answer would never come. Reads are silent still, since an end of file
    /// would pass for the end of an answer.
    Mute,
    /// The same for a descriptor that the caller knows to be an open stream socket: the kernel is not asked,
    /// which would take half as long again.
    MuteStream,
    /// Replace a descriptor that nobody here reads or writes any more, whatever it is, by an eventfd that is
    /// never ready: one for all of this fate. The kernel is not asked.
    Unused,
}

/// How many descriptors [`make_inert`] did what with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Replaced by something silent.
    pub replaced: usize,
    /// Left as they were: of fate [`Fate::Keep`], or a character device, an io_uring or an `O_PATH`.
    pub left: usize,
    /// Nothing was open at the number.
    pub absent: usize,
    /// The [`identity`] of the one open file that stands for all stream sockets of fate [`Fate::Mute`] and
    /// [`Fate::MuteStream`]; `None` where there was none to replace.
    pub mute_stream: Option<(u64, u64)>,
}

/// Descriptors open in this process, in ascending order.
///
/// Tries the numbers that the process's table has room for, by `FDSize` in `/proc/self/status`:
/// some 60 ns each, where reading `/proc/self/fd` takes microseconds a descriptor. Long runs are
/// passed over; see [`runs`]. Where the table is very large, or its size cannot be read,
/// `/proc/self/fd` is. If that cannot be read either, every number below the soft `RLIMIT_NOFILE` is
/// tried: slow where the limit is in the billions, and a descriptor above a limit that was lowered is
/// missed.
///
/// Not async-signal-safe: allocates. In the child of a fork it relies on `malloc` being usable
/// there, which glibc and musl see to in a process whose other threads are at rest.
///
/// # Errors
/// [`Error::Syscall`] when the limit cannot be read either.
pub fn list() -> Result<Vec<RawFd>> {
    Ok(runs()?.into_iter().flatten().collect())
}

/// As [`list()`], as runs of neighbours: most often few, however many descriptors there are.
///
/// The end of a long run is the lowest free number after its start (`F_DUPFD_CLOEXEC`, of an eventfd that
/// is open meanwhile: to close a copy of another file could drop its locks).
///
/// # Errors
/// As [`list()`].
pub fn runs() -> Result<Vec<Range<RawFd>>> {
    match table_size() {
        Some(size) if size <= TRIED_AT_MOST => Ok(runs_below(size)),
        _ => Ok(in_runs(list_in(Path::new(OWN_DESCRIPTORS))?)),
    }
}

/// Runs of open numbers in a table with room for `size`.
fn runs_below(size: RawFd) -> Vec<Range<RawFd>> {
    let mut runs = Vec::new();
    let mut probe = None;
    // Where even the last number is taken, the lowest free one may be beyond, and the table would grow.
    let mut asks = !is_open(size - 1);
    let mut fd = 0;
    while fd < size {
        if !is_open(fd) {
            fd += 1;
            continue;
        }
        let start = fd;
        while fd < size && is_open(fd) {
            fd += 1;
            if asks && fd - start == TRIED_OF_A_RUN {
                probe = probe.or_else(|| silent_eventfd().ok());
                match probe.as_ref().and_then(|probe| lowest_free(probe, fd)) {
                    Some(free) => fd = free,
                    None => asks = false,
                }
            }
        }
        runs.push(start..fd);
    }
    match probe {
        None => runs,
        Some(probe) => without(&runs, probe.as_raw_fd()),
    }
}

/// The lowest number from `fd` on where nothing is open; `None` when there is none below the soft limit.
fn lowest_free(probe: &OwnedFd, fd: RawFd) -> Option<RawFd> {
    let copy = fcntl(probe, FcntlArg::F_DUPFD_CLOEXEC(fd)).ok()?;
    // SAFETY: the call has opened it just now, and nobody else knows of it.
    drop(unsafe { OwnedFd::from_raw_fd(copy) });
    Some(copy)
}

/// `runs` with `fd` taken out.
fn without(runs: &[Range<RawFd>], fd: RawFd) -> Vec<Range<RawFd>> {
    let split = |run: &Range<RawFd>| match run.contains(&fd) {
        true => [run.start..fd, fd + 1..run.end],
        false => [run.clone(), 0..0],
    };
    runs.iter().flat_map(split).filter(|run| !run.is_empty()).collect()
}

/// Ascending numbers as runs.
fn in_runs(fds: Vec<RawFd>) -> Vec<Range<RawFd>> {
    let mut runs: Vec<Range<RawFd>> = Vec::new();
    for fd in fds {
        match runs.last_mut() {
            Some(run) if run.end == fd => run.end = fd + 1,
            _ => runs.push(fd..fd + 1),
        }
    }
    runs
}

/// Numbers that the table of descriptors has room for. Never less than what is open, as the kernel
/// only ever grows it.
fn table_size() -> Option<RawFd> {
    let status = read_text(Path::new("/proc/self/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("FDSize:"))?.trim().parse().ok()
}

/// As [`list()`], reading a folder that stands for `/proc/self/fd` however large the table is.
///
/// # Errors
/// As [`list()`].
pub fn list_in(path: &Path) -> Result<Vec<RawFd>> {
    let Some(mut fds) = read_numbers(path) else {
        let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).map_err(Error::syscall("getrlimit(2)"))?;
        return Ok((0..RawFd::try_from(soft).unwrap_or(RawFd::MAX)).filter(|fd| is_open(*fd)).collect());
    };
    // The folder's own descriptor was among those it listed, and is closed by now.
    fds.retain(|fd| is_open(*fd));
    fds.sort_unstable();
    Ok(fds)
}

/// The open file's device and inode, by `fstat(2)`: another file at the same number has others.
/// `None` when nothing is open there. Async-signal-safe.
pub fn identity(fd: RawFd) -> Option<(u64, u64)> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `stat` has room for what fstat(2) writes.
    if unsafe { libc::fstat(fd, stat.as_mut_ptr()) } == -1 {
        return None;
    }
    // SAFETY: written by the call, which succeeded.
    let stat = unsafe { stat.assume_init() };
    Some((stat.st_dev, stat.st_ino))
}

/// What is open at `fd`.
///
/// By `getsockopt(2)` for sockets, else by `fstat(2)`, `F_GETFL` for pipes, and the name under
/// `/proc/self/fd` for files that have no type of their own.
///
/// Not async-signal-safe: may allocate, under the condition told at [`list()`].
pub fn kind(fd: RawFd) -> Kind {
    match socket_kind(fd) {
        Some(kind) => Kind::Socket { domain: socket_option(fd, libc::SO_DOMAIN), kind },
        None => kind_of_other(fd),
    }
}

/// The type of the socket at `fd`, if there is one and the kernel says.
fn socket_kind(fd: RawFd) -> Option<SocketKind> {
    Some(match socket_option(fd, libc::SO_TYPE)? {
        libc::SOCK_STREAM => SocketKind::Stream,
        libc::SOCK_DGRAM => SocketKind::Datagram,
        libc::SOCK_SEQPACKET => SocketKind::SeqPacket,
        _ => SocketKind::Other,
    })
}

/// What is open at `fd`, where [`socket_kind`] did not say.
fn kind_of_other(fd: RawFd) -> Kind {
    // SAFETY: F_GETFL takes an integer and touches no memory; EBADF is among its answers.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    if flags == -1 {
        return Kind::Closed;
    }
    if flags & libc::O_PATH != 0 {
        return Kind::Path;
    }
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: fstat writes one struct stat to the place given, which outlives the call.
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
        // Pidfds have been regular files to fstat, from Linux 6.9 on.
        libc::S_IFREG => anonymous(fd).unwrap_or(Kind::Regular),
        _ => anonymous(fd).unwrap_or(Kind::Unknown),
    }
}

/// Puts something silent on each of `fds` that is not to be kept: each number stays taken, and
/// nothing of the parent's is read, written, moved or shut down through it any more. `fate` may vary
/// how silent; what follows is [`Fate::Silent`].
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
/// What can be watched is replaced by what can be watched, so that `epoll_ctl(2)` refuses none.
/// All replacements are non-blocking and close-on-exec. Replacements for sockets of one type and
/// fate are one open file, and likewise for each sort of pipe end: what is shut down or filled up
/// through one number is so through all of them. The pairs' other ends are held until the clone
/// ends, on numbers above all of `fds`.
///
/// An io_uring shares its rings with the parent and is left to whoever owns it.
///
/// Not async-signal-safe: allocates, under the condition told at [`list()`]. Else `fcntl(2)`,
/// `fstat(2)`, `getsockopt(2)`, `readlink(2)`, `prlimit(2)`, `dup3(2)` and the calls that open the replacements.
///
/// # Errors
/// [`Error::Syscall`] when a replacement cannot be opened (EMFILE at the hard limit, ENFILE,
/// ENOMEM). Some numbers are then replaced and others not: the clone ends by `_exit(2)` at once.
///
/// # Safety
/// For the clone alone, after the fork and before anything else in it uses a descriptor: the open
/// file beneath each number changes under its owner. Nothing in the clone may rely on the old one,
/// as code does that keeps a lock or a mapping in step with it. What has the fate
/// [`Fate::MuteStream`] or [`Fate::Unused`] is open: a replacement may otherwise sit on its number.
pub unsafe fn make_inert(fds: impl Iterator<Item = RawFd>, fate: &dyn Fn(RawFd) -> Fate) -> Result<Summary> {
    // Looked at in full before the first replacement is opened: that may land on a number of the
    // list where nothing was open.
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
                    // SAFETY: the caller has given up what is open at `fd`, and it is open, so that
                    // no descriptor of `silence` can sit there.
                    unsafe { silence.replace(fd, replacement, fate) }?;
                    summary.replaced += 1;
                }
            }
        }
        summary.mute_stream = silence.identity(Shape::Socket(SocketKind::Stream), Fate::Mute);
        Ok(summary)
    })
}

/// Closes every descriptor of this process but those in `keep`. See `close_range(2)`.
///
/// For clones of programs in which no object is left that holds a number; otherwise
/// [`make_inert`]. Where the kernel (before 5.9) or a sandbox has no `close_range`, descriptors are
/// listed and closed one by one.
///
/// Not async-signal-safe: allocates, under the condition told at [`list()`].
///
/// # Errors
/// [`Error::Syscall`] when the descriptors can be neither closed at once nor listed.
///
/// # Safety
/// For the clone alone. No owner of a descriptor outside `keep` may use it, nor close it, after
/// this: the number may mean another file by then.
pub unsafe fn close_all_except(keep: &[RawFd]) -> Result<()> {
    let mut keep: Vec<c_uint> = keep.iter().filter_map(|fd| c_uint::try_from(*fd).ok()).collect();
    keep.sort_unstable();

    let mut first = 0;
    for fd in &keep {
        // SAFETY: the caller has given up all between the numbers kept.
        if *fd > first && !unsafe { close_range(first, *fd - 1) } {
            // SAFETY: as above.
            return unsafe { close_listed(&keep) };
        }
        first = fd + 1;
    }
    // SAFETY: as above.
    if unsafe { close_range(first, c_uint::MAX) } {
        return Ok(());
    }
    // SAFETY: as above.
    unsafe { close_listed(&keep) }
}

/// Puts something at its end on the number `fd`, whether or not it was open. The descriptor stays
/// open across `execve(2)`, as befits standard input.
///
/// That is `/dev/null`, open for reading and writing; or with `watchable` the read end of a pipe
/// that nobody writes to, for a descriptor that an event loop may come to watch: `epoll(7)` refuses
/// `/dev/null`.
///
/// Async-signal-safe: `open(2)` or `pipe2(2)`, `dup2(2)` and `close(2)`.
///
/// # Errors
/// [`Error::Syscall`] when `/dev/null` or a pipe cannot be opened, or `fd` is not a number for a
/// descriptor.
///
/// # Safety
/// The open file beneath `fd` changes under its owner, who may not rely on the old one.
pub unsafe fn redirect_to_end(fd: RawFd, watchable: bool) -> Result<()> {
    let ended = if watchable {
        pipe2(OFlag::empty()).map(|(read, _)| read).map_err(Error::syscall("pipe2(2)"))
    } else {
        open("/dev/null", OFlag::O_RDWR, Mode::empty()).map_err(Error::syscall("open(2)"))
    }?;
    if ended.as_raw_fd() == fd {
        // `fd` was closed, and the lowest such number.
        let _ = ended.into_raw_fd();
        return Ok(());
    }
    // SAFETY: the caller has given up what is open at `fd`.
    let copied = retry(|| unsafe { libc::dup2(ended.as_raw_fd(), fd) });
    copied.map(drop).map_err(Error::syscall("dup2(2)"))
}

/// Makes `fd` another number for what is open at `source`, or, without one, for `/dev/null`.
///
/// Async-signal-safe: `open(2)`, `dup2(2)` and `close(2)`.
///
/// # Errors
/// [`Error::Syscall`] when `/dev/null` cannot be opened, or `source` is not open.
///
/// # Safety
/// As of [`redirect_to_end`].
pub unsafe fn redirect(fd: RawFd, source: Option<RawFd>) -> Result<()> {
    let Some(source) = source else {
        // SAFETY: the caller vouches for it.
        return unsafe { redirect_to_end(fd, false) };
    };
    // SAFETY: the caller has given up what is open at `fd`.
    let copied = retry(|| unsafe { libc::dup2(source, fd) });
    copied.map(drop).map_err(Error::syscall("dup2(2)"))
}

/// What takes the place of a descriptor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Replacement {
    /// None: what is open stays.
    Unchanged,
    /// None: nothing is open at the number.
    Absent,
    /// One open file for all of its shape.
    Shared(Shape),
    /// An eventfd of its own: what is written to one must not make another ready.
    EventFd,
    /// An epoll instance of its own.
    Epoll,
}

impl Replacement {
    /// The replacement for what is open at `fd`.
    fn of(fd: RawFd) -> Self {
        // Sockets first: a server has thousands, and this is one call.
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

/// What can stand for many descriptors at once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Reader,
    Writer,
    Socket(SocketKind),
    Nowhere,
    NeverReady,
}

/// The replacements, each opened when first asked for.
struct Silence {
    /// Lowest number for the ends that are held.
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
    /// What is open at `fd` must be the caller's to close, and none of the replacements.
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
        // SAFETY: the caller has given up what is open at `fd`; `silent` is open, and is not `fd`.
        match retry(|| unsafe { libc::dup3(silent.as_raw_fd(), fd, libc::O_CLOEXEC) }) {
            // Beyond the hard limit, which was lowered since: no call can give that number out
            // again, so there it is enough to close.
            Err(Errno::EBADF) => {
                // SAFETY: as above. Linux closes the number whatever close(2) returns.
                unsafe { libc::close(fd) };
                Ok(())
            }
            copied => copied.map(drop).map_err(Error::syscall("dup3(2)")),
        }
    }

    /// Of the replacement for `shape`, if it was needed.
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

/// Runs `body` under the hard limit of descriptors: the soft one may leave no room, and `dup3(2)`
/// refuses numbers above it, which are open where it was lowered.
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
        // Two pipes, not one: what is written to stale pipes must not arrive in others.
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

fn silent_eventfd() -> Result<OwnedFd> {
    let fresh = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK);
    fresh.map(OwnedFd::from).map_err(Error::syscall("eventfd(2)"))
}

fn silent_epoll() -> Result<OwnedFd> {
    let fresh = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(Error::syscall("epoll_create1(2)"))?;
    Ok(fresh.0)
}

/// A descriptor that can be neither read, written nor sought in. Not of a directory, or `openat(2)`
/// through a stale number would find files there. Without a `/dev`, an epoll instance does too.
fn nowhere() -> Result<OwnedFd> {
    open("/dev/null", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).or_else(|_| silent_epoll())
}

/// Keeps the other end of a pair open for as long as the process lives, out of the way if it can.
fn hold(end: OwnedFd, above: RawFd) {
    // At the limit of descriptors there is no number above: then where it is.
    if fcntl(&end, FcntlArg::F_DUPFD_CLOEXEC(above)).is_err() {
        let _ = end.into_raw_fd();
    }
}

/// Whether the range could be closed; false where there is no `close_range(2)`.
///
/// # Safety
/// What is open in the range must be the caller's to close.
unsafe fn close_range(first: c_uint, last: c_uint) -> bool {
    // SAFETY: the call takes three integers and touches no memory; the caller has given up the
    // descriptors in the range. glibc before 2.34 and musl have no wrapper for it.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) == 0 }
}

/// # Safety
/// What is open beside `keep` must be the caller's to close.
unsafe fn close_listed(keep: &[c_uint]) -> Result<()> {
    for fd in list()? {
        if c_uint::try_from(fd).is_ok_and(|number| keep.binary_search(&number).is_err()) {
            // SAFETY: the caller has given up this descriptor.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
        }
    }
    Ok(())
}

/// The numbers that name the folder's entries; `None` if it cannot be read to its end.
fn read_numbers(path: &Path) -> Option<Vec<RawFd>> {
    fs::read_dir(path).ok()?.map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

fn is_open(fd: RawFd) -> bool {
    // SAFETY: F_GETFD takes an integer and touches no memory; EBADF is among its answers.
    unsafe { libc::fcntl(fd, libc::F_GETFD) != -1 }
}

fn socket_option(fd: RawFd, name: c_int) -> Option<c_int> {
    let mut value: c_int = 0;
    let mut size = libc::socklen_t::try_from(size_of::<c_int>()).ok()?;
    // SAFETY: getsockopt writes at most `size` bytes to `value`, which is that large, and the
    // length to `size`; both outlive the call.
    let got = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, name, (&raw mut value).cast(), &raw mut size) };
    (got == 0).then_some(value)
}

/// What sort of nameless file it is, by the target of its link under `/proc/self/fd`.
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
