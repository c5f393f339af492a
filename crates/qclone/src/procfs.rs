//! Reads of small files under `/proc`.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// Links to this process's open files, named by their numbers.
pub(crate) const OWN_DESCRIPTORS: &str = "/proc/self/fd";

/// Reads all of `path` into `buffer`, which keeps its capacity between calls.
pub(crate) fn read_into(path: &Path, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    File::open(path)?.read_to_end(buffer).map(drop)
}

/// Initial capacity, enough for nearly every file that holds one fact.
const SMALL_BYTES: usize = 4096;

/// Reads all of a small file. Invalid UTF-8 is replaced.
///
/// Makes four system calls. `std::fs::read_to_string` makes a dozen, since it asks for the size of a file
/// that has none and starts with a few bytes. This runs before each fork for each thread.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::with_capacity(SMALL_BYTES);
    // `take` hides the size, so std does not ask for it.
    File::open(path)?.take(u64::MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Parses the hexadecimal digits at the start of `text`. Returns the number and the rest.
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
    use super::{SMALL_BYTES, hex, read_text};

    #[test]
    fn a_file_is_read_whole_however_large() {
        let path = std::env::temp_dir().join(format!("qclone-procfs-{}", std::process::id()));
        for length in [0, 1, SMALL_BYTES - 1, SMALL_BYTES, SMALL_BYTES + 1, 5 * SMALL_BYTES] {
            let text = "x".repeat(length);
            std::fs::write(&path, &text).unwrap();
            assert_eq!(read_text(&path).unwrap(), text);
        }
        std::fs::remove_file(&path).unwrap();
        assert!(read_text(&path).is_err());
    }

    #[test]
    fn a_file_need_not_be_utf_8() {
        let path = std::env::temp_dir().join(format!("qclone-procfs-bytes-{}", std::process::id()));
        std::fs::write(&path, b"a\xffb").unwrap();
        assert_eq!(read_text(&path).unwrap(), "a\u{fffd}b");
        std::fs::remove_file(&path).unwrap();
    }

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
