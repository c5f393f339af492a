//! Reading and copying of virtual tables of C++ classes that Node exports. The layout is defined by the Itanium
//! C++ ABI, section 2.5: offset to top, type, and then the methods.

use std::{
    ffi::{CStr, c_void},
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

use qclone::{Modules, peek};

use crate::symbol::find_symbol;

/// Words of a virtual table before its first method. Objects point to that method's entry.
pub(super) const HEADER: usize = 2;
pub(super) const WORD: usize = size_of::<usize>();
/// Upper limit for the number of methods. No version of these classes has as many.
const MOST_METHODS: usize = 40;

/// Returns the address of the symbol that Node exports under this name.
pub(super) fn symbol(name: &CStr) -> Option<usize> {
    find_symbol(name).map(<*mut c_void>::expose_provenance)
}

/// Reads the virtual table at `table`, up to the first word that is not in the same file as `method`.
pub(super) fn read_table(modules: &Modules, table: usize, method: usize) -> Option<Vec<usize>> {
    let file = modules.of(method)?;
    let mut words = read_words(table, HEADER + MOST_METHODS);
    let is_method = |&word: &usize| modules.of(word) == Some(file);
    let methods = words.get(HEADER..)?.iter().take_while(|word| is_method(word)).count();
    // A table that fills everything that was read is not one of these classes.
    (methods < MOST_METHODS).then(|| {
        words.truncate(HEADER + methods);
        words
    })
}

/// Copies a table and replaces methods: in each pair, the second replaces the first. `None` unless the first
/// of each pair is in the table exactly once. The copy is never freed: the objects that use it outlive
/// everything.
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
/// A thread that has already read the pointer to the old table calls the old methods.
///
/// # Safety
/// `object` is the address of a C++ object with a virtual table, and `table` is a table of its class.
pub(super) unsafe fn give(object: usize, table: &'static [usize]) {
    let first_method = (&raw const table[HEADER]).cast::<c_void>().cast_mut();
    // SAFETY: the first word of an object is aligned, and holds the pointer to the virtual table. Other
    // threads read it as a whole.
    let own = unsafe { AtomicPtr::<c_void>::from_ptr(ptr::with_exposed_provenance_mut(object)) };
    own.store(first_method, Ordering::Release);
}

/// Reads words from `at` on, up to the end of the mapping.
pub(super) fn read_words(at: usize, count: usize) -> Vec<usize> {
    let mut bytes = vec![0; count * WORD];
    let got = peek(at, &mut bytes);
    bytes[..got].chunks_exact(WORD).map(|word| word.try_into().map_or(0, usize::from_ne_bytes)).collect()
}
