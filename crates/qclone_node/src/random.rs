//! Randomness from the kernel, which a fork does not copy.

use std::sync::{Mutex, PoisonError};

use napi::{Result, bindgen_prelude::Uint8Array};
use napi_derive::napi;

use crate::is_main_thread;

/// What clones fill anew.
static DRAWN: Mutex<Vec<Uint8Array>> = Mutex::new(Vec::new());

/// Says, in the parent, which arrays clones fill with random bytes before JavaScript goes on.
///
/// As good as `crypto.randomFillSync`, whose generator has to begin anew in a clone.
#[napi]
pub fn refill_in_clones(arrays: Vec<Uint8Array>) {
    if !is_main_thread() {
        return;
    }
    *DRAWN.lock().unwrap_or_else(PoisonError::into_inner) = arrays;
}

/// In a clone: fills them.
pub(crate) fn refill() -> Result<()> {
    let mut drawn = DRAWN.lock().unwrap_or_else(PoisonError::into_inner);
    drawn.iter_mut().try_for_each(|array| {
        // SAFETY: node never detaches what it draws ahead, and JavaScript does not run meanwhile.
        fill(unsafe { array.as_mut() })
    })
}

/// Fills `bytes`, by getrandom(2).
pub(crate) fn fill(mut bytes: &mut [u8]) -> Result<()> {
    while !bytes.is_empty() {
        // SAFETY: getrandom(2) writes at most as many bytes as there are.
        let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
        match usize::try_from(got) {
            Ok(filled) => bytes = &mut bytes[filled..],
            // A signal may cut it short.
            Err(_) => match std::io::Error::last_os_error() {
                error if error.kind() == std::io::ErrorKind::Interrupted => {}
                error => return Err(error.into()),
            },
        }
    }
    Ok(())
}
