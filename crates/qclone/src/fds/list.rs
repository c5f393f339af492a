//! Lists of the open descriptors.

use std::{
    fs,
    ops::Range,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    path::Path,
};

use nix::{
    fcntl::{FcntlArg, fcntl},
    sys::resource::{Resource, getrlimit},
};

use crate::{
    error::{Error, Result},
    fds::inert::silent_eventfd,
    procfs::{OWN_DESCRIPTORS, read_text},
};

/// Maximum table size for which trying each number is faster.
const TRIED_AT_MOST: RawFd = 65_536;

/// Number of neighbors to try one by one before asking for the end of their run, which takes four calls.
const TRIED_OF_A_RUN: RawFd = 64;

/// Lists the open descriptors of this process, in ascending order.
///
/// Tries the numbers that the process's table has room for, according to `FDSize` in `/proc/self/status`.
/// That takes about 60 ns each, while reading `/proc/self/fd` takes microseconds. Long runs are skipped;
/// see [`runs`]. If the table is very large, or its size cannot be read, reads `/proc/self/fd`. If that
/// fails too, tries every number below the soft `RLIMIT_NOFILE`. That is slow if the limit is in the
/// billions, and misses numbers above a limit that was lowered.
///
/// Not async-signal-safe: allocates. In the child of a fork this relies on a usable `malloc`, which glibc
/// and musl provide in a process whose other threads are idle.
///
/// # Errors
/// [`Error::Syscall`] when the limit cannot be read either.
pub fn list() -> Result<Vec<RawFd>> {
    Ok(runs()?.into_iter().flatten().collect())
}

/// Like [`list()`], but returns runs of neighbors. There are usually few, regardless of the number of
/// descriptors.
///
/// The end of a long run is the lowest free number after its start, found with `F_DUPFD_CLOEXEC` of an
/// eventfd that is open for that time. Closing a copy of another file could drop its locks.
///
/// # Errors
/// As [`list()`].
pub fn runs() -> Result<Vec<Range<RawFd>>> {
    match table_size() {
        Some(size) if size <= TRIED_AT_MOST => Ok(runs_below(size)),
        _ => Ok(in_runs(list_in(Path::new(OWN_DESCRIPTORS))?)),
    }
}

/// Returns runs of open numbers in a table with room for `size`.
fn runs_below(size: RawFd) -> Vec<Range<RawFd>> {
    let mut runs = Vec::new();
    let mut probe = None;
    // If the last number is taken, the lowest free one may be above it, and the table would grow.
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

/// Returns the lowest free number from `fd` on. `None` when there is none below the soft limit.
fn lowest_free(probe: &OwnedFd, fd: RawFd) -> Option<RawFd> {
    let copy = fcntl(probe, FcntlArg::F_DUPFD_CLOEXEC(fd)).ok()?;
    // SAFETY: the call just opened it, and nothing else knows about it.
    drop(unsafe { OwnedFd::from_raw_fd(copy) });
    Some(copy)
}

/// Returns `runs` without `fd`.
fn without(runs: &[Range<RawFd>], fd: RawFd) -> Vec<Range<RawFd>> {
    let split = |run: &Range<RawFd>| match run.contains(&fd) {
        true => [run.start..fd, fd + 1..run.end],
        false => [run.clone(), 0..0],
    };
    runs.iter().flat_map(split).filter(|run| !run.is_empty()).collect()
}

/// Groups ascending numbers into runs.
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

/// Returns the size of the descriptor table. All open descriptors are below it, since the kernel only grows it.
fn table_size() -> Option<RawFd> {
    let status = read_text(Path::new("/proc/self/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("FDSize:"))?.trim().parse().ok()
}

/// Like [`list()`], but reads a directory in place of `/proc/self/fd`, regardless of the table's size.
///
/// # Errors
/// As [`list()`].
pub fn list_in(path: &Path) -> Result<Vec<RawFd>> {
    let Some(mut fds) = read_numbers(path) else {
        let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).map_err(Error::syscall("getrlimit(2)"))?;
        return Ok((0..RawFd::try_from(soft).unwrap_or(RawFd::MAX)).filter(|fd| is_open(*fd)).collect());
    };
    // The directory's own descriptor was among them, and is closed by now.
    fds.retain(|fd| is_open(*fd));
    fds.sort_unstable();
    Ok(fds)
}

/// Reads the directory's entries, which are numbers. `None` if it cannot be read to its end.
fn read_numbers(path: &Path) -> Option<Vec<RawFd>> {
    fs::read_dir(path).ok()?.map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

fn is_open(fd: RawFd) -> bool {
    // SAFETY: F_GETFD takes an integer and touches no memory; EBADF is among its answers.
    unsafe { libc::fcntl(fd, libc::F_GETFD) != -1 }
}
