//! Record of which units of an arena are mapped, and which of them are in use.

use std::ops::Range;

use nix::errno::Errno;

use super::{
    CAPACITY, REGION, UNIT, UNITS_PER_REGION,
    memory::{self, Advice},
};

/// State of a region, with a bit for each of its units.
#[derive(Debug, Clone, Copy, Default)]
struct Region {
    mapped: u8,
    /// Handed out. These units are mapped.
    busy: u8,
    /// Unusable: something else is mapped there, or the unit could not be unmapped.
    lost: u8,
}

/// The addresses of an arena, in regions from its base upwards.
#[derive(Debug)]
pub(super) struct Space {
    /// A multiple of [`REGION`].
    base: usize,
    advice: AdviceGiven,
    /// All regions up to the last that was ever mapped.
    regions: Vec<Region>,
    /// No region before this one has a unit to hand out.
    first_free: usize,
    pub(super) allocated: u64,
    pub(super) freed: u64,
}

/// Advice given for the memory of an arena.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct AdviceGiven {
    pub(super) dont_fork: bool,
    /// Advice on the size of pages.
    pub(super) pages: Option<Advice>,
}

/// Number of units or regions in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) whole: usize,
    pub(super) split: usize,
    pub(super) holes: usize,
    pub(super) busy: usize,
    pub(super) fresh: usize,
    pub(super) lost: usize,
}

impl Space {
    pub(super) const fn new() -> Self {
        let advice = AdviceGiven { dont_fork: false, pages: None };
        Self { base: 0, advice, regions: Vec::new(), first_free: 0, allocated: 0, freed: 0 }
    }

    pub(super) fn is_placed(&self) -> bool {
        self.base != 0
    }

    /// Sets where the space is. Nothing may have been mapped in it yet.
    pub(super) fn place(&mut self, base: usize, advice: AdviceGiven) {
        debug_assert!(base.is_multiple_of(REGION));
        debug_assert!(self.regions.is_empty());
        (self.base, self.advice) = (base, advice);
    }

    /// Hands out the lowest free unit: zeroed, readable and writable.
    pub(super) fn take_unit(&mut self) -> Option<usize> {
        let mut tries = TRIES;
        while tries > 0 {
            let index = self.lowest_free_region()?;
            self.first_free = index;
            let region = self.regions[index];
            let unit = (region.busy | region.lost).trailing_ones();
            if region.mapped >> unit & 1 == 0 {
                match self.map_for(index, unit) {
                    Ok(()) => {}
                    Err(Errno::EEXIST) => {
                        tries -= 1;
                        continue;
                    }
                    Err(_) => return None,
                }
            }
            self.regions[index].busy |= 1 << unit;
            self.allocated += 1;
            return Some(self.address(index) + usize::try_from(unit).ok()? * UNIT);
        }
        None
    }

    /// Finds the lowest region that has a unit to hand out.
    fn lowest_free_region(&mut self) -> Option<usize> {
        let is_free = |region: &Region| region.busy | region.lost != ALL;
        let known = self.regions[self.first_free..].iter().position(is_free);
        let index = known.map_or(self.regions.len(), |index| self.first_free + index);
        if index == self.regions.len() {
            if index == REGIONS {
                return None;
            }
            self.regions.push(Region::default());
        }
        Some(index)
    }

    /// Maps a unit, or its whole region if nothing of the region is mapped.
    ///
    /// A page fault takes a huge page only if all of it is mapped.
    fn map_for(&mut self, index: usize, unit: u32) -> Result<(), Errno> {
        let Region { mapped, lost, .. } = self.regions[index];
        let (units, address, length) = if mapped | lost == 0 {
            (ALL, self.address(index), REGION)
        } else {
            let offset = usize::try_from(unit).map_err(|_| Errno::EINVAL)? * UNIT;
            (1 << unit, self.address(index) + offset, UNIT)
        };
        match self.map(address, length) {
            Ok(()) => self.regions[index].mapped |= units,
            Err(Errno::EEXIST) => {
                self.regions[index].lost |= units;
                return Err(Errno::EEXIST);
            }
            Err(errno) => return Err(errno),
        }
        Ok(())
    }

    fn map(&self, address: usize, length: usize) -> Result<(), Errno> {
        memory::map(address, length)?;
        // The memory works without either. Neighbors with the same advice are one mapping.
        if self.advice.dont_fork {
            let _ = memory::advise(address, length, Advice::DontFork);
        }
        if let Some(pages) = self.advice.pages {
            let _ = memory::advise(address, length, pages);
        }
        Ok(())
    }

    /// Frees the unit at `address`, of which `length` bytes are still mapped.
    ///
    /// # Safety
    /// Only the caller used the unit, and no longer uses it. Everything after `length` was freed by
    /// [`shrink`](Self::shrink).
    pub(super) unsafe fn free_unit(&mut self, address: usize, length: usize) {
        let Some((index, bit)) = self.busy_unit(address) else { return };
        debug_assert!((1..=UNIT).contains(&length));
        self.freed += 1;
        // SAFETY: it belongs to the caller, who no longer uses it.
        if unsafe { memory::unmap(address, length) }.is_err() {
            // SAFETY: as for unmapping.
            unsafe { memory::discard(address, length) };
            self.regions[index].lost |= bit;
        }
        let region = &mut self.regions[index];
        region.busy &= !bit;
        region.mapped &= !bit;
        if region.busy == 0 {
            self.unmap_rest(index);
        }
        self.first_free = self.first_free.min(index);
    }

    /// Unmaps the rest of a region that has no unit in use. The next use maps the region in full, which it must
    /// be to become a huge page.
    fn unmap_rest(&mut self, index: usize) {
        let base = self.address(index);
        for units in runs(self.regions[index].mapped) {
            // SAFETY: mapped by this arena, and not in use.
            let unmapped = unsafe { memory::unmap(base + units.start * UNIT, units.len() * UNIT) };
            if unmapped.is_ok() {
                self.regions[index].mapped &= !bits(&units);
            }
        }
    }

    /// Unmaps the end of the unit at `address`, from `length` bytes on.
    ///
    /// # Safety
    /// Only the caller uses the unit, and no longer uses that part.
    pub(super) unsafe fn shrink(&mut self, address: usize, from: usize, length: usize) {
        debug_assert!(from <= UNIT && length <= from);
        if self.busy_unit(address).is_none() || from <= length {
            return;
        }
        // SAFETY: it belongs to the caller, who no longer uses it.
        if unsafe { memory::unmap(address + length, from - length) }.is_err() {
            // The unit is lost when it is freed, as it cannot be mapped again.
            // SAFETY: as for unmapping.
            unsafe { memory::discard(address + length, from - length) };
        }
    }

    pub(super) fn is_busy(&self, address: usize) -> bool {
        self.busy_unit(address).is_some()
    }

    fn busy_unit(&self, address: usize) -> Option<(usize, u8)> {
        let offset = address.checked_sub(self.base)?;
        let index = offset / REGION;
        let bit = 1_u8 << (offset % REGION / UNIT);
        let is_busy = self.regions.get(index)?.busy & bit != 0 && offset.is_multiple_of(UNIT);
        is_busy.then_some((index, bit))
    }

    /// Hands out `count` adjacent regions: zeroed, readable and writable.
    pub(super) fn take_regions(&mut self, count: usize) -> Option<usize> {
        for _ in 0..TRIES {
            let index = self.lowest_empty_regions(count)?;
            let address = self.address(index);
            let end = self.regions.len().max(index + count);
            match self.map(address, count * REGION) {
                Ok(()) => {
                    self.regions.resize(end, Region::default());
                    self.regions[index..index + count].fill(Region { mapped: ALL, busy: ALL, lost: 0 });
                    return Some(address);
                }
                Err(Errno::EEXIST) => {
                    self.regions.resize(end, Region::default());
                    // Something is mapped at some of them. The kernel does not say where.
                    for region in &mut self.regions[index..index + count] {
                        region.lost = ALL;
                    }
                }
                Err(_) => return None,
            }
        }
        None
    }

    /// Finds the first of `count` adjacent regions that have nothing mapped. The last ones may be new.
    fn lowest_empty_regions(&self, count: usize) -> Option<usize> {
        let is_empty = |region: &Region| region.mapped | region.lost == 0;
        let mut start = 0;
        for (index, region) in self.regions.iter().enumerate() {
            if !is_empty(region) {
                start = index + 1;
            } else if index + 1 - start == count {
                break;
            }
        }
        (start.checked_add(count)? <= REGIONS).then_some(start)
    }

    /// Frees regions.
    ///
    /// # Safety
    /// They were handed out together, only to the caller, who no longer uses them.
    pub(super) unsafe fn free_regions(&mut self, address: usize, count: usize) {
        let index = (address - self.base) / REGION;
        // SAFETY: they belong to the caller, who no longer uses them.
        let state = match unsafe { memory::unmap(address, count * REGION) } {
            Ok(()) => Region::default(),
            Err(_) => {
                // SAFETY: as for unmapping.
                unsafe { memory::discard(address, count * REGION) };
                Region { lost: ALL, ..Region::default() }
            }
        };
        self.regions[index..index + count].fill(state);
        self.first_free = self.first_free.min(index);
    }

    /// Returns the addresses from the first region to the last that was ever mapped.
    pub(super) fn used(&self) -> Range<usize> {
        self.base..self.address(self.regions.len())
    }

    /// Returns regions that are mapped in full, with adjacent ones merged. None without huge pages.
    pub(super) fn whole_regions(&self) -> Vec<Range<usize>> {
        let mut whole: Vec<Range<usize>> = Vec::new();
        for (index, _) in self.regions.iter().enumerate().filter(|(_, region)| region.mapped == ALL) {
            let region = self.address(index)..self.address(index + 1);
            match whole.last_mut() {
                Some(last) if last.end == region.start => last.end = region.end,
                _ => whole.push(region),
            }
        }
        if self.advice.pages == Some(Advice::HugePage) { whole } else { Vec::new() }
    }

    /// Returns whether `range` is marked `MADV_DONTFORK`. `None` unless this space has mapped all of it.
    pub(super) fn mark_of(&self, range: &Range<usize>) -> Option<bool> {
        let start = range.start.checked_sub(self.base)?;
        let end = range.end - self.base;
        if !self.is_placed() || end > self.regions.len() * REGION {
            return None;
        }
        let regions = start / REGION..end.div_ceil(REGION);
        let all = regions.clone().all(|index| {
            let first = start.saturating_sub(index * REGION) / UNIT;
            let behind = (end - index * REGION).div_ceil(UNIT).min(UNITS_PER_REGION);
            !self.regions[index].mapped & bits(&(first..behind)) == 0
        });
        all.then_some(self.advice.dont_fork)
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for region in &self.regions {
            match region.mapped {
                ALL => counts.whole += 1,
                0 => {}
                _ => counts.split += 1,
            }
            counts.busy += ones(region.busy);
            counts.fresh += ones(region.mapped & !region.busy);
            counts.lost += ones(region.lost);
            if region.mapped != 0 {
                counts.holes += ones(!region.mapped);
            }
        }
        counts
    }

    fn address(&self, index: usize) -> usize {
        self.base + index * REGION
    }
}

fn ones(bits: u8) -> usize {
    bits.count_ones().try_into().unwrap_or(0)
}

/// Returns runs of set bits, as ranges of their numbers.
fn runs(bits: u8) -> impl Iterator<Item = Range<usize>> {
    let is_set = move |unit: &usize| bits >> unit & 1 == 1;
    let mut next = 0;
    std::iter::from_fn(move || {
        let start = (next..UNITS_PER_REGION).find(is_set)?;
        next = (start..UNITS_PER_REGION).find(|unit| !is_set(unit)).unwrap_or(UNITS_PER_REGION);
        Some(start..next)
    })
}

fn bits(units: &Range<usize>) -> u8 {
    units.clone().fold(0, |bits, unit| bits | 1 << unit)
}

const ALL: u8 = u8::MAX;
const _: () = assert!(UNITS_PER_REGION == 8, "a bit of a byte for each unit");

/// Maximum number of regions of an arena.
const REGIONS: usize = CAPACITY / REGION;

/// Number of occupied places to try before a request is refused.
const TRIES: usize = 16;

#[cfg(test)]
mod tests {
    use super::{bits, runs};

    #[test]
    fn runs_are_of_bits_that_are_set() {
        let of = |bits| runs(bits).collect::<Vec<_>>();
        assert_eq!(of(0), []);
        assert_eq!(of(0b1000_0001), [0..1, 7..8]);
        assert_eq!(of(0b0011_0110), [1..3, 4..6]);
        for all in 0..=u8::MAX {
            assert_eq!(runs(all).fold(0, |sum, run| sum | bits(&run)), all);
        }
    }
}
