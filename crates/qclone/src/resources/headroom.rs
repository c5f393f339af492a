//! Memory that is left for a clone.
//!
//! A clone shares its parent's memory until either side writes. The copies then need memory. If there is
//! none, the kernel kills a process.

use std::path::{Path, PathBuf};

use crate::{
    error::{Error, Result},
    procfs::read_text,
};

/// Available memory, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headroom {
    /// Memory that can be taken without evicting anything in use, within the machine's memory and swap and
    /// the limit of every control group that this process is in.
    pub available: u64,
    /// Control group whose limit is the narrowest bound. `None` when the machine's memory is.
    pub cgroup: Option<PathBuf>,
    /// Memory of this process in RAM and in swap: the most that a clone may copy.
    pub own: u64,
    /// Memory that processes may still commit, where `vm.overcommit_memory` is 2.
    pub commit_left: Option<u64>,
    /// Memory that a fork commits: all private memory that this process may write to.
    pub commit_needed: u64,
}

/// Reads `/proc/meminfo`, `/proc/self/status`, and the limits of this process's control groups, if they
/// are mounted in the usual places. Takes about 0.1 ms.
///
/// See `proc_meminfo(5)`, `proc_pid_status(5)`, `cgroups(7)`, and
/// `Documentation/admin-guide/cgroup-v2.rst` and `cgroup-v1/memory.rst` of the kernel.
///
/// # Errors
/// [`Error::Proc`] and [`Error::ProcFormat`] when the first two cannot be read, or lack a field. A control
/// group that cannot be read is ignored.
pub fn of_this_process() -> Result<Headroom> {
    below(Path::new("/"))
}

/// Does the same with another root, for tests.
fn below(root: &Path) -> Result<Headroom> {
    let meminfo = Fields::read(&root.join("proc/meminfo"))?;
    let status = Fields::read(&root.join("proc/self/status"))?;
    let mut headroom = Headroom {
        available: meminfo.bytes("MemAvailable")?.saturating_add(meminfo.bytes("SwapFree")?),
        cgroup: None,
        own: status.bytes("VmRSS")?.saturating_add(status.bytes("VmSwap")?),
        commit_left: None,
        commit_needed: status.bytes("VmData")?.saturating_add(status.bytes("VmStk")?),
    };
    if number_in(&root.join("proc/sys/vm/overcommit_memory")) == Some(NEVER_OVERCOMMIT) {
        let limit = meminfo.bytes("CommitLimit")?;
        headroom.commit_left = Some(limit.saturating_sub(meminfo.bytes("Committed_AS")?));
    }
    for (group, left) in groups(root) {
        if left < headroom.available {
            headroom.available = left;
            headroom.cgroup = Some(group);
        }
    }
    Ok(headroom)
}

const NEVER_OVERCOMMIT: u64 = 2;

/// Returns the path and the memory left of each control group of this process that has a limit.
fn groups(root: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for membership in memberships(root) {
        let files = if membership.is_second { &SECOND } else { &FIRST };
        for group in membership.groups() {
            if let Some(left) = files.left(&group) {
                found.push((group, left));
            }
        }
    }
    found
}

/// A control group of this process.
pub(crate) struct Membership {
    /// Mount point of groups of its version.
    mounted: PathBuf,
    /// Path below the mount point.
    pub(crate) path: PathBuf,
    /// Whether it is a cgroup v2 group.
    pub(crate) is_second: bool,
}

impl Membership {
    /// Returns the group and its ancestors.
    pub(crate) fn groups(&self) -> impl Iterator<Item = PathBuf> {
        // A container may see its own group as the root, although the path is one of the host.
        self.path.ancestors().map(|ancestor| self.mounted.join(ancestor))
    }
}

/// Returns the groups of this process that control memory, from `/proc/self/cgroup`; see `cgroups(7)`.
pub(crate) fn memberships(root: &Path) -> Vec<Membership> {
    let mounts = root.join("sys/fs/cgroup");
    let list = read_text(&root.join("proc/self/cgroup")).unwrap_or_default();
    let membership = |line: &str| {
        // Hierarchy, controllers, path.
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let is_second = controllers.is_empty();
        let mounted = if is_second {
            // Next to cgroup v1, v2 has a separate mount point.
            Some(mounts.join("unified")).filter(|apart| apart.is_dir()).unwrap_or_else(|| mounts.clone())
        } else if controllers.split(',').any(|controller| controller == "memory") {
            mounts.join("memory")
        } else {
            return None;
        };
        Some(Membership { mounted, path: PathBuf::from(path.trim_start_matches('/')), is_second })
    };
    list.lines().filter_map(membership).collect()
}

/// File names of a control group.
struct GroupFiles {
    limit: &'static str,
    usage: &'static str,
    /// Fields of `memory.stat` that can be reclaimed without loss, like those in `MemAvailable` for the
    /// machine. Pages of files that were used twice stay `active` as long as nothing else needs memory.
    reclaimable: &'static [&'static str],
}

const FIRST: GroupFiles = GroupFiles {
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    reclaimable: &["total_inactive_file", "total_active_file"],
};
const SECOND: GroupFiles = GroupFiles {
    limit: "memory.max",
    usage: "memory.current",
    reclaimable: &["inactive_file", "active_file", "slab_reclaimable"],
};

impl GroupFiles {
    /// Returns the memory that a group leaves. `None` when it has no limit.
    fn left(&self, group: &Path) -> Option<u64> {
        let limit = number_in(&group.join(self.limit)).filter(|&limit| limit < NO_LIMIT)?;
        let usage = number_in(&group.join(self.usage))?;
        let stat = read_text(&group.join("memory.stat")).unwrap_or_default();
        let reclaimable = stat.lines().filter_map(|line| {
            let (name, value) = line.split_once(' ')?;
            self.reclaimable.contains(&name).then(|| value.parse::<u64>().ok())?
        });
        Some(limit.saturating_sub(usage.saturating_sub(reclaimable.fold(0, u64::saturating_add))))
    }
}

/// In cgroup v1, a number of this size means that there is no limit.
const NO_LIMIT: u64 = 1 << 62;

/// Reads the number in a file. `None` for any other text, such as `max`.
fn number_in(path: &Path) -> Option<u64> {
    read_text(path).ok()?.trim().parse().ok()
}

/// A file whose lines consist of a name, a colon, and a number of kibibytes.
struct Fields {
    path: PathBuf,
    text: String,
}

impl Fields {
    fn read(path: &Path) -> Result<Self> {
        let text = read_text(path).map_err(Error::proc(path))?;
        Ok(Self { path: path.to_owned(), text })
    }

    fn bytes(&self, field: &str) -> Result<u64> {
        let line = self.text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        kib.and_then(|kib| kib.checked_mul(1024)).ok_or_else(|| {
            let line = line.map_or_else(|| format!("no line {field}"), ToOwned::to_owned);
            Error::ProcFormat { path: self.path.clone(), line }
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{
        fs,
        sync::atomic::{AtomicU32, Ordering},
    };

    use proptest::prelude::*;

    use super::*;

    const MEMINFO: &str = "MemTotal: 8000 kB\nMemAvailable: 1000 kB\nSwapFree: 24 kB\nCommitLimit: 900 kB\nCommitted_AS: 400 kB\n";
    const STATUS: &str =
        "Name:\tVmRSS: 1\nVmRSS:\t 300 kB\nVmSwap:\t 4 kB\nVmData:\t 200 kB\nVmStk:\t 8 kB\n";

    /// Root directory that is removed when dropped.
    pub(crate) struct Root(pub(crate) PathBuf);

    impl Root {
        pub(crate) fn new(files: &[(&str, &str)]) -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let root =
                Self(std::env::temp_dir().join(format!("qclone-headroom-{}-{count}", std::process::id())));
            for (path, text) in [("proc/meminfo", MEMINFO), ("proc/self/status", STATUS)].iter().chain(files)
            {
                let path = root.0.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            root
        }

        fn headroom(&self) -> Result<Headroom> {
            below(&self.0)
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn without_groups_the_machine_bounds() {
        let root = Root::new(&[("proc/sys/vm/overcommit_memory", "0\n")]);
        let expected = Headroom {
            available: 1024 << 10,
            cgroup: None,
            own: 304 << 10,
            commit_left: None,
            commit_needed: 208 << 10,
        };
        assert_eq!(root.headroom().unwrap(), expected);
    }

    #[test]
    fn where_nothing_is_overcommitted_what_is_left_is_told() {
        let root = Root::new(&[("proc/sys/vm/overcommit_memory", "2\n")]);
        assert_eq!(root.headroom().unwrap().commit_left, Some(500 << 10));
    }

    #[test]
    fn the_narrowest_of_nested_groups_bounds() {
        let root = Root::new(&[
            ("proc/self/cgroup", "0::/a/b/c\n"),
            ("sys/fs/cgroup/memory.max", "1\n"),
            ("sys/fs/cgroup/a/memory.max", "500000\n"),
            ("sys/fs/cgroup/a/memory.current", "300000\n"),
            ("sys/fs/cgroup/a/memory.stat", "anon 7\ninactive_file 1000\n"),
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("sys/fs/cgroup/a/b/memory.current", "300000\n"),
            ("sys/fs/cgroup/a/b/c/memory.max", "400000\n"),
            ("sys/fs/cgroup/a/b/c/memory.current", "100000\n"),
        ]);
        let headroom = root.headroom().unwrap();
        assert_eq!(headroom.available, 201_000);
        assert_eq!(headroom.cgroup, Some(root.0.join("sys/fs/cgroup/a")));
    }

    #[test]
    fn a_warm_cache_of_files_is_memory_to_be_had() {
        let stat = "anon 50000\nfile 900000\ninactive_file 300000\nactive_file 500000\n\
                    slab_reclaimable 70000\nslab_unreclaimable 9000\nshmem 100000\n";
        let root = Root::new(&[
            ("proc/self/cgroup", "0::/a\n"),
            ("sys/fs/cgroup/a/memory.max", "1000000\n"),
            ("sys/fs/cgroup/a/memory.current", "990000\n"),
            ("sys/fs/cgroup/a/memory.stat", stat),
        ]);
        assert_eq!(root.headroom().unwrap().available, 880_000);
    }

    #[test]
    fn a_warm_cache_counts_in_the_first_version_too() {
        let root = Root::new(&[
            ("proc/self/cgroup", "4:memory:/m\n"),
            ("sys/fs/cgroup/memory/m/memory.limit_in_bytes", "9000\n"),
            ("sys/fs/cgroup/memory/m/memory.usage_in_bytes", "8900\n"),
            (
                "sys/fs/cgroup/memory/m/memory.stat",
                "active_file 1\ntotal_inactive_file 2000\ntotal_active_file 3000\n",
            ),
        ]);
        assert_eq!(root.headroom().unwrap().available, 5100);
    }

    #[test]
    fn groups_of_the_first_version_bound_by_their_memory_controller() {
        let root = Root::new(&[
            ("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:hugetlb,memory:/m\n0::/m\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "5\n"),
            ("sys/fs/cgroup/memory/m/memory.limit_in_bytes", "4096\n"),
            ("sys/fs/cgroup/memory/m/memory.usage_in_bytes", "8192\n"),
            ("sys/fs/cgroup/memory/m/memory.stat", "total_inactive_file 2048\n"),
            ("sys/fs/cgroup/unified/m/cgroup.procs", ""),
        ]);
        let headroom = root.headroom().unwrap();
        assert_eq!(headroom.available, 0);
        assert_eq!(headroom.cgroup, Some(root.0.join("sys/fs/cgroup/memory/m")));
    }

    #[test]
    fn what_is_missing_is_named() {
        let root = Root::new(&[("proc/meminfo", "MemAvailable: 7 kB\n")]);
        let error = root.headroom().unwrap_err();
        assert!(matches!(&error, Error::ProcFormat { line, .. } if line == "no line SwapFree"), "{error}");
        fs::remove_file(root.0.join("proc/meminfo")).unwrap();
        assert!(matches!(root.headroom().unwrap_err(), Error::Proc { .. }));
    }

    #[test]
    fn this_process_has_some() {
        let headroom = of_this_process().unwrap();
        assert!(headroom.available > 0 && headroom.own > 0 && headroom.commit_needed > 0, "{headroom:?}");
    }

    proptest! {
        #[test]
        fn any_text_is_an_answer_or_an_error(text: String, max: String, list: String) {
            let root = Root::new(&[
                ("proc/meminfo", &text),
                ("proc/self/cgroup", "0::/a"),
                ("sys/fs/cgroup/a/memory.max", &max),
                ("sys/fs/cgroup/a/memory.current", &max),
            ]);
            let _ = root.headroom();
            fs::write(root.0.join("proc/meminfo"), MEMINFO).unwrap();
            let _ = root.headroom().unwrap();
            fs::write(root.0.join("proc/self/cgroup"), list.replace('\0', "")).unwrap();
            let _ = root.headroom().unwrap();
        }
    }
}
