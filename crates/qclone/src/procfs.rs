//! Reading small files under `/proc` without leaving anything behind.

use std::{fs::File, io::Read, path::Path};

use crate::error::{Error, Result};

/// Reads the whole of `path` into `buffer`, which keeps its capacity from call to call.
///
/// # Errors
/// [`Error::Proc`] when the file cannot be opened or read.
pub(crate) fn read_into(path: &Path, buffer: &mut Vec<u8>) -> Result<()> {
    buffer.clear();
    File::open(path).and_then(|mut file| file.read_to_end(buffer)).map_err(Error::proc(path))?;
    Ok(())
}

/// The number that hexadecimal digits at the start of `text` make, and what follows them.
///
/// `None` when there is no digit, or more than a machine word holds.
pub(crate) fn hex(text: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_usize;
    let mut length = 0;
    for &byte in text {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => break,
        };
        if value >> (usize::BITS - 4) != 0 {
            return None;
        }
        value = value << 4 | usize::from(digit);
        length += 1;
    }
    (length > 0).then(|| (value, &text[length..]))
}

#[cfg(test)]
mod tests {
    use super::hex;

    #[test]
    fn hex_stops_at_the_first_other_byte() {
        assert_eq!(hex(b"7f00-8"), Some((0x7f00, &b"-8"[..])));
        assert_eq!(hex(b"ffffffffffffffff x"), Some((usize::MAX, &b" x"[..])));
    }

    #[test]
    fn hex_refuses_no_digits_and_too_many() {
        assert_eq!(hex(b""), None);
        assert_eq!(hex(b"-1"), None);
        assert_eq!(hex(b"10000000000000000"), None);
    }
}
