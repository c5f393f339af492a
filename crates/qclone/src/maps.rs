//! Mappings that a fork would leave out, and the guard that makes the clone inherit them.
//!
//! V8 in Node.js marks its heap `MADV_DONTFORK`, so that starting a child process copies none of its
//! page tables. A clone needs that heap. The guard clears the mark for one fork and sets it again in
//! the parent, on exactly the mappings that had it.
//!
//! Only `/proc/self/smaps` shows the mark, and reading it walks every page, which takes as long as the
//! fork itself. The guard uses a cheaper probe. Mappings with different marks are separate mappings, so
//! clearing the mark of the first page splits a marked mapping in two and leaves an unmarked one whole.
//! `/proc/self/maps`, which walks no pages, shows which of the two happened. Only mappings that are new
//! since the last fork are probed. An arena knows the marks of its own mappings. Probes split no huge
//! page, with one exception: see [`Mapping::question`].

use std::{
    ffi::c_void,
    ops::Range,
    path::{Path, PathBuf},
    ptr,
};

use nix::errno::Errno;

use crate::{
    census::peek::page_size,
    error::{Error, Result},
    heap, procfs,
};

/// Remembers which mappings of this process are marked `MADV_DONTFORK`.
///
/// What it remembers decides only which mappings are marked again. Every private anonymous mapping is
/// handed down in any case.
#[derive(Debug)]
pub(crate) struct MapsGuard {
    path: PathBuf,
    text: Vec<u8>,
    /// Mappings at the last look, in order of address.
    mappings: Vec<Mapping>,
    /// Mappings at the look before that.
    previous: Vec<Mapping>,
    /// Mappings after some were probed.
    after: Vec<Mapping>,
    /// Indices of the mappings to probe.
    asked: Vec<usize>,
    /// Runs of mappings to advise together.
    runs: Vec<Range<usize>>,
    page: usize,
}

/// A line of `/proc/self/maps`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mapping {
    range: Range<usize>,
    /// Whether it is private and backed by no file. Only such mappings are probed.
    anonymous: bool,
    marked: bool,
}

impl Mapping {
    /// Returns how many bytes a probe splits off at the start. `None` when the mapping cannot be probed.
    ///
    /// Splitting a mapping inside a huge page breaks up that page. A huge page lies within one mapping, at a
    /// multiple of its size. Only a mapping that is exactly one huge page is split inside, once: somebody may
    /// have marked it and rely on the mark.
    fn question(&self, page: usize) -> Option<usize> {
        let begins_huge = self.range.start.is_multiple_of(heap::REGION) && self.range.len() > heap::REGION;
        let split_off = if begins_huge { heap::REGION } else { page };
        (self.range.len() > split_off).then_some(split_off)
    }
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

    /// Clears every mark until the result is dropped.
    ///
    /// Until then, no thread may map or unmap anything: a mapping made in a hole between two marked ones
    /// would be marked with them. `arenas` prevents that for the memory of arenas.
    ///
    /// # Errors
    /// [`Error::Proc`] and [`Error::ProcFormat`] when the mappings cannot be read, [`Error::Syscall`] when
    /// a mark cannot be changed. The marks are then as they were before, except on the first pages of
    /// mappings that were being probed.
    pub(crate) fn hand_down(&mut self, arenas: &heap::AllArenas) -> Result<HandedDown<'_>> {
        self.look()?;
        // From here on, every exit path restores the marks.
        let mut handed = HandedDown { guard: self, complete: false };
        handed.guard.hand_down_all(arenas)?;
        handed.complete = true;
        Ok(handed)
    }

    fn hand_down_all(&mut self, arenas: &heap::AllArenas) -> Result<()> {
        self.classify(arenas)?;
        self.collect_runs(|mapping| mapping.anonymous);
        self.advise_runs(libc::MADV_DOFORK)
    }

    /// Reads the mappings, and reserves enough memory that malloc maps none until the marks are restored.
    fn look(&mut self) -> Result<()> {
        std::mem::swap(&mut self.mappings, &mut self.previous);
        loop {
            let before = self.capacities();
            read_mappings(&self.path, &mut self.text, &mut self.mappings)?;
            // Probing can double the number of mappings.
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

    /// Determines the marks of mappings that are new or whose bounds have changed.
    fn classify(&mut self, arenas: &heap::AllArenas) -> Result<()> {
        let mut previous = self.previous.iter().peekable();
        for (index, mapping) in self.mappings.iter_mut().enumerate().filter(|(_, mapping)| mapping.anonymous)
        {
            while previous.next_if(|old| old.range.start < mapping.range.start).is_some() {}
            let of_arena = arenas.mark_of(&mapping.range);
            match previous.peek() {
                _ if of_arena.is_some() => mapping.marked = of_arena == Some(true),
                Some(old) if old.anonymous && old.range == mapping.range => mapping.marked = old.marked,
                // A mapping that cannot be split is handed down, and stays unmarked.
                _ if mapping.question(self.page).is_some() => self.asked.push(index),
                _ => {}
            }
        }
        let asked = std::mem::take(&mut self.asked);
        let room = max_mappings().saturating_sub(self.mappings.len()) / 2;
        let result = asked.chunks(room.clamp(1, ASKED_AT_ONCE)).try_for_each(|some| self.ask(some));
        self.asked = asked;
        result
    }

    /// Probes the mappings at these indices for their marks, which clears the marks.
    fn ask(&mut self, indices: &[usize]) -> Result<()> {
        let mut split = Ok(());
        for &index in indices {
            let mapping = &self.mappings[index];
            let start = mapping.range.start;
            let split_off = mapping.question(self.page).unwrap_or(self.page);
            match advise(&(start..start + split_off), libc::MADV_DOFORK) {
                // EINVAL: the mapping of a device, which cannot be handed down. ENOMEM: it was unmapped.
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
            let rest = mapping.range.start + mapping.question(self.page).unwrap_or(self.page);
            mapping.marked = self.after.binary_search_by_key(&rest, |mapping| mapping.range.start).is_ok();
            if mapping.marked {
                // Merges the two parts again, so that the number of mappings stays within bounds.
                let _ = advise(&mapping.range, libc::MADV_DOFORK);
            }
        }
        split
    }

    /// Collects runs of matching mappings with nothing but holes between them.
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
                // ENOMEM: the kernel continues after a hole, and reports it at the end; see madvise(2).
                Ok(()) | Err(Errno::ENOMEM) => {}
                Err(errno) => return Err(Error::Syscall { call: "madvise(2)", errno }),
            }
        }
        Ok(())
    }
}

/// Guard under which a fork inherits every mapping. Dropping it restores the marks.
#[derive(Debug)]
pub(crate) struct HandedDown<'a> {
    guard: &'a mut MapsGuard,
    complete: bool,
}

impl HandedDown<'_> {
    /// Leaves the mappings inheritable. For the clone.
    pub(crate) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for HandedDown<'_> {
    fn drop(&mut self) {
        self.guard.collect_runs(|mapping| mapping.marked);
        // An error is unlikely, since the same ranges were advised a moment ago, and cannot be handled.
        // It would only cost time in child processes.
        let _ = self.guard.advise_runs(libc::MADV_DONTFORK);
        if !self.complete {
            // Mappings that were not probed are not known to be unmarked. The next fork probes them.
            self.guard.mappings.clear();
        }
    }
}

/// Calls madvise(2). `MADV_DOFORK` and `MADV_DONTFORK` change what a later fork copies, and do not change
/// this process's memory. Async-signal-safe.
fn advise(range: &Range<usize>, advice: i32) -> nix::Result<()> {
    debug_assert!(matches!(advice, libc::MADV_DOFORK | libc::MADV_DONTFORK));
    let address: *mut c_void = ptr::without_provenance_mut(range.start);
    // SAFETY: neither advice changes this process's memory or its protection, and the kernel checks the
    // range.
    Errno::result(unsafe { libc::madvise(address, range.len(), advice) }).map(drop)
}

/// Reads the mappings from a `maps` file; see proc(5).
fn read_mappings(path: &Path, text: &mut Vec<u8>, mappings: &mut Vec<Mapping>) -> Result<()> {
    procfs::read_into(path, text).map_err(Error::proc(path))?;
    mappings.clear();
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let unreadable =
            || Error::ProcFormat { path: path.to_owned(), line: String::from_utf8_lossy(line).into_owned() };
        mappings.push(parse(line).ok_or_else(unreadable)?);
    }
    Ok(())
}

/// Maximum number of mappings of a process (`vm.max_map_count`).
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
    // Named mappings belong to the kernel ([vdso]) or are never marked ([heap], [stack]), except those named
    // with prctl(2) PR_SET_VMA_ANON_NAME.
    let anonymous =
        permissions[3] == b'p' && inode == b"0" && (path.is_empty() || path.starts_with(b"[anon:"));
    Some(Mapping { range: start..end, anonymous, marked: false })
}

/// The kernel's default of `vm.max_map_count`.
const DEFAULT_MAX_MAPPINGS: usize = 65_530;

/// Maximum number of mappings to split at a time. Each becomes two mappings for that time.
const ASKED_AT_ONCE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::{Mapping, parse};
    use crate::heap::REGION;

    #[test]
    fn questions_split_no_huge_page_but_one_that_is_all_of_its_mapping() {
        const PAGE: usize = 4096;
        let ask = |start, length| {
            Mapping { range: start..start + length, anonymous: true, marked: false }.question(PAGE)
        };
        assert_eq!(ask(REGION, PAGE), None);
        assert_eq!(ask(REGION, REGION - PAGE), Some(PAGE));
        assert_eq!(ask(REGION, REGION), Some(PAGE));
        assert_eq!(ask(REGION, REGION + PAGE), Some(REGION));
        assert_eq!(ask(REGION, 9 * REGION), Some(REGION));
        assert_eq!(ask(REGION + PAGE, 9 * REGION), Some(PAGE));
    }

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
