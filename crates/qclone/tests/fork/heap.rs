//! The arena. Memory it hands out is exclusive, zeroed and keeps its contents. Clones have all of it.

use std::{
    collections::BTreeMap,
    fs,
    ops::Range,
    os::fd::AsRawFd,
    ptr::NonNull,
    slice,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use nix::sys::resource::{Resource, setrlimit};
use qclone::heap::{Arena, HugePages, Inheritance, REGION, Shared, UNIT, Upkeep, start_upkeep};

use crate::{Case, ForkLock, common::assert_success};

pub(crate) const CASES: &[(&str, Case)] = &[
    (
        "heap::units_come_from_the_lowest_free_address_and_fill_regions",
        units_come_from_the_lowest_free_address_and_fill_regions,
    ),
    ("heap::a_region_out_of_use_is_unmapped_whole", a_region_out_of_use_is_unmapped_whole),
    ("heap::a_unit_that_was_shrunk_is_freed_in_part", a_unit_that_was_shrunk_is_freed_in_part),
    ("heap::what_others_have_mapped_is_left_alone", what_others_have_mapped_is_left_alone),
    ("heap::units_keep_their_contents_whatever_threads_do", units_keep_their_contents_whatever_threads_do),
    ("heap::buffers_and_units_share_an_arena", buffers_and_units_share_an_arena),
    ("heap::a_small_limit_of_address_space_is_enough", a_small_limit_of_address_space_is_enough),
    ("heap::a_clone_has_the_arena_and_the_marks_stay", a_clone_has_the_arena_and_the_marks_stay),
    ("heap::a_fork_splits_no_huge_page", a_fork_splits_no_huge_page),
    ("heap::a_clone_finds_the_arena_unlocked", a_clone_finds_the_arena_unlocked),
    ("heap::upkeep_makes_huge_pages_of_small_ones", upkeep_makes_huge_pages_of_small_ones),
    ("heap::the_thread_of_upkeep_lets_forks_through", the_thread_of_upkeep_lets_forks_through),
    ("heap::a_process_may_have_huge_pages_disabled", a_process_may_have_huge_pages_disabled),
];

const PAGE: usize = 4096;

fn arena(inheritance: Inheritance) -> &'static Arena {
    Box::leak(Box::new(Arena::new(inheritance)))
}

/// Random numbers, from xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % bound
    }
}

/// A unit of an arena, filled with words that no other unit has.
struct Unit {
    arena: &'static Arena,
    at: NonNull<u8>,
    length: usize,
    seed: u64,
}

// SAFETY: only the owner of a unit uses its memory.
unsafe impl Send for Unit {}

impl Unit {
    fn new(arena: &'static Arena, seed: u64) -> Self {
        let at = arena.allocate_unit().expect("there is memory");
        assert!(at.addr().get().is_multiple_of(UNIT));
        let mut unit = Self { arena, at, length: UNIT, seed };
        assert!(unit.words().iter().all(|&word| word == 0), "a unit is zeroed");
        for (index, word) in unit.words().iter_mut().enumerate() {
            *word = expected(seed, index);
        }
        unit
    }

    fn words(&mut self) -> &mut [u64] {
        // SAFETY: this many bytes belong to this unit, which is borrowed mutably.
        unsafe { slice::from_raw_parts_mut(self.at.as_ptr().cast(), self.length / 8) }
    }

    #[track_caller]
    fn check(&mut self) {
        let seed = self.seed;
        let wrong = self.words().iter().enumerate().find(|&(index, word)| *word != expected(seed, index));
        assert_eq!(wrong, None);
    }

    fn shrink(&mut self, length: usize) {
        // SAFETY: belongs to this unit, which no longer uses its end.
        unsafe { self.arena.shrink_unit(self.at, self.length, length) };
        self.length = length;
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        // SAFETY: belongs to this unit, which nothing can use any more.
        unsafe { self.arena.free_unit(self.at, self.length) };
    }
}

fn expected(seed: u64, index: usize) -> u64 {
    (seed << 32 | u64::try_from(index).unwrap()).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Private anonymous mappings in a range of addresses, with whether each is marked `MADV_DONTFORK`.
fn mappings_in(range: &Range<usize>) -> Vec<(Range<usize>, bool)> {
    let text = fs::read_to_string("/proc/self/smaps").unwrap();
    let mut found: Vec<(Range<usize>, bool)> = Vec::new();
    for line in text.lines() {
        let bounds = line.split(' ').next().and_then(|word| word.split_once('-'));
        let hex = |text| usize::from_str_radix(text, 16).ok();
        if let Some((Some(start), Some(end))) = bounds.map(|(start, end)| (hex(start), hex(end))) {
            found.push((start..end, false));
        } else if let Some(flags) = line.strip_prefix("VmFlags:") {
            found.last_mut().unwrap().1 = flags.split(' ').any(|flag| flag == "dc");
        }
    }
    found.retain(|(mapping, _)| range.contains(&mapping.start));
    found
}

fn units_come_from_the_lowest_free_address_and_fill_regions(_: &ForkLock) {
    let arena = arena(Inheritance::Inherited);
    let mut units: Vec<_> = (0..20).map(|seed| Unit::new(arena, seed)).collect();
    let base = arena.addresses().unwrap().start;
    for (index, unit) in units.iter().enumerate() {
        assert_eq!(unit.at.addr().get(), base + index * UNIT);
    }
    let statistics = arena.statistics();
    assert_eq!((statistics.whole_regions, statistics.split_regions, statistics.holes), (3, 0, 0));
    assert_eq!((statistics.busy_units, statistics.fresh_units), (20, 4));
    assert_eq!(mappings_in(&arena.addresses().unwrap()), [(base..base + 3 * REGION, false)]);

    drop(units.remove(9));
    let statistics = arena.statistics();
    assert_eq!((statistics.whole_regions, statistics.split_regions, statistics.holes), (2, 1, 1));
    units.insert(9, Unit::new(arena, 9));
    assert_eq!(units[9].at.addr().get(), base + 9 * UNIT);
    assert_eq!(arena.statistics().holes, 0);
    units.iter_mut().for_each(Unit::check);
}

fn a_region_out_of_use_is_unmapped_whole(_: &ForkLock) {
    let arena = arena(Inheritance::Marked);
    let units: Vec<_> = (0..3).map(|seed| Unit::new(arena, seed)).collect();
    let addresses = arena.addresses().unwrap();
    let base = addresses.start;
    assert_eq!(mappings_in(&addresses), [(base..base + REGION, true)]);
    drop(units);
    assert_eq!(mappings_in(&addresses), []);
    let statistics = arena.statistics();
    assert_eq!((statistics.allocated, statistics.freed, statistics.lost_units), (3, 3, 0));
    let _unit = Unit::new(arena, 7);
    assert_eq!(arena.statistics().whole_regions, 1);
}

fn a_unit_that_was_shrunk_is_freed_in_part(_: &ForkLock) {
    let arena = arena(Inheritance::Inherited);
    let mut units = [Unit::new(arena, 1), Unit::new(arena, 2), Unit::new(arena, 3)];
    let base = arena.addresses().unwrap().start;
    units[1].shrink(UNIT / 2);
    units[1].shrink(PAGE);
    let expected = [(base..base + UNIT + PAGE, false), (base + 2 * UNIT..base + REGION, false)];
    assert_eq!(mappings_in(&arena.addresses().unwrap()), expected);
    units.iter_mut().for_each(Unit::check);
    let [first, second, mut third] = units;
    drop((first, second));
    third.check();
    let again = Unit::new(arena, 4);
    assert_eq!(again.at.addr().get(), base);
    let again = [Unit::new(arena, 5), again];
    assert_eq!(again[0].at.addr().get(), base + UNIT);
}

fn what_others_have_mapped_is_left_alone(_: &ForkLock) {
    let arena = arena(Inheritance::Inherited);
    let first = Unit::new(arena, 1);
    let base = arena.addresses().unwrap().start;
    let foreign = [base + REGION + UNIT, base + 2 * REGION, base + 3 * REGION - PAGE];
    for at in foreign {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
        let at = std::ptr::with_exposed_provenance_mut(at);
        // SAFETY: replaces nothing.
        let mapped = unsafe { libc::mmap(at, PAGE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        assert_eq!(mapped, at);
        // SAFETY: just mapped.
        unsafe { at.cast::<u64>().write(77) };
    }
    let mut units: Vec<_> = (2..30).map(|seed| Unit::new(arena, seed)).collect();
    assert_eq!(units[7].at.addr().get(), base + 3 * REGION, "both regions are lost");
    assert_eq!(arena.statistics().lost_units, 16);
    units.iter_mut().for_each(Unit::check);
    drop((units, first));
    for at in foreign {
        let at = std::ptr::with_exposed_provenance_mut::<u64>(at);
        // SAFETY: mapped by this test.
        assert_eq!(unsafe { at.read() }, 77);
        // SAFETY: mapped by this test, and no longer used.
        assert_eq!(unsafe { libc::munmap(at.cast(), PAGE) }, 0);
    }
}

fn units_keep_their_contents_whatever_threads_do(_: &ForkLock) {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 400;
    let arena = arena(Inheritance::Marked);
    let start = Barrier::new(usize::try_from(THREADS).unwrap());
    thread::scope(|scope| {
        for number in 1..=THREADS {
            let start = &start;
            scope.spawn(move || {
                let mut random = Random(number);
                let mut units = BTreeMap::new();
                start.wait();
                for round in 0..ROUNDS {
                    let key = random.below(60);
                    match units.remove(&key) {
                        None => {
                            units.insert(key, Unit::new(arena, number << 20 | round));
                        }
                        Some(mut unit) => {
                            unit.check();
                            if random.below(4) == 0 && unit.length > PAGE {
                                unit.shrink(PAGE * (1 + random.below(unit.length / PAGE - 1)));
                                unit.check();
                                units.insert(key, unit);
                            }
                        }
                    }
                    if round % 64 == 0 {
                        units.values_mut().for_each(Unit::check);
                    }
                }
                units.values_mut().for_each(Unit::check);
            });
        }
    });
    let statistics = arena.statistics();
    assert_eq!((statistics.busy_units, statistics.allocated), (0, statistics.freed));
    assert_eq!(statistics.lost_units, 0);
    assert_eq!(mappings_in(&arena.addresses().unwrap()), []);
}

fn buffers_and_units_share_an_arena(_: &ForkLock) {
    let arena = arena(Inheritance::Inherited);
    let unit = Unit::new(arena, 1);
    let base = arena.addresses().unwrap().start;
    let mut buffer = arena.alloc::<u64>(3 * REGION / 8 + 1).unwrap();
    assert_eq!(buffer.as_ptr().addr(), base + REGION);
    assert_eq!(arena.statistics().whole_regions, 5);
    assert!(buffer.iter().all(|&word| word == 0));
    buffer.iter_mut().zip(1..).for_each(|(word, value)| *word = value);
    let empty = arena.alloc::<u8>(0).unwrap();
    assert!(empty.is_empty());
    assert_eq!(empty.as_ptr().addr(), base + 5 * REGION);
    assert_eq!(buffer.last(), Some(&u64::try_from(buffer.len()).unwrap()));
    drop((buffer, unit));
    assert_eq!(arena.alloc::<u8>(4 * REGION).unwrap().as_ptr().addr(), base);
    assert!(arena.alloc::<u8>(usize::MAX).is_err());
    assert!(arena.alloc::<u64>(usize::MAX).is_err());
    drop(empty);
    assert_eq!(mappings_in(&arena.addresses().unwrap()), []);
}

fn a_small_limit_of_address_space_is_enough(_: &ForkLock) {
    let used = fs::read_to_string("/proc/self/statm").unwrap();
    let used: u64 = used.split(' ').next().unwrap().parse().unwrap();
    let bound = used * 4096 + (16 << 20);
    setrlimit(Resource::RLIMIT_AS, bound, bound).unwrap();
    let arena = arena(Inheritance::Marked);
    let mut units: Vec<_> = (0..24).map(|seed| Unit::new(arena, seed)).collect();
    units.iter_mut().for_each(Unit::check);
    let mut more = Vec::new();
    while let Some(at) = arena.allocate_unit() {
        more.push(at);
    }
    assert!(more.len() < 64, "the limit holds");
    assert!(arena.alloc::<u8>(REGION * 8).is_err());
    units.iter_mut().for_each(Unit::check);
}

fn a_clone_has_the_arena_and_the_marks_stay(_: &ForkLock) {
    let marked = arena(Inheritance::Marked);
    let inherited = arena(Inheritance::Inherited);
    let mut units: Vec<_> = (0..40).map(|seed| Unit::new(marked, seed)).collect();
    drop((units.remove(30), units.remove(12)));
    let mut buffer = inherited.alloc::<u64>(REGION).unwrap();
    buffer.iter_mut().zip(0..).for_each(|(word, value)| *word = value);
    let before = mappings_in(&marked.addresses().unwrap());
    assert!(before.iter().all(|(_, marked)| *marked));
    for _ in 0..3 {
        let mut clone = qclone::spawn(&qclone::Options::default(), || {
            units.iter_mut().for_each(Unit::check);
            assert!(buffer.iter().zip(0..).all(|(&word, value)| word == value));
            // The arena still works in a clone.
            units.push(Unit::new(marked, 99));
            units.remove(3).check();
            drop(inherited.alloc::<u8>(5).unwrap());
            0
        });
        assert_success(&clone.as_mut().unwrap().wait().unwrap());
        assert_eq!(mappings_in(&marked.addresses().unwrap()), before);
    }
    units.iter_mut().for_each(Unit::check);
}

fn a_fork_splits_no_huge_page(_: &ForkLock) {
    let arenas = [arena(Inheritance::Marked), arena(Inheritance::Inherited)];
    let mut buffers: Vec<_> = arenas.iter().map(|arena| arena.alloc::<u8>(8 * REGION).unwrap()).collect();
    buffers.iter_mut().for_each(|buffer| buffer.fill(1));
    let before = huge_bytes_of(&buffers);
    if before == 0 {
        eprintln!("this system has no huge pages to give");
        return;
    }
    let mut clone = qclone::spawn(&qclone::Options::default(), || 0).unwrap();
    assert_success(&clone.wait().unwrap());
    assert_eq!(huge_bytes_of(&buffers), before);
    // A mapping that has grown is probed again.
    buffers.extend(arenas.iter().map(|arena| arena.alloc::<u8>(REGION).unwrap()));
    buffers.iter_mut().for_each(|buffer| buffer.fill(2));
    let before = huge_bytes_of(&buffers);
    let mut clone = qclone::spawn(&qclone::Options::default(), || 0).unwrap();
    assert_success(&clone.wait().unwrap());
    assert_eq!(huge_bytes_of(&buffers), before);
}

/// Bytes in huge pages of the mappings that hold `buffers`.
fn huge_bytes_of<T: std::ops::Deref<Target = [E]>, E>(buffers: &[T]) -> usize {
    let text = fs::read_to_string("/proc/self/smaps").unwrap();
    let hex = |text| usize::from_str_radix(text, 16).ok();
    let (mut counts, mut bytes) = (false, 0);
    for line in text.lines() {
        let bounds = line.split(' ').next().and_then(|word| word.split_once('-'));
        if let Some((Some(start), Some(end))) = bounds.map(|(start, end)| (hex(start), hex(end))) {
            counts = buffers.iter().any(|buffer| (start..end).contains(&buffer.as_ptr().addr()));
        } else if let Some(size) = line.strip_prefix("AnonHugePages:").filter(|_| counts) {
            bytes += size.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() << 10;
        }
    }
    bytes
}

/// While a thread keeps changing an arena, every clone finds it unlocked.
fn a_clone_finds_the_arena_unlocked(_: &ForkLock) {
    struct Any;
    impl qclone::Policy for Any {
        fn judge(&mut self, _: &qclone::Thread) -> qclone::Verdict {
            qclone::Verdict::AtRest
        }
    }
    let arena = arena(Inheritance::Marked);
    let done = AtomicBool::new(false);
    let mut own = Unit::new(arena, 1);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let at = arena.allocate_unit().unwrap();
                // SAFETY: just handed out.
                unsafe { arena.free_unit(at, UNIT) };
            }
        });
        let mut forker = qclone::Forker::new();
        for _ in 0..200 {
            // SAFETY: the other thread sometimes holds the arena's lock, but nothing else that
            // the clone uses. The clone leaves by exit.
            match unsafe { forker.fork(&mut Any) }.unwrap() {
                qclone::Fork::Parent { mut child, .. } => assert_success(&child.wait().unwrap()),
                qclone::Fork::Clone(_side) => {
                    own.check();
                    drop(Unit::new(arena, 2));
                    qclone::exit(0);
                }
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// Runs rounds of upkeep until nothing is left to do. The kernel refuses a huge page as long as another CPU is
/// still adding one of its pages to a list (`SCAN_PAGE_LRU` and `SCAN_PAGE_COUNT` in Linux's
/// `mm/khugepaged.c`). The huge page is made in a later round.
#[track_caller]
fn until_done(upkeep: &mut Upkeep, is_done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_done() {
        assert!(Instant::now() < deadline, "it comes to an end");
        upkeep.round().unwrap();
    }
}

/// Whether this system has huge pages, provides some, and can report which pages are huge.
fn can_tend() -> bool {
    let looks = Upkeep::new(Shared::Leave).round().inspect_err(|error| eprintln!("cannot look: {error}"));
    let mut probe = [arena(Inheritance::Inherited).alloc::<u8>(8 * REGION).unwrap()];
    probe[0].fill(1);
    looks.is_ok()
        && HugePages::of_this_process() == HugePages::OnAdvice
        && huge_bytes_of(&probe) == 8 * REGION
}

fn upkeep_makes_huge_pages_of_small_ones(_: &ForkLock) {
    if !can_tend() {
        return;
    }
    // On small pages, even if the system provides huge ones unasked. Not part of an arena.
    let mut buffer = vec![0_u8; 9 * REGION];
    let mapping: *mut libc::c_void = buffer.as_mut_ptr().map_addr(|at| at & !(PAGE - 1)).cast();
    // SAFETY: advice does not change the contents of the mapping, which belongs to the buffer.
    let advise = |advice| unsafe { libc::madvise(mapping, buffer.len() / PAGE * PAGE, advice) };
    assert_eq!(advise(libc::MADV_NOHUGEPAGE), 0);
    buffer.fill(7);
    // SAFETY: this advice does not change the contents, either.
    assert_eq!(unsafe { libc::madvise(mapping, 9 * REGION / PAGE * PAGE, libc::MADV_HUGEPAGE) }, 0);
    let buffers = [buffer];
    let mut values = [arena(Inheritance::Inherited).alloc::<u8>(4 * REGION).unwrap()];
    values[0].fill(8);
    assert_eq!(huge_bytes_of(&buffers), 0);
    let mut upkeep = Upkeep::new(Shared::Leave);
    until_done(&mut upkeep, || huge_bytes_of(&buffers) >= 8 * REGION);
    assert!(buffers[0].iter().all(|&byte| byte == 7));

    // Memory that a clone shares is split where it is written to.
    let (reader, writer) = nix::unistd::pipe().unwrap();
    let keep = vec![reader.as_raw_fd()];
    let options = qclone::Options { keep, ..qclone::Options::default() };
    let mut clone = qclone::spawn(&options, || {
        let closed = nix::unistd::read(&reader, &mut [0]) == Ok(0);
        i32::from(!(closed && values[0].iter().all(|&value| value == 8)))
    })
    .unwrap();
    let before = huge_bytes_of(&values);
    for region in 0..4 {
        values[0][region * REGION] = 9;
    }
    assert_eq!(huge_bytes_of(&values), before - 4 * REGION);
    let round = upkeep.round().unwrap();
    assert!(round.left >= 4, "a clone shares them: {round:?}");
    assert_eq!(huge_bytes_of(&values), before - 4 * REGION);
    until_done(&mut Upkeep::new(Shared::Copy), || huge_bytes_of(&values) == before);
    assert_eq!(values[0].iter().filter(|&&value| value != 8).count(), 4);
    drop(writer);
    assert_success(&clone.wait().unwrap());
}

/// The upkeep thread does not prevent forks, and restores huge pages split by clones after they have ended.
fn the_thread_of_upkeep_lets_forks_through(_: &ForkLock) {
    if !can_tend() {
        return;
    }
    let mut values = [arena(Inheritance::Marked).alloc::<u64>(16 * REGION / 8).unwrap()];
    values[0].fill(8);
    start_upkeep(Shared::Leave).unwrap();
    start_upkeep(Shared::Copy).unwrap();
    let whole = huge_bytes_of(&values);
    for round in 0..200 {
        let mut clone = qclone::spawn(&qclone::Options::default(), || {
            // A clone has no such thread, and can also fork.
            let mut grandchild = qclone::spawn(&qclone::Options::default(), || 0).unwrap();
            assert_success(&grandchild.wait().unwrap());
            i32::from(values[0].iter().any(|&value| value < 8))
        })
        .unwrap();
        for region in 0..16 {
            values[0][region * (REGION / 8) + round] = 9;
        }
        assert_success(&clone.wait().unwrap());
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while huge_bytes_of(&values) < whole {
        assert!(Instant::now() < deadline, "{} of {whole} bytes", huge_bytes_of(&values));
        thread::sleep(Duration::from_millis(10));
    }
}

/// Bytes in huge pages of this process.
fn huge_bytes() -> usize {
    let text = fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("AnonHugePages:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() << 10
}

fn a_process_may_have_huge_pages_disabled(_: &ForkLock) {
    // SAFETY: integers only.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) }, 0);
    assert_ne!(HugePages::of_this_process(), HugePages::OnAdvice);
    let arena = arena(Inheritance::Inherited);
    let mut units: Vec<_> = (0..9).map(|seed| Unit::new(arena, seed)).collect();
    units.iter_mut().for_each(Unit::check);
    assert_eq!(arena.statistics().whole_regions, 2);
    assert_eq!(huge_bytes(), 0);
}
