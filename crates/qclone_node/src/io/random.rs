//! Randomness from the kernel, which a fork does not copy.

use std::sync::{Mutex, PoisonError};

use napi::{Result, bindgen_prelude::Uint8Array};
use napi_derive::napi;

/// Arrays that clones refill.
static DRAWN: Mutex<Vec<Uint8Array>> = Mutex::new(Vec::new());

/// Sets, in the parent, the arrays that clones fill with random bytes before JavaScript continues.
///
/// As good as `crypto.randomFillSync`, whose generator would have to be reseeded in a clone.
#[napi]
pub fn refill_in_clones(arrays: Vec<Uint8Array>) {
    if !qclone::is_main_thread() {
        return;
    }
    *DRAWN.lock().unwrap_or_else(PoisonError::into_inner) = arrays;
}

/// Fills the arrays, in a clone.
pub(crate) fn refill() -> Result<()> {
    let mut drawn = DRAWN.lock().unwrap_or_else(PoisonError::into_inner);
    drawn.iter_mut().try_for_each(|array| {
        // SAFETY: Node never detaches its arrays of random bytes, and JavaScript does not run during this.
        fill(unsafe { array.as_mut() })
    })
}

/// Fills `bytes` with getrandom(2).
pub(crate) fn fill(mut bytes: &mut [u8]) -> Result<()> {
    while !bytes.is_empty() {
        // SAFETY: getrandom(2) writes at most as many bytes as there are.
        let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
        match usize::try_from(got) {
            Ok(filled) => bytes = &mut bytes[filled..],
            // A signal may interrupt the call.
            Err(_) => match std::io::Error::last_os_error() {
                error if error.kind() == std::io::ErrorKind::Interrupted => {}
                error => return Err(error.into()),
            },
        }
    }
    Ok(())
}
