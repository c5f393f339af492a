//! The arenas of this process. A fork holds their locks, and knows which memory they have marked.

use std::{
    ops::Range,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{arena::Arena, space::Space};

/// Every arena that has mapped memory.
static ARENAS: Mutex<Vec<&'static Arena>> = Mutex::new(Vec::new());

/// Registers an arena before it maps anything. No fork begins until the result is dropped.
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

/// Waits until no thread changes an arena, and keeps it so until the result is dropped.
///
/// A fork holds this, so that the clone finds every arena consistent and unlocked.
pub(crate) fn hold_arenas() -> AllArenas {
    let arenas = lock();
    AllArenas { spaces: arenas.iter().map(|arena| arena.space()).collect(), _arenas: arenas }
}

/// Memory of an arena, for the upkeep of huge pages.
pub(super) struct Memory {
    /// From its first region to the last that was ever mapped.
    pub(super) addresses: Range<usize>,
    /// Regions that are mapped in full. Adjacent ones are merged.
    pub(super) whole: Vec<Range<usize>>,
}

/// Returns the memory of each arena. An arena without huge pages has no whole regions here.
pub(super) fn arenas() -> Vec<Memory> {
    let spaces = hold_arenas().spaces;
    spaces
        .iter()
        .filter(|space| space.is_placed())
        .map(|space| Memory { addresses: space.used(), whole: space.whole_regions() })
        .collect()
}

impl AllArenas {
    /// Returns whether `range` is marked `MADV_DONTFORK`. `None` unless an arena has mapped all of it.
    pub(crate) fn mark_of(&self, range: &Range<usize>) -> Option<bool> {
        self.spaces.iter().find_map(|space| space.mark_of(range))
    }
}

fn lock() -> MutexGuard<'static, Vec<&'static Arena>> {
    ARENAS.lock().unwrap_or_else(PoisonError::into_inner)
}
