//! Huge pages for memory that is on small ones: large buffers of any origin, and pages of an arena that were
//! split while a clone was alive.
//!
//! A huge page is split when its owner writes to it while a clone shares it. Memory that was touched before
//! huge pages were requested also is on small pages.

use std::{
    collections::HashMap,
    fs::File,
    mem,
    ops::Range,
    os::{fd::AsRawFd, unix::fs::FileExt},
    path::Path,
};

use nix::errno::Errno;

use super::{
    REGION,
    memory::{self, Advice},
    registry,
};
use crate::{
    census::peek::page_size,
    error::{Error, Result},
    procfs,
};

/// Treatment of memory that a clone shares. Turning it into a huge page copies it, so that the clone and
/// this process have 2 MiB each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    /// Leave it alone until the clone has ended.
    Leave,
    /// Turn it into huge pages, too.
    Copy,
}

/// Turns small pages into huge ones, in short steps. A round of steps looks at all memory once.
#[derive(Debug)]
pub struct Upkeep {
    shared: Shared,
    text: Vec<u8>,
    /// Memory that this round has not looked at yet. The next part is last.
    unseen: Vec<Range<usize>>,
    /// Places where huge pages can be made. The next one is last.
    todo: Vec<usize>,
    /// Places where the system refused, with the round in which to try them again.
    refused: HashMap<usize, u64>,
    round: u64,
    outcome: Round,
}

/// Result of a round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// Huge pages made.
    pub made: usize,
    /// Places where the system made none, because it was short of memory or a page was in use.
    pub refused: usize,
    /// Places that were left alone because a clone shares them.
    pub left: usize,
}

impl Upkeep {
    /// Creates an upkeep that has not looked at any memory yet.
    #[must_use]
    pub fn new(shared: Shared) -> Self {
        Self {
            shared,
            text: Vec::new(),
            unseen: Vec::new(),
            todo: Vec::new(),
            refused: HashMap::new(),
            round: 0,
            outcome: Round::default(),
        }
    }

    /// Takes one step: makes a huge page, searches 64 MiB for places that are on small pages, or begins a round.
    /// Returns the result of the round when it is over.
    ///
    /// Other threads may use the memory at the same time: its contents do not change.
    ///
    /// # Errors
    /// [`Error::Proc`] and [`Error::ProcFormat`] when the mappings cannot be read; [`Error::Syscall`] with ENOTTY
    /// where the kernel cannot report which pages are huge (before Linux 6.7). The next step begins a round.
    pub fn step(&mut self) -> Result<Option<Round>> {
        if let Some(place) = self.todo.pop() {
            self.make(place);
        } else if let Some(part) = self.next_part() {
            self.look_at(&part).inspect_err(|_| self.unseen.clear())?;
        } else {
            self.begin()?;
            return Ok(None);
        }
        let is_over = self.todo.is_empty() && self.unseen.is_empty();
        Ok(is_over.then(|| mem::take(&mut self.outcome)))
    }

    /// Runs a whole round.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn round(&mut self) -> Result<Round> {
        loop {
            if let Some(round) = self.step()? {
                return Ok(round);
            }
        }
    }

    fn begin(&mut self) -> Result<()> {
        let maps = Path::new("/proc/self/maps");
        procfs::read_into(maps, &mut self.text).map_err(Error::proc(maps))?;
        let arenas = registry::arenas();
        self.unseen = large_mappings(&self.text);
        self.unseen.retain(|mapping| !arenas.iter().any(|arena| arena.addresses.contains(&mapping.start)));
        self.unseen.extend(arenas.into_iter().flat_map(|arena| arena.whole));
        self.unseen = self.unseen.iter().filter_map(huge_within).collect();
        self.outcome = Round::default();
        self.round += 1;
        self.refused.retain(|_, again| *again > self.round);
        // A round with nothing to look at must end, too.
        if self.unseen.is_empty() {
            self.unseen.push(0..0);
        }
        Ok(())
    }

    fn next_part(&mut self) -> Option<Range<usize>> {
        let mut rest = self.unseen.pop()?;
        let part = rest.start..rest.end.min(rest.start + PART);
        rest.start = part.end;
        if !rest.is_empty() {
            self.unseen.push(rest);
        }
        Some(part)
    }

    fn look_at(&mut self, part: &Range<usize>) -> Result<()> {
        let path = Path::new("/proc/self/pagemap");
        let pagemap = File::open(path).map_err(Error::proc(path))?;
        find_small(&pagemap, part, &mut self.todo)?;
        self.todo.retain(|place| !self.refused.contains_key(place));
        if self.shared == Shared::Leave {
            let found = self.todo.len();
            self.todo.retain(|&place| !is_shared(&pagemap, place));
            self.outcome.left += found - self.todo.len();
        }
        Ok(())
    }

    fn make(&mut self, place: usize) {
        if memory::advise(place, REGION, Advice::Collapse).is_ok() {
            self.outcome.made += 1;
        } else {
            self.outcome.refused += 1;
            self.refused.insert(place, self.round + ROUNDS_BETWEEN_TRIES);
        }
    }
}

/// Amount of memory to look at in a step.
const PART: usize = 32 * REGION;
/// A refused place may never become a huge page, such as one that V8 has made partly inaccessible.
const ROUNDS_BETWEEN_TRIES: u64 = 16;

/// Returns mappings for data that have room for at least one huge page.
///
/// Excludes memory with a guard below or above: stacks, and memory that will grow. Huge pages would add
/// memory that nothing uses.
fn large_mappings(text: &[u8]) -> Vec<Range<usize>> {
    let lines: Vec<_> = text.split(|&byte| byte == b'\n').filter_map(parse).collect();
    let guard_at = |index: usize, at: usize| {
        let line = lines.get(index).filter(|line| !line.accessible)?;
        (line.range.start == at || line.range.end == at).then_some(&line.range)
    };
    let large = lines.iter().enumerate().filter(|(index, line)| {
        let (below, above) =
            (guard_at(index.wrapping_sub(1), line.range.start), guard_at(index + 1, line.range.end));
        let is_unguarded = below.is_none() && above.is_none();
        line.data
            && huge_within(&line.range).is_some()
            && (is_unguarded || is_malloc_heap(&line.range, above))
    });
    large.map(|(_, line)| line.range.clone()).collect()
}

/// Returns whether a mapping is a heap that glibc's malloc(3) has for threads other than the main one. Such a
/// heap begins at a multiple of its maximum size, and the rest of that size is reserved (`HEAP_MAX_SIZE` in
/// glibc's `malloc/arena.c`).
///
/// V8's threads fill a hundred megabytes of these while they collect a large heap, and never free them.
fn is_malloc_heap(mapping: &Range<usize>, above: Option<&Range<usize>>) -> bool {
    let end = mapping.start + MALLOC_HEAP;
    // Another such heap may follow directly. Its reserved part is a separate mapping.
    mapping.start.is_multiple_of(MALLOC_HEAP) && above.map_or(mapping.end, |rest| rest.end) == end
}

/// Twice `DEFAULT_MMAP_THRESHOLD_MAX`, on 64-bit systems.
const MALLOC_HEAP: usize = 64 << 20;

struct Line {
    range: Range<usize>,
    /// Whether it is private, anonymous, readable and writable.
    data: bool,
    accessible: bool,
}

fn parse(line: &[u8]) -> Option<Line> {
    let (start, rest) = procfs::hex(line)?;
    let (end, rest) = procfs::hex(rest.strip_prefix(b"-")?)?;
    let (permissions, rest) = rest.strip_prefix(b" ")?.split_at_checked(4)?;
    // Offset, device and inode of memory without a file, and no name.
    let anonymous = rest.trim_ascii() == b"00000000 00:00 0" || rest.ends_with(b"[heap]");
    Some(Line {
        range: start..end,
        data: anonymous && permissions == b"rw-p",
        accessible: !permissions.starts_with(b"---"),
    })
}

/// Returns the part of a range that consists of places for huge pages.
fn huge_within(range: &Range<usize>) -> Option<Range<usize>> {
    let (start, end) = (range.start.next_multiple_of(REGION), range.end / REGION * REGION);
    (start < end).then_some(start..end)
}

/// Adds the places for huge pages in `range` of which at least half is present on small pages.
fn find_small(pagemap: &File, range: &Range<usize>, found: &mut Vec<usize>) -> Result<()> {
    let mut runs = [PageRegion::default(); 512];
    let mut small = 0;
    let mut place = range.start;
    let mut at = range.start;
    while at < range.end {
        let (count, end) = scan(pagemap, at..range.end, &mut runs)?;
        for run in &runs[..count] {
            let (mut start, end) = (address(run.start), address(run.end));
            while start < end {
                if start >= place + REGION {
                    (place, small) = (start / REGION * REGION, 0);
                }
                let part = (place + REGION).min(end) - start;
                if small < REGION / 2 && small + part >= REGION / 2 {
                    found.push(place);
                }
                small += part;
                start += part;
            }
        }
        if end <= at {
            break;
        }
        at = end;
    }
    Ok(())
}

/// Finds pages that are present, not huge and not the zero page. Returns the number of runs of them in `runs`,
/// and the address at which to continue.
fn scan(pagemap: &File, range: Range<usize>, runs: &mut [PageRegion]) -> Result<(usize, usize)> {
    let word = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let mut argument = ScanArgument {
        size: word(size_of::<ScanArgument>()),
        start: word(range.start),
        end: word(range.end),
        vec: word(runs.as_mut_ptr().expose_provenance()),
        vec_len: word(runs.len()),
        category_inverted: PAGE_IS_HUGE | PAGE_IS_PFNZERO,
        category_mask: PAGE_IS_PRESENT | PAGE_IS_HUGE | PAGE_IS_PFNZERO,
        return_mask: PAGE_IS_PRESENT,
        ..ScanArgument::default()
    };
    debug_assert!(range.start.is_multiple_of(page_size()));
    // SAFETY: the kernel writes at most `vec_len` entries to `runs`, and writes to `argument`. Both
    // outlive the call. It only reads the page tables.
    let done = unsafe { libc::ioctl(pagemap.as_raw_fd(), PAGEMAP_SCAN, &raw mut argument) };
    let count = Errno::result(done).map_err(Error::syscall("ioctl(PAGEMAP_SCAN)"))?;
    Ok((usize::try_from(count).unwrap_or(0), address(argument.walk_end)))
}

/// Returns whether another process shares a page of a place for a huge page. Bit 56 of a page's entry is set
/// if only this process maps the page (the kernel's `Documentation/admin-guide/mm/pagemap.rst`).
fn is_shared(pagemap: &File, place: usize) -> bool {
    let mut entries = [0; ENTRY * (REGION / SMALLEST_PAGE)];
    let page = page_size();
    let entries = &mut entries[..ENTRY * (REGION / page)];
    let offset = u64::try_from(place / page * ENTRY).unwrap_or(u64::MAX);
    // Places that cannot be read are left alone.
    pagemap.read_exact_at(entries, offset).is_err()
        || entries
            .chunks_exact(ENTRY)
            .filter_map(|entry| entry.first_chunk().copied().map(u64::from_ne_bytes))
            .any(|entry| entry & PRESENT != 0 && entry & EXCLUSIVE == 0)
}

/// Size of an entry of `/proc/self/pagemap`, in bytes.
const ENTRY: usize = 8;
const PRESENT: u64 = 1 << 63;
const EXCLUSIVE: u64 = 1 << 56;
const SMALLEST_PAGE: usize = 4096;

fn address(word: u64) -> usize {
    usize::try_from(word).unwrap_or(usize::MAX)
}

/// `struct pm_scan_arg` of Linux's `include/uapi/linux/fs.h`.
#[repr(C)]
#[derive(Debug, Default)]
struct ScanArgument {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `struct page_region` there.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct PageRegion {
    start: u64,
    end: u64,
    categories: u64,
}

const PAGE_IS_PRESENT: u64 = 1 << 3;
const PAGE_IS_PFNZERO: u64 = 1 << 5;
const PAGE_IS_HUGE: u64 = 1 << 6;

const PAGEMAP_SCAN: libc::Ioctl = nix::request_code_readwrite!(b'f', 16, size_of::<ScanArgument>());
const _: () = assert!(mem::size_of::<ScanArgument>() == 96);

#[cfg(test)]
mod tests {
    use super::{REGION, huge_within, large_mappings};

    #[test]
    fn what_has_a_guard_is_left_alone() {
        let text = b"\
200000-600000 rw-p 00000000 00:00 0 \n\
800000-801000 ---p 00000000 00:00 0 \n\
801000-1001000 rw-p 00000000 00:00 0 \n\
2000000-2400000 rw-p 00000000 00:00 0 \n\
2400000-4000000 ---p 00000000 00:00 0 \n\
5000000-5400000 r--p 00000000 00:00 0 \n\
5400000-5800000 rw-p 00000000 00:00 0 \n\
5800000-5c00000 rw-s 00000000 00:00 0 \n\
6000000-6400000 rw-p 00001000 fe:00 77                         /usr/lib/libx.so\n\
7000000-7100000 rw-p 00000000 00:00 0 \n\
8000000-9000000 rw-p 00000000 00:00 0                          [heap]\n";
        assert_eq!(
            large_mappings(text),
            [0x20_0000..0x60_0000, 0x540_0000..0x580_0000, 0x800_0000..0x900_0000]
        );
    }

    #[test]
    fn heaps_of_malloc_are_not() {
        let text = b"\
7f8000000000-7f8002300000 rw-p 00000000 00:00 0 \n\
7f8002300000-7f8004000000 ---p 00000000 00:00 0 \n\
7f8004000000-7f8007000000 rw-p 00000000 00:00 0 \n\
7f8007000000-7f8008000000 ---p 00000000 00:00 0 \n\
7f8010000000-7f8010800000 rw-p 00000000 00:00 0 \n\
7f8010800000-7f8013000000 ---p 00000000 00:00 0 \n";
        assert_eq!(
            large_mappings(text),
            [0x7f80_0000_0000..0x7f80_0230_0000, 0x7f80_0400_0000..0x7f80_0700_0000]
        );
    }

    #[test]
    fn huge_pages_lie_at_multiples_of_their_size() {
        assert_eq!(huge_within(&(REGION..2 * REGION)), Some(REGION..2 * REGION));
        assert_eq!(huge_within(&(REGION - 4096..3 * REGION - 4096)), Some(REGION..2 * REGION));
        assert_eq!(huge_within(&(REGION + 4096..3 * REGION - 4096)), None);
        assert_eq!(huge_within(&(0..4096)), None);
    }
}
