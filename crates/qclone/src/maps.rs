//! The mappings that a fork would leave out, and the guard that hands them down.
//!
//! V8 in Node.js marks the memory of its heap `MADV_DONTFORK`, so that starting a child process
//! need not copy its page tables. A clone needs that heap. The guard clears the mark for one fork
//! and sets it again in the parent, on exactly the mappings that had it.
//!
//! The kernel tells who is marked only in `/proc/self/smaps`, whose reading walks every page and
//! takes as long as the fork itself. The guard asks more cheaply: mappings with different marks
//! are different mappings, so clearing the mark of the first page alone splits a marked mapping
//! and leaves an unmarked one whole, and `/proc/self/maps`, which walks no pages, shows which it
//! was. Only mappings that are new since the last fork are asked.

use std::{
    ffi::c_void,
    ops::Range,
    path::{Path, PathBuf},
    ptr,
};

use nix::errno::Errno;

use crate::{
    error::{Error, Result},
    peek::page_size,
    procfs,
};

/// Remembers which mappings of this process are marked `MADV_DONTFORK`.
#[derive(Debug)]
pub(crate) struct MapsGuard {
    path: PathBuf,
    text: Vec<u8>,
    /// Every mapping at the last look, in order of address.
    mappings: Vec<Mapping>,
    /// The look before, kept for its capacity.
    previous: Vec<Mapping>,
    /// Runs of marked mappings with nothing but holes between them.
    runs: Vec<Run>,
    page: usize,
}

/// A line of `/proc/self/maps`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mapping {
    range: Range<usize>,
    /// Private, and of no file: the only kind that is asked for its mark.
    anonymous: bool,
    marked: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Run {
    range: Range<usize>,
    has_holes: bool,
}

impl MapsGuard {
    pub(crate) fn new(proc_self: &Path) -> Self {
        Self {
            path: proc_self.join("maps"),
            text: Vec::new(),
            mappings: Vec::new(),
            previous: Vec::new(),
            runs: Vec::new(),
            page: page_size(),
        }
    }

    /// Clears every mark, until the answer is dropped.
    ///
    /// Nothing may be mapped or unmapped meanwhile, by this thread or another: a mapping made in
    /// a hole between two marked ones would be marked with them.
    ///
    /// # Errors
    /// [`Error::Proc`] and [`Error::ProcFormat`] when the mappings cannot be read,
    /// [`Error::Syscall`] when a mark cannot be changed; the marks are then as they were.
    pub(crate) fn hand_down(&mut self) -> Result<HandedDown<'_>> {
        self.look()?;
        // From here on the marks are restored on every way out.
        let handed = HandedDown { guard: self };
        handed.guard.classify()?;
        handed.guard.collect_runs();
        handed.guard.advise_all(libc::MADV_DOFORK)?;
        Ok(handed)
    }

    /// Reads the mappings, and takes over what is known of those that are still the same.
    fn look(&mut self) -> Result<()> {
        procfs::read_into(&self.path, &mut self.text)?;
        std::mem::swap(&mut self.mappings, &mut self.previous);
        self.mappings.clear();
        parse_into(&self.text, &mut self.mappings)
            .map_err(|line| Error::ProcFormat { path: self.path.clone(), line })?;
        Ok(())
    }

    /// Finds out the marks of the mappings that are new, or have changed their bounds.
    fn classify(&mut self) -> Result<()> {
        let mut previous = self.previous.iter().peekable();
        let mut asked = Vec::new();
        for (index, mapping) in self.mappings.iter_mut().enumerate().filter(|(_, mapping)| mapping.anonymous)
        {
            while previous.next_if(|old| old.range.start < mapping.range.start).is_some() {}
            match previous.peek() {
                Some(old) if old.anonymous && old.range == mapping.range => mapping.marked = old.marked,
                // A single page cannot be split: it is handed down below, and stays so.
                _ if mapping.range.len() > self.page => asked.push(index),
                _ => drop(advise(&mapping.range, libc::MADV_DOFORK)),
            }
        }
        for some in asked.chunks(ASKED_AT_ONCE) {
            self.ask(some)?;
        }
        Ok(())
    }

    /// Asks the mappings at these indices for their marks, which clears the marks.
    fn ask(&mut self, indices: &[usize]) -> Result<()> {
        for &index in indices {
            let start = self.mappings[index].range.start;
            match advise(&(start..start + self.page), libc::MADV_DOFORK) {
                // EINVAL: of a device, which cannot be handed down, and is not split.
                Ok(()) | Err(Errno::EINVAL) => {}
                // A first page that has lost its mark meanwhile costs child processes a page.
                Err(errno) => return Err(Error::Syscall { call: "madvise(2)", errno }),
            }
        }
        procfs::read_into(&self.path, &mut self.text)?;
        let mut after = Vec::with_capacity(self.mappings.len() + indices.len());
        parse_into(&self.text, &mut after)
            .map_err(|line| Error::ProcFormat { path: self.path.clone(), line })?;
        for &index in indices {
            let mapping = &mut self.mappings[index];
            let second_page = mapping.range.start + self.page;
            mapping.marked = after.binary_search_by_key(&second_page, |mapping| mapping.range.start).is_ok();
            if mapping.marked {
                // Makes it one mapping again, so that the number of mappings stays in bounds.
                advise(&mapping.range, libc::MADV_DOFORK).map_err(Error::syscall("madvise(2)"))?;
            }
        }
        Ok(())
    }

    fn collect_runs(&mut self) {
        self.runs.clear();
        let mut open = false;
        for mapping in &self.mappings {
            if !mapping.marked {
                open = false;
                continue;
            }
            match self.runs.last_mut() {
                Some(run) if open => {
                    run.has_holes |= run.range.end != mapping.range.start;
                    run.range.end = mapping.range.end;
                }
                _ => self.runs.push(Run { range: mapping.range.clone(), has_holes: false }),
            }
            open = true;
        }
    }

    fn advise_all(&self, advice: i32) -> Result<()> {
        for run in &self.runs {
            match advise(&run.range, advice) {
                Ok(()) => {}
                // The kernel goes on behind a hole, and tells of it in the end; see madvise(2).
                Err(Errno::ENOMEM) if run.has_holes => {}
                Err(errno) => return Err(Error::Syscall { call: "madvise(2)", errno }),
            }
        }
        Ok(())
    }
}

/// Every mapping is inherited by a fork; dropped, those that were not before are so no more.
#[derive(Debug)]
pub(crate) struct HandedDown<'a> {
    guard: &'a mut MapsGuard,
}

impl HandedDown<'_> {
    /// Leaves the mappings inheritable: for the clone, which is short-lived.
    pub(crate) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for HandedDown<'_> {
    fn drop(&mut self) {
        self.guard.collect_runs();
        // Nothing can be done about an error, and none is to be expected: the same ranges were
        // advised a moment ago. It would cost time in child processes, and nothing else.
        let _ = self.guard.advise_all(libc::MADV_DONTFORK);
    }
}

/// madvise(2). `MADV_DOFORK` and `MADV_DONTFORK` change what a later fork copies, never a byte of
/// this process's memory. Async-signal-safe.
fn advise(range: &Range<usize>, advice: i32) -> nix::Result<()> {
    debug_assert!(matches!(advice, libc::MADV_DOFORK | libc::MADV_DONTFORK));
    let address: *mut c_void = ptr::without_provenance_mut(range.start);
    // SAFETY: the two advices leave this process's memory and its protection alone, and the kernel
    // checks the range.
    Errno::result(unsafe { libc::madvise(address, range.len(), advice) }).map(drop)
}

/// Appends the mappings in `text`, the contents of a `maps` file; see proc(5).
///
/// # Errors
/// The first line that does not have the form.
fn parse_into(text: &[u8], mappings: &mut Vec<Mapping>) -> Result<(), String> {
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let mapping = parse(line).ok_or_else(|| String::from_utf8_lossy(line).into_owned())?;
        mappings.push(mapping);
    }
    Ok(())
}

/// `START-END rwxp OFFSET DEVICE INODE  PATH`
fn parse(line: &[u8]) -> Option<Mapping> {
    let (start, rest) = procfs::hex(line)?;
    let (end, rest) = procfs::hex(rest.strip_prefix(b"-")?)?;
    let (permissions, rest) = rest.strip_prefix(b" ")?.split_at_checked(4)?;
    let mut fields = rest.strip_prefix(b" ")?.splitn(3, |&byte| byte == b' ');
    let (_offset, _device) = (fields.next()?, fields.next()?);
    let rest = fields.next()?.trim_ascii_end();
    let (inode, path) = match rest.iter().position(|&byte| byte == b' ') {
        Some(space) => (&rest[..space], rest[space..].trim_ascii_start()),
        None => (rest, &b""[..]),
    };
    // Named ones are the kernel's own ([vdso]) or never marked ([heap], [stack]), but for names
    // that prctl(2) PR_SET_VMA_ANON_NAME gave.
    let anonymous =
        permissions[3] == b'p' && inode == b"0" && (path.is_empty() || path.starts_with(b"[anon:"));
    Some(Mapping { range: start..end, anonymous, marked: false })
}

/// How many mappings are split at a time: a process may have 65,530 (`vm.max_map_count`).
const ASKED_AT_ONCE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn parses_a_private_anonymous_mapping() {
        let mapping = parse(b"3a0de7c0000-3a0de800000 rw-p 00000000 00:00 0 \n").unwrap();
        assert_eq!(mapping.range, 0x3a0_de7c_0000..0x3a0_de80_0000);
        assert!(mapping.anonymous);
    }

    #[test]
    fn a_name_by_prctl_leaves_it_anonymous() {
        assert!(parse(b"1000-2000 rw-p 00000000 00:00 0    [anon:v8]\n").unwrap().anonymous);
    }

    #[test]
    fn files_shared_memory_and_the_kernels_own_are_not_anonymous() {
        for line in [
            &b"400000-b23000 r--p 00000000 fe:00 1234    /usr/bin/node\n"[..],
            b"1000-2000 rw-s 00000000 00:01 7    /dev/zero (deleted)\n",
            b"1000-2000 r-xp 00000000 00:00 0    [vdso]\n",
            b"1000-2000 rw-p 00000000 00:00 0    [heap]\n",
        ] {
            assert!(!parse(line).unwrap().anonymous, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        for line in
            [&b"\n"[..], b"x\n", b"1000\n", b"1000-2000\n", b"1000-2000 rw\n", b"1000-2000 rw-p 0 00:00\n"]
        {
            assert_eq!(parse(line), None, "{}", String::from_utf8_lossy(line));
        }
    }
}
