//! Detection of huge pages for this process.

use std::{fmt, fs, path::Path};

use super::REGION;

/// Reason why memory of this process stays on small pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unavailable {
    /// The kernel is built without huge pages, or hides them.
    NoSupport,
    /// `/sys/kernel/mm/transparent_hugepage/enabled` is `never`.
    Never,
    /// `PR_SET_THP_DISABLE` is set for this process.
    Disabled,
    /// A huge page is larger or smaller than a region, for example on arm64 with pages of 64 KiB.
    OtherSize(usize),
}

/// Whether this process gets transparent huge pages; see the kernel's
/// `Documentation/admin-guide/mm/transhuge.rst`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HugePages {
    /// Where [`Arena`](super::Arena) asks for them, if the kernel has any left.
    OnAdvice,
    /// Never.
    Unavailable(Unavailable),
}

impl HugePages {
    /// Reads the state from the system.
    #[must_use]
    pub fn of_this_process() -> Self {
        // SAFETY: this prctl(2) takes only integers, and changes nothing.
        let disabled = unsafe { libc::prctl(libc::PR_GET_THP_DISABLE, 0, 0, 0, 0) };
        // Any other value, from Linux 6.18 on, exempts memory that asks for huge pages.
        Self::from_system(Path::new("/sys/kernel/mm/transparent_hugepage"), disabled == 1)
    }

    fn from_system(folder: &Path, disabled: bool) -> Self {
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        let (all_sizes, size) = (read("enabled"), read("hpage_pmd_size"));
        // Since Linux 6.8, each size has its own file, which may refer to the common one.
        let of_size = read(&format!("hugepages-{}kB/enabled", REGION >> 10));
        let enabled = if of_size.is_empty() || of_size.contains("[inherit]") { all_sizes } else { of_size };
        let Ok(size) = size.trim().parse() else { return Self::Unavailable(Unavailable::NoSupport) };
        Self::Unavailable(match enabled.trim() {
            "" => Unavailable::NoSupport,
            _ if size != REGION => Unavailable::OtherSize(size),
            enabled if enabled.contains("[never]") => Unavailable::Never,
            _ if disabled => Unavailable::Disabled,
            _ => return Self::OnAdvice,
        })
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSupport => f.write_str("the kernel has no transparent huge pages"),
            Self::Never => f.write_str("/sys/kernel/mm/transparent_hugepage/enabled is `never`"),
            Self::Disabled => f.write_str("PR_SET_THP_DISABLE is set for this process"),
            Self::OtherSize(size) => write!(f, "huge pages of this system have {size} bytes, not {REGION}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, process};

    use super::{HugePages, REGION, Unavailable};

    fn with(enabled: Option<&str>, size: Option<usize>, disabled: bool) -> HugePages {
        let folder = env::temp_dir().join(format!("qclone-thp-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        if let Some(enabled) = enabled {
            fs::write(folder.join("enabled"), enabled).unwrap();
        }
        if let Some(size) = size {
            fs::write(folder.join("hpage_pmd_size"), format!("{size}\n")).unwrap();
        }
        let found = HugePages::from_system(&folder, disabled);
        fs::remove_dir_all(&folder).unwrap();
        found
    }

    #[test]
    fn asks_the_system_and_then_the_process() {
        use Unavailable::{Disabled, Never, NoSupport, OtherSize};
        let madvise = Some("always [madvise] never\n");
        let cases = [
            (madvise, Some(REGION), false, None),
            (Some("[always] madvise never\n"), Some(REGION), false, None),
            (madvise, Some(REGION), true, Some(Disabled)),
            (Some("always madvise [never]\n"), Some(REGION), false, Some(Never)),
            (madvise, Some(REGION * 256), false, Some(OtherSize(REGION * 256))),
            (madvise, None, false, Some(NoSupport)),
            (None, Some(REGION), false, Some(NoSupport)),
        ];
        for (enabled, size, disabled, expected) in cases {
            let expected = expected.map_or(HugePages::OnAdvice, HugePages::Unavailable);
            assert_eq!(with(enabled, size, disabled), expected, "{enabled:?}, {size:?}, {disabled}");
        }
    }

    #[test]
    fn a_size_may_be_set_on_its_own() {
        let folder = env::temp_dir().join(format!("qclone-thp-size-{}", process::id()));
        fs::create_dir_all(folder.join("hugepages-2048kB")).unwrap();
        fs::write(folder.join("hpage_pmd_size"), format!("{REGION}\n")).unwrap();
        let ask = |all: &str, size: &str| {
            fs::write(folder.join("enabled"), all).unwrap();
            fs::write(folder.join("hugepages-2048kB/enabled"), size).unwrap();
            HugePages::from_system(&folder, false)
        };
        let never = HugePages::Unavailable(Unavailable::Never);
        assert_eq!(ask("always [madvise] never", "always [inherit] madvise never"), HugePages::OnAdvice);
        assert_eq!(ask("always madvise [never]", "always [inherit] madvise never"), never);
        assert_eq!(ask("always madvise [never]", "always inherit [madvise] never"), HugePages::OnAdvice);
        assert_eq!(ask("always [madvise] never", "always inherit madvise [never]"), never);
        fs::remove_dir_all(&folder).unwrap();
    }
}
