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
///
/// It decides only which ones are marked again: every private anonymous mapping is handed down,
/// whatever is remembered of it.
#[derive(Debug)]
pub(crate) struct MapsGuard {
    path: PathBuf,
    text: Vec<u8>,
    /// Every mapping at the last look, in order of address.
    mappings: Vec<Mapping>,
    /// The look before.
    previous: Vec<Mapping>,
    /// The mappings after some were asked.
    after: Vec<Mapping>,
    /// Indices of the mappings to ask.
    asked: Vec<usize>,
    /// Runs of mappings to advise together.
    runs: Vec<Range<usize>>,
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

impl MapsGuard {
    pub(crate) fn new(proc_self: &Path) -> Self {
        Self {
            path: proc_self.join("maps"),
            text: Vec::new(),
            mappings: Vec::new(),
            previous: Vec::new(),
            after: Vec::new(),
            asked: Vec::new(),
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
    /// [`Error::Syscall`] when a mark cannot be changed; the marks are then as they were, but for
    /// first pages of mappings that were being asked.
    pub(crate) fn hand_down(&mut self) -> Result<HandedDown<'_>> {
        self.look()?;
        // From here on the marks are restored on every way out.
        let mut handed = HandedDown { guard: self, complete: false };
        handed.guard.hand_down_all()?;
        handed.complete = true;
        Ok(handed)
    }

    fn hand_down_all(&mut self) -> Result<()> {
        self.classify()?;
        self.collect_runs(|mapping| mapping.anonymous);
        self.advise_runs(libc::MADV_DOFORK)
    }

    /// Reads the mappings, and sees to it that nothing from here to the restoring needs memory of
    /// the size that malloc maps.
    fn look(&mut self) -> Result<()> {
        std::mem::swap(&mut self.mappings, &mut self.previous);
        loop {
            let before = self.capacities();
            read_mappings(&self.path, &mut self.text, &mut self.mappings)?;
            // Asking splits as many mappings again, at most.
            self.text.reserve(self.text.len());
            let count = self.mappings.len();
            self.after.clear();
            self.after.reserve(count * 2);
            self.asked.clear();
            self.asked.reserve(count);
            self.runs.clear();
            self.runs.reserve(count);
            if self.capacities() == before {
                return Ok(());
            }
        }
    }

    fn capacities(&self) -> [usize; 5] {
        [
            self.text.capacity(),
            self.mappings.capacity(),
            self.after.capacity(),
            self.asked.capacity(),
            self.runs.capacity(),
        ]
    }

    /// Finds out the marks of the mappings that are new, or have changed their bounds.
    fn classify(&mut self) -> Result<()> {
        let mut previous = self.previous.iter().peekable();
        for (index, mapping) in self.mappings.iter_mut().enumerate().filter(|(_, mapping)| mapping.anonymous)
        {
            while previous.next_if(|old| old.range.start < mapping.range.start).is_some() {}
            match previous.peek() {
                Some(old) if old.anonymous && old.range == mapping.range => mapping.marked = old.marked,
                // A single page cannot be split: it is handed down, and stays so.
                _ if mapping.range.len() > self.page => self.asked.push(index),
                _ => {}
            }
        }
        let asked = std::mem::take(&mut self.asked);
        let room = max_mappings().saturating_sub(self.mappings.len()) / 2;
        let result = asked.chunks(room.clamp(1, ASKED_AT_ONCE)).try_for_each(|some| self.ask(some));
        self.asked = asked;
        result
    }

    /// Asks the mappings at these indices for their marks, which clears the marks.
    fn ask(&mut self, indices: &[usize]) -> Result<()> {
        let mut split = Ok(());
        for &index in indices {
            let start = self.mappings[index].range.start;
            match advise(&(start..start + self.page), libc::MADV_DOFORK) {
                // EINVAL: of a device, which cannot be handed down. ENOMEM: unmapped meanwhile.
                Ok(()) | Err(Errno::EINVAL | Errno::ENOMEM) => {}
                Err(errno) => {
                    split = Err(Error::Syscall { call: "madvise(2)", errno });
                    break;
                }
            }
        }
        read_mappings(&self.path, &mut self.text, &mut self.after)?;
        for &index in indices {
            let mapping = &mut self.mappings[index];
            let second_page = mapping.range.start + self.page;
            mapping.marked =
                self.after.binary_search_by_key(&second_page, |mapping| mapping.range.start).is_ok();
            if mapping.marked {
                // Makes it one mapping again, so that the number of mappings stays in bounds.
                let _ = advise(&mapping.range, libc::MADV_DOFORK);
            }
        }
        split
    }

    /// Collects runs of such mappings, with nothing but holes between them.
    fn collect_runs(&mut self, which: impl Fn(&Mapping) -> bool) {
        self.runs.clear();
        let mut open = false;
        for mapping in &self.mappings {
            let wanted = which(mapping);
            match self.runs.last_mut() {
                Some(run) if open && wanted => run.end = mapping.range.end,
                _ if wanted => self.runs.push(mapping.range.clone()),
                _ => {}
            }
            open = wanted;
        }
    }

    fn advise_runs(&self, advice: i32) -> Result<()> {
        for run in &self.runs {
            match advise(run, advice) {
                // ENOMEM: the kernel goes on behind a hole, and tells of it in the end; see madvise(2).
                Ok(()) | Err(Errno::ENOMEM) => {}
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
    complete: bool,
}

impl HandedDown<'_> {
    /// Leaves the mappings inheritable: for the clone, which is short-lived.
    pub(crate) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for HandedDown<'_> {
    fn drop(&mut self) {
        self.guard.collect_runs(|mapping| mapping.marked);
        // Nothing can be done about an error, and none is to be expected: the same ranges were
        // advised a moment ago. It would cost time in child processes, and nothing else.
        let _ = self.guard.advise_runs(libc::MADV_DONTFORK);
        if !self.complete {
            // What was not asked is not known to be unmarked: it is asked the next time.
            self.guard.mappings.clear();
        }
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

/// Reads the mappings from a `maps` file; see proc(5).
fn read_mappings(path: &Path, text: &mut Vec<u8>, mappings: &mut Vec<Mapping>) -> Result<()> {
    procfs::read_into(path, text)?;
    mappings.clear();
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let unreadable =
            || Error::ProcFormat { path: path.to_owned(), line: String::from_utf8_lossy(line).into_owned() };
        mappings.push(parse(line).ok_or_else(unreadable)?);
    }
    Ok(())
}

/// How many mappings a process may have (`vm.max_map_count`).
fn max_mappings() -> usize {
    let text = std::fs::read_to_string("/proc/sys/vm/max_map_count");
    text.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(DEFAULT_MAX_MAPPINGS)
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

/// The kernel's own default of `vm.max_map_count`.
const DEFAULT_MAX_MAPPINGS: usize = 65_530;

/// How many mappings are split at a time, at most: each is two mappings meanwhile.
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
