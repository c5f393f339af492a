//! Addresses of sockets that a clone has inherited. The silent sockets that replace them have none.

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    mem::{self, MaybeUninit},
    os::fd::RawFd,
    sync::{Mutex, PoisonError},
};

use libc::{sockaddr, sockaddr_in6, socklen_t};
use napi_derive::napi;

/// A socket's address, as `server.address()` shows it.
#[napi(object)]
pub struct SocketAddress {
    /// IP address.
    pub address: String,
    /// `IPv4` or `IPv6`.
    pub family: String,
    /// Port.
    pub port: u16,
}

/// An IPv4 or IPv6 address. The structure for IPv6 has room for both.
type Raw = Option<sockaddr_in6>;

#[derive(Clone, Copy)]
struct Addresses {
    fd: RawFd,
    own: Raw,
    peer: Raw,
}

/// Sorted by `fd`. Empty in a process that is not a clone.
static INHERITED: Mutex<Vec<Addresses>> = Mutex::new(Vec::new());

/// Remembers the addresses of the sockets `fds`, sorted, while they are still the parent's.
///
/// If the parent is a clone itself, keeps the addresses that it remembers of its own parent's sockets.
pub(crate) fn remember(fds: impl Iterator<Item = RawFd>) {
    let mut inherited = INHERITED.lock().unwrap_or_else(PoisonError::into_inner);
    let earlier = mem::take(&mut *inherited);
    *inherited = fds
        .filter_map(|fd| match ask(libc::getsockname, fd) {
            None => find(&earlier, fd).copied(),
            own => Some(Addresses { fd, own, peer: ask(libc::getpeername, fd) }),
        })
        .collect();
}

fn find(sorted: &[Addresses], fd: RawFd) -> Option<&Addresses> {
    Some(&sorted[sorted.binary_search_by_key(&fd, |addresses| addresses.fd).ok()?])
}

/// Returns the address that the socket at `fd` had in the parent of this clone. With `of_peer`, returns the
/// peer's address. Only for a descriptor that the clone did not open itself.
#[napi]
pub fn inherited_address(fd: i32, of_peer: bool) -> Option<SocketAddress> {
    let inherited = INHERITED.lock().unwrap_or_else(PoisonError::into_inner);
    let found = find(&inherited, fd)?;
    show(if of_peer { found.peer.as_ref() } else { found.own.as_ref() }?)
}

type Ask = unsafe extern "C" fn(c_int, *mut sockaddr, *mut socklen_t) -> c_int;

/// Calls `getsockname(2)` or `getpeername(2)`. `None` for another address family.
fn ask(call: Ask, fd: RawFd) -> Raw {
    let mut address = MaybeUninit::<sockaddr_in6>::zeroed();
    let mut length = socklen_t::try_from(size_of::<sockaddr_in6>()).ok()?;
    // SAFETY: both calls write at most `length` bytes to the given place.
    if unsafe { call(fd, address.as_mut_ptr().cast(), &raw mut length) } != 0 {
        return None;
    }
    // SAFETY: all zeroes is a valid value of these integers, and so is anything the call wrote to them.
    let address = unsafe { address.assume_init() };
    matches!(c_int::from(address.sin6_family), libc::AF_INET | libc::AF_INET6).then_some(address)
}

unsafe extern "C" {
    fn uv_inet_ntop(family: c_int, source: *const c_void, target: *mut c_char, size: usize) -> c_int;
}

/// Room for any address as text, see `inet_ntop(3)`.
const INET6_ADDRSTRLEN: usize = 46;

/// Converts as `AddressToJS` in Node's `src/tcp_wrap.cc` does.
fn show(address: &sockaddr_in6) -> Option<SocketAddress> {
    let family = c_int::from(address.sin6_family);
    // The port is at the same place in both families.
    let port = u16::from_be(address.sin6_port);
    let source: *const c_void = if family == libc::AF_INET {
        // SAFETY: for this family, the kernel has written a `sockaddr_in`, which is smaller.
        let address: &libc::sockaddr_in = unsafe { mem::transmute(address) };
        (&raw const address.sin_addr).cast()
    } else {
        (&raw const address.sin6_addr).cast()
    };
    let mut text: [c_char; INET6_ADDRSTRLEN] = [0; INET6_ADDRSTRLEN];
    // SAFETY: `source` is an address of this family, and there is room for `text.len()` bytes.
    if unsafe { uv_inet_ntop(family, source, text.as_mut_ptr(), text.len()) } != 0 {
        return None;
    }
    // SAFETY: the call has written a string that ends in NUL.
    let text = unsafe { CStr::from_ptr(text.as_ptr()) }.to_string_lossy();
    let scope = scope_of(address).unwrap_or_default();
    let family = if family == libc::AF_INET { "IPv4" } else { "IPv6" };
    Some(SocketAddress { address: format!("{text}{scope}"), family: family.into(), port })
}

/// Returns the interface of a link-local address, such as `%eth0`.
fn scope_of(address: &sockaddr_in6) -> Option<String> {
    let is_link_local = matches!(address.sin6_addr.s6_addr, [0xfe, second, ..] if second & 0xc0 == 0x80);
    if c_int::from(address.sin6_family) != libc::AF_INET6 || !is_link_local || address.sin6_scope_id == 0 {
        return None;
    }
    let mut name: [c_char; libc::IF_NAMESIZE] = [0; libc::IF_NAMESIZE];
    // SAFETY: `name` has room for the longest name.
    let found = unsafe { libc::if_indextoname(address.sin6_scope_id, name.as_mut_ptr()) };
    // SAFETY: the call has written a string that ends in NUL.
    (!found.is_null()).then(|| format!("%{}", unsafe { CStr::from_ptr(name.as_ptr()) }.to_string_lossy()))
}
