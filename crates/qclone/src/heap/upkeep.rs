//! Huge pages for memory that has small ones: large buffers of any origin, and the pages of an arena that a
//! clone's life has split.
//!
//! A huge page is split when its owner writes to it while a clone shares it. And memory that was touched before
//! anybody asked for huge pages has small ones.

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

/// What to do with memory that a clone shares. To make a huge page of it copies it, so that the clone and
/// this process have 2 MiB each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    /// Leave it alone until the clone has ended.
    Leave,
    /// Make huge pages of it, too.
    Copy,
}

/// Makes huge pages of small ones, in short steps. A round of steps looks at all memory once.
#[derive(Debug)]
pub struct Upkeep {
    shared: Shared,
    text: Vec<u8>,
    /// Memory that this round has not looked at, the next part last.
    unseen: Vec<Range<usize>>,
    /// Where huge pages can be made, the next one last.
    todo: Vec<usize>,
    /// Places where the system has made none, with the round in which they are tried again.
    refused: HashMap<usize, u64>,
    round: u64,
    outcome: Round,
}

/// What a round has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// Huge pages made.
    pub made: usize,
    /// Places where the system made none: it was short of memory, or somebody used a page.
    pub refused: usize,
    /// Places that were left alone since a clone shares them.
    pub left: usize,
}

impl Upkeep {
    /// One that has not looked yet.
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

    /// Does a little: makes a huge page, looks at 64 MiB for places that are on small pages, or begins a round.
    /// Returns what the round has done when it is over.
    ///
    /// Any other thread may use the memory meanwhile: its contents do not change.
    ///
    /// # Errors
    /// [`Error::Proc`] and [`Error::ProcFormat`] when the mappings cannot be read; [`Error::Syscall`] with ENOTTY
    /// where the kernel cannot say which pages are huge (before Linux 6.7). The next step begins a round.
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

    /// Does a whole round.
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
        // A round without anything to look at is over, too.
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

/// How much is looked at in a step.
const PART: usize = 32 * REGION;
/// A place that was refused may never become a huge page, such as one that V8 has made inaccessible in part.
const ROUNDS_BETWEEN_TRIES: u64 = 16;

/// Mappings for data that hold a huge page, at least.
///
/// Not among them is memory with a guard below or above: stacks, and what will grow. Both would grow by what nobody
/// uses.
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

/// Whether a mapping is a heap that glibc's malloc(3) has for threads besides the main one: it begins at a multiple of
/// its greatest size, and the rest of that is reserved (`HEAP_MAX_SIZE` in glibc's `malloc/arena.c`).
///
/// V8's threads fill a hundred megabytes of these while they collect a large heap, and never give them back.
fn is_malloc_heap(mapping: &Range<usize>, above: Option<&Range<usize>>) -> bool {
    let end = mapping.start + MALLOC_HEAP;
    // Another such heap may be right behind, whose own reserved part is a mapping of its own.
    mapping.start.is_multiple_of(MALLOC_HEAP) && above.map_or(mapping.end, |rest| rest.end) == end
}

/// Twice `DEFAULT_MMAP_THRESHOLD_MAX`, on systems of 64 bits.
const MALLOC_HEAP: usize = 64 << 20;

struct Line {
    range: Range<usize>,
    /// Private, anonymous, and to be read and written.
    data: bool,
    accessible: bool,
}

fn parse(line: &[u8]) -> Option<Line> {
    let (start, rest) = procfs::hex(line)?;
    let (end, rest) = procfs::hex(rest.strip_prefix(b"-")?)?;
    let (permissions, rest) = rest.strip_prefix(b" ")?.split_at_checked(4)?;
    // Offset, device and inode of what is no file's, and no name.
    let anonymous = rest.trim_ascii() == b"00000000 00:00 0" || rest.ends_with(b"[heap]");
    Some(Line {
        range: start..end,
        data: anonymous && permissions == b"rw-p",
        accessible: !permissions.starts_with(b"---"),
    })
}

/// The part of a range that consists of places for huge pages.
fn huge_within(range: &Range<usize>) -> Option<Range<usize>> {
    let (start, end) = (range.start.next_multiple_of(REGION), range.end / REGION * REGION);
    (start < end).then_some(start..end)
}

/// Adds the places for huge pages in `range` of which half, at least, is present on small pages.
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

/// Finds pages that are present, not huge and not the page of zeroes. Returns how many runs of them
/// there are in `runs`, and where to go on.
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
    // SAFETY: the kernel writes at most as many entries as `vec_len` says to `runs`, and to
    // `argument`; both outlive the call. It reads the page tables alone.
    let done = unsafe { libc::ioctl(pagemap.as_raw_fd(), PAGEMAP_SCAN, &raw mut argument) };
    let count = Errno::result(done).map_err(Error::syscall("ioctl(PAGEMAP_SCAN)"))?;
    Ok((usize::try_from(count).unwrap_or(0), address(argument.walk_end)))
}

/// Whether another process has a page of a place for a huge page: a page that is not mapped by this one
/// alone, as bit 56 of its entry says (the kernel's `Documentation/admin-guide/mm/pagemap.rst`).
fn is_shared(pagemap: &File, place: usize) -> bool {
    let mut entries = [0; ENTRY * (REGION / SMALLEST_PAGE)];
    let page = page_size();
    let entries = &mut entries[..ENTRY * (REGION / page)];
    let offset = u64::try_from(place / page * ENTRY).unwrap_or(u64::MAX);
    // What cannot be read is left alone.
    pagemap.read_exact_at(entries, offset).is_err()
        || entries
            .chunks_exact(ENTRY)
            .filter_map(|entry| entry.first_chunk().copied().map(u64::from_ne_bytes))
            .any(|entry| entry & PRESENT != 0 && entry & EXCLUSIVE == 0)
}

/// Bytes of an entry of `/proc/self/pagemap`.
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
