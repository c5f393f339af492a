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

/// Table size up to which trying each number is quicker.
const TRIED_AT_MOST: RawFd = 65_536;

/// Neighbours to try one by one before asking for the end of their run, which takes four calls.
const TRIED_OF_A_RUN: RawFd = 64;

/// Lists the open descriptors of this process, in ascending order.
///
/// Tries the numbers that the process's table has room for, by `FDSize` in `/proc/self/status`. That
/// takes some 60 ns each, where reading `/proc/self/fd` takes microseconds. Long runs are skipped; see
/// [`runs`]. Where the table is very large, or its size cannot be read, reads `/proc/self/fd`. If that
/// fails too, tries every number below the soft `RLIMIT_NOFILE`: slow where the limit is in the
/// billions, and blind above a limit that was lowered.
///
/// Not async-signal-safe: allocates. In the child of a fork this relies on a usable `malloc`, which
/// glibc and musl provide in a process whose other threads are at rest.
///
/// # Errors
/// [`Error::Syscall`] when the limit cannot be read either.
pub fn list() -> Result<Vec<RawFd>> {
    Ok(runs()?.into_iter().flatten().collect())
}

/// Like [`list()`], as runs of neighbours: most often few, however many descriptors there are.
///
/// The end of a long run is the lowest free number after its start, by `F_DUPFD_CLOEXEC` of an eventfd
/// that is open meanwhile. Closing a copy of another file could drop its locks.
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
    // If the last number is taken, the lowest free one may lie beyond it, and the table would grow.
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

/// Lowest free number from `fd` on; `None` when there is none below the soft limit.
fn lowest_free(probe: &OwnedFd, fd: RawFd) -> Option<RawFd> {
    let copy = fcntl(probe, FcntlArg::F_DUPFD_CLOEXEC(fd)).ok()?;
    // SAFETY: the call has just opened it, and nothing else knows of it.
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

/// Size of the table of descriptors. Never less than what is open, as the kernel only grows it.
fn table_size() -> Option<RawFd> {
    let status = read_text(Path::new("/proc/self/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("FDSize:"))?.trim().parse().ok()
}

/// Like [`list()`], from a folder in place of `/proc/self/fd`, however large the table is.
///
/// # Errors
/// As [`list()`].
pub fn list_in(path: &Path) -> Result<Vec<RawFd>> {
    let Some(mut fds) = read_numbers(path) else {
        let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).map_err(Error::syscall("getrlimit(2)"))?;
        return Ok((0..RawFd::try_from(soft).unwrap_or(RawFd::MAX)).filter(|fd| is_open(*fd)).collect());
    };
    // The folder's own descriptor was among them, and is closed by now.
    fds.retain(|fd| is_open(*fd));
    fds.sort_unstable();
    Ok(fds)
}

/// Numbers that name the folder's entries; `None` if it cannot be read to its end.
fn read_numbers(path: &Path) -> Option<Vec<RawFd>> {
    fs::read_dir(path).ok()?.map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

fn is_open(fd: RawFd) -> bool {
    // SAFETY: F_GETFD takes an integer and touches no memory; EBADF is among its answers.
    unsafe { libc::fcntl(fd, libc::F_GETFD) != -1 }
}
