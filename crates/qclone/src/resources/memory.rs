//! Memory of a process: unshared and shared.

use std::{fs, path::Path};

use crate::error::{Error, Result};

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Resident set size: pages in memory, shared ones counted in full.
    pub rss: u64,
    /// Proportional set size: each shared page divided by the number of processes that share it. The sizes of
    /// a parent and its clones add up to their real use.
    pub pss: u64,
    /// Unique set size: pages of this process only, clean and dirty. They are freed when it ends. In a clone,
    /// they are the pages it has copied or allocated.
    pub uss: u64,
    /// Pages in swap.
    pub swap: u64,
}

/// Reads the memory of process `pid` from `/proc/PID/smaps_rollup`, see `proc_pid_smaps(5)`.
///
/// The kernel walks every page of the process, with its memory map locked. This was measured at about 11 ms
/// per gigabyte. Not for a hot path.
///
/// # Errors
/// [`Error::Proc`] when there is no such process, or it is a zombie or belongs to another user;
/// [`Error::ProcFormat`] when a field is missing.
pub fn of(pid: i32) -> Result<Memory> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).map_err(Error::proc(&path))?;
    parse(&text, path.as_ref())
}

fn parse(text: &str, path: &Path) -> Result<Memory> {
    let bytes = |field: &str| {
        let malformed = |line: &str| Error::ProcFormat { path: path.to_owned(), line: line.to_owned() };
        let line = text.lines().find(|line| line.split(':').next() == Some(field));
        let line = line.ok_or_else(|| malformed(&format!("no line {field}")))?;
        let kib = line[field.len() + 1..].trim().strip_suffix(" kB");
        kib.and_then(|kib| kib.parse::<u64>().ok()?.checked_mul(1024)).ok_or_else(|| malformed(line))
    };
    Ok(Memory {
        rss: bytes("Rss")?,
        pss: bytes("Pss")?,
        uss: bytes("Private_Clean")?.saturating_add(bytes("Private_Dirty")?),
        swap: bytes("Swap")?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROLLUP: &str = "\
55f1a6c23000-7ffcae5ed000 ---p 00000000 00:00 0                          [rollup]
Rss:                1732 kB
Pss:                 347 kB
Pss_Dirty:           112 kB
Shared_Clean:       1580 kB
Private_Clean:        40 kB
Private_Dirty:       112 kB
Private_Hugetlb:       0 kB
Swap:                  8 kB
SwapPss:               4 kB
";

    fn parse_rollup(text: &str) -> Result<Memory> {
        parse(text, Path::new("/proc/1/smaps_rollup"))
    }

    #[test]
    fn fields_are_told_from_those_of_similar_name() {
        let expected = Memory { rss: 1732 << 10, pss: 347 << 10, uss: 152 << 10, swap: 8 << 10 };
        assert_eq!(parse_rollup(ROLLUP).unwrap(), expected);
    }

    #[test]
    fn a_missing_or_spoilt_field_is_named() {
        for (text, named) in [
            (String::new(), "no line Rss"),
            (ROLLUP.replace("Swap:", "Swab:"), "no line Swap"),
            (ROLLUP.replace("347 kB", "-1 kB"), "Pss:                 -1 kB"),
            (ROLLUP.replace("347 kB", "347"), "Pss:                 347"),
        ] {
            let error = parse_rollup(&text).unwrap_err();
            assert!(matches!(&error, Error::ProcFormat { line, .. } if line == named), "{error}");
        }
    }

    #[test]
    fn own_memory_adds_up() {
        let own = of(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(own.uss > 0 && own.uss <= own.pss && own.pss <= own.rss, "{own:?}");
    }

    #[test]
    fn what_is_no_process_has_no_memory() {
        for pid in [-1, 0, i32::MAX] {
            assert!(matches!(of(pid), Err(Error::Proc { .. })), "{pid}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_answer_or_an_error(text: String, kib: u64) {
            let _ = parse_rollup(&text);
            let _ = parse_rollup(&ROLLUP.replace("1732", &kib.to_string()));
        }
    }
}
