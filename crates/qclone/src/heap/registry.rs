//! The arenas of this process: a fork holds their locks, and knows which memory they have marked.

use std::{
    ops::Range,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{arena::Arena, space::Space};

/// Every arena that has mapped memory.
static ARENAS: Mutex<Vec<&'static Arena>> = Mutex::new(Vec::new());

/// Enters an arena, before it maps anything. No fork begins until the answer is dropped.
pub(super) fn register_once(arena: &'static Arena) -> MutexGuard<'static, Vec<&'static Arena>> {
    let mut arenas = lock();
    if !arenas.iter().any(|known| std::ptr::eq(*known, arena)) {
        arenas.push(arena);
    }
    arenas
}

/// The locks of all arenas.
#[derive(Debug)]
pub(crate) struct AllArenas {
    // Released in this order.
    spaces: Vec<MutexGuard<'static, Space>>,
    _arenas: MutexGuard<'static, Vec<&'static Arena>>,
}

/// Waits until no thread changes an arena, and keeps it so.
///
/// A fork holds this, so that the clone finds every arena whole and unlocked.
pub(crate) fn hold_arenas() -> AllArenas {
    let arenas = lock();
    AllArenas { spaces: arenas.iter().map(|arena| arena.space()).collect(), _arenas: arenas }
}

/// The memory of an arena that has huge pages.
pub(super) struct Memory {
    /// From its first region to the last that was ever mapped.
    pub(super) addresses: Range<usize>,
    /// Regions that are mapped in full, those on end together.
    pub(super) whole: Vec<Range<usize>>,
}

/// The memory of each arena. One that has no huge pages has no whole regions here.
pub(super) fn arenas() -> Vec<Memory> {
    let spaces = hold_arenas().spaces;
    spaces
        .iter()
        .filter(|space| space.is_placed())
        .map(|space| Memory { addresses: space.used(), whole: space.whole_regions() })
        .collect()
}

impl AllArenas {
    /// Whether `range` is marked `MADV_DONTFORK`, when all of it is memory that an arena has mapped.
    pub(crate) fn mark_of(&self, range: &Range<usize>) -> Option<bool> {
        self.spaces.iter().find_map(|space| space.mark_of(range))
    }
}

fn lock() -> MutexGuard<'static, Vec<&'static Arena>> {
    ARENAS.lock().unwrap_or_else(PoisonError::into_inner)
}
