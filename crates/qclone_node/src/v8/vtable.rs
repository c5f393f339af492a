//! Virtual tables of C++ classes that node exports, read and copied. Laid out as the Itanium C++ ABI says,
//! section 2.5: offset to top, type, and then the methods.

use std::{
    ffi::{CStr, c_void},
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

use qclone::{Modules, peek};

use crate::symbol::find_symbol;

/// Words of a virtual table before its first method. Objects point behind them.
pub(super) const HEADER: usize = 2;
pub(super) const WORD: usize = size_of::<usize>();
/// More methods than any of these classes has in any version.
const MOST_METHODS: usize = 40;

/// Address of what node exports by this name.
pub(super) fn symbol(name: &CStr) -> Option<usize> {
    find_symbol(name).map(<*mut c_void>::expose_provenance)
}

/// The virtual table at `table`, up to the first word that is no method in the file of one.
pub(super) fn read_table(modules: &Modules, table: usize, method: usize) -> Option<Vec<usize>> {
    let file = modules.of(method)?;
    let mut words = read_words(table, HEADER + MOST_METHODS);
    let is_method = |&word: &usize| modules.of(word) == Some(file);
    let methods = words.get(HEADER..)?.iter().take_while(|word| is_method(word)).count();
    // One that goes on to the end of what was read is none of this class.
    (methods < MOST_METHODS).then(|| {
        words.truncate(HEADER + methods);
        words
    })
}

/// A copy of a table with other methods: for each pair, ours instead of theirs. None unless each of theirs
/// is in the table exactly once. It is never freed: the objects that use it outlive everything.
pub(super) fn with_methods(own: &[usize], pairs: &[(usize, *const ())]) -> Option<&'static [usize]> {
    let mut copy = own.to_vec();
    for &(theirs, ours) in pairs {
        let mut slots = own.iter().enumerate().skip(HEADER).filter(|(_, method)| **method == theirs);
        let (Some((slot, _)), None) = (slots.next(), slots.next()) else { return None };
        copy[slot] = ours.expose_provenance();
    }
    Some(Vec::leak(copy))
}

/// Gives the object at `object` another table.
///
/// A thread that still has the old table in hand calls the old methods.
///
/// # Safety
/// A C++ object with a virtual table is there, and `table` is a table of its class.
pub(super) unsafe fn give(object: usize, table: &'static [usize]) {
    let first_method = (&raw const table[HEADER]).cast::<c_void>().cast_mut();
    // SAFETY: the first word of an object is aligned, and where C++ keeps the pointer to the virtual table.
    // Other threads read it as a whole.
    let own = unsafe { AtomicPtr::<c_void>::from_ptr(ptr::with_exposed_provenance_mut(object)) };
    own.store(first_method, Ordering::Release);
}

/// Words from `at` on, up to the end of what is mapped.
pub(super) fn read_words(at: usize, count: usize) -> Vec<usize> {
    let mut bytes = vec![0; count * WORD];
    let got = peek(at, &mut bytes);
    bytes[..got].chunks_exact(WORD).map(|word| word.try_into().map_or(0, usize::from_ne_bytes)).collect()
}
