//! Connections that two processes share: their progress, how to reset them, and how to hand them over.

use std::{
    io::IoSlice,
    mem,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
    ptr::NonNull,
};

use libc::{c_int, c_void, socklen_t};
use nix::{
    cmsg_space,
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{
        AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, getpeername, getsockopt,
        sendmsg, setsockopt, socketpair, sockopt::Linger,
    },
};

use crate::error::{Error, Result};

/// Progress of a connection, as counted by the kernel. Every holder of a descriptor sees the same values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes sent that the peer has not acknowledged (TCP), or the memory they occupy until they are read
    /// (unix). 0 when the peer has taken everything. See SIOCOUTQ in `tcp(7)`.
    pub unacknowledged: u64,
    /// Bytes received that this side has not read. See SIOCINQ in `tcp(7)`.
    pub unread: u64,
    /// Bytes that the peer has acknowledged since the connection was opened. `None` where the kernel does
    /// not count them (unix sockets, TCP before Linux 4.1).
    pub acknowledged: Option<u64>,
    /// Bytes received since the connection was opened. `None` in the same cases.
    pub received: Option<u64>,
}

/// Returns the progress of `socket`. Does not block, and moves no data.
///
/// # Errors
/// [`Error::Syscall`] when `socket` is not a connection.
pub fn progress(socket: impl AsFd) -> Result<Progress> {
    let fd = socket.as_fd().as_raw_fd();
    let (acknowledged, received) = tcp_counts(fd).unzip();
    Ok(Progress {
        unacknowledged: queue_length(fd, libc::TIOCOUTQ)?,
        unread: queue_length(fd, libc::FIONREAD)?,
        acknowledged,
        received,
    })
}

/// Makes the last `close(2)` of `socket` reset the connection, so the peer reads an error instead of an
/// end of file. Data that the peer has not taken is dropped. Has no effect on unix sockets. See
/// SO_LINGER in `socket(7)`.
///
/// # Errors
/// [`Error::Syscall`] when `socket` is not a socket.
pub fn reset_at_close(socket: impl AsFd) -> Result<()> {
    let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
    setsockopt(&socket, Linger, &at_once).map_err(Error::syscall("setsockopt(2)"))
}

/// Undoes [`reset_at_close`]: the last `close(2)` of `socket` ends the connection in order.
///
/// # Errors
/// [`Error::Syscall`] when `socket` is not a socket.
pub fn end_at_close(socket: impl AsFd) -> Result<()> {
    let never = libc::linger { l_onoff: 0, l_linger: 0 };
    setsockopt(&socket, Linger, &never).map_err(Error::syscall("setsockopt(2)"))
}

/// Returns whether the last `close(2)` of `socket` resets the connection: after [`reset_at_close`], or
/// because a process that shares it has reset its own end.
///
/// # Errors
/// [`Error::Syscall`] when `socket` is not a socket.
pub fn resets_at_close(socket: impl AsFd) -> Result<bool> {
    let linger = getsockopt(&socket, Linger).map_err(Error::syscall("getsockopt(2)"))?;
    Ok(linger.l_onoff != 0 && linger.l_linger == 0)
}

/// Opens a pair of sockets to hand descriptors over with [`send`] and [`receive`]. They preserve message
/// boundaries, and report when the other side has closed. Both are close-on-exec.
///
/// # Errors
/// [`Error::Syscall`] when no descriptor is left.
pub fn handover_pair() -> Result<(OwnedFd, OwnedFd)> {
    socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
        .map_err(Error::syscall("socketpair(2)"))
}

/// Condition that [`send`] waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Nothing: a full queue is an error, `EAGAIN`.
    Never,
    /// Room in the queue of the other side.
    ForRoom,
}

/// Maximum length of a message that [`receive`] takes, in bytes.
pub const LONGEST_MESSAGE: usize = 1 << 15;

/// Maximum number of descriptors that come with a message.
pub const MOST_DESCRIPTORS: usize = 2;

/// Sends a message, together with descriptors of this process, through a socket of [`handover_pair`]. The
/// other side gets its own descriptors, as from `dup(2)`. Either all of it arrives or nothing. See
/// SCM_RIGHTS in `unix(7)`.
///
/// # Errors
/// [`Error::Syscall`]: `EAGAIN` when the queue is full, `EPIPE` or `ECONNRESET` when the other side has
/// closed, `ETOOMANYREFS` when too many descriptors are in flight, `EMSGSIZE` when the message is empty or
/// longer than [`LONGEST_MESSAGE`], or has too many descriptors.
pub fn send(via: impl AsFd, message: &[u8], descriptors: &[RawFd], wait: Wait) -> Result<()> {
    let call = Error::syscall("sendmsg(2)");
    if message.is_empty() || message.len() > LONGEST_MESSAGE || descriptors.len() > MOST_DESCRIPTORS {
        return Err(call(Errno::EMSGSIZE));
    }
    let rights = [ControlMessage::ScmRights(descriptors)];
    let control = if descriptors.is_empty() { &[][..] } else { &rights[..] };
    let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
    loop {
        match sendmsg::<()>(via.as_fd().as_raw_fd(), &[IoSlice::new(message)], control, flags, None) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            // A blocking call would not block: libuv makes what it watches non-blocking, in both processes.
            Err(Errno::EAGAIN) if wait == Wait::ForRoom => wait_for_room(via.as_fd())?,
            Err(errno) => return Err(call(errno)),
        }
    }
}

fn wait_for_room(via: BorrowedFd) -> Result<()> {
    match poll(&mut [PollFd::new(via, PollFlags::POLLOUT)], PollTimeout::NONE) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(Error::syscall("poll(2)")(errno)),
    }
}

/// Message taken by [`receive`].
#[derive(Debug)]
pub struct Received {
    /// The message.
    pub message: Vec<u8>,
    /// The descriptors that came with it. Empty if this process cannot open any more.
    pub descriptors: Vec<OwnedFd>,
}

/// Outcome of [`receive`].
#[derive(Debug)]
pub enum Arrival {
    /// A message.
    Message(Received),
    /// Nothing has arrived.
    Nothing,
    /// The other side has closed, and everything it sent has been taken.
    End,
}

/// Takes the next message from a socket of [`handover_pair`]. Never blocks. The descriptors are
/// close-on-exec.
///
/// # Errors
/// [`Error::Syscall`] when `via` is not a socket.
pub fn receive(via: impl AsFd) -> Result<Arrival> {
    let mut message = [0; LONGEST_MESSAGE];
    let mut control = cmsg_space!([RawFd; MOST_DESCRIPTORS]);
    let mut part = libc::iovec { iov_base: message.as_mut_ptr().cast(), iov_len: message.len() };
    // SAFETY: all zeroes is a valid value of this structure.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = control.capacity() as _;
    let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    let length = loop {
        // SAFETY: the header refers to a part and to room for control messages. Both outlive the call.
        let taken = unsafe { libc::recvmsg(via.as_fd().as_raw_fd(), &raw mut header, flags) };
        match Errno::result(taken) {
            Ok(length) => break usize::try_from(length).unwrap_or(0),
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return Ok(Arrival::Nothing),
            // The other side closed with messages unread. The kernel reports this once, before the
            // messages that it had sent.
            Err(Errno::ECONNRESET) => {}
            Err(errno) => return Err(Error::syscall("recvmsg(2)")(errno)),
        }
    };
    let descriptors = descriptors_in(&header);
    // No message is empty, see `send`.
    if length == 0 {
        return Ok(Arrival::End);
    }
    Ok(Arrival::Message(Received { message: message[..length].to_vec(), descriptors }))
}

/// The descriptors that came with a message. Does not use nix, which returns none if the kernel had no room
/// for all of them. The ones that the kernel had opened would then stay open.
fn descriptors_in(header: &libc::msghdr) -> Vec<OwnedFd> {
    let mut descriptors = Vec::new();
    // SAFETY: the kernel has filled the header in, and its control messages are live.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(header) };
    while let Some(message) = NonNull::new(next) {
        // SAFETY: the macros return an aligned message that lies entirely in the control buffer.
        let &libc::cmsghdr { cmsg_len, cmsg_level, cmsg_type, .. } = unsafe { message.as_ref() };
        if (cmsg_level, cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
            // SAFETY: computes a length only.
            let head = unsafe { libc::CMSG_LEN(0) } as usize;
            // The integer type differs in musl.
            let length: usize = cmsg_len as _;
            let count = (length - head) / size_of::<RawFd>();
            // SAFETY: the message is live.
            let data = unsafe { libc::CMSG_DATA(message.as_ptr()) }.cast::<RawFd>();
            descriptors.extend((0..count).map(|index| {
                // SAFETY: there are `count` numbers. They need not be aligned.
                let fd = unsafe { data.wrapping_add(index).read_unaligned() };
                // SAFETY: the kernel opened it for this process with this message, and nothing else
                // knows of it.
                unsafe { OwnedFd::from_raw_fd(fd) }
            }));
        }
        // SAFETY: as for the first one.
        next = unsafe { libc::CMSG_NXTHDR(header, message.as_ptr()) };
    }
    descriptors
}

/// Returns the path of a unix socket's peer, with `@` in front of an abstract one. `None` for another kind
/// of socket, one that is not connected, or one whose peer has no name. See `getpeername(2)`.
pub fn unix_peer(socket: impl AsFd) -> Option<String> {
    let address: UnixAddr = getpeername(socket.as_fd().as_raw_fd()).ok()?;
    let path = address.path().map(|path| path.display().to_string());
    path.or_else(|| Some(format!("@{}", String::from_utf8_lossy(address.as_abstract()?))))
}

fn queue_length(fd: c_int, request: libc::c_ulong) -> Result<u64> {
    let mut length: c_int = 0;
    // SAFETY: both requests write one int to the given place, which outlives the call. musl's ioctl takes
    // the request as another integer type.
    let asked = unsafe { libc::ioctl(fd, request as _, &raw mut length) };
    Errno::result(asked).map_err(Error::syscall("ioctl(2)"))?;
    Ok(u64::try_from(length).unwrap_or(0))
}

/// Offsets of `tcpi_bytes_acked` and `tcpi_bytes_received` in `struct tcp_info` of Linux's
/// `include/uapi/linux/tcp.h`, which only grows. libc's structure ends before them.
const ACKNOWLEDGED_AT: usize = 120;
const RECEIVED_AT: usize = 128;
const INFO_BYTES: usize = RECEIVED_AT + size_of::<u64>();

fn tcp_counts(fd: c_int) -> Option<(u64, u64)> {
    let mut info = [0_u8; INFO_BYTES];
    let mut length = socklen_t::try_from(mem::size_of_val(&info)).ok()?;
    let place: *mut c_void = info.as_mut_ptr().cast();
    // SAFETY: the kernel writes at most `length` bytes to the given place, and their number to `length`.
    let asked = unsafe { libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, place, &raw mut length) };
    if asked != 0 || usize::try_from(length).ok()? < INFO_BYTES {
        return None;
    }
    let count_at = |at: usize| info[at..].first_chunk().map(|bytes| u64::from_ne_bytes(*bytes));
    Some((count_at(ACKNOWLEDGED_AT)?, count_at(RECEIVED_AT)?))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{ErrorKind, Read, Write},
        net::{TcpListener, TcpStream},
        os::unix::net::UnixStream,
        thread,
    };

    use nix::fcntl::{FcntlArg, OFlag, fcntl};

    use super::*;

    fn tcp_pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (listener.accept().unwrap().0, client)
    }

    #[test]
    fn what_is_taken_counts_and_what_is_not_stays() {
        let (mut server, mut client) = tcp_pair();
        server.set_nonblocking(true).unwrap();
        while server.write(&[7; 1 << 16]).is_ok() {}
        let full = progress(&server).unwrap();
        assert!(full.unacknowledged > 0, "{full:?}");
        let mut taken = vec![0; 1 << 20];
        client.read_exact(&mut taken).unwrap();
        let mut later = progress(&server).unwrap();
        while later.acknowledged <= full.acknowledged {
            later = progress(&server).unwrap();
        }
        assert!(later.unacknowledged > 0);
    }

    #[test]
    fn what_arrives_counts_and_waits() {
        let (server, mut client) = tcp_pair();
        client.write_all(b"twelve bytes").unwrap();
        let mut seen = progress(&server).unwrap();
        while seen.unread < 12 {
            seen = progress(&server).unwrap();
        }
        assert_eq!((seen.unread, seen.received, seen.unacknowledged), (12, Some(12), 0));
    }

    #[test]
    fn a_unix_socket_counts_what_is_not_taken() {
        let (mut server, mut client) = UnixStream::pair().unwrap();
        server.write_all(b"text").unwrap();
        let before = progress(&server).unwrap();
        assert!(before.unacknowledged >= 4 && before.acknowledged.is_none(), "{before:?}");
        client.read_exact(&mut [0; 4]).unwrap();
        assert_eq!(progress(&server).unwrap().unacknowledged, 0);
    }

    #[test]
    fn the_other_side_of_a_unix_socket_is_named() {
        let path = std::env::temp_dir().join(format!("qclone-peer-{}", std::process::id()));
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let client = UnixStream::connect(&path).unwrap();
        assert_eq!(unix_peer(&client), Some(path.display().to_string()));
        std::fs::remove_file(path).unwrap();
        assert_eq!(unix_peer(listener.accept().unwrap().0), None);
        assert_eq!(unix_peer(&listener), None);
        assert_eq!(unix_peer(tcp_pair().0), None);
    }

    #[test]
    fn a_file_is_no_connection() {
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        assert!(matches!(progress(&file), Err(Error::Syscall { call: "ioctl(2)", .. })));
        assert!(matches!(reset_at_close(&file), Err(Error::Syscall { call: "setsockopt(2)", .. })));
    }

    #[test]
    fn a_connection_is_handed_over_with_what_nobody_has_read() {
        let (mut client, server) = UnixStream::pair().unwrap();
        let (one, other) = handover_pair().unwrap();
        client.write_all(b"early").unwrap();
        send(&one, b"first", &[server.as_raw_fd(), one.as_raw_fd()], Wait::Never).unwrap();
        send(&one, b"second", &[], Wait::Never).unwrap();
        drop((server, one));
        let Arrival::Message(first) = receive(&other).unwrap() else { panic!("nothing has arrived") };
        assert_eq!(first.message, b"first");
        let mut descriptors = first.descriptors.into_iter();
        let mut server = UnixStream::from(descriptors.next().unwrap());
        assert_eq!(descriptors.count(), 1);
        let mut text = [0; 5];
        server.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"early");
        let Arrival::Message(second) = receive(&other).unwrap() else { panic!("nothing has arrived") };
        assert!(second.message == b"second" && second.descriptors.is_empty());
        assert!(matches!(receive(&other), Ok(Arrival::End)));
    }

    #[test]
    fn a_full_queue_and_the_end_of_the_other_side_are_told() {
        let (one, other) = handover_pair().unwrap();
        assert!(matches!(receive(&other), Ok(Arrival::Nothing)));
        send(&other, b"last words", &[], Wait::Never).unwrap();
        let full = loop {
            if let Err(error) = send(&one, &[7; 1024], &[], Wait::Never) {
                break error;
            }
        };
        assert!(matches!(full, Error::Syscall { errno: Errno::EAGAIN, .. }), "{full:?}");
        drop(other);
        let Arrival::Message(last) = receive(&one).unwrap() else { panic!("nothing has arrived") };
        assert_eq!(last.message, b"last words");
        assert!(matches!(receive(&one), Ok(Arrival::End)));
        let gone = send(&one, b"text", &[], Wait::ForRoom).unwrap_err();
        assert!(matches!(gone, Error::Syscall { errno: Errno::EPIPE, .. }), "{gone:?}");
        let long = send(&one, &[0; LONGEST_MESSAGE + 1], &[], Wait::Never).unwrap_err();
        assert!(matches!(long, Error::Syscall { errno: Errno::EMSGSIZE, .. }), "{long:?}");
    }

    #[test]
    fn a_full_queue_is_waited_for_although_the_socket_does_not_block() {
        const MESSAGES: usize = 2000;
        let (one, other) = handover_pair().unwrap();
        fcntl(&one, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        let taker = thread::spawn(move || {
            let mut taken = 0;
            loop {
                match receive(&other).unwrap() {
                    Arrival::Message(_) => taken += 1,
                    Arrival::Nothing => thread::yield_now(),
                    Arrival::End => return taken,
                }
            }
        });
        for _ in 0..MESSAGES {
            send(&one, &[7; 1024], &[], Wait::ForRoom).unwrap();
        }
        drop(one);
        assert_eq!(taker.join().unwrap(), MESSAGES);
    }

    #[test]
    fn what_is_reset_at_its_close_can_end_in_order_again() {
        let (server, mut client) = tcp_pair();
        reset_at_close(&server).unwrap();
        assert!(resets_at_close(&server).unwrap());
        end_at_close(&server).unwrap();
        assert!(!resets_at_close(&server).unwrap());
        drop(server);
        assert_eq!(client.read(&mut [0; 8]).unwrap(), 0);
    }

    #[test]
    fn a_connection_that_is_reset_at_its_close_does_not_end_in_order() {
        let (server, mut client) = tcp_pair();
        reset_at_close(&server).unwrap();
        drop(server);
        let error = client.read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
}
