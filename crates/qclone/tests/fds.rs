//! Descriptors in a clone: what is open, how it is replaced, and that the parent is not affected.

mod common;

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    os::{
        fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::net::{UnixDatagram, UnixStream},
    },
    path::{Path, PathBuf},
    process,
};

use common::{ForkLock, assert_success, in_child, lock};
use nix::{
    errno::Errno,
    fcntl::OFlag,
    sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
        eventfd::EventFd,
        resource::{Resource, getrlimit, setrlimit},
        socket::{AddressFamily, SockFlag, SockType, socketpair},
        stat::Mode,
    },
};
use qclone::fds::{self, Access, Fate, Kind, SocketKind, Summary};

const TEXT: &[u8] = b"the parent's own text";

fn kept(keep: bool) -> Fate {
    if keep { Fate::Keep } else { Fate::Silent }
}

/// Makes all descriptors except the first three inert, as a clone does.
fn make_all_inert() -> Summary {
    make_all(Fate::Silent)
}

fn make_all(fate: Fate) -> Summary {
    let fate = |fd| if fd <= 2 { Fate::Keep } else { fate };
    // SAFETY: the child's own code uses descriptors only by number.
    unsafe { fds::make_inert(fds::list().unwrap().into_iter(), &fate) }.unwrap()
}

fn checked(result: libc::c_int) -> OwnedFd {
    assert!(result >= 0, "{}", io::Error::last_os_error());
    // SAFETY: it was just opened, and nothing else knows about it.
    unsafe { OwnedFd::from_raw_fd(result) }
}

fn timerfd() -> OwnedFd {
    // SAFETY: the call takes two integers.
    checked(unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, 0) })
}

fn inotify() -> OwnedFd {
    // SAFETY: the call takes an integer.
    checked(unsafe { libc::inotify_init1(0) })
}

fn pidfd() -> OwnedFd {
    // SAFETY: the call takes two integers.
    let opened = unsafe { libc::syscall(libc::SYS_pidfd_open, process::id(), 0) };
    checked(opened.try_into().unwrap())
}

fn o_path(path: &str) -> OwnedFd {
    // Does not use std's OpenOptions, which drops O_PATH on musl.
    nix::fcntl::open(path, OFlag::O_PATH, Mode::empty()).unwrap()
}

/// Opens a new file for this test, which is unlinked but still open.
fn scratch_file() -> File {
    let path = scratch_path("file");
    let options = File::options().read(true).write(true).create_new(true).open(&path);
    let mut file = options.unwrap();
    fs::remove_file(path).unwrap();
    file.write_all(TEXT).unwrap();
    file
}

fn scratch_path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("qclone-fds-{}-{name}", process::id()))
}

fn fifo() -> File {
    let path = scratch_path("fifo");
    nix::unistd::mkfifo(&path, Mode::S_IRWXU).unwrap();
    let file = File::options().read(true).write(true).open(&path).unwrap();
    fs::remove_file(path).unwrap();
    file
}

/// Reads by a bare number. `Ok(0)` is an end of file.
fn read(fd: RawFd) -> Result<usize, Errno> {
    let mut buffer = [0_u8; 64];
    // SAFETY: read writes at most as many bytes as the buffer has.
    let got = unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), buffer.len()) };
    Errno::result(got).map(|got| got.try_into().unwrap())
}

/// Writes by a bare number.
fn write(fd: RawFd, bytes: &[u8]) -> Result<usize, Errno> {
    // SAFETY: write reads as many bytes as there are.
    let put = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
    Errno::result(put).map(|put| put.try_into().unwrap())
}

fn fd_flags(fd: RawFd) -> Result<i32, Errno> {
    // SAFETY: F_GETFD only reads a flag.
    Errno::result(unsafe { libc::fcntl(fd, libc::F_GETFD) })
}

/// Watches a bare number for reading. Returns whether it is ready at once.
fn watched_is_ready(fd: RawFd) -> nix::Result<bool> {
    let epoll = Epoll::new(EpollCreateFlags::empty())?;
    // SAFETY: the number is open as long as this function runs.
    let watched = unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) };
    epoll.add(watched, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
    Ok(epoll.wait(&mut [EpollEvent::empty()], EpollTimeout::ZERO)? > 0)
}

#[test]
fn what_is_open_is_listed_in_order() {
    let _lock = lock();
    let file = scratch_file();
    let listed = fds::list().unwrap();
    assert!(listed.is_sorted());
    assert!(listed.contains(&file.as_raw_fd()));
    assert!(listed.iter().all(|fd| fd_flags(*fd).is_ok()), "{listed:?}");

    let number = file.as_raw_fd();
    drop(file);
    assert!(!fds::list().unwrap().contains(&number));
}

/// Lists what is open, by trying each number of the table.
fn open_one_by_one(size: RawFd) -> Vec<RawFd> {
    (0..size).filter(|fd| fd_flags(*fd).is_ok()).collect()
}

/// Numbers that the table of descriptors has room for.
fn table_size() -> RawFd {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("FDSize:"));
    size.unwrap().trim().parse().unwrap()
}

#[test]
fn runs_are_whole_and_leave_nothing_open() {
    let status = in_child(|| {
        let event = EventFd::new().unwrap();
        let many: Vec<_> = (0..1000).map(|_| event.as_fd().try_clone_to_owned().unwrap()).collect();
        let mut many: Vec<_> = many.into_iter().map(Some).collect();
        // Runs shorter and longer than those that are skipped. Descriptors opened later go into the holes.
        for hole in [1, 2, 10, 75, 140, 141, 300, 364, 999] {
            many[hole] = None;
        }
        let size = table_size();
        let expected = open_one_by_one(size);
        let runs = fds::runs().unwrap();
        assert_eq!(runs.iter().cloned().flatten().collect::<Vec<_>>(), expected);
        assert!(runs.iter().all(|run| !run.is_empty()));
        assert!(runs.windows(2).all(|pair| pair[0].end < pair[1].start), "neighbours are one run: {runs:?}");
        assert!(runs.iter().any(|run| run.len() > 600), "{runs:?}");
        assert_eq!(open_one_by_one(size), expected, "nothing was left open, and nothing closed");
        assert_eq!(fds::list().unwrap(), expected);
        0
    });
    assert_success(&status);
}

#[test]
fn runs_end_at_the_end_of_the_table_and_at_the_limit() {
    let status = in_child(|| {
        let event = EventFd::new().unwrap();
        let copy = || event.as_fd().try_clone_to_owned().unwrap();
        let mut many: Vec<_> = (0..250).map(|_| copy()).collect();
        let size = table_size();
        while many.last().is_none_or(|last| last.as_raw_fd() < size - 1) {
            many.push(copy());
        }
        // Room for the descriptor that reads the size of the table.
        many.remove(100);
        assert_eq!(fds::list().unwrap(), open_one_by_one(size));
        assert_eq!(table_size(), size, "a full table does not grow");
        // The limit is below the open numbers, so that no free number can be requested.
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        drop(many.split_off(many.len() - 2));
        setrlimit(Resource::RLIMIT_NOFILE, 200, hard).unwrap();
        assert_eq!(fds::list().unwrap(), open_one_by_one(size));
        0
    });
    assert_success(&status);
}

#[test]
fn without_proc_every_number_is_tried() {
    let status = in_child(|| {
        // A low limit, since this test would take minutes with a limit in the billions.
        setrlimit(Resource::RLIMIT_NOFILE, 256, 256).unwrap();
        let listed = fds::list().unwrap();
        assert_eq!(fds::list_in(Path::new("/nowhere")).unwrap(), listed);
        assert_eq!(fds::list_in(Path::new("/")).unwrap(), listed, "names that are no numbers");
        0
    });
    assert_success(&status);
}

#[test]
fn with_no_descriptor_to_spare_every_number_is_tried() {
    let status = in_child(|| {
        setrlimit(Resource::RLIMIT_NOFILE, 64, 64).unwrap();
        let mut held = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            held.push(file);
        }
        assert_eq!(fds::list().unwrap(), (0..64).collect::<Vec<_>>());
        0
    });
    assert_success(&status);
}

#[test]
fn kinds_are_told_apart() {
    let _lock = lock();
    let (pipe_read, pipe_write) = io::pipe().unwrap();
    let (stream, _peer) = UnixStream::pair().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let packets = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::empty()).unwrap().0;
    let socket = |domain, kind| Kind::Socket { domain: Some(domain), kind };

    for (fd, expected) in [
        (OwnedFd::from(scratch_file()), Kind::Regular),
        (File::open("/").unwrap().into(), Kind::Directory),
        (File::open("/dev/null").unwrap().into(), Kind::CharDevice),
        (o_path("/"), Kind::Path),
        (pipe_read.into(), Kind::Pipe { access: Access::Read }),
        (pipe_write.into(), Kind::Pipe { access: Access::Write }),
        (fifo().into(), Kind::Pipe { access: Access::Both }),
        (stream.into(), socket(libc::AF_UNIX, SocketKind::Stream)),
        (listener.into(), socket(libc::AF_INET, SocketKind::Stream)),
        (UdpSocket::bind("127.0.0.1:0").unwrap().into(), socket(libc::AF_INET, SocketKind::Datagram)),
        (packets, socket(libc::AF_UNIX, SocketKind::SeqPacket)),
        (EventFd::new().unwrap().into(), Kind::EventFd),
        (Epoll::new(EpollCreateFlags::empty()).unwrap().0, Kind::Epoll),
        (inotify(), Kind::Inotify),
        (pidfd(), Kind::PidFd),
        (timerfd(), Kind::OtherAnon),
    ] {
        assert_eq!(fds::kind(fd.as_raw_fd()), expected);
    }
    assert_eq!(fds::kind(-1), Kind::Closed);
    assert_eq!(fds::kind(RawFd::MAX), Kind::Closed);
}

#[test]
fn a_client_of_the_parent_sees_nothing_of_the_clone() {
    let lock = lock();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    client.write_all(b"a question for the parent").unwrap();

    let status = lock.in_child(|| {
        make_all_inert();
        for fd in [server.as_raw_fd(), listener.as_raw_fd()] {
            assert_eq!(read(fd), Err(Errno::EAGAIN), "not the parent's bytes, and no end of file");
            assert_eq!(write(fd, b"from the clone"), Ok(14));
        }
        server.shutdown(std::net::Shutdown::Both).unwrap();
        0
    });
    assert_success(&status);

    client.set_nonblocking(true).unwrap();
    let nothing = client.read(&mut [0; 64]).unwrap_err();
    assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock, "neither bytes nor an end of file");
    server.write_all(b"the answer").unwrap();
    client.set_nonblocking(false).unwrap();
    let mut answer = [0; 64];
    let length = client.read(&mut answer).unwrap();
    assert_eq!(&answer[..length], b"the answer");
    let length = server.read(&mut answer).unwrap();
    assert_eq!(&answer[..length], b"a question for the parent");
    // The parent still accepts.
    TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    listener.accept().unwrap();
}

#[test]
fn sockets_of_every_type_are_silent_and_their_peers_undisturbed() {
    for kind in [SockType::Stream, SockType::Datagram, SockType::SeqPacket] {
        let lock = lock();
        let (ours, peer) = socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_NONBLOCK).unwrap();
        write(peer.as_raw_fd(), b"for the parent").unwrap();

        let status = lock.in_child(|| {
            let before = fds::kind(ours.as_raw_fd());
            make_all_inert();
            for fd in [ours.as_raw_fd(), peer.as_raw_fd()] {
                assert_eq!(fds::kind(fd), before, "its type stays");
                assert_eq!(read(fd), Err(Errno::EAGAIN));
                assert_eq!(write(fd, b"from the clone"), Ok(14));
                assert_eq!(read(fd), Err(Errno::EAGAIN), "what is written does not come back");
                assert_eq!(watched_is_ready(fd), Ok(false));
            }
            // SAFETY: the call takes two integers.
            assert_eq!(unsafe { libc::shutdown(ours.as_raw_fd(), libc::SHUT_RDWR) }, 0);
            0
        });
        assert_success(&status);
        assert_eq!(read(peer.as_raw_fd()), Err(Errno::EAGAIN), "{kind:?}");
        assert_eq!(read(ours.as_raw_fd()), Ok(14), "{kind:?}");
    }
}

#[test]
fn a_udp_socket_sends_nothing() {
    let lock = lock();
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver.set_nonblocking(true).unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = receiver.local_addr().unwrap();
    let status = lock.in_child(|| {
        make_all_inert();
        assert!(sender.send_to(b"from the clone", to).is_err());
        assert_eq!(watched_is_ready(sender.as_raw_fd()), Ok(false));
        0
    });
    assert_success(&status);
    assert_eq!(receiver.recv(&mut [0; 64]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn pipes_are_silent_at_both_ends() {
    let lock = lock();
    let (mut from, mut to) = io::pipe().unwrap();
    let (_other_from, other_to) = io::pipe().unwrap();
    to.write_all(b"for the parent").unwrap();
    let status = lock.in_child(|| {
        make_all_inert();
        for fd in [to.as_raw_fd(), other_to.as_raw_fd()] {
            assert_eq!(write(fd, b"from the clone"), Ok(14));
            assert_eq!(fds::kind(fd), Kind::Pipe { access: Access::Write });
        }
        assert_eq!(fds::kind(from.as_raw_fd()), Kind::Pipe { access: Access::Read });
        assert_eq!(read(from.as_raw_fd()), Err(Errno::EAGAIN), "nor what the clone wrote to another");
        assert_eq!(watched_is_ready(from.as_raw_fd()), Ok(false));
        assert_eq!(watched_is_ready(to.as_raw_fd()), Ok(false));
        // Full after some time: then it is not ready, and the absence of a reader has no effect.
        while let Ok(_) | Err(Errno::EINTR) = write(to.as_raw_fd(), &[0; 4096]) {}
        assert_eq!(write(to.as_raw_fd(), &[0; 4096]), Err(Errno::EAGAIN));
        0
    });
    assert_success(&status);
    let mut got = [0; 64];
    let length = from.read(&mut got).unwrap();
    assert_eq!(&got[..length], b"for the parent");
    drop(to);
    assert_eq!(from.read(&mut got).unwrap(), 0, "the clone holds no end open");
}

#[test]
fn a_clone_that_lives_on_holds_no_connection_open() {
    let lock = lock();
    let (server, mut client) = UnixStream::pair().unwrap();
    let (ready, tell) = io::pipe().unwrap();
    let clone = lock.start(|| {
        let leave = tell.as_raw_fd();
        let listed = fds::list().unwrap().into_iter();
        // SAFETY: the child's own code uses descriptors only by number.
        unsafe { fds::make_inert(listed, &|fd| kept(fd <= 2 || fd == leave)) }.unwrap();
        assert_eq!(write(leave, b"."), Ok(1));
        loop {
            std::thread::park();
        }
    });
    assert_eq!(read(ready.as_raw_fd()), Ok(1), "what is left goes on working");
    drop(server);
    assert_eq!(client.read(&mut [0; 64]).unwrap(), 0, "the parent's FIN goes out while the clone runs");
    drop(clone);
}

#[test]
fn through_a_mute_socket_writes_fail_and_reads_are_silent() {
    let lock = lock();
    for fate in [Fate::Mute, Fate::MuteStream] {
        expect_mute(&lock, fate);
    }
}

fn expect_mute(lock: &ForkLock, fate: Fate) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let status = lock.in_child(|| {
        let mute = [ours.as_raw_fd(), tcp.as_raw_fd()];
        let fate = |fd| if mute.contains(&fd) { fate } else { kept(fd <= 2) };
        // SAFETY: the child's own code uses descriptors only by number.
        let summary = unsafe { fds::make_inert(fds::list().unwrap().into_iter(), &fate) }.unwrap();
        assert_eq!(summary.absent, 0);
        for fd in mute {
            assert_eq!(write(fd, b"x"), Err(Errno::EPIPE));
            assert_eq!(read(fd), Err(Errno::EAGAIN), "no end of file");
        }
        0
    });
    assert_success(&status);
    drop(ours);
    assert_eq!((&theirs).read(&mut [0; 8]).unwrap(), 0, "nothing came, and the end is the parent's own");
}

#[test]
fn what_is_unused_is_never_ready_whatever_it_was() {
    let lock = lock();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let (reader, writer) = io::pipe().unwrap();
    let status = lock.in_child(|| {
        let unused = [ours.as_raw_fd(), reader.as_raw_fd()];
        let fate = |fd| if unused.contains(&fd) { Fate::Unused } else { kept(true) };
        // SAFETY: the child's own code uses descriptors only by number.
        let summary = unsafe { fds::make_inert(fds::list().unwrap().into_iter(), &fate) }.unwrap();
        assert_eq!(summary.replaced, 2);
        for fd in unused {
            assert_eq!(fds::kind(fd), fds::Kind::EventFd);
            assert_eq!(read(fd), Err(Errno::EAGAIN));
        }
        0
    });
    assert_success(&status);
    drop((ours, reader, writer));
    assert_eq!(theirs.read(&mut [0; 8]).unwrap(), 0, "the end is the parent's own");
}

#[test]
fn through_mute_sockets_of_the_other_types_sending_fails_and_never_waits() {
    for kind in [SockType::Datagram, SockType::SeqPacket] {
        let lock = lock();
        let (ours, peer) = socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_NONBLOCK).unwrap();
        let status = lock.in_child(|| {
            make_all(Fate::Mute);
            assert_eq!(write(ours.as_raw_fd(), b"x"), Err(Errno::EPIPE));
            assert_eq!(read(ours.as_raw_fd()), Err(Errno::EAGAIN));
            assert_eq!(watched_is_ready(ours.as_raw_fd()), Ok(false));
            0
        });
        assert_success(&status);
        assert_eq!(read(peer.as_raw_fd()), Err(Errno::EAGAIN), "{kind:?}");
    }
}

#[test]
fn a_connected_udp_socket_fails_to_send() {
    let lock = lock();
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver.set_nonblocking(true).unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.connect(receiver.local_addr().unwrap()).unwrap();
    let status = lock.in_child(|| {
        make_all(Fate::Mute);
        assert_eq!(sender.send(b"from the clone").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        0
    });
    assert_success(&status);
    assert_eq!(receiver.recv(&mut [0; 64]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn what_stands_for_mute_stream_sockets_can_be_told_from_others() {
    let lock = lock();
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let status = lock.in_child(|| {
        let summary = make_all(Fate::Mute);
        assert_eq!(fds::identity(ours.as_raw_fd()), summary.mute_stream);
        let (fresh, _) = UnixStream::pair().unwrap();
        assert_ne!(fds::identity(fresh.as_raw_fd()), summary.mute_stream);
        assert_eq!(make_all_inert().mute_stream, None);
        0
    });
    assert_success(&status);
}

#[test]
fn a_fifo_open_both_ways_is_silent() {
    let lock = lock();
    let fifo = fifo();
    let status = lock.in_child(|| {
        make_all_inert();
        assert_eq!(write(fifo.as_raw_fd(), b"from the clone"), Ok(14));
        assert_eq!(read(fifo.as_raw_fd()), Err(Errno::EAGAIN));
        assert_eq!(watched_is_ready(fifo.as_raw_fd()), Ok(false));
        0
    });
    assert_success(&status);
    assert_eq!(watched_is_ready(fifo.as_raw_fd()), Ok(false));
}

#[test]
fn a_files_offset_and_contents_stay_the_parents() {
    let lock = lock();
    let mut file = scratch_file();
    file.seek(SeekFrom::Start(4)).unwrap();
    let status = lock.in_child(|| {
        make_all_inert();
        let fd = file.as_raw_fd();
        assert_eq!(fd_flags(fd), Ok(libc::FD_CLOEXEC), "the number stays taken");
        assert_eq!(read(fd), Err(Errno::EBADF));
        assert_eq!(write(fd, b"from the clone"), Err(Errno::EBADF));
        // SAFETY: the call takes three integers.
        let sought = unsafe { libc::lseek(fd, 0, libc::SEEK_SET) };
        assert_eq!(Errno::result(sought), Err(Errno::EBADF));
        // SAFETY: as above.
        assert_eq!(Errno::result(unsafe { libc::ftruncate(fd, 0) }), Err(Errno::EBADF));
        0
    });
    assert_success(&status);
    assert_eq!(file.stream_position().unwrap(), 4);
    file.rewind().unwrap();
    let mut text = Vec::new();
    file.read_to_end(&mut text).unwrap();
    assert_eq!(text, TEXT);
}

#[test]
fn a_directory_leads_nowhere() {
    let lock = lock();
    let directory = File::open("/").unwrap();
    let status = lock.in_child(|| {
        make_all_inert();
        let fd = directory.as_raw_fd();
        // SAFETY: the path is a C string; the others are integers.
        let opened = unsafe { libc::openat(fd, c"proc".as_ptr(), libc::O_RDONLY) };
        assert_eq!(Errno::result(opened), Err(Errno::ENOTDIR));
        // SAFETY: the call takes an integer.
        assert_eq!(Errno::result(unsafe { libc::fchdir(fd) }), Err(Errno::ENOTDIR));
        0
    });
    assert_success(&status);
}

#[test]
fn an_eventfd_counts_for_the_clone_alone() {
    let lock = lock();
    let (ours, other) = (EventFd::new().unwrap(), EventFd::new().unwrap());
    ours.write(3).unwrap();
    let status = lock.in_child(|| {
        make_all_inert();
        assert_eq!(watched_is_ready(ours.as_raw_fd()), Ok(false));
        assert_eq!(read(ours.as_raw_fd()), Err(Errno::EAGAIN));
        ours.write(1).unwrap();
        assert_eq!(watched_is_ready(ours.as_raw_fd()), Ok(true), "a loop of the clone can use it");
        assert_eq!(watched_is_ready(other.as_raw_fd()), Ok(false), "and only it");
        0
    });
    assert_success(&status);
    assert_eq!(ours.read().unwrap(), 3);
}

#[test]
fn an_epoll_of_the_clone_does_not_change_the_parents() {
    let lock = lock();
    let epoll = Epoll::new(EpollCreateFlags::empty()).unwrap();
    let event = EventFd::new().unwrap();
    epoll.add(&event, EpollEvent::new(EpollFlags::EPOLLIN, 7)).unwrap();
    let status = lock.in_child(|| {
        make_all_inert();
        assert_eq!(epoll.delete(&event), Err(Errno::ENOENT), "it knows none of the parent's");
        epoll.add(&event, EpollEvent::new(EpollFlags::EPOLLIN, 8)).unwrap();
        0
    });
    assert_success(&status);
    event.write(1).unwrap();
    let mut events = [EpollEvent::empty()];
    assert_eq!(epoll.wait(&mut events, EpollTimeout::ZERO), Ok(1));
    assert_eq!(events[0].data(), 7);
}

#[test]
fn a_timer_that_expired_is_not_taken_from_the_parent() {
    let lock = lock();
    let timer = timerfd();
    let at_once = libc::itimerspec {
        it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 },
        it_value: libc::timespec { tv_sec: 0, tv_nsec: 1 },
    };
    // SAFETY: the call reads one itimerspec, and accepts null for the old one.
    let set =
        unsafe { libc::timerfd_settime(timer.as_raw_fd(), 0, &raw const at_once, std::ptr::null_mut()) };
    assert_eq!(set, 0);
    while watched_is_ready(timer.as_raw_fd()) == Ok(false) {}

    let status = lock.in_child(|| {
        make_all_inert();
        assert_eq!(watched_is_ready(timer.as_raw_fd()), Ok(false));
        assert_eq!(read(timer.as_raw_fd()), Err(Errno::EAGAIN));
        0
    });
    assert_success(&status);
    assert_eq!(watched_is_ready(timer.as_raw_fd()), Ok(true));
}

#[test]
fn other_nameless_files_are_never_ready_and_can_be_watched() {
    let lock = lock();
    let nameless = [inotify(), pidfd(), timerfd()];
    let status = lock.in_child(|| {
        make_all_inert();
        for fd in &nameless {
            assert_eq!(watched_is_ready(fd.as_raw_fd()), Ok(false));
        }
        0
    });
    assert_success(&status);
}

#[test]
fn devices_and_paths_are_left_alone() {
    let lock = lock();
    let (zero, path) = (File::open("/dev/zero").unwrap(), o_path("/"));
    let status = lock.in_child(|| {
        let summary = make_all_inert();
        assert!(summary.left >= 5, "{summary:?}");
        assert_eq!(read(zero.as_raw_fd()), Ok(64));
        // SAFETY: the call takes an integer.
        assert_eq!(unsafe { libc::fchdir(path.as_raw_fd()) }, 0);
        0
    });
    assert_success(&status);
}

#[test]
fn an_io_uring_is_left_alone() {
    let lock = lock();
    let mut parameters = [0_u8; 120];
    // SAFETY: io_uring_setup reads and writes one struct io_uring_params, which has 120 bytes.
    let opened = unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, parameters.as_mut_ptr()) };
    if opened == -1 {
        // Forbidden by many sandboxes.
        return;
    }
    let ring = checked(opened.try_into().unwrap());
    let status = lock.in_child(|| {
        make_all_inert();
        assert_eq!(fds::kind(ring.as_raw_fd()), Kind::IoUring);
        0
    });
    assert_success(&status);
}

#[test]
fn numbers_stay_as_they_were_and_the_rest_is_out_of_the_way() {
    let lock = lock();
    let (a, b) = UnixStream::pair().unwrap();
    let (c, d) = UnixDatagram::pair().unwrap();
    let packets = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::empty()).unwrap();
    let pipe = io::pipe().unwrap();
    let many: Vec<_> = (0..100).map(|_| a.try_clone().unwrap()).collect();
    let file = scratch_file();

    let status = lock.in_child(|| {
        let before = fds::list().unwrap();
        let top = *before.last().unwrap();
        let summary = make_all_inert();
        assert_eq!(summary.replaced + summary.left, before.len());
        assert_eq!(summary.absent, 0);

        let (kept, held): (Vec<_>, Vec<_>) = fds::list().unwrap().into_iter().partition(|fd| *fd <= top);
        assert_eq!(kept, before);
        assert_eq!(held.len(), 5, "one for each sort of pair, however many numbers: {held:?}");
        for fd in before.iter().filter(|fd| **fd > 2).chain(&held) {
            let left = fds::kind(*fd) == Kind::CharDevice;
            assert!(left || fd_flags(*fd) == Ok(libc::FD_CLOEXEC), "{fd}");
        }
        0
    });
    assert_success(&status);
    drop((a, b, c, d, packets, pipe, many, file));
}

#[test]
fn numbers_with_nothing_open_are_not_filled() {
    let lock = lock();
    let (read_end, write_end) = io::pipe().unwrap();
    // The lowest free numbers are where the replacements would be opened.
    let opened: Vec<_> = (0..4).map(|_| File::open("/dev/null").unwrap()).collect();
    let gaps: Vec<RawFd> = opened.iter().map(AsRawFd::as_raw_fd).collect();
    drop(opened);
    let status = lock.in_child(|| {
        let ends = [read_end.as_raw_fd(), write_end.as_raw_fd()];
        let listed = gaps.iter().copied().chain(ends).chain([4711]);
        // SAFETY: the child's own code uses descriptors only by number.
        let summary = unsafe { fds::make_inert(listed, &|fd| kept(fd <= 2)) }.unwrap();
        assert_eq!(summary, Summary { replaced: 2, left: 0, absent: 5, mute_stream: None });
        for fd in gaps.iter().chain(&[4711]) {
            assert_eq!(fds::kind(*fd), Kind::Closed);
        }
        assert_eq!(read(ends[0]), Err(Errno::EAGAIN));
        0
    });
    assert_success(&status);
}

#[test]
fn a_want_of_descriptors_is_reported_and_twelve_to_spare_suffice() {
    let lock = lock();
    let (a, _b) = UnixStream::pair().unwrap();
    let _c = UnixDatagram::pair().unwrap();
    let _packets = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::empty()).unwrap();
    let _pipe = io::pipe().unwrap();
    let _nameless = [inotify(), timerfd(), Epoll::new(EpollCreateFlags::empty()).unwrap().0];
    let _file = scratch_file();
    for (spare, suffices) in [(12, true), (0, false)] {
        let status = lock.in_child(|| {
            let limit = u64::try_from(*fds::list().unwrap().last().unwrap()).unwrap() + 64;
            setrlimit(Resource::RLIMIT_NOFILE, limit, limit).unwrap();
            let mut filling = Vec::new();
            while let Ok(copy) = a.try_clone() {
                filling.push(copy);
            }
            filling.truncate(filling.len() - spare);
            let listed = fds::list().unwrap().into_iter();
            // SAFETY: the child's own code uses descriptors only by number.
            let made = unsafe { fds::make_inert(listed, &|fd| kept(fd <= 2)) };
            assert_eq!(made.is_ok(), suffices, "{made:?}");
            // Must not be closed by their destructors: the numbers belong to the library now.
            std::mem::forget(filling);
            0
        });
        assert_success(&status);
    }
}

#[test]
fn a_soft_limit_that_is_reached_or_was_lowered_does_not_matter() {
    let lock = lock();
    let (read_end, _write_end) = io::pipe().unwrap();
    let status = lock.in_child(|| {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        let listed = fds::list().unwrap().into_iter();
        setrlimit(Resource::RLIMIT_NOFILE, 3, hard).unwrap();
        // SAFETY: the child's own code uses descriptors only by number.
        unsafe { fds::make_inert(listed, &|fd| kept(fd <= 2)) }.unwrap();
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), (3, hard), "as it was");
        assert_eq!(read(read_end.as_raw_fd()), Err(Errno::EAGAIN));
        0
    });
    assert_success(&status);
}

#[test]
fn all_but_those_kept_are_closed() {
    let lock = lock();
    let files: Vec<_> = (0..8).map(|_| scratch_file()).collect();
    let status = lock.in_child(|| {
        // Out of order, with duplicates, and numbers where nothing is open.
        let (low, high) = (files[2].as_raw_fd(), files[5].as_raw_fd());
        // SAFETY: the child does not use again what this closes.
        unsafe { fds::close_all_except(&[high, 2, low, 1, 0, high, -1, 4711]) }.unwrap();
        assert_eq!(fds::list().unwrap(), [0, 1, 2, low, high]);
        // SAFETY: as above.
        unsafe { fds::close_all_except(&[]) }.unwrap();
        assert_eq!(fds::list().unwrap(), []);
        0
    });
    assert_success(&status);
}

#[test]
fn standard_input_becomes_empty() {
    let lock = lock();
    for closed in [false, true] {
        let status = lock.in_child(|| {
            if closed {
                // SAFETY: nothing reads the child's standard input.
                unsafe { libc::close(0) };
            }
            // SAFETY: as above.
            unsafe { fds::redirect_to_end(0, false) }.unwrap();
            assert_eq!(fds::kind(0), Kind::CharDevice);
            assert_eq!(read(0), Ok(0));
            assert_eq!(write(0, b"nothing"), Ok(7));
            assert_eq!(fd_flags(0), Ok(0), "it stays open across exec");
            // SAFETY: as above.
            unsafe { fds::redirect_to_end(0, true) }.unwrap();
            assert_eq!(fds::kind(0), Kind::Pipe { access: Access::Read });
            assert_eq!(read(0), Ok(0));
            assert_eq!(watched_is_ready(0), Ok(true));
            0
        });
        assert_success(&status);
    }
    // SAFETY: -1 is not a descriptor.
    assert!(unsafe { fds::redirect_to_end(-1, false) }.is_err());
}
