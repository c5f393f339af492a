//! Memory that forks quickly: dense, and on huge pages where the system has them.
//!
//! `fork(2)` copies one page table entry per page that the parent has touched. With 4 KiB pages, that is
//! 262,144 entries per gigabyte. Memory scattered over the address space also needs more page tables,
//! which hold few entries each. An [`Arena`] keeps memory together and asks for pages of 2 MiB, so that a
//! gigabyte is 512 entries.
//!
//! The arena knows nothing about its contents. It hands out units of 256 KiB to an allocator that needs
//! many of the same size ([`Arena::allocate_unit`]), and buffers of any size to a program that has large
//! arrays ([`Arena::alloc`]).

use std::sync::MutexGuard;

mod arena;
mod buffer;
mod helper;
mod huge_pages;
mod memory;
mod registry;
mod space;
mod upkeep;

pub use arena::{Arena, Inheritance, Statistics};
pub use buffer::{Buffer, Plain};
pub use helper::start_upkeep;
pub(crate) use helper::{forget_helper, is_helper, note_fork};
pub use huge_pages::{HugePages, Unavailable};
pub use memory::advise_huge;
pub(crate) use registry::AllArenas;
pub use upkeep::{Round, Shared, Upkeep};

/// Guard under which no arena of this process changes and the helper is idle.
#[derive(Debug)]
pub(crate) struct AllHeld {
    pub(crate) arenas: AllArenas,
    _helper: MutexGuard<'static, Option<Upkeep>>,
}

/// Waits until no thread changes an arena, and keeps it so until the result is dropped.
pub(crate) fn hold_all() -> AllHeld {
    // The helper also locks the arenas while it holds its own lock.
    let helper = helper::hold_helper();
    AllHeld { arenas: registry::hold_arenas(), _helper: helper }
}

/// Size and alignment of a unit, in bytes.
pub const UNIT: usize = 256 << 10;

/// Size and alignment of a region, in bytes: a huge page of x86-64, and of arm64 with pages of 4 KiB.
pub const REGION: usize = 2 << 20;

/// Maximum size of an arena, in bytes.
pub const CAPACITY: usize = 64 << 30;

const UNITS_PER_REGION: usize = REGION / UNIT;
