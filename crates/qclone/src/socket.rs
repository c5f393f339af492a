//! Connections that two processes share: how far they have come, and how they are broken off.

use std::{
    mem,
    os::fd::{AsFd, AsRawFd},
};

use libc::{c_int, c_void, socklen_t};
use nix::{
    errno::Errno,
    sys::socket::{UnixAddr, getpeername, setsockopt, sockopt::Linger},
};

use crate::{Error, Result};

/// How far a connection has come, as the kernel counts. Whoever holds a descriptor of it sees the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes sent that the other side has not acknowledged (TCP), or memory they take until they are
    /// read (unix). 0: the other side has taken all. See SIOCOUTQ in `tcp(7)`.
    pub unacknowledged: u64,
    /// Bytes received that nobody here has read. See SIOCINQ in `tcp(7)`.
    pub unread: u64,
    /// Bytes that the other side has acknowledged since the connection began; `None` where the kernel
    /// does not count them (unix sockets, TCP before Linux 4.1).
    pub acknowledged: Option<u64>,
    /// Bytes received since the connection began, likewise.
    pub received: Option<u64>,
}

/// How far `socket` has come. Does not block, and moves nothing.
///
/// # Errors
/// [`Error::Syscall`] when it is no connection.
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

/// Makes the last `close(2)` of `socket` reset the connection, so that the other side reads an error
/// rather than an end. What it has not taken yet is dropped. See SO_LINGER in `socket(7)`; it changes
/// nothing for unix sockets.
///
/// # Errors
/// [`Error::Syscall`] when it is no socket.
pub fn reset_at_close(socket: impl AsFd) -> Result<()> {
    let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
    setsockopt(&socket, Linger, &at_once).map_err(Error::syscall("setsockopt(2)"))
}

/// The path of a unix socket's other side, `@` in front of an abstract one. `None` for another sort of
/// socket, one that is not connected, or one whose other side has no name. See `getpeername(2)`.
pub fn unix_peer(socket: impl AsFd) -> Option<String> {
    let address: UnixAddr = getpeername(socket.as_fd().as_raw_fd()).ok()?;
    let path = address.path().map(|path| path.display().to_string());
    path.or_else(|| Some(format!("@{}", String::from_utf8_lossy(address.as_abstract()?))))
}

fn queue_length(fd: c_int, request: libc::c_ulong) -> Result<u64> {
    let mut length: c_int = 0;
    // SAFETY: both requests write one int to the place given, which outlives the call. musl's ioctl
    // takes the request as another type of integer.
    let asked = unsafe { libc::ioctl(fd, request as _, &raw mut length) };
    Errno::result(asked).map_err(Error::syscall("ioctl(2)"))?;
    Ok(u64::try_from(length).unwrap_or(0))
}

/// Where `tcpi_bytes_acked` and `tcpi_bytes_received` are in `struct tcp_info` of Linux's
/// `include/uapi/linux/tcp.h`, which only ever grows. libc's own structure ends before them.
const ACKNOWLEDGED_AT: usize = 120;
const RECEIVED_AT: usize = 128;
const INFO_BYTES: usize = RECEIVED_AT + size_of::<u64>();

fn tcp_counts(fd: c_int) -> Option<(u64, u64)> {
    let mut info = [0_u8; INFO_BYTES];
    let mut length = socklen_t::try_from(mem::size_of_val(&info)).ok()?;
    let place: *mut c_void = info.as_mut_ptr().cast();
    // SAFETY: the kernel writes at most `length` bytes to the place given, and how many to `length`.
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
    };

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
    fn a_connection_that_is_reset_at_its_close_does_not_end_in_order() {
        let (server, mut client) = tcp_pair();
        reset_at_close(&server).unwrap();
        drop(server);
        let error = client.read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
}
