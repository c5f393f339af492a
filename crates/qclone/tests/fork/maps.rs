//! Mappings that a plain fork leaves out. A clone has them, and the parent keeps its marks.

use std::{
    collections::BTreeSet,
    ffi::c_void,
    fs,
    iter::repeat_n,
    ops::Range,
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
};

use nix::errno::Errno;
use proptest::{
    collection::vec,
    sample::select,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use qclone::{Alone, Error, Forker};

use crate::{
    Case, ForkLock,
    support::{State, assert_well, fork, marked_mappings, page_size},
};

pub(crate) const CASES: &[(&str, Case)] = &[
    ("maps::a_plain_fork_leaves_marked_memory_out", plain_fork),
    ("maps::a_clone_has_all_and_the_marks_stay", layouts),
    ("maps::marks_follow_what_is_mapped_and_unmapped_between_forks", changes),
    ("maps::random_layouts_one_after_another", random_layouts),
    ("maps::more_mappings_than_are_asked_at_once", many_mappings),
    ("maps::reading_them_may_map_memory_itself", malloc_maps),
    ("maps::at_the_limit_of_mappings_nothing_is_forgotten", no_mappings_left),
    ("maps::an_unmarked_mapping_in_the_place_of_a_marked_one", unmarked_for_marked),
    ("maps::a_marked_mapping_in_the_place_of_an_unmarked_one", marked_for_unmarked),
    ("maps::a_mapping_that_is_marked_later", marked_later),
    ("maps::a_marked_single_page_is_handed_down", single_pages),
    ("maps::marked_files_and_shared_memory_are_left_out", shared_memory),
];

/// Memory laid out by a string with one letter per page:
///
/// | letter | page |
/// |---|---|
/// | `U` | unmarked |
/// | `M` | marked `MADV_DONTFORK` |
/// | `u`, `m` | likewise, read-only |
/// | `x`, `X` | likewise, without access |
/// | `.` | hole |
pub(crate) struct Arena {
    base: usize,
    layout: String,
}

impl Arena {
    /// Places the memory low in the address space, where no other mapping gets into a hole.
    pub(crate) fn new(layout: &str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(1 << 36);
        let len = layout.len() * page_size();
        let base = NEXT.fetch_add(len.next_multiple_of(1 << 21) + (1 << 21), Ordering::Relaxed);
        Self::at(base, layout)
    }

    /// Places the memory where the kernel chooses: among the mappings of malloc(3), mostly above them.
    fn anywhere(layout: &str) -> Self {
        Self::at(map(None, layout.len() * page_size()), layout)
    }

    fn at(base: usize, layout: &str) -> Self {
        let mut arena = Self { base, layout: layout.to_owned() };
        arena.lay(layout);
        arena
    }

    /// Maps everything again, at the same place.
    pub(crate) fn lay(&mut self, layout: &str) {
        assert_eq!(self.layout.len(), layout.len());
        layout.clone_into(&mut self.layout);
        let page = page_size();
        map(Some(self.base), layout.len() * page);
        for (at, _) in self.pages() {
            // SAFETY: the page was just mapped for this arena.
            unsafe { ptr::with_exposed_provenance_mut::<usize>(at).write(token(at)) };
        }
        for (range, kind) in self.runs() {
            let address: *mut c_void = ptr::with_exposed_provenance_mut(range.start);
            if kind == '.' {
                // SAFETY: belongs to this arena, which does not use it.
                checked(unsafe { libc::munmap(address, range.len()) });
                continue;
            }
            if matches!(kind, 'M' | 'm' | 'X') {
                self.advise(range.clone(), libc::MADV_DONTFORK);
            }
            let protection = match kind {
                'u' | 'm' => libc::PROT_READ,
                'x' | 'X' => libc::PROT_NONE,
                _ => continue,
            };
            // SAFETY: belongs to this arena, which reads it only after giving itself access.
            checked(unsafe { libc::mprotect(address, range.len(), protection) });
        }
    }

    /// Advises the kernel about pages, by address.
    fn advise(&self, range: Range<usize>, advice: i32) {
        assert!(range.start >= self.base);
        // SAFETY: neither advice changes this process's memory.
        checked(unsafe { libc::madvise(ptr::with_exposed_provenance_mut(range.start), range.len(), advice) });
    }

    /// In a clone: fails, or dies, unless every page is there with the written contents.
    pub(crate) fn check(&self) {
        for (at, kind) in self.pages() {
            let address = ptr::with_exposed_provenance_mut::<usize>(at);
            if matches!(kind, 'x' | 'X') {
                // SAFETY: a page of this arena.
                checked(unsafe { libc::mprotect(address.cast(), page_size(), libc::PROT_READ) });
            }
            // SAFETY: a page of this arena. If the clone does not have it, a signal ends this test.
            assert_eq!(unsafe { address.read() }, token(at), "page {:#x}", at - self.base);
        }
    }

    /// The pages that are not holes.
    fn pages(&self) -> impl Iterator<Item = (usize, char)> {
        let page = page_size();
        let pages =
            self.layout.chars().enumerate().map(move |(index, kind)| (self.base + index * page, kind));
        pages.filter(|(_, kind)| *kind != '.')
    }

    /// Runs of pages with the same letter, as ranges of addresses.
    fn runs(&self) -> Vec<(Range<usize>, char)> {
        let page = page_size();
        let pages: Vec<_> = self.layout.chars().enumerate().collect();
        let runs = pages.chunk_by(|(_, left), (_, right)| left == right);
        runs.map(|run| {
            let start = self.base + run[0].0 * page;
            (start..start + run.len() * page, run[0].1)
        })
        .collect()
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // Its holes may contain other mappings by now.
        for (range, kind) in self.runs() {
            if kind != '.' {
                let address: *mut c_void = ptr::with_exposed_provenance_mut(range.start);
                // SAFETY: belongs to this arena, which nothing uses any more.
                checked(unsafe { libc::munmap(address, range.len()) });
            }
        }
    }
}

/// Maps anonymous memory, at an address or anywhere.
fn map(at: Option<usize>, len: usize) -> usize {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | if at.is_some() { libc::MAP_FIXED } else { 0 };
    let address = ptr::with_exposed_provenance_mut(at.unwrap_or(0));
    // SAFETY: maps anywhere, or over an arena by its owner.
    let mapped = unsafe { libc::mmap(address, len, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    assert_ne!(mapped, libc::MAP_FAILED, "{}", Errno::last());
    mapped.expose_provenance()
}

fn checked(result: libc::c_int) {
    Errno::result(result).unwrap();
}

/// Value that is written to the page at an address.
fn token(at: usize) -> usize {
    !at.rotate_left(17)
}

/// The marks that are expected after a fork. Those of single pages are lost.
fn without_single_pages(mut state: State) -> State {
    for range in marked_mappings().into_iter().filter(|range| range.len() == page_size()) {
        state.marked.remove(&range.start);
    }
    state
}

/// Forks, and checks both sides.
#[track_caller]
fn fork_and_check(forker: &mut Forker, arena: &Arena) {
    let expected = without_single_pages(State::now());
    assert_well(fork(forker, &mut Alone, |_| arena.check()).unwrap());
    assert_eq!(State::now(), expected, "in {}", arena.layout);
}

/// Shows what the other cases prove.
fn plain_fork(lock: &ForkLock) {
    let arena = Arena::new("MM");
    let status = lock.in_child(|| {
        arena.check();
        0
    });
    assert_eq!(status.termsig, Some(libc::SIGSEGV));
}

fn layouts(_: &ForkLock) {
    let layouts = [
        "MM",
        "UU",
        "MMUU",
        "UUMM",
        "UUMMUU",
        "MMUUMM",
        "MM.MM",
        "MMM..MMMM....MM",
        "U.MM.U",
        "MMmm",
        "mmMM",
        "MMXX",
        "XXMM",
        "xxXX",
        "XXxx",
        "UUXXMMmmuuxx",
        "M",
        "M.M.M",
        "UM",
        "MU",
        "UMU",
        "UUMUU",
        "mM",
        "MMmMM",
        "MMUMM",
        "MM.U.MM",
        "MMxMMxMM",
        "XXXXXXXXMMXXXXXXXX",
        "MMMMMMMMuMMMMMMMM.uu.MM",
    ];
    for layout in layouts {
        let arena = Arena::new(layout);
        let mut forker = Forker::new();
        for _ in 0..3 {
            fork_and_check(&mut forker, &arena);
        }
    }
    // All of them at once, with a forker that knows the previous ones.
    let mut forker = Forker::new();
    let mut arenas = Vec::new();
    for layout in layouts {
        arenas.push(Arena::new(layout));
        let expected = without_single_pages(State::now());
        assert_well(fork(&mut forker, &mut Alone, |_| arenas.iter().for_each(Arena::check)).unwrap());
        assert_eq!(State::now(), expected, "with {layout}");
    }
}

fn changes(_: &ForkLock) {
    let mut forker = Forker::new();
    let mut arena = Arena::new("MMMM....MMMM....");
    fork_and_check(&mut forker, &arena);
    for layout in [
        "MMMM.MM.MMMM....", // mapped in a hole
        "MMMMUUUUMMMM....", // the hole is closed
        "MMMM....MMMM....", // and opened
        "MM......MM......", // shrunk
        "MMMMMMMMMMMMMMMM", // grown together
        "UUUUUUUUUUUUUUMM",
        "UUUUUUUUUUUUMMMM",
        "MMMM............",
        "................",
        "XXXXXXXXXXXXMMMM", // as V8 reserves, and takes
        "XXXXXXXXMMMMMMMM",
        "XXXXmmmmMMMMMMMM",
    ] {
        arena.lay(layout);
        fork_and_check(&mut forker, &arena);
        fork_and_check(&mut forker, &arena);
    }
    drop(arena);
    assert_well(fork(&mut forker, &mut Alone, drop).unwrap());
    assert_eq!(State::now().marked.len(), 0);
}

fn random_layouts(_: &ForkLock) {
    const PAGES: usize = 48;
    const ROUNDS: usize = 300;
    let mut random = TestRunner::deterministic();
    let kinds = select("UUMMMumxX..".chars().collect::<Vec<_>>());
    let layout = vec((kinds, 1..6_usize), PAGES).prop_map(|runs| {
        let pages = runs.into_iter().flat_map(|(kind, pages)| repeat_n(kind, pages));
        pages.take(PAGES).collect::<String>()
    });
    let mut arena = Arena::new(&".".repeat(PAGES));
    let mut forker = Forker::new();
    for _ in 0..ROUNDS {
        let before: Vec<_> = arena.pages().collect();
        arena.lay(&layout.new_tree(&mut random).unwrap().current());

        // A forker that does not know the previous layout.
        let exact = without_single_pages(State::now());
        fork_and_check(&mut Forker::new(), &arena);

        // A forker that may mistake a mapping for the previous one at its place.
        assert_well(fork(&mut forker, &mut Alone, |_| arena.check()).unwrap());
        let was_mapped = |page: &usize| before.iter().any(|(at, _)| at == page);
        let now = State::now();
        assert!(exact.marked.symmetric_difference(&now.marked).all(was_mapped), "in {}", arena.layout);
        // The second time, it has nothing new to learn.
        assert_well(fork(&mut forker, &mut Alone, |_| arena.check()).unwrap());
        assert_eq!(State::now(), now, "in {}", arena.layout);
    }
}

fn many_mappings(_: &ForkLock) {
    for (pattern, place) in [("MMU", Arena::anywhere as fn(&str) -> Arena), ("MM.", Arena::new)] {
        let mut forker = Forker::new();
        let arena = place(&pattern.repeat(5000));
        fork_and_check(&mut forker, &arena);
        assert_well(fork(&mut forker, &mut Alone, |_| arena.check()).unwrap());
        drop(arena);
        // As many again, and more, elsewhere. Then none.
        let arena = place(&pattern.repeat(6000));
        fork_and_check(&mut forker, &arena);
        drop(arena);
        assert_well(fork(&mut forker, &mut Alone, drop).unwrap());
        assert_eq!(State::now().marked.len(), 0);
    }
}

/// Reading a long list takes memory that is a mapping itself.
fn malloc_maps(_: &ForkLock) {
    // SAFETY: mallopt(3) takes two integers. musl's malloc maps such blocks anyway.
    #[cfg(target_env = "gnu")]
    assert_eq!(unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, 16 * 1024) }, 1);
    for pattern in ["MMU", "MM."] {
        let arena = Arena::anywhere(&pattern.repeat(5000));
        let mut forker = Forker::new();
        for _ in 0..3 {
            assert_well(fork(&mut forker, &mut Alone, |_| arena.check()).unwrap());
        }
        let marked = State::now().marked;
        let meant: BTreeSet<_> = arena.pages().filter(|(_, kind)| *kind == 'M').map(|(at, _)| at).collect();
        assert_eq!(marked.difference(&meant).count(), 0, "malloc's memory is marked");
        assert_eq!(meant.difference(&marked).count(), 0, "marks are lost");
    }
}

fn no_mappings_left(_: &ForkLock) {
    let limit: usize = fs::read_to_string("/proc/sys/vm/max_map_count").unwrap().trim().parse().unwrap();
    // Each run of letters is a mapping. There is room for about 1,500 more, and later for 5,500. Single
    // pages are not probed for their marks.
    let arena = Arena::new(&"MMmm".repeat(2500));
    let _full = Arena::new(&"Uu".repeat((limit - 5000 - 4000 - 1500) / 2));
    let spare = Arena::new(&"Uu".repeat(2000));
    let mut forker = Forker::new();
    match fork(&mut forker, &mut Alone, |_| arena.check()) {
        Ok(child) => assert_well(child),
        // madvise(2) returns this instead of ENOMEM when it cannot split a mapping.
        Err(error) => assert!(matches!(error, Error::Syscall { errno: Errno::EAGAIN, .. }), "{error:?}"),
    }
    drop(spare);
    let marks = State::now().marked.len();
    assert_eq!(marks, arena.pages().count(), "the marks are not as they were");
    assert_well(fork(&mut forker, &mut Alone, |_| arena.check()).unwrap());
    assert_eq!(State::now().marked.len(), marks);
}

/// The forker remembers the mark of a mapping by its bounds.
fn unmarked_for_marked(_: &ForkLock) {
    let mut forker = Forker::new();
    let mut arena = Arena::new(".MMMM.");
    fork_and_check(&mut forker, &arena);
    arena.lay(".UUUU.");
    for _ in 0..2 {
        // It may end up marked. Child processes of other code then lack that memory.
        assert_well(fork(&mut forker, &mut Alone, |_| arena.check()).unwrap());
        arena.check();
    }
}

fn marked_for_unmarked(_: &ForkLock) {
    let mut forker = Forker::new();
    let mut arena = Arena::new(".UUUU.");
    fork_and_check(&mut forker, &arena);
    arena.lay(".MMMM.");
    for _ in 0..2 {
        // Its mark may be lost. That costs child processes of other code a little time.
        assert_well(fork(&mut forker, &mut Alone, |_| arena.check()).unwrap());
    }
}

fn marked_later(_: &ForkLock) {
    let mut forker = Forker::new();
    let arena = Arena::new(".UUUU.");
    fork_and_check(&mut forker, &arena);
    arena.advise(arena.runs()[1].0.clone(), libc::MADV_DONTFORK);
    for _ in 0..2 {
        // As above.
        assert_well(fork(&mut forker, &mut Alone, |_| arena.check()).unwrap());
    }
}

fn single_pages(_: &ForkLock) {
    let arena = Arena::new("M.M.UM.mMm.XxX");
    let mut forker = Forker::new();
    assert_well(fork(&mut forker, &mut Alone, |_| arena.check()).unwrap());
    assert_eq!(State::now().marked.len(), 0, "it is documented that their marks are lost");
    assert_well(fork(&mut forker, &mut Alone, |_| arena.check()).unwrap());
}

fn shared_memory(_: &ForkLock) {
    let page = page_size();
    let len = 4 * page;
    let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
    // SAFETY: mapped anywhere.
    let shared = unsafe { libc::mmap(ptr::null_mut(), len, libc::PROT_READ, flags, -1, 0) };
    assert_ne!(shared, libc::MAP_FAILED);
    // SAFETY: the advice does not change this process's memory.
    checked(unsafe { libc::madvise(shared, len, libc::MADV_DONTFORK) });
    let is_mapped = || {
        let mut resident = [0_u8; 4];
        // SAFETY: mincore writes one byte per page.
        unsafe { libc::mincore(shared, len, resident.as_mut_ptr().cast()) == 0 }
    };
    let before = State::now();
    assert_eq!(before.marked.len(), 4);
    let mut forker = Forker::new();
    assert_well(fork(&mut forker, &mut Alone, |_| assert!(!is_mapped())).unwrap());
    assert!(is_mapped());
    assert_eq!(State::now(), before);
}
