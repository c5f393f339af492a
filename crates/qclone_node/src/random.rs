//! Randomness from the kernel, which a fork does not copy.

use napi::{Result, bindgen_prelude::Uint8Array};
use napi_derive::napi;

/// Fills arrays with random bytes.
///
/// As good as `crypto.randomFillSync`, whose generator has to begin anew in a clone.
#[napi]
pub fn fill_randomly(arrays: Vec<Uint8Array>) -> Result<()> {
    for mut array in arrays {
        // SAFETY: JavaScript, whose memory it is, does not run meanwhile.
        fill(unsafe { array.as_mut() })?;
    }
    Ok(())
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
